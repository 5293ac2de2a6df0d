/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fallback.h"

#include "hr-error.h"
#include "hr-log.h"

typedef struct {
  HrPlatform *platform;
  HrParts parts;
  HrGeneration *candidate;
  HrGeneration *previous;
  HrGeneration *again;
  char *commit;
  GBytes *state;
  const HrCallerContext *caller;
  HrQueueWatch *queue;
  guint timer;
  gboolean beside;
  gboolean started;
} Fallback;

static void
forget (HrGeneration **generation, gpointer data)
{
  if (*generation != NULL)
    g_signal_handlers_disconnect_by_data (*generation, data);
  g_clear_object (generation);
}

static void
fallback_free (gpointer data)
{
  Fallback *self = data;

  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  g_clear_object (&self->platform);
  hr_parts_clear (&self->parts);
  g_clear_object (&self->candidate);
  g_clear_object (&self->previous);
  g_clear_object (&self->again);
  g_clear_object (&self->queue);
  g_free (self->commit);
  g_clear_pointer (&self->state, g_bytes_unref);
  g_free (self);
}

static void
finish (GTask *task, GError *error)
{
  Fallback *self = g_task_get_task_data (task);

  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  forget (&self->candidate, task);
  if (self->previous != NULL)
    g_signal_handlers_disconnect_by_data (self->previous, task);
  if (self->again != NULL)
    g_signal_handlers_disconnect_by_data (self->again, task);
  /* Whose process there is and who is not ready ends; the service sees to what follows. */
  if (error != NULL)
    {
      if (self->again != NULL)
        hr_generation_kill (self->again);
      g_task_return_error (task, error);
    }
  else
    g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
again_ready (HrGeneration *again, GTask *task)
{
  finish (task, NULL);
}

static char *
describe_old (guint64 release)
{
  return release != 0 ? g_strdup_printf ("the old release %" G_GUINT64_FORMAT, release) : g_strdup ("the old instance");
}

static void
again_exited (HrGeneration *again, GTask *task)
{
  g_autofree char *end = hr_generation_describe_end (again);
  g_autofree char *old = describe_old (hr_generation_get_release (again));

  finish (task, g_error_new (HR_ERROR, HR_ERROR_ROLLBACK_FAILED, "%s was started again, but %s", old, end));
}

static void
again_timed_out (gpointer user_data)
{
  GTask *task = user_data;
  Fallback *self = g_task_get_task_data (task);
  g_autofree char *old = describe_old (hr_generation_get_release (self->again));
  g_autofree char *wait = hr_generation_describe_wait (self->again);
  gint64 extension = hr_generation_get_extension (self->again);

  self->timer = 0;
  if (extension > 0)
    {
      self->timer = hr_clock_after (hr_platform_get_clock (self->platform), extension, again_timed_out, task);
      return;
    }
  finish (task, g_error_new (HR_ERROR, HR_ERROR_ROLLBACK_FAILED, "%s was started again, but did not become ready: %s",
                             old, wait));
}

static void
start_again (GTask *task)
{
  Fallback *self = g_task_get_task_data (task);
  HrServiceSpec *spec = hr_generation_get_spec (self->previous);
  HrGenerationPlan plan = {
    .spec = spec,
    .release = hr_generation_get_release (self->previous),
    .commit = self->commit,
    .slot = hr_generation_get_slot (self->previous),
    .view = hr_generation_get_view (self->previous),
    .listeners = self->parts.listeners,
    .state_files = self->parts.state,
    .stored = self->parts.stored,
    .tally = hr_generation_get_plan (self->previous)->tally,
    .caller = self->caller,
    .index = hr_generation_get_plan (self->previous)->index,
    .ever_notified = hr_generation_has_notified (self->previous),
  };
  g_autoptr (GError) error = NULL;

  self->started = TRUE;
  self->again = hr_generation_new (self->platform, &plan);
  if (!hr_generation_start (self->again, self->state, FALSE, &error))
    {
      g_autofree char *old = describe_old (plan.release);

      g_prefix_error (&error, "while starting %s again: ", old);
      error->domain = HR_ERROR;
      error->code = HR_ERROR_ROLLBACK_FAILED;
      finish (task, g_steal_pointer (&error));
      return;
    }
  if (self->queue != NULL)
    hr_queue_watch_add (self->queue, self->again);
  g_signal_connect (self->again, "ready", G_CALLBACK (again_ready), task);
  g_signal_connect (self->again, "exited", G_CALLBACK (again_exited), task);
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  self->timer = hr_clock_after (hr_platform_get_clock (self->platform), spec->start_timeout, again_timed_out, task);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Fallback *self = g_task_get_task_data (task);
  g_autoptr (HrSnapshot) snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, NULL);

  if (self->started)
    return;
  if (snapshot != NULL)
    self->state = g_bytes_ref (snapshot->data);
  start_again (g_steal_pointer (&task));
}

