/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The operations that end an instance without another: a stop, and ending what an earlier daemon left running.
 */
#include <signal.h>

#include "hr-error.h"
#include "hr-handover.h"
#include "hr-leftover.h"
#include "hr-log.h"
#include "hr-service-private.h"

/**
 * hr_service_end_stop:
 * @self: a service
 *
 * Ends a running stop, if nothing of the service runs any more: neither its instance nor the one before it.
 */
void
hr_service_end_stop (HrService *self)
{
  g_autoptr (GError) error = NULL;

  if (self->running == NULL || self->running->kind != HR_JOB_STOP || self->current != NULL || self->retiring != NULL
      || !hr_service_forget_followers (self))
    return;
  self->failed = FALSE;
  self->outage_since = 0;
  hr_service_remember (self);
  error = g_steal_pointer (&self->leftover_error);
  hr_service_end_request (self, error);
}

/* Nothing of it runs, and nothing is under way or to come that starts it. */
static gboolean
is_at_rest (HrService *self)
{
  if (self->running != NULL || self->waiting != NULL || self->put_back != NULL || self->held || self->restart_at != 0
      || self->loading_state || self->falls_back || hr_service_awaits_rollback (self))
    return FALSE;
  if ((self->current != NULL && hr_generation_is_alive (self->current))
      || (self->followers != NULL && !hr_followers_are_gone (self->followers)))
    return FALSE;
  return self->failed || (self->current != NULL && hr_generation_ended_well (self->current));
}

/**
 * hr_service_close_at_rest:
 * @self: a service
 *
 * Closes its sockets if it has failed or finished for good, as a stop does: who connects is refused at once, where it
 * would wait for what does not come. The next start opens them again.
 */
void
hr_service_close_at_rest (HrService *self)
{
  if (self->parts.listeners == NULL || hr_listeners_list (self->parts.listeners)->len == 0 || !is_at_rest (self))
    return;
  hr_listeners_close (self->parts.listeners);
  hr_service_touch (self);
}

static void
stuck_gone (HrGeneration *generation, HrService *self)
{
  if (g_strcmp0 (self->error, hr_generation_get_stuck (generation)) != 0)
    return;
  hr_service_set_error (self, NULL);
  hr_service_touch (self);
}

/**
 * hr_service_note_stuck:
 * @self: a service
 * @generation: one of its instances, which has ended
 *
 * Where it only counts as ended, that is wrong with the service, and a stop has failed.
 */
void
hr_service_note_stuck (HrService *self, HrGeneration *generation)
{
  const char *stuck = hr_generation_get_stuck (generation);

  if (stuck == NULL)
    return;
  hr_service_set_error (self, stuck);
  g_signal_connect_object (generation, "gone", G_CALLBACK (stuck_gone), self, G_CONNECT_DEFAULT);
  if (self->running != NULL && self->running->kind == HR_JOB_STOP && self->leftover_error == NULL)
    g_set_error (&self->leftover_error, HR_ERROR, HR_ERROR_FAILED, "while stopping '%s': %s", self->name, stuck);
}

/* StopTimeout of a service whose file does not load. */
#define LEFTOVER_TIMEOUT_USEC (10 * G_USEC_PER_SEC)

static void
stopped (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) carried = NULL;
  gboolean fresh = FALSE;

  if (!hr_handover_finish (result, &snapshot, &fresh, &carried, &error))
    {
      hr_log_warning (self->name, "%s", error->message);
      hr_service_set_error (self, error->message);
    }
  else if (fresh)
    {
      HrEvent event = { .kind = HR_EVENT_STATE_PRESERVED, .snapshot = snapshot->id, .size = snapshot->size };

      hr_job_edit_outcome (self->running->job)->state_preserved = TRUE;
      hr_service_emit_event (self, &event);
    }
  hr_service_note_stuck (self, self->current);
  hr_service_set_current (self, NULL, NULL);
  hr_listeners_close (self->parts.listeners);
  hr_fd_store_empty (self->parts.stored);
  hr_job_edit_outcome (self->running->job)->message = g_strdup ("stopped");
  hr_service_end_stop (self);
}

/**
 * hr_service_run_stop:
 * @self: a service whose running operation is a stop
 *
 * Ends its instances and closes its sockets.
 */
void
hr_service_run_stop (HrService *self)
{
  /* It has begun: it cannot be cancelled any more. */
  hr_job_set_cancel_func (self->running->job, NULL, NULL);
  if (self->running->by_hand)
    self->stopped = TRUE;
  if (self->retiring != NULL)
    hr_generation_hand_over (self->retiring, hr_generation_get_spec (self->retiring)->stop_timeout);
  g_clear_object (&self->observation);
  hr_job_set_phase (self->running->job, "stop");
  /* Before it is so: of what ends then by itself the next daemon would not take the state. */
  hr_service_remember (self);
  if (self->current == NULL)
    {
      if (self->parts.listeners != NULL)
        hr_listeners_close (self->parts.listeners);
      if (self->parts.stored != NULL)
        hr_fd_store_empty (self->parts.stored);
      hr_job_edit_outcome (self->running->job)->message = g_strdup ("was not running");
      hr_service_stop_followers (self);
      hr_service_end_stop (self);
      return;
    }
  hr_job_edit_outcome (self->running->job)->release = hr_generation_get_release (self->current);
  hr_handover_async (self->platform, self->current, &self->parts, HR_SLOT_NONE,
                     hr_generation_get_spec (self->current)->stop_timeout, stopped, g_object_ref (self));
  hr_service_stop_followers (self);
  hr_service_touch (self);
}

