/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-service.h: one service: its instances, its releases, and the one place that decides what happens next to it.
 *
 * Signals: "changed" () when something below differs; "event" (HrEvent *), see hr-event.h; "job-added" (HrJob *); and
 * "reloaded" (gboolean success, gint64 real_time) when a reload went into the history.
 */
#pragma once

#include "hr-canary.h"
#include "hr-generation.h"
#include "hr-job-list.h"
#include "hr-job.h"
#include "hr-platform.h"

G_BEGIN_DECLS

#define HR_TYPE_SERVICE (hr_service_get_type ())
G_DECLARE_FINAL_TYPE (HrService, hr_service, HR, SERVICE, GObject)

typedef guint64 (*HrJobIdFunc) (gpointer user_data);

HrService *hr_service_new (HrPlatform *platform, const char *name, HrJobIdFunc next_job_id, gpointer user_data);

/* Configuration. The caller context makes it a transient service; it is taken. */
gboolean hr_service_configure (HrService *self, HrServiceSpec *spec, HrCallerContext *caller, GError **error);
void hr_service_configure_by_copy (HrService *self, HrServiceSpec *spec, const char *why);
void hr_service_set_invalid (HrService *self, const char *message);
gboolean hr_service_is_misconfigured (HrService *self);
gboolean hr_service_is_transient (HrService *self);
const HrCallerContext *hr_service_get_caller (HrService *self); /* of a transient service, NULL: it is none */
gboolean hr_service_is_reloading (HrService *self);
void hr_service_restore (HrService *self, HrRunRecord *record);
void hr_service_forget_wishes (HrService *self);
gboolean hr_service_wants_start (HrService *self);

/* Over a re-execution of the daemon, see hr-service-carry.c. */
void hr_service_hold (HrService *self);
void hr_service_put_back (HrService *self);
char *hr_service_find_activity (HrService *self);
GVariant *hr_service_carry (HrService *self, GArray *fds);
void hr_service_take_carried (HrService *self, HrRunRecord *record, GVariant *carried, HrJobList *jobs);
gboolean hr_service_is_carried (HrService *self);
void hr_service_release (HrService *self);

/* Requests; @caller is for the history, NULL is the daemon itself. Each returns (transfer none) a job that may have
 * ended already, or NULL with an error of the contract. */
HrJob *hr_service_start (HrService *self, const char *caller);
HrJob *hr_service_stop (HrService *self, const char *caller);
HrJob *hr_service_leave (HrService *self); /* (transfer full) */
HrJob *hr_service_restart (HrService *self, const char *caller);
HrJob *hr_service_reload (HrService *self, const char *caller);
HrJob *hr_service_reload_as_configured (HrService *self);
HrJob *hr_service_rollback (HrService *self, guint64 release, const char *caller, GError **error);
void hr_service_rollback_async (HrService *self, guint64 release, const char *caller, GAsyncReadyCallback callback,
                                gpointer user_data);
HrJob *hr_service_rollback_finish (HrService *self, GAsyncResult *result, GError **error);
HrJob *hr_service_restore_snapshot (HrService *self, const char *id, const char *caller, GError **error);
gboolean hr_service_promote_canary (HrService *self, const char *caller, GError **error);
gboolean hr_service_abort_canary (HrService *self, const char *caller, GError **error);
gboolean hr_service_hold_canary (HrService *self, const char *caller, GError **error);
void hr_service_reset_failed (HrService *self);
void hr_service_set_paused (HrService *self, gboolean paused, gboolean of_all);

/* For status. Strings belong to the service. */
const char *hr_service_get_name (HrService *self);
const char *hr_service_get_description (HrService *self);
HrServiceSpec *hr_service_get_configured_spec (HrService *self);
HrServiceSpec *hr_service_get_spec (HrService *self); /* NULL when invalid */
const char *hr_service_get_state (HrService *self);   /* the contract's word */
const char *hr_service_get_health (HrService *self);  /* the contract's word */
GPid hr_service_get_pid (HrService *self);            /* 0: none */
guint64 hr_service_get_release (HrService *self);     /* running, 0: none */
guint hr_service_get_restarts (HrService *self);
const HrDrainTally *hr_service_get_tally (HrService *self);
guint hr_service_count_waiting (HrService *self);
const HrEnds *hr_service_get_ends (HrService *self);
guint hr_service_get_instances (HrService *self); /* how many are to serve */
guint hr_service_get_serving (HrService *self);   /* how many do */
GArray *hr_service_get_pids (HrService *self);    /* (transfer full): guint32, the lead's first */
gint64 hr_service_get_state_since (HrService *self);
gint64 hr_service_get_since (HrService *self);  /* start of the running instance, real time, 0: none */
gint64 hr_service_get_uptime (HrService *self); /* microseconds, -1: not running */
gint64 hr_service_get_memory (HrService *self); /* bytes, -1: not known */
char **hr_service_get_listen (HrService *self); /* (transfer full): addresses with real ports */
char **hr_service_get_stored (HrService *self);
char *hr_service_get_sockets_advice (HrService *self);
const char *hr_service_get_view (HrService *self);
const char *hr_service_get_error (HrService *self); /* NULL: none */
gboolean hr_service_get_paused (HrService *self);
HrCanary *hr_service_get_canary (HrService *self); /* (transfer none): NULL: none runs */
char **hr_service_get_pending (HrService *self);   /* (transfer full): changed paths that wait */
char **hr_service_get_notes (HrService *self);     /* (transfer full): what people should know: carried files, … */
const char *hr_service_get_status_text (HrService *self); /* STATUS= of the program, NULL: none */

/* Releases and snapshots; element types HrRelease (oldest first, transfer none) and HrSnapshot (newest first). */
void hr_service_list_releases_async (HrService *self, GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *hr_service_list_releases_finish (HrService *self, GAsyncResult *result, GError **error);
GPtrArray *hr_service_list_snapshots (HrService *self);
char *hr_service_get_snapshot_path (HrService *self, const char *id);
gboolean hr_service_find_rollback (HrService *self, guint64 *release, GError **error);
guint64 hr_service_get_rollback_point (HrService *self); /* what a rollback without a number would run, 0: none */

guint hr_service_get_watched (HrService *self);
guint hr_service_get_watched_directories (HrService *self);
char *hr_service_get_log_file (HrService *self);
char *hr_service_get_instance_log_file (HrService *self);
char **hr_service_get_instance_log_files (HrService *self);

/* diff between two releases; from 0: the running one, to 0: the source as it is now. */
void hr_service_diff_async (HrService *self, guint64 from, guint64 to, GAsyncReadyCallback callback,
                            gpointer user_data);
char *hr_service_diff_finish (HrService *self, GAsyncResult *result, GError **error);

/**
 * HrPlanStep:
 * @phase: name of the phase
 * @text: what a reload would do in it, for people
 * @handover: (nullable): of the step in which the new instance starts beside a running one or in its place: "overlap" or
 *   "sequential"; of a check or a canary that the reload will not pass because of its sockets: "refused"
 * @reason: (nullable): why @handover is not "overlap"
 *
 * One step of what a reload would do now, without doing it.
 */
typedef struct {
  char *phase;
  char *text;
  const char *handover;
  char *reason;
} HrPlanStep;

void hr_plan_step_free (HrPlanStep *self);

void hr_service_plan_async (HrService *self, GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *hr_service_plan_finish (HrService *self, GAsyncResult *result, GError **error);

G_END_DECLS
