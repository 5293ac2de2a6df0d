/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-canary-private.h"
#include "hr-error.h"
#include "hr-rollback-policy.h"

enum { SIGNAL_PROGRESS, SIGNAL_PASSED, SIGNAL_FAILED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrCanary, hr_canary, G_TYPE_OBJECT)

static HrClock *
clock_of (HrCanary *self)
{
  return hr_platform_get_clock (self->platform);
}

static gint64
now_of (HrCanary *self)
{
  return hr_clock_now (clock_of (self));
}

static void
forget (gpointer object, HrCanary *self)
{
  if (object != NULL)
    g_signal_handlers_disconnect_by_data (object, self);
}

/* Nothing happens by itself any more. */
static void
cease (HrCanary *self)
{
  self->ended = TRUE;
  hr_clock_cancel (clock_of (self), &self->timer);
  forget (self->health, self);
  forget (self->running_health, self);
  forget (self->running, self);
  forget (self->sampler, self);
  forget (self->running_sampler, self);
  if (self->sampler != NULL)
    hr_sampler_stop (self->sampler);
  if (self->running_sampler != NULL)
    hr_sampler_stop (self->running_sampler);
}

static void
hr_canary_dispose (GObject *object)
{
  HrCanary *self = HR_CANARY (object);

  if (self->platform != NULL)
    cease (self);
  g_clear_object (&self->sampler);
  g_clear_object (&self->running_sampler);
  g_clear_object (&self->health);
  g_clear_object (&self->running_health);
  g_clear_object (&self->candidate);
  g_clear_object (&self->running);
  g_clear_object (&self->listeners);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_canary_parent_class)->dispose (object);
}

static void
hr_canary_finalize (GObject *object)
{
  HrCanary *self = HR_CANARY (object);

  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_free (self->verdict);
  G_OBJECT_CLASS (hr_canary_parent_class)->finalize (object);
}

