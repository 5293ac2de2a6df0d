/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-tree.h: which processes belong to an instance, and ending them all.
 *
 * A process belongs to an instance when it is its main process, is in the session that this one leads, has the
 * instance's id in the environment it was started with, or descends from such a process. One that left the session,
 * threw away its environment and lost its parents is known by its control group, see hr-cgroup.h; without one, by the
 * instance's log, where its output goes there and it is a child of this process now.
 *
 * Everything is read from /proc. A PID alone is never trusted: a process is killed through a pidfd whose start time
 * was compared.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrProcess:
 * @pid: its PID
 * @parent: its parent's
 * @session: of the leader of its session
 * @start: start time in clock ticks since boot; with @pid it names a process for ever
 * @cpu: processor time in clock ticks, with that of children that have ended and were waited for
 * @threads: how many it has
 * @state: 'Z' is a zombie, see proc(5)
 */
typedef struct {
  GPid pid;
  GPid parent;
  GPid session;
  guint64 start;
  guint64 cpu;
  guint threads;
  char state;
} HrProcess;

gboolean hr_process_read (GPid pid, HrProcess *process);
gint64 hr_process_memory (GPid pid);
GArray *hr_process_list (void);
char *hr_process_get_variable (GPid pid, const char *name);
gboolean hr_process_has_variable (GPid pid, const char *name, const char *value);
gboolean hr_process_belongs (GPid pid, GPid leader, const char *instance);
gboolean hr_process_reap (GPid pid, int pidfd, int *wait_status);
gboolean hr_process_tree_kill (GPid leader, const char *instance);
void hr_process_reap_strays (GHashTable *keep, GHashTable *seen);

G_END_DECLS
