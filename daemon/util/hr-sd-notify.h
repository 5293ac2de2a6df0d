/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-sd-notify.h: telling the one who started us how we are, by systemd's protocol, sd_notify(3).
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_sd_notify (const char *state);

G_END_DECLS
