/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-boot.h: which run of the machine this is: what was written in an earlier one tells of processes that are no more.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

const char *hr_boot_id (void);

G_END_DECLS
