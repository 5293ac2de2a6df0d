/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a reload measures: how long nobody served, how long connections waited, how long each phase took.
 */
#include "hr-log.h"
#include "hr-reload-private.h"

/**
 * hr_reload_note_serving:
 * @self: a reload
 *
 * To be called when an instance may have begun or ceased to serve. Downtime is the time in which none was alive, ready
 * and not told to stop. While several are rolled the share of the new ones follows.
 */
void
hr_reload_note_serving (HrReload *self)
{
  gboolean serving = hr_reload_n_new_serving (self) + hr_reload_n_old_serving (self) > 0
                     || (self->fallback != NULL && hr_generation_is_serving (self->fallback));
  gint64 now = hr_clock_now (hr_reload_clock (self));
  g_autoptr (GError) error = NULL;

  if (self->end != HR_RELOAD_UNDER_WAY)
    return;
  if (!hr_reload_divide_traffic (self, 0, &error))
    hr_log_warning (self->spec->name, "%s, ignoring: its instances get unequal shares", error->message);
  if (!serving && self->outage_since == 0 && self->previous != NULL)
    self->outage_since = now;
  else if (serving && self->outage_since != 0)
    {
      hr_job_edit_outcome (self->job)->downtime_usec += now - self->outage_since;
      self->outage_since = 0;
    }
  if (self->queue != NULL)
    hr_queue_watch_set_serving (self->queue, serving);
}

/**
 * hr_reload_watch_queue:
 * @self: a reload that will do something
 *
 * Begins to measure how long connections wait; not where nothing ran that listened: nobody can wait for a first start.
 */
void
hr_reload_watch_queue (HrReload *self)
{
  g_autoptr (GPtrArray) others = NULL;

  if (self->parts.listeners == NULL || (self->previous == NULL && self->outage_since == 0))
    return;
  self->queue = hr_queue_watch_new (hr_reload_clock (self), self->parts.listeners);
  if (self->previous != NULL && hr_generation_is_alive (self->previous))
    hr_queue_watch_add (self->queue, self->previous);
  others = self->old_followers != NULL ? hr_followers_list (self->old_followers) : g_ptr_array_new ();
  for (guint i = 0; i < others->len; i++)
    hr_queue_watch_add (self->queue, g_ptr_array_index (others, i));
  hr_reload_note_serving (self);
}

/* What was measured counts with what was before. */
static void
end_queue_watch (HrReload *self)
{
  gint64 wait = hr_queue_watch_end (self->queue);

  self->queue_wait = MAX (self->queue_wait, wait);
  g_clear_object (&self->queue);
}

/**
 * hr_reload_measure_anew:
 * @self: a reload
 *
 * The daemon may be another program in a moment, to which what was measured up to now must be told.
 */
void
hr_reload_measure_anew (HrReload *self)
{
  if (self->queue == NULL)
    return;
  end_queue_watch (self);
  hr_reload_watch_queue (self);
  if (self->candidate != NULL)
    hr_queue_watch_add (self->queue, self->candidate);
}

/**
 * hr_reload_time_phase:
 * @self: a reload
 * @phase: (nullable): word for what begins now; %NULL: nothing more
 *
 * Ends what was timed before: every moment from the reload's beginning to its end belongs to one phase.
 */
void
hr_reload_time_phase (HrReload *self, const char *phase)
{
  HrOutcome *outcome = hr_job_edit_outcome (self->job);
  gint64 now = hr_clock_now (hr_reload_clock (self));

  if (self->timed_phase != NULL)
    {
      if (outcome->phases == NULL)
        outcome->phases = hr_phase_times_new ();
      hr_phase_times_add (outcome->phases, self->timed_phase, now - self->timed_since);
    }
  else
    self->began_at = now;
  self->timed_phase = phase;
  self->timed_since = now;
}

/**
 * hr_reload_take_figures:
 * @self: a reload that ends
 *
 * Puts what was measured into its outcome. An outage that goes on counts up to now; what follows is the next one's.
 */
void
hr_reload_take_figures (HrReload *self)
{
  HrOutcome *outcome = hr_job_edit_outcome (self->job);
  gint64 now;

  /* One moment for all: what is told must add up. */
  hr_reload_time_phase (self, NULL);
  now = self->timed_since;
  outcome->duration_usec = now - self->began_at;
  if (self->tally != NULL)
    outcome->connections_cut = self->tally->connections - self->cut_before;
  if (self->end == HR_RELOAD_ENDED_BADLY && self->outage_since != 0)
    {
      outcome->downtime_usec += now - self->outage_since;
      self->outage_since = now;
    }
  if (self->queue != NULL)
    {
      end_queue_watch (self);
      outcome->queue_wait_usec = self->queue_wait;
    }
}

static void
queue_known (gpointer user_data)
{
  HrReload *self = user_data;

  if (!self->abandoned && self->coming_end != HR_RELOAD_UNDER_WAY)
    hr_reload_finish (self, self->coming_end);
}

/**
 * hr_reload_end:
 * @self: a reload
 * @end: how it ends
 *
 * Finishes it, now or as soon as it is known how long connections have waited that nobody has accepted yet.
 */
void
hr_reload_end (HrReload *self, HrReloadEnd end)
{
  self->coming_end = end;
  if (self->queue == NULL || !hr_queue_watch_look_again (self->queue, queue_known, self))
    hr_reload_finish (self, end);
}

/**
 * hr_reload_sum_effort:
 * @times: (nullable): of phases
 * @checking: whether to sum up what checking took, which is building, too; else what it took to come up and be verified
 *
 * The end of the old instance, which a handover of state waits for in between, is no part of it.
 *
 * Returns: microseconds
 */
gint64
hr_reload_sum_effort (const HrPhaseTimes *times, gboolean checking)
{
  static const HrReloadPhase coming_up[] = { HR_PHASE_START, HR_PHASE_READY, HR_PHASE_VERIFY };
  gint64 usec = 0;

  if (checking)
    return hr_phase_times_find (times, hr_reload_phase_to_string (HR_PHASE_CHECK));
  for (guint i = 0; i < G_N_ELEMENTS (coming_up); i++)
    usec += hr_phase_times_find (times, hr_reload_phase_to_string (coming_up[i]));
  return usec;
}

/**
 * hr_reload_get_effort:
 * @self: a reload
 * @checking: (out): whether its candidate is being checked or built; else it is to come up
 *
 * Returns: for how long so far, in microseconds; -1: neither, or it has failed
 */
gint64
hr_reload_get_effort (HrReload *self, gboolean *checking)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), -1);

  if (hr_reload_has_ended (self) || self->release == NULL)
    return -1;
  *checking = self->phase == HR_PHASE_CHECK;
  if (!*checking && self->phase != HR_PHASE_START && self->phase != HR_PHASE_READY && self->phase != HR_PHASE_VERIFY)
    return -1;
  return hr_reload_sum_effort (hr_job_get_outcome (self->job)->phases, *checking)
         + hr_clock_now (hr_reload_clock (self)) - self->timed_since;
}