/* What an earlier daemon left behind */

static void
leftover_collected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = hr_state_files_collect_finish (HR_STATE_FILES (source), result, &error);

  if (error != NULL)
    hr_log_warning (self->name, "%s", error->message);
  hr_service_end_request (self, NULL);
}

/* One of them is no more. */
static void
count_leftover (HrService *self)
{
  g_autofree char *instance = NULL;
  g_autoptr (GError) error = NULL;

  if (--self->n_leftovers > 0)
    return;
  instance = g_steal_pointer (&self->running->snapshot);
  error = g_steal_pointer (&self->leftover_error);
  /* Without a file that loads nothing of the service is open; its state files are found when they are. */
  if (error != NULL || self->spec == NULL || instance == NULL)
    {
      hr_service_end_request (self, error);
      return;
    }
  hr_state_files_collect_async (self->parts.state, instance, self->last_release, self->spec->state_version, NULL,
                                leftover_collected, g_object_ref (self));
}

static void
leftover_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (GError) error = NULL;

  if (!hr_leftover_end_finish (result, &error))
    {
      hr_log_warning (self->name, "%s", error->message);
      if (self->leftover_error == NULL)
        self->leftover_error = g_steal_pointer (&error);
    }
  count_leftover (self);
}

static void
leftover_handed_over (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) carried = NULL;
  gboolean fresh;

  if (!hr_handover_finish (result, &snapshot, &fresh, &carried, &error))
    hr_log_warning (self->name, "%s", error->message);
  count_leftover (self);
}

static void
warn_of_leftover (HrService *self, const HrRunProcess *process)
{
  hr_log_warning (self->name, "PID %d was left running by an earlier daemon; ending it", (int)process->pid);
  self->n_leftovers++;
}

/* One that served answers what is under way before it is told to stop, and its state is taken. Returns whether it can be
 * ended so. */
static gboolean
hand_leftover_over (HrService *self, const HrRunProcess *process)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrGeneration) generation =
      self->spec != NULL ? hr_service_take_over_process (self, process, &error) : NULL;

  if (generation == NULL)
    {
      hr_log_debug (self->name, "%s", error != NULL ? error->message : "its service file does not load");
      return FALSE;
    }
  warn_of_leftover (self, process);
  hr_handover_async (self->platform, generation, &self->parts, HR_SLOT_NONE, self->spec->stop_timeout,
                     leftover_handed_over, g_object_ref (self));
  return TRUE;
}

/* A candidate that waits for state which nobody gives it any more must not go on without: what it would write on its way
 * out is not the state of the service. */
static void
end_leftover (HrService *self, const HrRunProcess *process)
{
  int stop_signal = self->spec != NULL ? self->spec->stop_signal : SIGTERM;
  gint64 timeout = self->spec != NULL ? self->spec->stop_timeout : LEFTOVER_TIMEOUT_USEC;

  warn_of_leftover (self, process);
  if (process->signalled)
    {
      /* It was told, and has what is left of its time. */
      stop_signal = 0;
      timeout = CLAMP (process->kill_at - hr_clock_now (hr_platform_get_clock (self->platform)), 0, timeout);
    }
  hr_leftover_end_async (process->pid, process->start, process->instance,
                         process->role == HR_RUN_CANDIDATE ? SIGKILL : stop_signal, timeout, leftover_ended,
                         g_object_ref (self));
}

/**
 * hr_service_end_leftovers:
 * @self: a service that has not run
 * @record: what an earlier daemon wrote of it
 *
 * Ends those of its instances that still run, at the same time. An operation of its own: what is asked for meanwhile
 * waits for its end. The state of the one that has it is taken.
 */
void
hr_service_end_leftovers (HrService *self, const HrRunRecord *record)
{
  const HrRunProcess *current = record->current;
  const HrRunProcess *served = NULL;

  if (current != NULL && !hand_leftover_over (self, current)
      && hr_leftover_exists (current->pid, current->start, current->instance))
    {
      served = current;
      end_leftover (self, served);
    }
  for (guint i = 0; record->others != NULL && i < record->others->len; i++)
    {
      const HrRunProcess *other = g_ptr_array_index (record->others, i);

      if (!hr_leftover_exists (other->pid, other->start, other->instance))
        continue;
      end_leftover (self, other);
      if (other->role == HR_RUN_HEIR)
        served = other;
    }
  if (self->n_leftovers == 0)
    return;
  self->running = hr_service_new_request (self, HR_JOB_STOP, "start", NULL);
  self->running->snapshot = served != NULL ? g_strdup (served->instance) : NULL;
}
