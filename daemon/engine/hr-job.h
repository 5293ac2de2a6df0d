/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-job.h: a long operation that a caller asked for: its phase, its result, and how to stop it.
 *
 * The engine's objects drive it; the bus shows it. Signals: "changed" () when phase or progress changed, "finished" ()
 * once, after which nothing changes any more.
 */
#pragma once

#include <glib-object.h>

#include "hr-phase-times.h"

G_BEGIN_DECLS

typedef enum {
  HR_JOB_START,
  HR_JOB_STOP,
  HR_JOB_RESTART,
  HR_JOB_RELOAD,
  HR_JOB_RELOAD_ALL,
  HR_JOB_ROLLBACK,
  HR_JOB_RESTORE_SNAPSHOT,
} HrJobKind;

typedef enum { HR_JOB_WAITING, HR_JOB_RUNNING, HR_JOB_COMPLETED, HR_JOB_FAILED, HR_JOB_CANCELLED } HrJobResult;

/**
 * HrOutcome:
 *
 * What a job of one service came to; shown as the job's details and in the JSON of hrctl. Releases of 0 mean null.
 */
typedef struct {
  char *service;
  char *message; /* for people, one line */
  guint64 release;
  guint64 previous_release;
  guint64 rollback_to; /* where a rollback would go from here, 0: nowhere */
  gboolean state_preserved;
  gint64 downtime_usec;
  gint64 duration_usec;
  gint64 queue_wait_usec;  /* the longest that a connection waited to be accepted; -1: not known */
  guint64 connections_cut; /* of instances that were retired, as their drain was cut short meanwhile */
  HrPhaseTimes *phases;    /* NULL before the first has ended; their sum is the duration */
  char *phase;             /* that failed, else NULL */
  char *canary;            /* how it stands or came out, for people; NULL: there was none */
  char **checks;           /* what was checked, and what could not be */
  char **carried;          /* files that the program wrote, brought along */
  char **files;            /* the change set */
} HrOutcome;

void hr_files_merge (char ***files, const char *const *more);

#define HR_TYPE_JOB (hr_job_get_type ())
G_DECLARE_FINAL_TYPE (HrJob, hr_job, HR, JOB, GObject)

HrJob *hr_job_new (guint64 id, HrJobKind kind, const char *service, const char *caller);
guint64 hr_job_get_id (HrJob *self);
HrJobKind hr_job_get_kind (HrJob *self);
const char *hr_job_get_service (HrJob *self);
const char *hr_job_get_caller (HrJob *self);
const char *hr_job_get_phase (HrJob *self);
HrJobResult hr_job_get_result (HrJob *self);
gboolean hr_job_is_finished (HrJob *self);
const GError *hr_job_get_error (HrJob *self);
const HrOutcome *hr_job_get_outcome (HrJob *self);
GPtrArray *hr_job_get_children (HrJob *self);
gboolean hr_job_cancel (HrJob *self, const char *caller, GError **error);
const char *hr_job_kind_to_string (HrJobKind kind);
const char *hr_job_result_to_string (HrJobResult result);

/* For the engine. */
typedef void (*HrJobCancelFunc) (HrJob *job, const char *caller, gpointer user_data);
void hr_job_set_cancel_func (HrJob *self, HrJobCancelFunc func, gpointer user_data);
void hr_job_set_phase (HrJob *self, const char *phase);
HrOutcome *hr_job_edit_outcome (HrJob *self);
void hr_job_put_back (HrJob *self);
void hr_job_tell (HrJob *self);
void hr_job_add_child (HrJob *self, HrJob *child);
void hr_job_settle (HrJob *self);
void hr_job_finish (HrJob *self, const GError *error);

/* Over a re-execution. */
GVariant *hr_job_carry (HrJob *self);
HrJob *hr_job_new_carried (GVariant *carried);

G_END_DECLS
