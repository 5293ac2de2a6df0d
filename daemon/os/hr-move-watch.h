/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-move-watch.h: notices that a directory was itself moved or removed, and nothing else.
 *
 * For the directories above a source: a monitor would wake for whatever happens in them, and in a home directory or
 * /tmp much does. All of them share one inotify instance, of which a user has few.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*HrMoveFunc) (gpointer user_data);

typedef struct _HrMoveWatch HrMoveWatch;

HrMoveWatch *hr_move_watch_new (const char *dir, HrMoveFunc func, gpointer user_data);
void hr_move_watch_free (HrMoveWatch *self);

G_END_DECLS
