/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-exec-command.h: arguments, environment and descriptors with which hotreload-exec starts a program.
 *
 * Pure but for looking at the listeners; starts nothing.
 */
#pragma once

#include "hr-launcher.h"

G_BEGIN_DECLS

/**
 * HrExecCommand:
 * @argv: of hotreload-exec, with the program at the end
 * @environment: of both
 * @source_fds: the daemon's descriptors; stay the daemon's
 * @target_fds: what they are in the program
 * @n_fds: length of both
 */
typedef struct {
  char **argv;
  char **environment;
  int *source_fds;
  int *target_fds;
  gsize n_fds;
} HrExecCommand;

HrExecCommand *hr_exec_command_new (const HrLaunch *launch, const char *notify_address, const char *adopt_address,
                                    const char *cgroup, const char *const *limits, int status_fd);
void hr_exec_command_free (HrExecCommand *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrExecCommand, hr_exec_command_free)

G_END_DECLS
