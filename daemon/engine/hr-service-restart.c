/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What follows when an instance has ended by itself: a restart by policy, after a delay; at its limit see
 * hr-service-limit.c.
 */
#include "hr-log.h"
#include "hr-service-private.h"

static void
start_timed_out (gpointer user_data)
{
  HrService *self = user_data;
  gint64 extension = self->current != NULL ? hr_generation_get_extension (self->current) : 0;

  self->start_deadline = 0;
  if (extension > 0)
    {
      self->start_deadline = hr_clock_after (hr_platform_get_clock (self->platform), extension, start_timed_out, self);
      return;
    }
  if (self->current != NULL && !hr_generation_is_ready (self->current))
    hr_generation_give_up (self->current);
}

static void
start_again (HrService *self, GBytes *state)
{
  HrGeneration *old = self->current;
  const HrRelease *release = hr_release_store_get (self->parts.store, hr_generation_get_release (old));
  HrGenerationPlan plan = {
    .spec = hr_generation_get_spec (old),
    .release = hr_generation_get_release (old),
    .commit = release != NULL ? release->commit : NULL,
    .slot = hr_generation_get_slot (old),
    .view = hr_generation_get_view (old),
    .listeners = self->parts.listeners,
    .state_files = self->parts.state,
    .stored = self->parts.stored,
    .tally = self->tally,
    .caller = self->caller,
    .index = hr_generation_get_plan (old)->index,
    .ever_notified = self->ever_notified,
  };
  g_autoptr (HrGeneration) again = hr_generation_new (self->platform, &plan);
  g_autoptr (GError) error = NULL;
  gint64 outage = self->outage_since;

  self->restarts++;
  self->restart_at = 0;
  hr_backoff_began (self->backoff, hr_clock_now (hr_platform_get_clock (self->platform)));
  if (!hr_generation_start (again, state, FALSE, &error))
    {
      hr_service_set_current (self, again, NULL);
      hr_service_supervise (self);
      return;
    }
  hr_service_set_current (self, again, NULL);
  self->from_nothing = FALSE;
  if (self->reload != NULL)
    hr_reload_replace_previous (self->reload, again);
  self->start_deadline =
      hr_clock_after (hr_platform_get_clock (self->platform), plan.spec->start_timeout, start_timed_out, self);
  self->outage_since = outage;
  hr_service_remember (self);
  hr_service_touch (self);
}

static void
state_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (HrSnapshot) snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, NULL);

  self->loading_state = FALSE;
  /* Something else may have been asked for meanwhile, or be there. */
  if (!hr_service_leaves_restart (self) || self->current == NULL || hr_generation_is_alive (self->current))
    return;
  if (self->restart_at == 0)
    hr_service_supervise (self);
  else
    start_again (self, snapshot != NULL ? snapshot->data : NULL);
}

static void
restart_due (gpointer user_data)
{
  HrService *self = user_data;

  self->restart_timer = 0;
  if (!hr_service_leaves_restart (self))
    return;
  if (self->falls_back)
    {
      self->restart_at = 0;
      hr_service_fall_back (self, self->current);
      return;
    }
  if (!hr_generation_get_spec (self->current)->preserve)
    {
      start_again (self, NULL);
      return;
    }
  self->loading_state = TRUE;
  hr_state_files_load_async (self->parts.state, NULL, NULL, state_loaded, g_object_ref (self));
}

/**
 * hr_service_cancel_restart:
 * @self: a service
 *
 * Something else will start it, or nothing shall.
 */
void
hr_service_cancel_restart (HrService *self)
{
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->restart_timer);
}

/* With the release, where the service has any. */
static char *
describe_end (HrService *self)
{
  guint64 release = hr_generation_get_release (self->current);
  g_autofree char *end = hr_generation_describe_end (self->current);

  return release != 0 ? g_strdup_printf ("release %" G_GUINT64_FORMAT ": %s", release, end) : g_steal_pointer (&end);
}

/* One more end within RestartWindow is one too many. The rollback is not begun here: an operation may be ending. One that
 * is under way ends first: it may move to another release. */
