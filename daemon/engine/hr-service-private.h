/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-service-private.h: the inside of HrService, shared by its files: hr-service.c (the object), hr-service-status.c
 * (what it shows), hr-service-diff.c and hr-service-plan.c (what can be asked), hr-service-operation.c (one operation
 * at a time, one waiting), hr-service-newer.c (when what runs gives way to a newer change), hr-service-requests.c
 * (what asks for one), hr-service-releases.c (which there are, and which are in memory), hr-service-outcome.c (what
 * comes of one that ends in a new instance), hr-service-stop.c
 * (operations that end an instance), hr-service-supervision.c (what happens to the instance between operations),
 * hr-service-observation.c (what proves its release), hr-service-restart.c (what follows when it has ended by
 * itself), hr-service-limit.c (when that was too often), hr-service-followers.c (the others, where there are
 * several), hr-service-takeover.c (what runs on when the daemon ends), hr-service-note.c (what is noted for the next
 * one of a reload), hr-service-carry.c (what else is gone on with when it is re-executed).
 */
#pragma once

#include "hr-backoff.h"
#include "hr-ends.h"
#include "hr-event.h"
#include "hr-generation.h"
#include "hr-health.h"
#include "hr-intake.h"
#include "hr-observation.h"
#include "hr-reload-note.h"
#include "hr-reload.h"
#include "hr-request.h"
#include "hr-service.h"

G_BEGIN_DECLS

struct _HrService {
  GObject parent_instance;

  HrPlatform *platform;
  HrJobIdFunc next_job_id;
  gpointer next_job_data;
  char *name;
  HrServiceSpec *next_spec; /* NULL, or what takes effect after the running operation */
  HrServiceSpec *spec;      /* NULL: invalid */
  char *config_error;
  HrParts parts;
  HrCallerContext *caller;
  HrIntake *intake;
  HrScan *scan;

  /* At most two generations. */
  HrGeneration *current;
  HrGeneration *retiring;
  gboolean retires_rejected; /* a candidate that was not switched to */
  HrFollowers *followers;    /* the others of several instances, beside current */
  HrFollowers *retiring_followers;
  HrSlot retiring_slot;
  HrDrainTally *tally;
  guint n_leftovers;      /* processes of an earlier daemon that are being ended */
  GError *leftover_error; /* of the running stop: what did not end */
  HrHealth *health;
  char *observed; /* id of the instance that is, or was, watched */
  gint64 observed_since;
  HrObservation *observation;
  HrSampler *sampler;         /* of the running instance, NULL: nobody needs its figures */
  HrPostFigures before;       /* of the release before the running one, */
  HrServiceSpec *before_spec; /* by this; NULL: none */
  gboolean unproven;          /* it failed its observation, and there was nothing to go back to */
  HrBackoff *backoff;
  guint restart_timer;
  gint64 restart_at; /* of the restart that is due, also while a look at the source holds it up; 0: none */
  HrEnds *ends;
  gboolean falls_back;    /* the running instance has reached RestartLimit, and a rollback is the answer */
  guint64 fell_back_from; /* of which release the last rollback by that was, or one that failed; 0: none */
  guint start_deadline;

  /* At most one operation runs, at most one waits. */
  HrRequest *running;
  HrRequest *waiting;
  HrRequest *put_back; /* it ran when the daemon was to be re-executed; goes on before what waits */
  HrReload *reload;
  gboolean reload_events;
  gint64 reload_began_at; /* real time */
  gboolean from_nothing;  /* nothing ran when the reload began */

