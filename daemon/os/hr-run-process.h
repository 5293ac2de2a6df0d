/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-process.h: what the next daemon must know of one instance, to find its process again and to go on with it.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "hr-view.h"

G_BEGIN_DECLS

/**
 * HrRunRole:
 * @HR_RUN_OTHER: one of several that serve
 * @HR_RUN_RETIRING: it finishes what it has
 * @HR_RUN_CANDIDATE: it had not been switched to
 * @HR_RUN_HEIR: neither had it, but it has the state of the service
 *
 * What it was to its service, beside the running instance.
 */
typedef enum { HR_RUN_OTHER, HR_RUN_RETIRING, HR_RUN_CANDIDATE, HR_RUN_HEIR } HrRunRole;

/**
 * HrRunProcess:
 * @pid: main process of the instance
 * @start: its start time from /proc/PID/stat, in clock ticks, so that a PID used again is not taken for it
 * @instance: its id
 * @role: what it is, if it is not the running one
 * @release: what it runs, 0 without source
 * @slot: where its files are: 0, 1, or -1
 * @index: which of the instances of its release it is, from 1
 * @ready: whether it became ready
 * @stopping: whether it was told to accept no more, or to stop
 * @signalled: whether StopSignal was sent to it
 * @kill_at: when SIGKILL follows that, by the monotonic clock in microseconds
 * @opened_state: whether it opened HOTRELOAD_STATE_IN
 * @notified: whether it said READY=1
 * @started_at: when it was started, microseconds since 1970
 * @spec: (nullable): checksum of the service file that it was started by
 * @log_file: (nullable): where its output goes
 * @view: (nullable): where it sees its files
 */
typedef struct {
  GPid pid;
  guint64 start;
  char *instance;
  HrRunRole role;
  guint64 release;
  int slot;
  guint index;
  gboolean ready;
  gboolean stopping;
  gboolean signalled;
  gint64 kill_at;
  gboolean opened_state;
  gboolean notified;
  gint64 started_at;
  char *spec;
  char *log_file;
  HrView *view;
} HrRunProcess;

HrRunProcess *hr_run_process_new (GPid pid, guint64 start, const char *instance);
HrRunProcess *hr_run_process_copy (const HrRunProcess *self);
void hr_run_process_free (HrRunProcess *self);
gboolean hr_run_process_equal (const HrRunProcess *a, const HrRunProcess *b);
void hr_run_process_write (const HrRunProcess *self, JsonBuilder *builder);
HrRunProcess *hr_run_process_read (JsonNode *node);
char *hr_run_process_to_string (const HrRunProcess *self);
HrRunProcess *hr_run_process_from_string (const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRunProcess, hr_run_process_free)

G_END_DECLS
