/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-screen.h: the whole terminal for as long as something is shown live, given back as it was at any end of the
 * process that can be seen.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_screen_is_possible (void);
gboolean hr_screen_enter (void);
void hr_screen_leave (void);
void hr_screen_suspend (void);
guint hr_screen_get_rows (void);
void hr_screen_draw (const char *text);

G_END_DECLS
