/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reload-private.h: the inside of HrReload, shared by its files: hr-reload.c (the object, its phases and their
 * deadlines), hr-reload-status.c (what is known of it), hr-reload-measure.c (what it measures), hr-reload-failure.c
 * (how it ends when it fails), hr-reload-prepare.c (record, place, check), hr-reload-sight.c (what stands in the way
 * of a handover), hr-reload-handover.c (start, preserve, ready, verify), hr-reload-switch.c (switch),
 * hr-reload-roll.c (the switch of several instances), hr-reload-carry.c (how one gets over a re-execution of the daemon).
 */
#pragma once

#include "hr-queue-watch.h"
#include "hr-reload-policy.h"
#include "hr-reload.h"

G_BEGIN_DECLS

struct _HrReload {
  GObject parent_instance;

  /* What was asked for. */
  HrPlatform *platform;
  HrServiceSpec *spec;
  HrParts parts;
  HrJob *job;
  char *trigger;
  gboolean by_hand;
  gboolean spares_rejected;
  gboolean retries_unproven;
  guint64 target;
  guint64 superseded;
  char **hints;
  HrIntake *intake;
  gboolean unsettled;
  HrScan *known_scan;
  HrGeneration *previous;
  HrHealth *previous_health;
  HrGeneration *retiring;
  HrFollowers *old_followers; /* of previous, where it has any */
  HrFollowers *retiring_followers;
  char *snapshot;
  gboolean opens_listeners; /* not done yet */
  gboolean sequential;
  gboolean awaits_restart;
  HrSlot last_slot;
  HrDrainTally *tally; /* NULL: nothing is counted */
  guint64 cut_before;  /* connections, when this began */
  const HrCallerContext *caller;
  gboolean ever_notified;

  /* Where it stands. */
  HrReloadPhase phase;
  guint timer;
  guint switch_timer;
  gint64 switch_began;
  guint n_left;          /* connections in the queues of the old ones, at the last look */
  gboolean looked_again; /* at the listeners of the candidate */
  gint64 switch_step;
  gint64 began_at;
  gint64 outage_since;
  HrQueueWatch *queue;     /* NULL: nothing happens yet */
  gint64 queue_wait;       /* the longest that watches which have ended measured, -1: nothing is known */
  const char *timed_phase; /* word of what takes its time now */
  gint64 timed_since;
  HrReloadEnd coming_end; /* once only the last figures are waited for */
  GCancellable *cancellable;
  gboolean announced;
  gboolean new_release;
  gboolean large;
  gboolean held_already;
  gboolean checking;
  gboolean handing_over;
  gboolean claims_previous; /* what becomes of the old instance is this reload's matter, also when it ends by itself */
  gboolean watched;         /* the adopt library saw the old instance, or the one that it was started again for */
  gboolean opened_state;    /* so did one of these HOTRELOAD_STATE_IN */
  gboolean tries_canary;
  guint n_canary_looks; /* at the old instance, until the adopt library was found to see it */
  gboolean heir;        /* what the old one leaves has been given to the candidate, or it starts with that */
  gboolean switched;    /* to the candidate, for good */
  gboolean separate;    /* the candidate had sockets of its own until it was switched to */
  guint share;          /* of the new connections for it, while several instances are rolled */
  gboolean failing;
  gboolean abandoned;
  gboolean rolling;          /* in phase switch, until all of several instances serve */
  gboolean beside_retiring;  /* nothing else runs, and nobody waits for its end */
  gboolean beside_failed;    /* could not be placed while what was retired ran */
  gboolean unrolling;        /* after a failure of that, until those of the old release serve again */
  gboolean unrolled;         /* whether it has gone that way */
  gboolean giving_way;       /* the service is to stop: nothing is started any more */
  gboolean awaits_followers; /* all is done but the end of the new ones */
  GError *error;
  HrReloadPhase failed_phase;
  HrReloadEnd end;

  /* What it made. */
  HrScan *scan;
  HrRelease *release;
  HrPlacement *placement;
  HrSlot slot;
  char **environment;
  HrCheckRequest check;
  HrGeneration *candidate;
  HrFollowers *followers; /* of candidate, where it has any */
  HrGeneration *fallback;
  HrHealth *health;
  HrCanary *canary;
  GBytes *state;       /* what the old instance left, for the way back */
  GBytes *start_state; /* what the candidate starts with */
  char *state_id;
};

/* hr-reload.c */
HrClock *hr_reload_clock (HrReload *self);
gboolean hr_reload_has_ended (HrReload *self);
void hr_reload_enter (HrReload *self, HrReloadPhase phase);
void hr_reload_follow_previous (HrReload *self);
void hr_reload_finish (HrReload *self, HrReloadEnd end);
void hr_reload_fail (HrReload *self, GError *error);
void hr_reload_fail_in (HrReload *self, HrReloadPhase phase, GError *error);
void hr_reload_fall_back (HrReload *self);
void hr_reload_emit_event (HrReload *self, HrEvent *event);
void hr_reload_emit_announced (HrReload *self);
void hr_reload_emit_processes (HrReload *self);

/* hr-reload-measure.c */
void hr_reload_note_serving (HrReload *self);
void hr_reload_watch_queue (HrReload *self);
void hr_reload_measure_anew (HrReload *self);
void hr_reload_time_phase (HrReload *self, const char *phase);
void hr_reload_take_figures (HrReload *self);
void hr_reload_end (HrReload *self, HrReloadEnd end);

/* hr-reload-prepare.c */
void hr_reload_record_target (HrReload *self);
void hr_reload_scan_source (HrReload *self);
void hr_reload_place (HrReload *self);
void hr_reload_announce (HrReload *self);

/* hr-reload-sight.c */
HrGenerationPlan hr_reload_plan (HrReload *self);
gboolean hr_reload_look_at_program (HrReload *self, GError **error);
char *hr_reload_advise (HrReload *self, const char *words);

/* hr-reload-handover.c */
void hr_reload_before_start (HrReload *self);
void hr_reload_follow_candidate (HrReload *self);
void hr_reload_watch_health (HrReload *self);

/* hr-reload-switch.c */
void hr_reload_switch_over (HrReload *self);
void hr_reload_complete_switch (HrReload *self);

/* hr-reload-roll.c */
guint hr_reload_n_new_serving (HrReload *self);
guint hr_reload_n_old_serving (HrReload *self);
gboolean hr_reload_has_several (HrReload *self);
void hr_reload_roll (HrReload *self);
void hr_reload_unroll (HrReload *self);
gboolean hr_reload_keeps_what_serves (HrReload *self);
char *hr_reload_describe_missing (HrReload *self);
void hr_reload_await_retiring_followers (HrReload *self);
gboolean hr_reload_await_followers (HrReload *self);

/* hr-reload-canary.c */
gboolean hr_reload_decide_canary (HrReload *self);
gboolean hr_reload_separate_canary (HrReload *self);
void hr_reload_run_canary (HrReload *self);
void hr_reload_make_canary (HrReload *self);
void hr_reload_end_canary (HrReload *self);
gint64 hr_reload_canary_timeout (HrReload *self);

/* hr-reload-traffic.c */
void hr_reload_separate (HrReload *self, gboolean state_expected);
void hr_reload_give_all_traffic (HrReload *self);
gboolean hr_reload_open_listeners (HrReload *self);
gboolean hr_reload_divide_traffic (HrReload *self, guint n_going, GError **error);
void hr_reload_end_traffic (HrReload *self);

G_END_DECLS