  guint newer_timer;         /* until it is looked whether there is a newer change than what is being tried */
  GCancellable *newer_look;  /* of that look, NULL: none is under way */
  guint64 superseded;        /* release that gave way to a newer change, until something is tried again; 0: none */
  gboolean gives_way;        /* the reload is being cancelled for that */
  guint n_superseded;        /* how many did, one after the other */
  gint64 usual_effort[2];    /* how long the last one took that came up, [TRUE]: to be checked; 0: not known */
  const char *next_trigger;  /* of the next automatic reload, NULL: file */
  gboolean retries_unproven; /* as of its request */
  gboolean scan_everything;
  guint64
      interrupted; /* what ran when a reload was interrupted by the end of an earlier daemon, until it is started; 0 */
  guint64 to_hold; /* of which release the canary was held that is to begin anew, 0 */
  gboolean loading_state;

  gboolean stopped;                /* on request */
  gboolean held;                   /* nothing is begun: the daemon is being re-executed */
  gboolean puts_back;              /* the reload is being cancelled for that, and begins anew after it */
  gboolean carried;                /* it goes on in a daemon that was re-executed */
  gboolean has_changed;            /* meanwhile, its file */
  GVariant *carried_reload;        /* its canary is to go on when it is not held any more; NULL: there was none */
  HrGeneration *carried_candidate; /* of that, NULL: it could not be taken over */
  gboolean closing;                /* the daemon ends, or the service is removed */
  gboolean paused;
  gboolean all_paused;
  gboolean failed;
  gboolean ever_notified;
  guint64 last_good;
  char *verdict;         /* what was told last of a release that nobody wants any more, NULL */
  guint64 first_release; /* of a transient service: the first that served; earlier ones are of other runs */
  HrSlot last_slot;
  guint64 last_release;
  guint restarts;
  gint64 outage_since;
  gint64 since_real;
  gint64 state_since_real;
  char *error;
  char **checks;
  char **carried_files;
  const char *shown_state;
};

/* hr-service.c */
void hr_service_emit_event (HrService *self, HrEvent *event);
void hr_service_touch (HrService *self);
void hr_service_set_error (HrService *self, const char *error);
guint64 hr_service_next_job_id (HrService *self);

void hr_service_configure_next (HrService *self);

/* hr-service-note.c */
void hr_service_note_reload (HrService *self, gint64 began_at);
void hr_service_note_reload_end (HrService *self);
void hr_service_write_interrupted (HrService *self, const HrReloadNote *note);

/* hr-service-takeover.c */
HrGeneration *hr_service_take_over_process (HrService *self, const HrRunProcess *process, GError **error);
void hr_service_let_candidate_go (HrService *self, HrGeneration *candidate);
void hr_service_remember (HrService *self);
void hr_service_resume (HrService *self, HrRunRecord *record);

HrRunRecord *hr_service_make_record (HrService *self);

/* hr-service-verdict.c */
void hr_service_set_fate (HrService *self, guint64 number, HrFate fate, const char *phase, const char *message);
void hr_service_reject_failed (HrService *self, const char *phase, const GError *error);
void hr_service_keep_verdict (HrService *self);
void hr_service_forget_verdict (HrService *self, guint64 number);
char *hr_service_dup_verdict (HrService *self, guint64 number);
void hr_service_take_verdict (HrService *self, const char *verdict);

/* hr-service-carry.c */
void hr_service_take_back (HrService *self);

/* hr-service-carry-canary.c */
gboolean hr_service_is_in_canary (HrService *self);
void hr_service_carry_canary (HrService *self, GVariantDict *dict);
void hr_service_expect_canary (HrService *self, GVariant *carried);
void hr_service_take_candidate (HrService *self, HrRunRecord *record);
void hr_service_check_canary (HrService *self);
void hr_service_go_on_with_canary (HrService *self);

/* hr-service-outcome.c */

void hr_service_follow_reload (HrService *self);
void hr_service_keep_what_serves (HrService *self);
void hr_service_write_history (HrService *self, const HrRequest *request, const GError *error);