/* Serving without state is better than not serving. */
static void
load_timed_out (gpointer user_data)
{
  GTask *task = user_data;
  Fallback *self = g_task_get_task_data (task);

  self->timer = 0;
  hr_log_warning (hr_generation_get_spec (self->previous)->name,
                  "its newest snapshot could not be read within %d s; it starts without state",
                  (int)(HR_FALLBACK_LOAD_USEC / G_USEC_PER_SEC));
  start_again (g_object_ref (task));
}

static void
bring_back (GTask *task)
{
  Fallback *self = g_task_get_task_data (task);

  if (self->state == NULL && hr_generation_get_spec (self->previous)->preserve)
    {
      self->timer =
          hr_clock_after (hr_platform_get_clock (self->platform), HR_FALLBACK_LOAD_USEC, load_timed_out, task);
      hr_state_files_load_async (self->parts.state, NULL, NULL, loaded, task);
    }
  else
    start_again (task);
}

static void
previous_exited (HrGeneration *previous, GTask *task)
{
  g_signal_handlers_disconnect_by_data (previous, task);
  bring_back (task);
}

static void
candidate_gone (GTask *task)
{
  Fallback *self = g_task_get_task_data (task);

  /* Its state is not the service's, and must not be found later and taken for that: the old release goes on with
   * what it left itself. */
  if (self->candidate != NULL)
    hr_state_files_discard (self->parts.state, hr_generation_get_id (self->candidate));
  if (self->previous == NULL
      || (hr_generation_is_alive (self->previous) && !hr_generation_is_stopping (self->previous)))
    {
      finish (task, NULL);
      return;
    }
  /* While it finishes what it has, new connections wait for nobody: with DrainTimeout as the limit. */
  if (hr_generation_is_alive (self->previous) && !self->beside)
    g_signal_connect (self->previous, "exited", G_CALLBACK (previous_exited), task);
  else
    bring_back (task);
}

static void
candidate_exited (HrGeneration *candidate, GTask *task)
{
  g_signal_handlers_disconnect_by_data (candidate, task);
  candidate_gone (task);
}

/**
 * hr_fallback_async:
 * @plan: what failed and what to go back to
 * @callback: called when the candidate has ended, or is left, and the old release serves, or cannot
 * @user_data: for @callback
 *
 * A candidate that was ready may have accepted connections: it answers what is under way, then is stopped as any
 * instance; one that was not is killed.
 */
void
hr_fallback_async (const HrFallbackPlan *plan, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Fallback *self = g_new0 (Fallback, 1);

  g_task_set_source_tag (task, hr_fallback_async);
  g_task_set_task_data (task, self, fallback_free);
  self->platform = g_object_ref (plan->platform);
  g_set_object (&self->parts.state, plan->parts->state);
  g_set_object (&self->parts.stored, plan->parts->stored);
  g_set_object (&self->parts.listeners, plan->parts->listeners);
  g_set_object (&self->candidate, plan->candidate);
  g_set_object (&self->previous, plan->previous);
  self->commit = g_strdup (plan->commit);
  self->state = plan->state != NULL ? g_bytes_ref (plan->state) : NULL;
  self->caller = plan->caller;
  self->beside = plan->beside;
  g_set_object (&self->queue, plan->queue);

  if (plan->leaves && hr_generation_is_alive (self->candidate))
    {
      hr_generation_retire (self->candidate);
      finish (task, NULL);
      return;
    }
  if (self->candidate == NULL || !hr_generation_is_alive (self->candidate))
    {
      candidate_gone (task);
      return;
    }
  g_signal_connect (self->candidate, "exited", G_CALLBACK (candidate_exited), task);
  if (hr_generation_is_ready (self->candidate))
    hr_generation_hand_over (self->candidate, hr_generation_get_spec (self->candidate)->stop_timeout);
  else
    hr_generation_kill (self->candidate);
}

/**
 * hr_fallback_finish:
 * @result: of hr_fallback_async()
 * @generation: (out) (transfer full) (nullable): the old release's new instance, where it had to be started again; also
 *   when that failed, so that it can be supervised
 * @error: return location
 *
 * Returns: whether the old release serves, or nothing had to be brought back; else %HR_ERROR_ROLLBACK_FAILED
 */
gboolean
hr_fallback_finish (GAsyncResult *result, HrGeneration **generation, GError **error)
{
  Fallback *self = g_task_get_task_data (G_TASK (result));

  *generation = g_steal_pointer (&self->again);
  return g_task_propagate_boolean (G_TASK (result), error);
}
