/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-followers-private.h"
#include "hr-log.h"

enum {
  SIGNAL_READY,
  SIGNAL_ENDED,
  SIGNAL_EXITED,
  SIGNAL_COUNTED,
  SIGNAL_RESTARTED,
  SIGNAL_TROUBLE,
  SIGNAL_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrFollowers, hr_followers, G_TYPE_OBJECT)

static HrClock *
get_clock (HrFollowers *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
stop_health (HrFollowerPlace *place)
{
  if (place->health == NULL)
    return;
  g_signal_handlers_disconnect_by_data (place->health, place);
  hr_health_stop (place->health);
  g_clear_object (&place->health);
}

/**
 * hr_follower_place_disarm:
 * @place: a place
 *
 * Drops what is armed for the instance in it.
 */
void
hr_follower_place_disarm (HrFollowerPlace *place)
{
  hr_clock_cancel (get_clock (place->owner), &place->start_deadline);
  hr_clock_cancel (get_clock (place->owner), &place->restart_timer);
  stop_health (place);
}

/**
 * hr_follower_place_clear:
 * @place: a place
 *
 * Empties it; a process that nobody else holds ends.
 */
void
hr_follower_place_clear (HrFollowerPlace *place)
{
  hr_follower_place_disarm (place);
  if (place->generation != NULL)
    g_signal_handlers_disconnect_by_data (place->generation, place);
  g_clear_object (&place->generation);
}

static void
place_free (gpointer data)
{
  HrFollowerPlace *place = data;

  hr_follower_place_clear (place);
  hr_backoff_free (place->backoff);
  g_free (place);
}

static void
hr_followers_dispose (GObject *object)
{
  HrFollowers *self = HR_FOLLOWERS (object);

  for (guint i = 0; self->leaving != NULL && i < self->leaving->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->leaving, i), self);
  g_clear_pointer (&self->leaving, g_ptr_array_unref);
  g_clear_pointer (&self->places, g_ptr_array_unref);
  g_clear_pointer (&self->plan, hr_generation_plan_free);
  g_clear_pointer (&self->lead, g_free);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_followers_parent_class)->dispose (object);
}

