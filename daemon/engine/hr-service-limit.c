/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What follows when RestartLimit is reached: once a rollback, then failed with the evidence, until somebody lifts that.
 */
#include "hr-log.h"
#include "hr-service-private.h"

/**
 * hr_service_note_end:
 * @self: a service
 * @generation: one of its instances, which has ended by itself
 *
 * Keeps how it ended.
 */
void
hr_service_note_end (HrService *self, HrGeneration *generation)
{
  hr_ends_take (self->ends, hr_generation_get_end (generation));
}

/**
 * hr_service_may_fall_back:
 * @self: a service of which an instance has reached RestartLimit
 *
 * There is one rollback by that: what it goes back to and ends as well shows that it is not the release.
 *
 * Returns: whether there is an earlier release to go back to, which was not gone back to by this already
 */
gboolean
hr_service_may_fall_back (HrService *self)
{
  return !self->closing && !self->stopped && self->fell_back_from == 0 && hr_service_get_rollback_point (self) != 0;
}

/**
 * hr_service_fall_back:
 * @self: a service of which hr_service_may_fall_back() is true
 * @crashed: the instance that has reached RestartLimit
 *
 * Rolls back, which is a job of its own; now, or when the running operation has ended.
 */
void
hr_service_fall_back (HrService *self, HrGeneration *crashed)
{
  g_autofree char *end = hr_generation_describe_end (crashed);
  g_autofree char *ends = hr_ends_describe (self->ends);
  guint64 point = hr_service_get_rollback_point (self);
  HrRequest *request = hr_service_new_request (self, HR_JOB_ROLLBACK, "rollback", NULL);

  self->fell_back_from = self->last_release;
  request->by_hand = TRUE;
  request->target = point;
  request->reason = g_strdup_printf ("RestartLimit was reached: %s", end);
  hr_log_warning (self->name,
                  "release %" G_GUINT64_FORMAT " has reached RestartLimit; rolling back to release %" G_GUINT64_FORMAT
                  "; it ended: %s",
                  self->last_release, point, ends);
  hr_service_request (self, request);
}

/* What stands beside the last end, where a rollback has not helped. */
static char *
describe_limit (HrService *self)
{
  if (self->fell_back_from == 0)
    return g_strdup ("RestartLimit was reached");
  if (self->fell_back_from != self->last_release)
    return g_strdup_printf ("RestartLimit was reached, as by release %" G_GUINT64_FORMAT " before it",
                            self->fell_back_from);
  return g_strdup_printf ("RestartLimit was reached, and the rollback failed: %s",
                          self->error != NULL ? self->error : "it was cancelled");
}

/**
 * hr_service_give_up_at_limit:
 * @self: a service whose instance has reached RestartLimit, and for which there is no rollback
 */
void
hr_service_give_up_at_limit (HrService *self)
{
  g_autofree char *why = describe_limit (self);

  hr_service_give_up (self, why);
}

/**
 * hr_service_give_up:
 * @self: a service whose instance has ended by itself
 * @why: (nullable): what keeps it from being started again, where somebody wrote that down
 *
 * It is failed, until somebody starts it or says that it is not, or its source changes.
 */
void
hr_service_give_up (HrService *self, const char *why)
{
  guint64 release = hr_generation_get_release (self->current);
  g_autofree char *end = hr_generation_describe_end (self->current);
  g_autofree char *words = hr_generation_last_words (self->current);
  g_autofree char *ends = hr_ends_describe (self->ends);
  g_autofree char *of = release != 0 ? g_strdup_printf ("release %" G_GUINT64_FORMAT ": ", release) : g_strdup ("");
  g_autofree char *message = g_strconcat (of, end, why != NULL ? "; " : NULL, why, NULL);
  g_autofree char *error = g_strconcat (message, words, NULL);

  self->failed = TRUE;
  if (self->followers != NULL)
    hr_followers_hold (self->followers);
  hr_service_set_error (self, error);
  hr_log_warning (self->name, "failed: %s; it ended: %s%s%s", message, ends, *words != '\0' ? "; its last words:" : "",
                  words);
  hr_service_close_at_rest (self);
  hr_service_touch (self);
}

/**
 * hr_service_forget_failures:
 * @self: a service
 *
 * Somebody takes a hand: what ended before counts for nothing any more.
 */
void
hr_service_forget_failures (HrService *self)
{
  if (self->backoff != NULL)
    hr_backoff_reset (self->backoff);
  self->fell_back_from = 0;
  self->falls_back = FALSE;
  hr_ends_clear (self->ends);
}

/**
 * hr_service_reset_failed:
 * @self: a service
 *
 * A failed service is stopped from now on, but not on request: it starts with the daemon, and when its source changes.
 * One that runs or is to be started again has its whole RestartLimit; of several instances those that were given up are
 * started.
 */
void
hr_service_reset_failed (HrService *self)
{
  g_return_if_fail (HR_IS_SERVICE (self));

  hr_service_forget_failures (self);
  if (self->failed)
    {
      self->failed = FALSE;
      self->outage_since = 0;
      hr_service_set_error (self, NULL);
      if (self->current != NULL && !hr_generation_is_alive (self->current))
        hr_service_set_current (self, NULL, NULL);
      hr_service_remember (self);
    }
  if (self->followers != NULL && hr_followers_start_given_up (self->followers))
    hr_service_set_error (self, NULL);
  hr_service_touch (self);
}
