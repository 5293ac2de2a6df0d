/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-observation.h"

#include "hr-rollback-policy.h"

struct _HrObservation {
  GObject parent_instance;

  HrClock *clock;
  HrGeneration *generation;
  HrHealth *health;
  HrSampler *sampler; /* NULL: nothing to judge it by but that it runs and is healthy */
  HrPostFigures before;
  gboolean has_before;
  gboolean waits; /* the time has passed, and the probe is to decide: its last answer was a failure */
  gboolean over;  /* the time has passed, and the last look is under way */
  guint timer;
};

enum { SIGNAL_PASSED, SIGNAL_FAILED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrObservation, hr_observation, G_TYPE_OBJECT)

static void
end (HrObservation *self)
{
  hr_clock_cancel (self->clock, &self->timer);
  if (self->generation != NULL)
    g_signal_handlers_disconnect_by_data (self->generation, self);
  if (self->health != NULL)
    g_signal_handlers_disconnect_by_data (self->health, self);
  if (self->sampler != NULL)
    g_signal_handlers_disconnect_by_data (self->sampler, self);
}

static void
hr_observation_dispose (GObject *object)
{
  HrObservation *self = HR_OBSERVATION (object);

  if (self->clock != NULL)
    end (self);
  g_clear_object (&self->generation);
  g_clear_object (&self->health);
  g_clear_object (&self->sampler);
  g_clear_object (&self->clock);
  G_OBJECT_CLASS (hr_observation_parent_class)->dispose (object);
}

static void
hr_observation_class_init (HrObservationClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_observation_dispose;
  signals[SIGNAL_PASSED] =
      g_signal_new ("passed", HR_TYPE_OBSERVATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_FAILED] = g_signal_new ("failed", HR_TYPE_OBSERVATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                         G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
hr_observation_init (HrObservation *self)
{
}

static void
fail (HrObservation *self, const char *reason)
{
  g_autoptr (HrObservation) guard = g_object_ref (self);

  end (self);
  g_signal_emit (self, signals[SIGNAL_FAILED], 0, reason);
}

static void
pass (HrObservation *self)
{
  g_autoptr (HrObservation) guard = g_object_ref (self);

  end (self);
  g_signal_emit (self, signals[SIGNAL_PASSED], 0);
}

static void
sampled (HrSampler *sampler, HrObservation *self)
{
  g_autofree char *reason = NULL;
  HrVerdict verdict = hr_sampler_judge (sampler, self->has_before ? &self->before : NULL, self->over, &reason);

  if (verdict == HR_VERDICT_GOOD)
    pass (self);
  if (verdict == HR_VERDICT_BAD)
    fail (self, reason);
}

/* The time has passed, and nothing has been found by its probe. */
static void
decide (HrObservation *self)
{
  if (self->sampler == NULL)
    {
      pass (self);
      return;
    }
  /* What happened since the last look counts too. */
  self->over = TRUE;
  hr_sampler_look_now (self->sampler);
}

static void
time_passed (gpointer user_data)
{
  g_autoptr (HrObservation) self = g_object_ref (user_data);
  HrHealthState state = self->health != NULL ? hr_health_get_state (self->health) : HR_HEALTH_UNKNOWN;

  self->timer = 0;
  /* Failures and Interval may ask for more time than RollbackAfter is: what is about to fail is not good by that. */
  if (state == HR_HEALTH_DEGRADED)
    self->waits = TRUE;
  else if (state == HR_HEALTH_OFFLINE)
    fail (self, hr_health_get_error (self->health));
  else
    decide (self);
}

/**
 * hr_observation_allows_end:
 * @generation: an instance that has ended by itself
 *
 * Returns: whether its end is as it should be: a good one of a program with Restart=no
 */
gboolean
hr_observation_allows_end (HrGeneration *generation)
{
  return hr_generation_get_spec (generation)->restart == HR_RESTART_NO && hr_generation_ended_well (generation);
}

static void
exited (HrGeneration *generation, HrObservation *self)
{
  g_autofree char *how = NULL;

  /* What was told to stop proves nothing against the release, nor does a program that may end: one that nobody would
   * start again. Any other that ends has not proven itself, whatever its status. */
  if (hr_generation_is_stopping (generation) || hr_observation_allows_end (generation))
    {
      end (self);
      return;
    }
  how = hr_generation_describe_end (generation);
  fail (self, how);
}

/**
 * hr_observation_instance_ended:
 * @self: an observation
 * @generation: another instance of the release, which has ended by itself
 *
 * Counts as the end of the one that is watched.
 */
void
hr_observation_instance_ended (HrObservation *self, HrGeneration *generation)
{
  g_return_if_fail (HR_IS_OBSERVATION (self));
  exited (generation, self);
}

static void
health_changed (HrHealth *health, HrObservation *self)
{
  HrHealthState state = hr_health_get_state (health);

  if (state == HR_HEALTH_OFFLINE)
    {
      fail (self, hr_health_get_error (health));
      return;
    }
  if (!self->waits || state == HR_HEALTH_DEGRADED)
    return;
  self->waits = FALSE;
  decide (self);
}

/**
 * hr_observation_new:
 * @clock: time
 * @generation: the new instance
 * @health: (nullable): its health
 * @sampler: (nullable): what looks at it, where [PostCheck] names anything to judge it by
 * @before: (nullable): what was seen of the release before
 * @duration_usec: for how long
 *
 * Returns: (transfer full): an observation that has begun
 */
HrObservation *
hr_observation_new (HrClock *clock, HrGeneration *generation, HrHealth *health, HrSampler *sampler,
                    const HrPostFigures *before, gint64 duration_usec)
{
  HrObservation *self = g_object_new (HR_TYPE_OBSERVATION, NULL);

  self->clock = g_object_ref (clock);
  self->generation = g_object_ref (generation);
  g_set_object (&self->health, health);
  g_set_object (&self->sampler, sampler);
  self->has_before = before != NULL;
  if (before != NULL)
    self->before = *before;
  self->timer = hr_clock_after (clock, duration_usec, time_passed, self);
  g_signal_connect (generation, "exited", G_CALLBACK (exited), self);
  if (health != NULL)
    g_signal_connect (health, "changed", G_CALLBACK (health_changed), self);
  if (sampler != NULL)
    g_signal_connect (sampler, "sampled", G_CALLBACK (sampled), self);
  return self;
}

/**
 * hr_observation_get_release:
 * @self: an observation
 *
 * Returns: the number of the release that is watched
 */
guint64
hr_observation_get_release (HrObservation *self)
{
  g_return_val_if_fail (HR_IS_OBSERVATION (self), 0);
  return hr_generation_get_release (self->generation);
}
