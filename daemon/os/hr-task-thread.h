/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-task-thread.h: a GTask whose work blocks for long, in a thread of its own.
 *
 * g_task_run_in_thread() has ten threads for all of GLib: commands that run for minutes would keep everything else
 * waiting, and looks at what services have, which may never end, would do so for ever.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * HrTaskThreadFunc:
 * @data: the task's data
 * @cancellable: (nullable): the task's
 * @error: return location
 *
 * Returns: success; else @error is set
 */
typedef gboolean (*HrTaskThreadFunc) (gpointer data, GCancellable *cancellable, GError **error);

void hr_task_thread_run (GTask *task, HrTaskThreadFunc func);
void hr_task_thread_run_within (GTask *task, HrTaskThreadFunc func, guint msec);

G_END_DECLS
