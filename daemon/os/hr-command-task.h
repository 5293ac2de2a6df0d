/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-command-task.h: a command of hr-command.h that runs in a thread of its own, which ends before its callback is
 * called.
 */
#pragma once

#include "hr-command.h"

G_BEGIN_DECLS

void hr_command_task_start (const HrCommand *command, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data);
gboolean hr_command_task_finish (GAsyncResult *async, HrCommandResult *result, GError **error);

G_END_DECLS