static void
reach_limit (HrService *self, gint64 now)
{
  if (!hr_service_may_fall_back (self))
    {
      hr_service_give_up_at_limit (self);
      return;
    }
  self->falls_back = TRUE;
  self->restart_at = now;
  if (self->running == NULL)
    self->restart_timer = hr_clock_after (hr_platform_get_clock (self->platform), 0, restart_due, self);
  hr_service_touch (self);
}

static void
say_restart (HrService *self, gint64 delay)
{
  g_autofree char *end = hr_generation_describe_end (self->current);
  g_autofree char *of_release = describe_end (self);
  g_autofree char *words = hr_generation_last_words (self->current);
  g_autofree char *error = g_strconcat (end, words, NULL);

  hr_log_warning (self->name, "%s; starting again in %" G_GINT64_FORMAT " ms", of_release,
                  delay / G_TIME_SPAN_MILLISECOND);
  hr_service_set_error (self, error);
}

/* Its policy lets it rest. */
static void
rest (HrService *self, gboolean well)
{
  if (!well)
    {
      hr_service_note_end (self, self->current);
      hr_service_give_up (self, self->caller == NULL ? "Restart=no" : NULL);
      return;
    }
  hr_service_close_at_rest (self);
  if (self->outage_since != 0)
    {
      self->outage_since = 0;
      hr_service_remember (self);
      hr_service_touch (self);
    }
}

/**
 * hr_service_leaves_restart:
 * @self: a service
 *
 * Returns: whether what follows when its instance has ended by itself is the supervision's: there is no operation, or
 *   one that has nothing yet that could serve in its place
 */
gboolean
hr_service_leaves_restart (HrService *self)
{
  if (self->running == NULL)
    return TRUE;
  /* What is gone back from by itself is not started again, nor is anything that is to stop, or that is started anyway. */
  return self->reload != NULL && self->running->reason == NULL && hr_reload_leaves_previous (self->reload)
         && (self->waiting == NULL || self->waiting->kind != HR_JOB_STOP)
         && (!self->from_nothing || self->running->kind == HR_JOB_RELOAD);
}

/**
 * hr_service_supervise:
 * @self: a service
 *
 * Decides what follows when its instance has ended, unless that is the running operation's matter: nothing, a restart
 * after a delay, a rollback, or failed.
 */
void
hr_service_supervise (HrService *self)
{
  HrServiceSpec *spec;
  gboolean well;
  gint64 delay;
  gint64 now = hr_clock_now (hr_platform_get_clock (self->platform));

  if (!hr_service_leaves_restart (self) || self->current == NULL || hr_generation_is_alive (self->current)
      || self->failed || self->stopped || self->closing || self->restart_timer != 0 || self->loading_state)
    return;
  if (hr_service_awaits_rollback (self) || (self->falls_back && self->running != NULL))
    return;
  if (self->restart_at != 0)
    {
      self->restart_timer =
          hr_clock_after (hr_platform_get_clock (self->platform), MAX (self->restart_at - now, 0), restart_due, self);
      return;
    }
  /* The rollback is over, and no other instance has come of it. */
  if (self->falls_back)
    {
      hr_service_give_up_at_limit (self);
      return;
    }

  /* To try it again would change nothing. */
  if (hr_generation_was_refused (self->current))
    {
      hr_service_give_up (self, NULL);
      return;
    }
  spec = hr_generation_get_spec (self->current);
  well = hr_generation_ended_well (self->current);
  if (spec->restart == HR_RESTART_NO || (spec->restart == HR_RESTART_ON_FAILURE && well))
    {
      rest (self, well);
      return;
    }
  hr_service_note_end (self, self->current);
  if (hr_backoff_is_stable (self->backoff, now))
    self->fell_back_from = 0;
  delay = hr_backoff_failed (self->backoff, now, g_random_int ());
  if (delay == HR_BACKOFF_GIVE_UP)
    {
      reach_limit (self, now);
      return;
    }
  if (!well)
    say_restart (self, delay);
  self->restart_at = now + delay;
  self->restart_timer = hr_clock_after (hr_platform_get_clock (self->platform), delay, restart_due, self);
  hr_service_touch (self);
}
