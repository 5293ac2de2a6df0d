/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-error.h"
#include "hr-job-private.h"

enum { SIGNAL_CHANGED, SIGNAL_FINISHED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrJob, hr_job, G_TYPE_OBJECT)

static const char *const kinds[] = {
  [HR_JOB_START] = "start",
  [HR_JOB_STOP] = "stop",
  [HR_JOB_RESTART] = "restart",
  [HR_JOB_RELOAD] = "reload",
  [HR_JOB_RELOAD_ALL] = "reload-all",
  [HR_JOB_ROLLBACK] = "rollback",
  [HR_JOB_RESTORE_SNAPSHOT] = "restore-snapshot",
};

static const char *const results[] = {
  [HR_JOB_WAITING] = "waiting", [HR_JOB_RUNNING] = "running",     [HR_JOB_COMPLETED] = "completed",
  [HR_JOB_FAILED] = "failed",   [HR_JOB_CANCELLED] = "cancelled",
};

static void
clear_outcome (HrOutcome *outcome)
{
  g_free (outcome->service);
  g_free (outcome->message);
  g_free (outcome->phase);
  hr_phase_times_free (outcome->phases);
  g_free (outcome->canary);
  g_strfreev (outcome->checks);
  g_strfreev (outcome->carried);
  g_strfreev (outcome->files);
  *outcome = (HrOutcome){ .queue_wait_usec = -1 };
}

static void
hr_job_finalize (GObject *object)
{
  HrJob *self = HR_JOB (object);

  g_free (self->service);
  g_free (self->caller);
  g_free (self->phase);
  g_clear_error (&self->error);
  clear_outcome (&self->outcome);
  g_ptr_array_unref (self->children);
  G_OBJECT_CLASS (hr_job_parent_class)->finalize (object);
}

static void
hr_job_class_init (HrJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_job_finalize;
  signals[SIGNAL_CHANGED] =
      g_signal_new ("changed", HR_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_FINISHED] =
      g_signal_new ("finished", HR_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_job_init (HrJob *self)
{
  self->children = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * hr_files_merge:
 * @files: (inout): paths, %NULL for none
 * @more: paths, of which those that are missing are added
 */
void
hr_files_merge (char ***files, const char *const *more)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *all = g_ptr_array_new ();

  for (guint i = 0; *files != NULL && (*files)[i] != NULL; i++)
    {
      g_hash_table_add (known, (*files)[i]);
      g_ptr_array_add (all, (*files)[i]);
    }
  for (guint i = 0; more[i] != NULL; i++)
    if (g_hash_table_add (known, (gpointer)more[i]))
      g_ptr_array_add (all, g_strdup (more[i]));
  g_ptr_array_add (all, NULL);
  g_free (*files);
  *files = (char **)g_ptr_array_free (all, FALSE);
}

/**
 * hr_job_new:
 * @id: unique in this daemon, above 0
 * @kind: what it is for
 * @service: the service's name; "" for all of them
 * @caller: (nullable): who asked; %NULL: the daemon itself
 *
 * Returns: (transfer full): a waiting job
 */
HrJob *
hr_job_new (guint64 id, HrJobKind kind, const char *service, const char *caller)
{
  HrJob *self = g_object_new (HR_TYPE_JOB, NULL);

  self->id = id;
  self->kind = kind;
  self->service = g_strdup (service);
  self->caller = g_strdup (caller);
  self->outcome.service = g_strdup (service);
  self->outcome.queue_wait_usec = -1;
  return self;
}

/**
 * hr_job_get_id:
 * @self: a job
 *
 * Returns: its number
 */
guint64
hr_job_get_id (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), 0);
  return self->id;
}

/**
 * hr_job_get_kind:
 * @self: a job
 *
 * Returns: what it is for
 */
HrJobKind
hr_job_get_kind (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), HR_JOB_RELOAD);
  return self->kind;
}

