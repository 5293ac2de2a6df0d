/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-job-list.h"

/* The job belongs to HrJobList.jobs. */
typedef struct {
  HrJob *job;
  gint64 forget_at;
} EndedJob;

struct _HrJobList {
  GObject parent_instance;

  HrClock *clock;
  GQueue *jobs;       /* HrJob, oldest first */
  GQueue *ended;      /* EndedJob, the one that ended first in front */
  guint forget_timer; /* for the front of @ended */
  guint64 last_id;
};

enum { SIGNAL_ADDED, SIGNAL_REMOVED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrJobList, hr_job_list, G_TYPE_OBJECT)

static void
hr_job_list_finalize (GObject *object)
{
  HrJobList *self = HR_JOB_LIST (object);

  hr_clock_cancel (self->clock, &self->forget_timer);
  for (GList *l = self->jobs->head; l != NULL; l = l->next)
    g_signal_handlers_disconnect_by_data (l->data, self);
  g_queue_free_full (self->jobs, g_object_unref);
  g_queue_free_full (self->ended, g_free);
  g_clear_object (&self->clock);
  G_OBJECT_CLASS (hr_job_list_parent_class)->finalize (object);
}

static void
hr_job_list_class_init (HrJobListClass *klass)
{
  GType type = HR_TYPE_JOB_LIST;

  G_OBJECT_CLASS (klass)->finalize = hr_job_list_finalize;
  signals[SIGNAL_ADDED] =
      g_signal_new ("added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, HR_TYPE_JOB);
  signals[SIGNAL_REMOVED] =
      g_signal_new ("removed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, HR_TYPE_JOB);
}

static void
hr_job_list_init (HrJobList *self)
{
  self->jobs = g_queue_new ();
  self->ended = g_queue_new ();
}

/**
 * hr_job_list_new:
 * @clock: time
 *
 * Returns: (transfer full): an empty list
 */
HrJobList *
hr_job_list_new (HrClock *clock)
{
  HrJobList *self = g_object_new (HR_TYPE_JOB_LIST, NULL);

  self->clock = g_object_ref (clock);
  return self;
}

/**
 * hr_job_list_next_id:
 * @self: a list
 *
 * Returns: a number that no job had
 */
guint64
hr_job_list_next_id (HrJobList *self)
{
  g_return_val_if_fail (HR_IS_JOB_LIST (self), 0);
  return ++self->last_id;
}

static void
forget_first_ended (HrJobList *self)
{
  g_autofree EndedJob *ended = g_queue_pop_head (self->ended);
  g_autoptr (HrJob) job = ended->job;

  g_queue_remove (self->jobs, job);
  g_signal_handlers_disconnect_by_data (job, self);
  g_signal_emit (self, signals[SIGNAL_REMOVED], 0, job);
}

static void
forget_due (gpointer user_data)
{
  HrJobList *self = user_data;
  EndedJob *first;

  self->forget_timer = 0;
  while ((first = g_queue_peek_head (self->ended)) != NULL && first->forget_at <= hr_clock_now (self->clock))
    forget_first_ended (self);
  if (first != NULL)
    self->forget_timer = hr_clock_after (self->clock, first->forget_at - hr_clock_now (self->clock), forget_due, self);
}

static void
job_finished (HrJob *job, HrJobList *self)
{
  EndedJob *ended = g_new0 (EndedJob, 1);

  ended->job = job;
  ended->forget_at = hr_clock_now (self->clock) + HR_JOB_KEEP_USEC;
  g_queue_push_tail (self->ended, ended);
  if (self->forget_timer == 0)
    self->forget_timer = hr_clock_after (self->clock, HR_JOB_KEEP_USEC, forget_due, self);
}

/**
 * hr_job_list_add:
 * @self: a list
 * @job: a job; adding it again does nothing
 *
 * Over %HR_JOB_LIST_MAX the job that ended first goes before its minute is over.
 */
void
hr_job_list_add (HrJobList *self, HrJob *job)
{
  g_return_if_fail (HR_IS_JOB_LIST (self));

  if (g_queue_find (self->jobs, job) != NULL)
    return;
  if (self->jobs->length >= HR_JOB_LIST_MAX && self->ended->length > 0)
    forget_first_ended (self);
  g_queue_push_tail (self->jobs, g_object_ref (job));
  g_signal_emit (self, signals[SIGNAL_ADDED], 0, job);
  if (hr_job_is_finished (job))
    job_finished (job, self);
  else
    g_signal_connect (job, "finished", G_CALLBACK (job_finished), self);
}

/**
 * hr_job_list_get_all:
 * @self: a list
 *
 * Returns: (transfer container) (element-type HrJob): the jobs that are kept, oldest first
 */
GPtrArray *
hr_job_list_get_all (HrJobList *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);

  for (GList *l = self->jobs->head; l != NULL; l = l->next)
    g_ptr_array_add (list, g_object_ref (l->data));
  return list;
}
