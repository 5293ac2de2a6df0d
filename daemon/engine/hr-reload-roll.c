/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Phase switch of a service with several instances: the new ones are started one after the other, and for each that
 * serves an old one is retired, so that there are never fewer than Instances that serve and at most one more. The lead
 * of the old release goes last. Where it fails the same is done the other way round. Where the new ones have sockets of
 * their own, the share of these follows at each step.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-reload-private.h"

static guint
n_serving (HrGeneration *lead, HrFollowers *followers)
{
  guint n = lead != NULL && hr_generation_is_serving (lead) ? 1 : 0;

  return n + (followers != NULL ? hr_followers_n_serving (followers) : 0);
}

/**
 * hr_reload_n_new_serving:
 * @self: a reload
 *
 * Returns: how many instances that it started serve
 */
guint
hr_reload_n_new_serving (HrReload *self)
{
  return n_serving (self->candidate, self->followers);
}

/**
 * hr_reload_n_old_serving:
 * @self: a reload
 *
 * Returns: how many of those that it is to replace serve
 */
guint
hr_reload_n_old_serving (HrReload *self)
{
  return n_serving (self->previous, self->old_followers);
}

/* For one that serves now, and gets connections, one that is no longer needed goes. */
static void
make_room (HrReload *self)
{
  hr_reload_note_serving (self);
  if (self->old_followers != NULL
      && hr_reload_n_new_serving (self) + hr_reload_n_old_serving (self) > self->spec->instances)
    hr_followers_retire_one (self->old_followers);
  hr_reload_note_serving (self);
}

/* There is nothing to replace. */
static gboolean
from_nothing (HrReload *self)
{
  return self->previous == NULL && (self->old_followers == NULL || hr_followers_n_serving (self->old_followers) == 0);
}

static void
advance (HrReload *self)
{
  gboolean at_once = from_nothing (self);
  GError *error = NULL;

  if (self->followers != NULL && hr_followers_n_starting (self->followers) > 0)
    return;
  if (self->followers == NULL || hr_followers_n_missing (self->followers) == 0)
    {
      self->rolling = FALSE;
      hr_reload_complete_switch (self);
      return;
    }
  do
    if (!hr_followers_start_next (self->followers, &error))
      {
        g_prefix_error (&error, "while starting %u instances of '%s': ", self->spec->instances, self->spec->name);
        hr_reload_fail (self, error);
        return;
      }
  while (at_once && hr_followers_n_missing (self->followers) > 0);
}

static void
follower_ready (HrFollowers *followers, HrGeneration *generation, HrReload *self)
{
  if (!self->rolling || hr_reload_has_ended (self))
    return;
  if (self->queue != NULL)
    hr_queue_watch_add (self->queue, generation);
  make_room (self);
  advance (self);
}

static void
follower_exited (HrFollowers *followers, HrGeneration *generation, HrReload *self)
{
  g_autofree char *who = hr_followers_describe (generation);
  g_autofree char *end = hr_generation_describe_end (generation);
  g_autofree char *words = hr_generation_last_words (generation);
  gboolean said = hr_generation_is_ready (generation) || hr_generation_was_killed (generation)
                  || hr_generation_get_start_error (generation) != NULL;

  if (!self->rolling || hr_reload_has_ended (self))
    return;
  hr_reload_note_serving (self);
  hr_reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_START_FAILED, "while starting %s of '%s': %s%s%s", who,
                                     self->spec->name, end, said ? "" : " before it was ready", words));
}

static void
followers_changed (HrFollowers *followers, HrReload *self)
{
  hr_reload_note_serving (self);
  hr_reload_emit_processes (self);
  if (self->awaits_followers && hr_followers_are_gone (followers))
    {
      self->awaits_followers = FALSE;
      hr_reload_end (self, HR_RELOAD_ENDED_BADLY);
    }
}

/* The way back */

static void
end_new_ones (HrReload *self)
{
  self->unrolling = FALSE;
  self->rolling = FALSE;
  /* What is left in the sockets of the new ones is handed to the old ones. */
  hr_reload_end_traffic (self);
  hr_reload_fall_back (self);
}

static void
bring_back (HrReload *self)
{
  g_autoptr (GError) error = NULL;

  if (!self->giving_way && self->old_followers != NULL && hr_followers_n_starting (self->old_followers) > 0)
    return;
  if (self->giving_way || self->old_followers == NULL || hr_followers_n_missing (self->old_followers) == 0)
    end_new_ones (self);
  else if (!hr_followers_start_next (self->old_followers, &error))
    {
      hr_log_warning (self->spec->name, "while going back to the old release: %s", error->message);
      end_new_ones (self);
    }
}

static void
old_follower_ready (HrFollowers *old, HrGeneration *generation, HrReload *self)
{
  if (!self->unrolling)
    return;
  if (self->followers != NULL && hr_followers_n_serving (self->followers) > 0)
    {
      hr_reload_divide_traffic (self, 1, NULL);
      hr_followers_retire_one (self->followers);
    }
  hr_reload_note_serving (self);
  bring_back (self);
}

/* What cannot be brought back at once is the supervision's, which tries it again later. */
static void
old_follower_exited (HrFollowers *old, HrGeneration *generation, HrReload *self)
{
  g_autofree char *who = hr_followers_describe (generation);
  g_autofree char *end = hr_generation_describe_end (generation);

  hr_reload_note_serving (self);
  if (!self->unrolling)
    return;
  hr_log_warning (self->spec->name, "while going back to the old release: %s: %s", who, end);
  end_new_ones (self);
}