/* hr-service-operation.c */
HrRequest *hr_service_new_request (HrService *self, HrJobKind kind, const char *trigger, const char *caller);
HrJob *hr_service_request (HrService *self, HrRequest *request);
HrReload *hr_service_new_reload (HrService *self);
void hr_service_yield_to_rollback (HrService *self);
void hr_service_source_due (HrIntake *intake, HrService *self);
void hr_service_cancel_waiting (HrService *self, const char *why);
void hr_service_wait_again (HrService *self, HrRequest *request, HrRequest **place);
void hr_service_operation_next (HrService *self);
void hr_service_end_request (HrService *self, const GError *error);

/* hr-service-newer.c */
void hr_service_look_for_newer (HrService *self);
void hr_service_note_effort (HrService *self, HrReloadEnd end);
void hr_service_forget_newer (HrService *self);

/* hr-service-requests.c */
gboolean hr_service_runs_in_place (HrService *self);

/* hr-service-releases.c */
void hr_service_hold_releases (HrService *self, const HrRunRecord *record);
void hr_service_trim_releases (HrService *self);
guint64 hr_service_find_newest (HrService *self, HrFate fate);
gboolean hr_service_get_fate (HrService *self, guint64 number, HrFate *fate);
gboolean hr_service_is_good (HrService *self, guint64 number);
void hr_service_find_release_async (HrService *self, guint64 number, GAsyncReadyCallback callback, gpointer user_data);
HrRelease *hr_service_find_release_finish (HrService *self, GAsyncResult *result, GError **error);

/* hr-service-stop.c */
void hr_service_run_stop (HrService *self);
void hr_service_end_stop (HrService *self);
void hr_service_close_at_rest (HrService *self);
void hr_service_note_stuck (HrService *self, HrGeneration *generation);
void hr_service_end_leftovers (HrService *self, const HrRunRecord *record);

/* hr-service-followers.c */
void hr_service_set_followers (HrService *self, HrFollowers *followers);
void hr_service_fill (HrService *self);
gboolean hr_service_promote (HrService *self);
void hr_service_retire_followers (HrService *self);
void hr_service_retire_beside (HrService *self, HrGeneration *generation);
void hr_service_stop_followers (HrService *self);
gboolean hr_service_forget_followers (HrService *self);
void hr_service_drop_followers (HrService *self);
GPtrArray *hr_service_list_alive (HrService *self);
GPtrArray *hr_service_list_running (HrService *self);

/* hr-service-supervision.c */
void hr_service_carry_from (HrService *self, HrSlot from);
void hr_service_set_current (HrService *self, HrGeneration *generation, HrHealth *health);
void hr_service_retire (HrService *self, HrGeneration *generation);
void hr_service_retire_current (HrService *self);
void hr_service_take_rejected (HrService *self, HrGeneration *candidate);

/* hr-service-observation.c */
gboolean hr_service_awaits_rollback (HrService *self);
gboolean hr_service_may_roll_back (HrService *self);
void hr_service_observe (HrService *self);
void hr_service_observe_again (HrService *self);
void hr_service_observe_reload (HrService *self);
void hr_service_observe_reload_end (HrService *self, gboolean well);
void hr_service_sample_always (HrService *self);
void hr_service_note_unread (HrService *self, GStrvBuilder *builder);
void hr_service_end_sampling (HrService *self, guint64 next);
void hr_service_forget_before (HrService *self);

/* hr-service-restart.c */
gboolean hr_service_leaves_restart (HrService *self);
void hr_service_note_outage (HrService *self, HrGeneration *ended);
void hr_service_supervise (HrService *self);
void hr_service_cancel_restart (HrService *self);

/* hr-service-limit.c */
void hr_service_note_end (HrService *self, HrGeneration *generation);
gboolean hr_service_may_fall_back (HrService *self);
void hr_service_fall_back (HrService *self, HrGeneration *crashed);
void hr_service_give_up_at_limit (HrService *self);
void hr_service_give_up (HrService *self, const char *why);
void hr_service_forget_failures (HrService *self);

G_END_DECLS