static void
hr_canary_class_init (HrCanaryClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_canary_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_canary_finalize;
  signals[SIGNAL_PROGRESS] =
      g_signal_new ("progress", HR_TYPE_CANARY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_PASSED] =
      g_signal_new ("passed", HR_TYPE_CANARY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_FAILED] =
      g_signal_new ("failed", HR_TYPE_CANARY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
hr_canary_init (HrCanary *self)
{
  self->waiting_since = HR_CANARY_NEVER;
}

/**
 * hr_canary_new:
 * @platform: the operating system
 * @listeners: the service's sockets, of which the candidate has some of its own
 * @candidate: a new instance that is ready and healthy
 * @health: (nullable): its health
 * @running: the instance that serves
 * @running_health: (nullable): its health
 *
 * Returns: (transfer full): a canary that has not begun
 */
HrCanary *
hr_canary_new (HrPlatform *platform, HrListeners *listeners, HrGeneration *candidate, HrHealth *health,
               HrGeneration *running, HrHealth *running_health)
{
  HrCanary *self = g_object_new (HR_TYPE_CANARY, NULL);

  self->platform = g_object_ref (platform);
  self->listeners = g_object_ref (listeners);
  self->spec = hr_service_spec_ref (hr_generation_get_spec (candidate));
  self->candidate = g_object_ref (candidate);
  self->running = g_object_ref (running);
  g_set_object (&self->health, health);
  g_set_object (&self->running_health, running_health);
  return self;
}

/* How it ends */

/* @why: (nullable): the reason, where that is not what was seen; @tells: whether it tells what was seen, which is to
 * stand there whatever the reason is. */
static char *
make_verdict (HrCanary *self, const char *word, const char *why, gboolean tells)
{
  g_autofree char *share = hr_canary_share_to_string (self->share);
  g_autofree char *metrics = why == NULL ? hr_sampler_describe (self->sampler, self->running_sampler) : NULL;
  g_autofree char *seen = hr_canary_describe_samples (&self->seen, &self->seen_running, metrics);

  if (why == NULL)
    return g_strdup_printf ("%s at %s: %s", word, share, seen);
  if (tells || self->seen.probes == 0)
    return g_strdup_printf ("%s at %s: %s", word, share, why);
  return g_strdup_printf ("%s at %s: %s; %s", word, share, why, seen);
}

static void
pass (HrCanary *self, const char *word, const char *why)
{
  g_autoptr (HrCanary) guard = g_object_ref (self);

  self->verdict = make_verdict (self, word, why, FALSE);
  cease (self);
  g_signal_emit (self, signals[SIGNAL_PASSED], 0);
}

static void
fail (HrCanary *self, HrError code, const char *word, const char *why, gboolean tells)
{
  g_autoptr (HrCanary) guard = g_object_ref (self);
  g_autofree char *share = hr_canary_share_to_string (self->share);
  g_autofree char *what =
      why == NULL ? g_strdup_printf ("was %s at %s", word, share) : g_strdup_printf ("at %s: %s", share, why);
  g_autoptr (GError) error = g_error_new (HR_ERROR, code, "the canary of release %" G_GUINT64_FORMAT " of '%s' %s",
                                          hr_generation_get_release (self->candidate), self->spec->name, what);

  self->verdict = make_verdict (self, word, why, tells);
  cease (self);
  g_signal_emit (self, signals[SIGNAL_FAILED], 0, error);
}

/* By the metrics that PostCheck names, in the way in which it judges them. */
static gboolean
judge_metrics (HrCanary *self, gboolean over, char **reason)
{
  HrPostFigures before = hr_sampler_get_figures (self->running_sampler);

  return hr_sampler_judge (self->sampler, &before, over, reason) != HR_VERDICT_BAD;
}

/* Whether it may go on; else it has failed. */
static gboolean
judge (HrCanary *self, gboolean over)
{
  g_autofree char *reason = NULL;
  gboolean well = hr_canary_verdict (&self->seen, &self->seen_running, over, &reason);

  if (well && (self->sampler == NULL || judge_metrics (self, over, &reason)))
    return TRUE;
  fail (self, HR_ERROR_NOT_HEALTHY, "failed", reason, !well);
  return FALSE;
}

/* The share and its steps */

static void arm (HrCanary *self);

static gboolean
set_share (HrCanary *self, GError **error)
{
  guint share = hr_canary_plan_share (&self->plan, now_of (self));

  if (!hr_listeners_set_share (self->listeners, hr_generation_get_id (self->candidate), share,
                               self->spec->canary_sticky, error))
    return FALSE;
  self->share = share;
  return TRUE;
}

static void
finish_plan (HrCanary *self)
{
  if (judge (self, TRUE))
    pass (self, "passed", NULL);
}

static void
step (gpointer user_data)
{
  g_autoptr (HrCanary) self = g_object_ref (user_data);
  g_autoptr (GError) error = NULL;

  self->timer = 0;
  if (hr_canary_plan_is_over (&self->plan, now_of (self)))
    {
      finish_plan (self);
      return;
    }
  if (!judge (self, FALSE))
    return;
  if (!set_share (self, &error))
    {
      fail (self, HR_ERROR_FAILED, "failed", error->message, FALSE);
      return;
    }
  arm (self);
  g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

static void
waited_too_long (gpointer user_data)
{
  g_autoptr (HrCanary) self = g_object_ref (user_data);
  g_autofree char *why = g_strdup_printf ("nobody promoted or aborted it within %d h",
                                          (int)(HR_CANARY_HOLD_MAX_USEC / (3600 * G_TIME_SPAN_SECOND)));

  self->timer = 0;
  fail (self, HR_ERROR_TIMED_OUT, "given up", why, FALSE);
}

/* Sleeps until the next change; where none comes by itself, until it has waited for long enough. The end may have come
 * since it was looked whether it had: on a busy machine a step takes its time. */
static void
arm (HrCanary *self)
{
  gint64 now = now_of (self);
  gboolean over = hr_canary_plan_is_over (&self->plan, now) && !hr_canary_plan_is_held (&self->plan);
  gint64 next = over ? now : hr_canary_plan_next (&self->plan, now);

  hr_clock_cancel (clock_of (self), &self->timer);
  if (self->waiting_since != HR_CANARY_NEVER)
    self->waited += now - self->waiting_since;
  self->waiting_since = next == HR_CANARY_NEVER ? now : HR_CANARY_NEVER;
  if (next == HR_CANARY_NEVER)
    self->timer =
        hr_clock_after (clock_of (self), MAX (HR_CANARY_HOLD_MAX_USEC - self->waited, 0), waited_too_long, self);
  else
    self->timer = hr_clock_after (clock_of (self), MAX (next - now, 0), step, self);
}

/* What is seen of both */

static void
candidate_probed (HrHealth *health, gboolean good, gint64 latency, HrCanary *self)
{
  hr_canary_samples_add (&self->seen, good, latency);
  judge (self, FALSE);
}

static void
candidate_sampled (HrSampler *sampler, HrCanary *self)
{
  judge (self, FALSE);
}

/* Whoever waits for it is told that it goes on without what it was to be compared by. */
static void
readable_changed (HrSampler *sampler, HrCanary *self)
{
  if (!self->ended)
    g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

static void
running_probed (HrHealth *health, gboolean good, gint64 latency, HrCanary *self)
{
  hr_canary_samples_add (&self->seen_running, good, latency);
}

static void
candidate_health_changed (HrHealth *health, HrCanary *self)
{
  if (!self->ended && hr_health_get_state (health) == HR_HEALTH_OFFLINE)
    fail (self, HR_ERROR_NOT_HEALTHY, "failed", hr_health_get_error (health), FALSE);
}

/* Nobody else serves: what has proven itself so far is better than nothing. */
static void
running_exited (HrGeneration *running, HrCanary *self)
{
  g_autofree char *end = hr_generation_describe_end (running);
  g_autofree char *why = g_strdup_printf ("the instance before ended by itself: %s", end);

  pass (self, "took over", why);
}

/**
 * hr_canary_follow:
 * @self: a canary whose share and plan are known
 *
 * From now on it sees how both do, and takes its steps.
 */
void
hr_canary_follow (HrCanary *self)
{
  if (self->health != NULL)
    {
      g_signal_connect (self->health, "probed", G_CALLBACK (candidate_probed), self);
      g_signal_connect (self->health, "changed", G_CALLBACK (candidate_health_changed), self);
    }
  if (self->running_health != NULL)
    g_signal_connect (self->running_health, "probed", G_CALLBACK (running_probed), self);
  g_signal_connect (self->running, "exited", G_CALLBACK (running_exited), self);
  if (hr_rollback_policy_by_metrics (self->spec))
    {
      self->sampler = hr_sampler_new (self->platform, self->candidate, NULL, FALSE);
      self->running_sampler = hr_sampler_new (self->platform, self->running, NULL, FALSE);
      g_signal_connect (self->sampler, "sampled", G_CALLBACK (candidate_sampled), self);
      g_signal_connect (self->sampler, "readable", G_CALLBACK (readable_changed), self);
      g_signal_connect (self->running_sampler, "readable", G_CALLBACK (readable_changed), self);
    }
  arm (self);
}

/**
 * hr_canary_begin:
 * @self: a canary that has not begun
 * @error: return location
 *
 * Gives the candidate its first share.
 *
 * Returns: success; else nothing has changed
 */
gboolean
hr_canary_begin (HrCanary *self, GError **error)
{
  const HrServiceSpec *spec;

  g_return_val_if_fail (HR_IS_CANARY (self), FALSE);

  spec = self->spec;
  hr_canary_plan_init (&self->plan, spec->canary_from, spec->canary_to, spec->canary_duration, spec->canary_steps,
                       now_of (self));
  if (!set_share (self, error))
    return FALSE;
  self->since_real = hr_clock_real (clock_of (self));
  hr_canary_follow (self);
  return TRUE;
}

/**
 * hr_canary_promote:
 * @self: a canary that has begun
 * @caller: (nullable): who asked
 *
 * Ends it well, whatever its share is.
 */
void
hr_canary_promote (HrCanary *self, const char *caller)
{
  g_autofree char *word = g_strconcat ("promoted on request", caller != NULL ? " of " : NULL, caller, NULL);

  g_return_if_fail (HR_IS_CANARY (self));

  if (!self->ended)
    pass (self, word, NULL);
}

/**
 * hr_canary_abort:
 * @self: a canary that has begun
 * @caller: (nullable): who asked
 *
 * Ends it with %HR_ERROR_CANCELLED.
 */
void
hr_canary_abort (HrCanary *self, const char *caller)
{
  g_autofree char *word = g_strconcat ("aborted on request", caller != NULL ? " of " : NULL, caller, NULL);

  g_return_if_fail (HR_IS_CANARY (self));

  if (!self->ended)
    fail (self, HR_ERROR_CANCELLED, word, NULL, FALSE);
}

/**
 * hr_canary_hold:
 * @self: a canary that has begun
 *
 * Its share stays as it is until it goes on, is promoted or aborted, at most for %HR_CANARY_HOLD_MAX_USEC in all. It is
 * compared all the same. Nothing happens to one that is held.
 */
void
hr_canary_hold (HrCanary *self)
{
  g_return_if_fail (HR_IS_CANARY (self));

  if (self->ended || hr_canary_plan_is_held (&self->plan))
    return;
  hr_canary_plan_hold (&self->plan, now_of (self));
  arm (self);
  g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

/**
 * hr_canary_go_on:
 * @self: a canary that has begun
 *
 * Its share rises again from where it was held. Nothing happens to one that is not held.
 */
void
hr_canary_go_on (HrCanary *self)
{
  g_return_if_fail (HR_IS_CANARY (self));

  if (self->ended || !hr_canary_plan_is_held (&self->plan))
    return;
  hr_canary_plan_go_on (&self->plan, now_of (self));
  arm (self);
  g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

/**
 * hr_canary_end:
 * @self: a canary
 * @why: for people, what put an end to it
 *
 * For a reload that fails for a reason of its own: emits nothing any more.
 */
void
hr_canary_end (HrCanary *self, const char *why)
{
  g_return_if_fail (HR_IS_CANARY (self));

  if (self->ended)
    return;
  self->verdict = make_verdict (self, "failed", why, FALSE);
  cease (self);
}

/**
 * hr_canary_get_info:
 * @self: a canary
 *
 * Returns: how it stands; the samples stay the canary's
 */
HrCanaryInfo
hr_canary_get_info (HrCanary *self)
{
  HrCanaryInfo info = {
    .release = hr_generation_get_release (self->candidate),
    .previous_release = hr_generation_get_release (self->running),
    .share = self->share,
    .held = hr_canary_plan_is_held (&self->plan),
    .since_real = self->since_real,
    .candidate = &self->seen,
    .running = &self->seen_running,
  };
  return info;
}

/**
 * hr_canary_describe:
 * @self: a canary that has begun
 *
 * Returns: (transfer full): the share that it has and of whom the metrics cannot be read, or, once it has ended, the share
 *   it had and the verdict
 */
char *
hr_canary_describe (HrCanary *self)
{
  g_autofree char *share = NULL;
  GString *text;

  g_return_val_if_fail (HR_IS_CANARY (self), NULL);
  if (self->verdict != NULL)
    return g_strdup (self->verdict);
  share = hr_canary_share_to_string (self->share);
  text = g_string_new (share);
  g_string_append_printf (text, " of the new connections%s", hr_canary_plan_is_held (&self->plan) ? ", held" : "");
  hr_sampler_append_unread (self->sampler, text);
  hr_sampler_append_unread (self->running_sampler, text);
  return g_string_free (text, FALSE);
}
