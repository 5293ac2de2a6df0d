/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-command.h: one child process from start to end: its words, its exit status, a deadline.
 *
 * For what runs beside a service and ends: checkers, Build, PreCheck, probes. Blocks, so it belongs in a thread of its
 * own. The child gets a session of its own through hotreload-exec; nothing that it started in its group outlives it.
 */
#pragma once

#include <gio/gio.h>

#include "hr-isolation.h"
#include "hr-view.h"

G_BEGIN_DECLS

/* Between SIGTERM and SIGKILL for a child that is late or no longer wanted, in microseconds. */
#define HR_COMMAND_STOP_USEC (2 * G_USEC_PER_SEC)
/* A killed child that the kernel does not let go is no longer waited for after this, in microseconds. */
#define HR_COMMAND_KILL_USEC (5 * G_USEC_PER_SEC)

/**
 * HrCommand:
 * @argv: program, looked for in the PATH of @environment, and arguments
 * @environment: complete, KEY=VALUE
 * @view: (nullable): where it sees its files
 * @isolation: (nullable): its rights and limits; %NULL: the daemon's
 * @shares_read_only: whether it may not write what is shared
 * @directory: working directory as it sees it
 * @input: (nullable): what it reads from standard input; %NULL is /dev/null
 * @output_head: of what it writes, how many bytes from the begin are kept
 * @output_tail: and how many from the end; what is between is counted
 * @errors_apart: whether standard error does not go to the output too: it is kept like it
 * @deadline: when it is stopped, g_get_monotonic_time()
 *
 * What to run and how. All members stay the caller's.
 */
typedef struct {
  const char *const *argv;
  const char *const *environment;
  HrView *view;
  const HrIsolation *isolation;
  gboolean shares_read_only;
  const char *directory;
  GBytes *input;
  gsize output_head;
  gsize output_tail;
  gboolean errors_apart;
  gint64 deadline;
} HrCommand;

/**
 * HrCommandResult:
 * @wait_status: as of waitpid(), -1 when it could not be learned
 * @output: what it wrote, with a line in the middle that tells how much was left out
 * @errors: what it wrote to standard error, when apart
 * @left_out: bytes of the output that were not kept
 */
typedef struct {
  int wait_status;
  GString *output;
  GString *errors;
  guint64 left_out;
} HrCommandResult;

gboolean hr_command_run (const HrCommand *self, GCancellable *cancellable, HrCommandResult *result, GError **error);
void hr_command_result_clear (HrCommandResult *self);
char *hr_command_words (const GString *output);
char *hr_command_end (int wait_status);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HrCommandResult, hr_command_result_clear)

G_END_DECLS