/**
 * hr_job_get_service:
 * @self: a job
 *
 * Returns: (transfer none): the service's name, "" for a job of all
 */
const char *
hr_job_get_service (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return self->service;
}

/**
 * hr_job_get_caller:
 * @self: a job
 *
 * Returns: (transfer none) (nullable): who asked
 */
const char *
hr_job_get_caller (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return self->caller;
}

/**
 * hr_job_get_phase:
 * @self: a job
 *
 * Returns: (transfer none): the phase it is in; "" before the first and after the end
 */
const char *
hr_job_get_phase (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return self->phase != NULL ? self->phase : "";
}

/**
 * hr_job_get_result:
 * @self: a job
 *
 * Returns: whether it waits, runs, or how it ended
 */
HrJobResult
hr_job_get_result (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), HR_JOB_FAILED);
  return self->result;
}

/**
 * hr_job_is_finished:
 * @self: a job
 *
 * Returns: whether it has ended
 */
gboolean
hr_job_is_finished (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), TRUE);
  return self->result >= HR_JOB_COMPLETED;
}

/**
 * hr_job_get_error:
 * @self: a job
 *
 * Returns: (transfer none) (nullable): why it failed or was cancelled
 */
const GError *
hr_job_get_error (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return self->error;
}

/**
 * hr_job_get_outcome:
 * @self: a job
 *
 * Returns: (transfer none): what is known of its result by now
 */
const HrOutcome *
hr_job_get_outcome (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return &self->outcome;
}

/**
 * hr_job_get_children:
 * @self: a job of several services
 *
 * Returns: (transfer none) (element-type HrJob): the jobs of each
 */
GPtrArray *
hr_job_get_children (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return self->children;
}

/**
 * hr_job_cancel:
 * @self: a job
 * @caller: (nullable): who asks
 * @error: return location
 *
 * Asks it to end; it has ended when "finished" was emitted, which may be later.
 *
 * Returns: whether it was asked; else %HR_ERROR_NOT_SUPPORTED for a job past the point of no return, or
 *   %HR_ERROR_FAILED for one that has ended
 */
gboolean
hr_job_cancel (HrJob *self, const char *caller, GError **error)
{
  g_return_val_if_fail (HR_IS_JOB (self), FALSE);

  if (hr_job_is_finished (self))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "job %" G_GUINT64_FORMAT " has ended already", self->id);
      return FALSE;
    }
  for (guint i = 0; i < self->children->len; i++)
    hr_job_cancel (g_ptr_array_index (self->children, i), caller, NULL);
  if (self->children->len > 0)
    return TRUE;
  if (self->cancel_func == NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "a job of kind '%s' cannot be cancelled any more in its phase '%s'",
                   hr_job_kind_to_string (self->kind), hr_job_get_phase (self));
      return FALSE;
    }
  self->cancel_func (self, caller, self->cancel_data);
  return TRUE;
}

/**
 * hr_job_kind_to_string:
 * @kind: a kind
 *
 * Returns: (transfer none): its word on D-Bus
 */
const char *
hr_job_kind_to_string (HrJobKind kind)
{
  g_return_val_if_fail (kind < G_N_ELEMENTS (kinds), NULL);
  return kinds[kind];
}

/**
 * hr_job_result_to_string:
 * @result: a result
 *
 * Returns: (transfer none): its word on D-Bus
 */
const char *
hr_job_result_to_string (HrJobResult result)
{
  g_return_val_if_fail (result < G_N_ELEMENTS (results), NULL);
  return results[result];
}

/**
 * hr_job_set_cancel_func:
 * @self: a job
 * @func: (nullable): what ends it; %NULL: it cannot be cancelled
 * @user_data: for @func
 */
void
hr_job_set_cancel_func (HrJob *self, HrJobCancelFunc func, gpointer user_data)
{
  g_return_if_fail (HR_IS_JOB (self));
  self->cancel_func = func;
  self->cancel_data = user_data;
}

