/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-event-text.h: signals of org.hotreload.Manager as sentences for people.
 */
#pragma once

#include "hr-output.h"

G_BEGIN_DECLS

char *hr_event_to_text (const char *signal, GVariant *parameters, HrTint *tint);

G_END_DECLS