static void
hr_followers_class_init (HrFollowersClass *klass)
{
  GType type = HR_TYPE_FOLLOWERS;

  G_OBJECT_CLASS (klass)->dispose = hr_followers_dispose;
  signals[SIGNAL_READY] =
      g_signal_new ("ready", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, HR_TYPE_GENERATION);
  signals[SIGNAL_ENDED] =
      g_signal_new ("ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, HR_TYPE_GENERATION);
  signals[SIGNAL_EXITED] =
      g_signal_new ("exited", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, HR_TYPE_GENERATION);
  signals[SIGNAL_COUNTED] = g_signal_new ("counted", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                          HR_TYPE_GENERATION, G_TYPE_BOOLEAN);
  signals[SIGNAL_RESTARTED] = g_signal_new ("restarted", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_TROUBLE] =
      g_signal_new ("trouble", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_followers_init (HrFollowers *self)
{
  self->places = g_ptr_array_new_with_free_func (place_free);
  self->leaving = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * hr_followers_new:
 * @platform: the operating system
 * @lead: the instance that was started first, with more than one of Instances
 *
 * Returns: (transfer full): followers whose places are empty; nobody starts them by himself
 */
HrFollowers *
hr_followers_new (HrPlatform *platform, HrGeneration *lead)
{
  HrFollowers *self = g_object_new (HR_TYPE_FOLLOWERS, NULL);
  HrServiceSpec *spec = hr_generation_get_spec (lead);

  self->platform = g_object_ref (platform);
  self->plan = hr_generation_plan_copy (hr_generation_get_plan (lead));
  self->plan->ever_notified = self->plan->ever_notified || hr_generation_has_notified (lead);
  self->plan->expects_state = FALSE;
  self->lead = g_strdup (hr_generation_get_id (lead));
  for (guint index = 1; index <= spec->instances; index++)
    {
      HrFollowerPlace *place;

      if (index == self->plan->index)
        continue;
      place = g_new0 (HrFollowerPlace, 1);
      place->owner = self;
      place->index = index;
      place->backoff =
          hr_backoff_new (spec->restart_delay, spec->restart_delay_max, spec->restart_limit, spec->restart_window);
      g_ptr_array_add (self->places, place);
    }
  return self;
}

/* One in a place */

static void supervise (HrFollowerPlace *place);

static void
watchdog_changed (HrHealth *health, HrFollowerPlace *place)
{
  if (hr_health_wants_restart (health))
    hr_generation_abort (place->generation, hr_health_get_error (health));
}

/* Whichever answers a probe by the network, each has to report to its watchdog. */
static void
begin_watchdog (HrFollowerPlace *place)
{
  const HrProbeSpec *probe = place->owner->plan->spec->probe;

  if (probe == NULL || probe->kind != HR_PROBE_WATCHDOG)
    return;
  place->health = hr_health_new (place->owner->platform, place->generation, FALSE);
  g_signal_connect (place->health, "changed", G_CALLBACK (watchdog_changed), place);
}

static void
follower_ready (HrGeneration *generation, HrFollowerPlace *place)
{
  g_autoptr (HrFollowers) self = g_object_ref (place->owner);

  hr_clock_cancel (get_clock (self), &place->start_deadline);
  stop_health (place);
  begin_watchdog (place);
  hr_backoff_healthy (place->backoff, hr_clock_now (get_clock (self)));
  g_signal_emit (self, signals[SIGNAL_READY], 0, generation);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static void
follower_ended (HrGeneration *generation, HrFollowerPlace *place)
{
  g_signal_emit (place->owner, signals[SIGNAL_ENDED], 0, generation);
}

static void
follower_exited (HrGeneration *generation, HrFollowerPlace *place)
{
  g_autoptr (HrFollowers) self = g_object_ref (place->owner);
  g_autoptr (HrGeneration) guard = g_object_ref (generation);

  hr_follower_place_disarm (place);
  hr_state_files_discard (self->plan->state_files, hr_generation_get_id (generation));
  g_signal_emit (self, signals[SIGNAL_EXITED], 0, generation);
  /* A handler may have let go of all of them, or begun something else. */
  if (self->places != NULL && place->generation == generation)
    supervise (place);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static void
follower_status (HrGeneration *generation, HrFollowerPlace *place)
{
  HrFollowers *self = place->owner;

  self->plan->ever_notified = self->plan->ever_notified || hr_generation_has_notified (generation);
}

static void
follower_main_changed (HrGeneration *generation, HrFollowerPlace *place)
{
  g_signal_emit (place->owner, signals[SIGNAL_CHANGED], 0);
}

static void
start_timed_out (gpointer user_data)
{
  HrFollowerPlace *place = user_data;
  gint64 extension = hr_generation_get_extension (place->generation);

  place->start_deadline = 0;
  if (extension > 0)
    {
      place->start_deadline = hr_clock_after (get_clock (place->owner), extension, start_timed_out, place);
      return;
    }
  hr_generation_give_up (place->generation);
}

static void
probed (HrHealth *probe, HrFollowerPlace *place)
{
  if (hr_health_get_state (probe) == HR_HEALTH_HEALTHY)
    hr_generation_set_ready (place->generation);
}

static void
follow (HrFollowerPlace *place)
{
  g_signal_connect (place->generation, "ready", G_CALLBACK (follower_ready), place);
  g_signal_connect (place->generation, "ended", G_CALLBACK (follower_ended), place);
  g_signal_connect (place->generation, "exited", G_CALLBACK (follower_exited), place);
  g_signal_connect (place->generation, "status", G_CALLBACK (follower_status), place);
  g_signal_connect (place->generation, "main-changed", G_CALLBACK (follower_main_changed), place);
}

static gboolean
start (HrFollowerPlace *place, GError **error)
{
  HrFollowers *self = place->owner;
  HrServiceSpec *spec = self->plan->spec;
  HrGenerationPlan plan = *self->plan;

  hr_follower_place_clear (place);
  plan.index = place->index;
  place->generation = hr_generation_new (self->platform, &plan);
  hr_listeners_join (plan.listeners, hr_generation_get_id (place->generation), self->lead);
  hr_backoff_began (place->backoff, hr_clock_now (get_clock (self)));
  if (!hr_generation_start (place->generation, NULL, FALSE, error))
    {
      g_autofree char *who = hr_followers_describe (place->generation);

      g_prefix_error (error, "while starting %s: ", who);
      return FALSE;
    }
  follow (place);
  place->start_deadline = hr_clock_after (get_clock (self), spec->start_timeout, start_timed_out, place);
  if (spec->ready == HR_READY_PROBE)
    {
      place->health = hr_health_new (self->platform, place->generation, TRUE);
      g_signal_connect (place->health, "changed", G_CALLBACK (probed), place);
    }
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
  return TRUE;
}

/**
 * hr_followers_take:
 * @self: followers that are not supervised
 * @follower: an instance of the same release that serves, and that an earlier daemon started
 *
 * It goes on in the place that is its own by its index.
 *
 * Returns: whether it could: there is such a place, and no other is in it
 */
gboolean
hr_followers_take (HrFollowers *self, HrGeneration *follower)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), FALSE);

  for (guint i = 0; i < self->places->len; i++)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i);

      if (place->index != hr_generation_get_plan (follower)->index || place->generation != NULL)
        continue;
      place->generation = g_object_ref (follower);
      follow (place);
      begin_watchdog (place);
      hr_backoff_healthy (place->backoff, hr_clock_now (get_clock (self)));
      return TRUE;
    }
  return FALSE;
}

/* Supervision */

/* @at_last: whether it is not started again */
static void
tell (HrFollowerPlace *place, const char *what_follows, gboolean at_last)
{
  g_autofree char *who = hr_followers_describe (place->generation);
  g_autofree char *end = hr_generation_describe_end (place->generation);
  g_autofree char *words = hr_generation_last_words (place->generation);
  g_autofree char *message =
      g_strconcat (who, ": ", end, at_last ? "; " : "", at_last ? what_follows : "", words, NULL);

  hr_log_warning (place->owner->plan->spec->name, "%s: %s; %s", who, end, what_follows);
  g_signal_emit (place->owner, signals[SIGNAL_TROUBLE], 0, message);
}

static void
restart_due (gpointer user_data)
{
  HrFollowerPlace *place = user_data;
  g_autoptr (GError) error = NULL;

  place->restart_timer = 0;
  if (place->generation != NULL)
    g_signal_emit (place->owner, signals[SIGNAL_RESTARTED], 0);
  if (!start (place, &error))
    supervise (place);
}

/* Its policy lets it rest. */
static gboolean
may_rest (HrFollowerPlace *place, gboolean well)
{
  HrRestartMode policy = place->owner->plan->spec->restart;

  return policy == HR_RESTART_NO || (policy == HR_RESTART_ON_FAILURE && well);
}

static void
start_later (HrFollowerPlace *place, gboolean well, gint64 delay)
{
  g_autofree char *text =
      g_strdup_printf ("starting again in %" G_GINT64_FORMAT " ms", delay / G_TIME_SPAN_MILLISECOND);

  place->restart_timer = hr_clock_after (get_clock (place->owner), delay, restart_due, place);
  if (!well)
    tell (place, text, FALSE);
}

/* As the lead, see hr_service_supervise(), but that nothing is failed by it while others serve. */
static void
supervise (HrFollowerPlace *place)
{
  g_autoptr (HrFollowers) self = g_object_ref (place->owner);
  g_autoptr (HrGeneration) ended = NULL;
  gboolean well, limit = FALSE;
  gint64 delay;

  if (!self->supervised || hr_follower_place_is_alive (place) || place->given_up || place->restart_timer != 0)
    return;
  if (place->generation == NULL)
    {
      place->restart_timer = hr_clock_after (get_clock (self), 0, restart_due, place);
      return;
    }
  ended = g_object_ref (place->generation);
  well = hr_generation_ended_well (ended);
  if (may_rest (place, well))
    {
      place->given_up = TRUE;
      if (well)
        return;
      tell (place, "Restart=no", TRUE);
    }
  else
    {
      delay = hr_backoff_failed (place->backoff, hr_clock_now (get_clock (self)), g_random_int ());
      limit = place->given_up = delay == HR_BACKOFF_GIVE_UP;
      if (limit)
        tell (place, "RestartLimit was reached", TRUE);
      else
        start_later (place, well, delay);
    }
  /* A handler may let go of all of them. */
  g_signal_emit (self, signals[SIGNAL_COUNTED], 0, ended, limit);
}

/**
 * hr_followers_go_on:
 * @self: followers
 *
 * Where they are supervised: looks at all of them, as one may have got a place that has ended before.
 */
void
hr_followers_go_on (HrFollowers *self)
{
  g_autoptr (HrFollowers) guard = NULL;

  g_return_if_fail (HR_IS_FOLLOWERS (self));

  guard = g_object_ref (self);
  for (guint i = 0; self->places != NULL && i < self->places->len; i++)
    supervise (g_ptr_array_index (self->places, i));
}

/**
 * hr_followers_supervise:
 * @self: followers
 *
 * From now on those that are missing are started, and those that end are started again by the policy of the service.
 */
void
hr_followers_supervise (HrFollowers *self)
{
  g_return_if_fail (HR_IS_FOLLOWERS (self));

  self->supervised = TRUE;
  hr_followers_go_on (self);
}

/**
 * hr_followers_start_given_up:
 * @self: followers
 *
 * Somebody takes a hand: what ended before counts for nothing any more, and those that were not to be started again are.
 *
 * Returns: whether there were any
 */
gboolean
hr_followers_start_given_up (HrFollowers *self)
{
  gboolean any = FALSE;

  g_return_val_if_fail (HR_IS_FOLLOWERS (self), FALSE);

  for (guint i = 0; i < self->places->len; i++)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i);

      hr_backoff_reset (place->backoff);
      if (!place->given_up)
        continue;
      any = TRUE;
      place->given_up = FALSE;
      hr_follower_place_clear (place);
    }
  hr_followers_go_on (self);
  return any;
}

/**
 * hr_followers_start_next:
 * @self: followers that are not supervised
 * @error: return location
 *
 * Starts one that is missing, where one is.
 *
 * Returns: FALSE where that could not be done
 */
gboolean
hr_followers_start_next (HrFollowers *self, GError **error)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), FALSE);

  for (guint i = 0; i < self->places->len; i++)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i);

      if (!hr_follower_place_is_alive (place))
        {
          place->given_up = FALSE;
          return start (place, error);
        }
    }
  return TRUE;
}
