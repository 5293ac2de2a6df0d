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
forget_at (HrJobList *self, HrJob *job, gint64 time)
{
  EndedJob *ended = g_new0 (EndedJob, 1);

  ended->job = job;
  ended->forget_at = time;
  g_queue_push_tail (self->ended, ended);
  if (self->forget_timer == 0)
    self->forget_timer = hr_clock_after (self->clock, MAX (time - hr_clock_now (self->clock), 0), forget_due, self);
}

static void
job_finished (HrJob *job, HrJobList *self)
{
  forget_at (self, job, hr_clock_now (self->clock) + HR_JOB_KEEP_USEC);
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

/**
 * hr_job_list_find:
 * @self: a list
 * @id: a number
 *
 * Returns: (transfer none) (nullable): the job that has it
 */
HrJob *
hr_job_list_find (HrJobList *self, guint64 id)
{
  g_return_val_if_fail (HR_IS_JOB_LIST (self), NULL);

  for (GList *l = self->jobs->head; l != NULL; l = l->next)
    if (hr_job_get_id (l->data) == id)
      return l->data;
  return NULL;
}

static GVariant *
carry_children (HrJob *job)
{
  GPtrArray *children = hr_job_get_children (job);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("at"));
  for (guint i = 0; i < children->len; i++)
    g_variant_builder_add (&builder, "t", hr_job_get_id (g_ptr_array_index (children, i)));
  return g_variant_builder_end (&builder);
}

static gint64
time_of_forgetting (HrJobList *self, HrJob *job)
{
  for (GList *l = self->ended->head; l != NULL; l = l->next)
    if (((EndedJob *)l->data)->job == job)
      return ((EndedJob *)l->data)->forget_at;
  return 0;
}

/**
 * hr_job_list_carry:
 * @self: a list
 *
 * Returns: (transfer floating): the jobs, for hr_job_list_take_carried() of a list that is empty
 */
GVariant *
hr_job_list_carry (HrJobList *self)
{
  GVariantBuilder builder;

  g_return_val_if_fail (HR_IS_JOB_LIST (self), NULL);

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("(ta(a{sv}atx))"));
  g_variant_builder_add (&builder, "t", self->last_id);
  g_variant_builder_open (&builder, G_VARIANT_TYPE ("a(a{sv}atx)"));
  for (GList *l = self->jobs->head; l != NULL; l = l->next)
    g_variant_builder_add (&builder, "(@a{sv}@atx)", hr_job_carry (l->data), carry_children (l->data),
                           time_of_forgetting (self, l->data));
  g_variant_builder_close (&builder);
  return g_variant_builder_end (&builder);
}

static void
take_carried (HrJobList *self, GVariant *carried, gint64 forget)
{
  g_autoptr (HrJob) job = hr_job_new_carried (carried);

  if (job == NULL || hr_job_list_find (self, hr_job_get_id (job)) != NULL)
    return;
  g_queue_push_tail (self->jobs, g_object_ref (job));
  self->last_id = MAX (self->last_id, hr_job_get_id (job));
  g_signal_emit (self, signals[SIGNAL_ADDED], 0, job);
  if (hr_job_is_finished (job))
    forget_at (self, job, forget);
  else
    g_signal_connect (job, "finished", G_CALLBACK (job_finished), self);
}

static void
take_children (HrJobList *self, GVariant *entry)
{
  g_autoptr (GVariant) carried = g_variant_get_child_value (entry, 0);
  g_autoptr (GVariant) children = g_variant_get_child_value (entry, 1);
  guint64 id = 0, child_id;
  GVariantIter iter;
  HrJob *job, *child;

  g_variant_lookup (carried, "id", "t", &id);
  job = hr_job_list_find (self, id);
  g_variant_iter_init (&iter, children);
  while (job != NULL && g_variant_iter_next (&iter, "t", &child_id))
    if ((child = hr_job_list_find (self, child_id)) != NULL)
      hr_job_add_child (job, child);
  if (job != NULL)
    hr_job_tell (job);
}

/**
 * hr_job_list_take_carried:
 * @self: an empty list
 * @carried: what hr_job_list_carry() made
 *
 * The jobs are there again under their numbers; those that had not ended wait for who goes on with them.
 */
void
hr_job_list_take_carried (HrJobList *self, GVariant *carried)
{
  g_autoptr (GVariant) jobs = NULL;

  g_return_if_fail (HR_IS_JOB_LIST (self));
  g_return_if_fail (g_variant_is_of_type (carried, G_VARIANT_TYPE ("(ta(a{sv}atx))")));

  g_variant_get (carried, "(t@a(a{sv}atx))", &self->last_id, &jobs);
  for (gsize i = 0; i < g_variant_n_children (jobs); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (jobs, i);
      g_autoptr (GVariant) job = g_variant_get_child_value (entry, 0);
      gint64 forget = 0;

      g_variant_get_child (entry, 2, "x", &forget);
      take_carried (self, job, forget);
    }
  for (gsize i = 0; i < g_variant_n_children (jobs); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (jobs, i);

      take_children (self, entry);
    }
}
