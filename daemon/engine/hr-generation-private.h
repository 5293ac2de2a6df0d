/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-generation-private.h: the inside of HrGeneration, shared by its files: hr-generation.c (the object and its start),
 * hr-generation-notify.c (what it says), hr-generation-stop.c (how it is ended), hr-generation-end.c (how it has ended), hr-generation-status.c (what is known
 * of it).
 */
#pragma once

#include "hr-drain.h"
#include "hr-generation.h"
#include "hr-readiness.h"

G_BEGIN_DECLS

struct _HrGeneration {
  GObject parent_instance;

  HrPlatform *platform;
  HrGenerationPlan *plan;
  char *id;
  char **environment;
  HrInstance *instance;
  HrReadiness *readiness;
  HrStateOffer *offer;
  HrDrain *drain; /* while it finishes what it has accepted */
  GPid main_pid;  /* when it was last asked */
  gint64 started_at;
  gint64 started_real;
  gint64 reported_at;       /* the last WATCHDOG=1, 0: none */
  gint64 watchdog_interval; /* WATCHDOG_USEC of it, 0: Interval */
  gint64 said_ready_at;     /* the last READY=1 */
  gint64 state_since;       /* it starts, reloads itself or ends */
  gint64 extended_until;    /* until when it asked to be waited for in this state, 0: it did not */
  guint reload_timer;       /* while it reloads itself */
  int said_errno;           /* ERRNO, 0: none */
  HrUnseen unseen;
  HrInstanceSight sight; /* when it was last looked at */
  guint stop_timer;
  guint linger_timer; /* while it goes on accepting from sockets of its own */
  gint64 linger_from;
  gint64 linger_until;
  gint64 moved_at;   /* when something was last accepted from them, as far as that was seen */
  int n_waiting;     /* in them, at the last look */
  guint n_stranded;  /* of those, by nobody and for nobody; shown */
  gboolean hands_on; /* it is looked at before it is held to accepting nothing, because it hangs */
  gboolean cannot_be_held;
  gboolean drains;  /* it was retired, and its connections have time */
  gboolean cut;     /* they have none any more; what is under way on them when it is told to stop is counted */
  guint retirement; /* which of them counts: it is looked at first */
  gint64 retire_by;
  gboolean retires_briefly; /* somebody waits for its end */
  guint open_timer;         /* until what is expected to open its state need not any more */
  gint64 kill_at;
  char *status_text;
  char *log_file; /* NULL: the caller of a transient service has its output */
  GError *launch_error;

  gboolean alive;
  gboolean ready;
  gboolean sign_held; /* it would be ready, but has not opened its state */
  gboolean stopping;  /* told to go, by StopSignal or by taking its listeners' connections away */
  gboolean signalled;
  gint64 kill_by; /* by an earlier daemon, which signalled it; 0: it was not */
  gboolean killed;
  gboolean opened_state;
  gboolean state_given;
  gboolean notified;
  gboolean said_stopping;
  gboolean store_full; /* it was told that it can store no more */
  gboolean reloading;  /* itself */
  int wait_status;
  gboolean status_known;
  gint64 ended_at;   /* its main process, as it was seen; 0: it has not */
  gint64 ended_real; /* the same since 1970 */
  char *stuck;       /* what is said of it where it only counts as ended */
};

HrClock *hr_generation_clock (HrGeneration *self);
void hr_generation_emit_status (HrGeneration *self);
void hr_generation_emit_gone (HrGeneration *self);
void hr_generation_emit_watchdog (HrGeneration *self, gboolean well);
void hr_generation_emit_watchdog_due (HrGeneration *self, gint64 usec, gboolean extend);
void hr_generation_emit_main_changed (HrGeneration *self);
void hr_generation_become_ready (HrGeneration *self);
void hr_generation_begin_state (HrGeneration *self);
void hr_generation_take_words (HrGeneration *self, char **assignments, HrSentFds *sent);
void hr_generation_expect_end (HrGeneration *self);
void hr_generation_note_end (HrGeneration *self);
void hr_generation_see_end (HrGeneration *self);
void hr_generation_end (HrGeneration *self, int wait_status, gboolean known);
void hr_generation_end_stuck (HrGeneration *self);

G_END_DECLS
