/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-usage.h: the processes of instances as trees, and what each of them uses.
 *
 * Which process belongs to an instance is said in hr-process-tree.h. Memory is the proportional set size: what
 * processes share counts once in their sum, as it does for forked workers. Where the kernel does not tell it, the
 * resident set counts.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of a command line no more than this is read, in bytes. */
#define HR_PROCESS_COMMAND_MAX 1024

/**
 * HrProcessRoot:
 * @pid: main process of an instance
 * @instance: its HOTRELOAD_INSTANCE
 * @cgroup: (nullable): the control group that all of it is in
 */
typedef struct {
  GPid pid;
  char *instance;
  char *cgroup;
} HrProcessRoot;

/**
 * HrProcessUsage:
 * @root: of which instance, an index
 * @pid: its PID
 * @parent: that of its parent; 0 for a main process, and for one whose parent is not of the instance (any more)
 * @memory: in bytes, -1: not known
 * @cpu_usec: processor time, with that of children that have ended and were waited for
 * @threads: how many
 * @name: of the program, 15 bytes at most
 * @command: (nullable): its command line, if it was asked for; "" where there is none
 */
typedef struct {
  guint root;
  GPid pid;
  GPid parent;
  gint64 memory;
  guint64 cpu_usec;
  guint threads;
  char *name;
  char *command;
} HrProcessUsage;

HrProcessRoot *hr_process_root_new (GPid pid, const char *instance, const char *cgroup);
void hr_process_root_free (HrProcessRoot *self);
void hr_process_usage_free (HrProcessUsage *self);
GPtrArray *hr_process_usage_read (GPtrArray *roots, gboolean commands);

guint hr_process_count_descriptors (void);
guint64 hr_process_cpu_usec (void);

G_END_DECLS
