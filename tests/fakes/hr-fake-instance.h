/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-instance.h: a process that is none: a short script instead of a program.
 */
#pragma once

#include "hr-clock.h"
#include "hr-launcher.h"

G_BEGIN_DECLS

/* Above what Linux gives, so that nothing real is ever meant: pid_max is at most 2^22. */
#define HR_FAKE_FIRST_PID 5000001

typedef enum { HR_FAKE_NOTIFIES, HR_FAKE_LISTENS, HR_FAKE_SAYS_NOTHING } HrFakeReadiness;

/**
 * HrFakeProgram:
 * @readiness: how it says that it is ready
 * @ready_after: how long that takes it; from the return of its open, where it opens its state
 * @opens_state: whether it opens HOTRELOAD_STATE_IN, at once
 * @opens_after_ready: whether it does so only when it is ready
 * @leaves: (nullable): what it writes to HOTRELOAD_STATE_OUT when it ends well; %NULL: nothing
 * @keeps: whether it leaves what it read instead
 * @stop_takes: from StopSignal to its end
 * @ignores_stop: whether only SIGKILL ends it
 * @ignores_kill: whether not even that does: it ends when the test says so
 * @keeps_listeners: whether it accepts until it ends, whatever it was told
 * @drops_listeners: whether it has closed the listeners when it is ready
 * @stop_code: with what it exits then
 * @exits_after: it ends by itself after this, 0: it does not
 * @exit_code: with what it exits then
 * @told_after: how long after its end that is told
 * @is_static: whether nobody can see that it listens
 * @unseen: what its file tells of that
 * @binds: whether it listens on a socket of its own that nobody sees
 * @cannot_be_seen: whether its processes hold up whoever looks at them
 * @retires: whether it can be held to accepting nothing
 * @wait: the longest that a connection had waited that it accepts; -1: nobody knows
 * @cause: (nullable): why the kernel killed a process of it
 * @cannot_execute: (nullable): why its program cannot be executed at all
 */
typedef struct {
  HrFakeReadiness readiness;
  gint64 ready_after;
  gboolean opens_state;
  gboolean opens_after_ready;
  const char *leaves;
  gboolean keeps;
  gint64 stop_takes;
  gboolean ignores_stop;
  gboolean ignores_kill;
  gboolean keeps_listeners;
  gboolean drops_listeners;
  int stop_code;
  gint64 exits_after;
  int exit_code;
  gint64 told_after;
  gboolean is_static;
  HrUnseen unseen;
  gboolean binds;
  gboolean cannot_be_seen;
  gboolean retires;
  gint64 wait;
  const char *cause;
  const char *cannot_execute;
} HrFakeProgram;

#define HR_TYPE_FAKE_INSTANCE (hr_fake_instance_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeInstance, hr_fake_instance, HR, FAKE_INSTANCE, HrInstance)

/**
 * HrFakeInstance:
 * @signalled: StopSignal that it got, or 0
 * @killed: whether it got SIGKILL
 * @ended: whether its main process has ended
 * @alive: whether it runs, or its end has yet to be told
 * @survives: whether its daemon dies, and has no time to kill it
 * @waits: whether it waits in its open
 * @abandoned: whether nobody waits for its end any more, so that it does not count
 * @retired: whether it accepts nothing any more
 * @finishes: whether it gets no further request on connections that stay
 * @ends: whether nothing was under way when that was asked for last
 * @late_requests: on how many idle connections a request comes in just before that is asked for
 * @connections: how many it has accepted and not closed; -1: nobody knows
 * @failing_counts: how many times counting them fails for want of descriptors
 * @idle_connections: on how many of them nothing is under way
 * @n_looks: how often its processes were looked at
 * @n_late_looks: how many more looks at it do not come to an end in time
 * @measures: whether it measures how long connections waited that it accepts
 * @wait: what it would say of that; -1: nobody knows
 * @state: (nullable): what it read from HOTRELOAD_STATE_IN
 */
struct _HrFakeInstance {
  HrInstance parent_instance;

  HrFakeProgram program;
  HrClock *clock;
  GPid pid;
  char *service;
  char **argv;
  char **environment;
  char *directory;
  char *log_file;
  HrView *view;
  gboolean pass;
  gboolean adopt;
  int stdout_fd;
  GError *start_error;

  int signalled;
  gboolean killed;
  gboolean ended;
  gboolean alive;
  gboolean survives;
  gboolean waits;
  gboolean abandoned;
  gboolean retired;
  gboolean finishes;
  gboolean ends;
  int late_requests;
  int connections;
  guint failing_counts;
  int idle_connections;
  guint n_looks;
  guint n_late_looks;
  gboolean measures;
  gint64 wait;
  char *state;
  char *given; /* names of the stored descriptors that it was given, "a:b" */

  guint begin_id;
  guint ready_timer;
  guint end_timer;
  int end_status;
  gboolean end_known;
};

HrFakeInstance *hr_fake_instance_new (HrClock *clock, const HrFakeProgram *program, const HrLaunch *launch, GPid pid);
const char *hr_fake_instance_getenv (HrFakeInstance *self, const char *key);
guint64 hr_fake_instance_release (HrFakeInstance *self);
void hr_fake_instance_say (HrFakeInstance *self, const char *message);
void hr_fake_instance_send (HrFakeInstance *self, const char *message, int fd);
void hr_fake_instance_open_state (HrFakeInstance *self);
void hr_fake_instance_exit (HrFakeInstance *self, int code);
void hr_fake_instance_end_by (HrFakeInstance *self, int signal_number);
void hr_fake_instance_vanish (HrFakeInstance *self);

G_END_DECLS
