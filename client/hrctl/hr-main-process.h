/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-main-process.h: a hold on the main processes of a service, for when the daemon that runs it is gone.
 *
 * Also on those before the one that runs: an old instance may still be finishing its work. By pidfd: a number that the
 * kernel gave to another process since is never signalled. Reaches the main processes alone; what they have started is
 * left to them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  int fd; /* pidfd, -1: none is held */
  int pid;
  GArray *before; /* pidfds of those before it which may still run; NULL: there are none */
} HrMainProcess;

#define HR_MAIN_PROCESS_INIT ((HrMainProcess){ -1, 0, NULL })

void hr_main_process_hold (HrMainProcess *self, int pid);
gboolean hr_main_process_end (HrMainProcess *self);
void hr_main_process_clear (HrMainProcess *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HrMainProcess, hr_main_process_clear)

G_END_DECLS