/**
 * hr_job_set_phase:
 * @self: a job that has not ended
 * @phase: (nullable): the phase it enters; %NULL keeps the one it is in
 *
 * The first call makes a waiting job a running one.
 */
void
hr_job_set_phase (HrJob *self, const char *phase)
{
  g_return_if_fail (HR_IS_JOB (self));
  g_return_if_fail (!hr_job_is_finished (self));

  self->result = HR_JOB_RUNNING;
  if (phase != NULL)
    {
      g_free (self->phase);
      self->phase = g_strdup (phase);
    }
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/**
 * hr_job_put_back:
 * @self: a job that runs
 *
 * It waits again, as if it had not begun.
 */
void
hr_job_put_back (HrJob *self)
{
  g_return_if_fail (HR_IS_JOB (self));
  g_return_if_fail (!hr_job_is_finished (self));

  self->result = HR_JOB_WAITING;
  g_clear_pointer (&self->phase, g_free);
  clear_outcome (&self->outcome);
  self->outcome.service = g_strdup (self->service);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/**
 * hr_job_tell:
 * @self: a job
 *
 * To be called when its outcome changed in a way that those who wait for it want to see before its end.
 */
void
hr_job_tell (HrJob *self)
{
  g_return_if_fail (HR_IS_JOB (self));

  if (!hr_job_is_finished (self))
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/**
 * hr_job_edit_outcome:
 * @self: a job that has not ended
 *
 * Returns: (transfer none): its outcome, to be filled
 */
HrOutcome *
hr_job_edit_outcome (HrJob *self)
{
  g_return_val_if_fail (HR_IS_JOB (self), NULL);
  return &self->outcome;
}

static void
child_finished (HrJob *child, gpointer user_data)
{
  hr_job_settle (user_data);
}

/**
 * hr_job_settle:
 * @self: a job of several services, all of them added
 *
 * Ends it when all of its children have ended; failed when one of them did.
 */
void
hr_job_settle (HrJob *self)
{
  g_autoptr (GError) failure = NULL;
  const char *first = NULL;
  guint failed = 0;

  g_return_if_fail (HR_IS_JOB (self));

  if (hr_job_is_finished (self))
    return;
  for (guint i = 0; i < self->children->len; i++)
    {
      HrJob *each = g_ptr_array_index (self->children, i);

      if (!hr_job_is_finished (each))
        return;
      if (each->error != NULL && failed++ == 0)
        {
          failure = g_error_copy (each->error);
          first = each->service;
        }
    }
  if (failure != NULL)
    g_prefix_error (&failure, "%u of %u services failed, the first is '%s': ", failed, self->children->len, first);
  hr_job_finish (self, failure);
}

/**
 * hr_job_add_child:
 * @self: a job of several services
 * @child: the job of one of them
 *
 * @self ends when the last child has: see hr_job_settle().
 */
void
hr_job_add_child (HrJob *self, HrJob *child)
{
  g_return_if_fail (HR_IS_JOB (self) && HR_IS_JOB (child));
  g_ptr_array_add (self->children, g_object_ref (child));
  g_signal_connect_object (child, "finished", G_CALLBACK (child_finished), self, 0);
}

/**
 * hr_job_finish:
 * @self: a job that has not ended
 * @error: (nullable): why it failed; %HR_ERROR_CANCELLED makes it cancelled; %NULL: it completed
 */
void
hr_job_finish (HrJob *self, const GError *error)
{
  g_return_if_fail (HR_IS_JOB (self));
  g_return_if_fail (!hr_job_is_finished (self));

  self->result = error == NULL                                           ? HR_JOB_COMPLETED
                 : g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED) ? HR_JOB_CANCELLED
                                                                         : HR_JOB_FAILED;
  if (error != NULL)
    self->error = g_error_copy (error);
  self->cancel_func = NULL;
  g_clear_pointer (&self->phase, g_free);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
  g_signal_emit (self, signals[SIGNAL_FINISHED], 0);
}
