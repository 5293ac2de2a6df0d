/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-exit.h: how a process ended that is no child of this one.
 *
 * Whoever its parent is now waits for it. Before that its status can be read from /proc, after that a pidfd that was
 * open then has it, since Linux 6.15.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_process_read_exit (GPid pid, guint64 start, int pidfd, int *wait_status);

G_END_DECLS