static void
old_followers_changed (HrFollowers *old, HrReload *self)
{
  hr_reload_note_serving (self);
}

/**
 * hr_reload_keeps_what_serves:
 * @self: a reload that failed while it rolled
 *
 * Returns: whether there is nothing to go back to, and some of the new instances serve: they serve on, and the others
 *   are the supervision's
 */
gboolean
hr_reload_keeps_what_serves (HrReload *self)
{
  return from_nothing (self) && self->candidate != NULL && hr_generation_is_serving (self->candidate)
         && !g_error_matches (self->error, HR_ERROR, HR_ERROR_CANCELLED);
}

/**
 * hr_reload_unroll:
 * @self: a reload that failed while it rolled
 *
 * Starts those of the old release again that were retired, and lets one of the new ones go for each that serves; then
 * falls back. Where the service is to stop nothing is started.
 */
void
hr_reload_unroll (HrReload *self)
{
  self->unrolling = TRUE;
  self->unrolled = TRUE;
  if (self->followers != NULL)
    hr_followers_hold (self->followers);
  bring_back (self);
}

/**
 * hr_reload_describe_missing:
 * @self: a reload that failed
 *
 * Returns: (transfer full) (nullable): for people, what of the old release does not serve again; %NULL: all of it does
 */
char *
hr_reload_describe_missing (HrReload *self)
{
  guint missing = self->old_followers != NULL ? hr_followers_n_missing (self->old_followers) : 0;

  if (missing == 0 || !self->unrolled || self->giving_way)
    return NULL;
  return g_strdup_printf ("%u of the old instances could not be started again at once", missing);
}

/**
 * hr_reload_has_several:
 * @self: a reload
 *
 * Returns: whether several instances serve before it or after it: the state of one is not the service's then, and the
 *   switch is a roll
 */
gboolean
hr_reload_has_several (HrReload *self)
{
  return self->spec->instances > 1 || self->old_followers != NULL;
}

/**
 * hr_reload_roll:
 * @self: a reload in phase switch whose candidate serves
 *
 * Brings the others of its release up, and those of the old one down; hr_reload_complete_switch() comes after it.
 */
void
hr_reload_roll (HrReload *self)
{
  GError *error = NULL;

  self->rolling = TRUE;
  self->claims_previous = TRUE;
  if (self->old_followers != NULL)
    {
      g_signal_connect (self->old_followers, "ready", G_CALLBACK (old_follower_ready), self);
      g_signal_connect_swapped (self->old_followers, "ended", G_CALLBACK (hr_reload_note_serving), self);
      g_signal_connect (self->old_followers, "exited", G_CALLBACK (old_follower_exited), self);
      g_signal_connect (self->old_followers, "changed", G_CALLBACK (old_followers_changed), self);
      hr_followers_hold (self->old_followers);
    }
  if (self->spec->instances > 1)
    {
      self->followers = hr_followers_new (self->platform, self->candidate);
      g_signal_connect (self->followers, "ready", G_CALLBACK (follower_ready), self);
      g_signal_connect_swapped (self->followers, "ended", G_CALLBACK (hr_reload_note_serving), self);
      g_signal_connect (self->followers, "exited", G_CALLBACK (follower_exited), self);
      g_signal_connect (self->followers, "changed", G_CALLBACK (followers_changed), self);
    }
  if (!hr_reload_divide_traffic (self, 0, &error))
    {
      g_prefix_error (&error,
                      "while giving the new instances of '%s' their share of the connections: ", self->spec->name);
      hr_reload_fail (self, error);
      return;
    }
  make_room (self);
  advance (self);
}

/* Making room, and ending all of the old before the new */

static void
gone_before_place (HrFollowers *followers, HrReload *self)
{
  if (!hr_followers_are_gone (followers))
    return;
  g_signal_handlers_disconnect_by_func (followers, gone_before_place, self);
  if (!hr_reload_has_ended (self))
    hr_reload_place (self);
}

/**
 * hr_reload_await_retiring_followers:
 * @self: a reload in phase place, of whose followers before the running ones some have not ended
 *
 * Cuts short what they have left to do; hr_reload_place() is called again when they have ended.
 */
void
hr_reload_await_retiring_followers (HrReload *self)
{
  g_signal_connect (self->retiring_followers, "changed", G_CALLBACK (gone_before_place), self);
  hr_followers_hand_over (self->retiring_followers);
}

static void
gone_before_start (HrFollowers *followers, HrReload *self)
{
  if (!hr_followers_are_gone (followers))
    return;
  g_signal_handlers_disconnect_by_func (followers, gone_before_start, self);
  hr_reload_note_serving (self);
  if (!hr_reload_has_ended (self))
    hr_reload_before_start (self);
}

/**
 * hr_reload_await_followers:
 * @self: a reload whose old instances end before the candidate starts
 *
 * Ends the followers among them.
 *
 * Returns: whether there are any: hr_reload_before_start() is called again when they have ended
 */
gboolean
hr_reload_await_followers (HrReload *self)
{
  if (self->old_followers == NULL || hr_followers_are_gone (self->old_followers))
    return FALSE;
  hr_reload_enter (self, HR_PHASE_PRESERVE);
  g_signal_connect (self->old_followers, "changed", G_CALLBACK (gone_before_start), self);
  hr_followers_hand_over (self->old_followers);
  return TRUE;
}
