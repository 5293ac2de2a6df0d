/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How followers go: one or all, finishing what they have, or within StopTimeout; or to be the lead.
 */
#include "hr-followers-private.h"
#include "hr-log.h"

static void
leaving_exited (HrGeneration *generation, HrFollowers *self)
{
  g_autoptr (HrFollowers) guard = g_object_ref (self);

  g_signal_handlers_disconnect_by_data (generation, self);
  hr_state_files_discard (self->plan->state_files, hr_generation_get_id (generation));
  if (hr_generation_was_killed (generation) && hr_generation_is_ready (generation))
    {
      g_autofree char *who = hr_followers_describe (generation);

      hr_log_warning (self->plan->spec->name, "%s did not end in time and was killed", who);
    }
  g_ptr_array_remove (self->leaving, generation);
  g_signal_emit_by_name (self, "changed");
}

static void
add_leaving (HrFollowers *self, HrGeneration *generation)
{
  g_signal_connect (generation, "exited", G_CALLBACK (leaving_exited), self);
  g_ptr_array_add (self->leaving, g_object_ref (generation));
}

/* Empties the place. Returns: (transfer none) (nullable): what was alive in it, which is to be told to go now */
static HrGeneration *
leave (HrFollowerPlace *place)
{
  HrFollowers *self = place->owner;
  g_autoptr (HrGeneration) generation = hr_follower_place_is_alive (place) ? g_object_ref (place->generation) : NULL;

  hr_follower_place_clear (place);
  place->given_up = FALSE;
  if (generation != NULL)
    add_leaving (self, generation);
  return generation;
}

/**
 * hr_followers_hold:
 * @self: followers
 *
 * None is started any more by itself. What has not become ready yet ends; what serves goes on.
 */
void
hr_followers_hold (HrFollowers *self)
{
  g_return_if_fail (HR_IS_FOLLOWERS (self));

  self->supervised = FALSE;
  for (guint i = 0; i < self->places->len; i++)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i);
      HrGeneration *generation;

      if (hr_follower_place_is_alive (place) && hr_generation_is_ready (place->generation))
        continue;
      generation = leave (place);
      if (generation != NULL)
        hr_generation_kill (generation);
    }
}

/**
 * hr_followers_retire_one:
 * @self: followers
 *
 * One that serves accepts nothing any more, and ends when it has finished what it has: the last to be started again.
 *
 * Returns: whether there was one
 */
gboolean
hr_followers_retire_one (HrFollowers *self)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), FALSE);

  for (guint i = self->places->len; i > 0; i--)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i - 1);

      if (place->generation == NULL || !hr_generation_is_serving (place->generation))
        continue;
      hr_generation_retire (leave (place));
      g_signal_emit_by_name (self, "changed");
      return TRUE;
    }
  return FALSE;
}

/**
 * hr_followers_retire:
 * @self: followers
 *
 * All of them accept nothing any more, and end when they have finished what they have.
 */
void
hr_followers_retire (HrFollowers *self)
{
  g_return_if_fail (HR_IS_FOLLOWERS (self));

  hr_followers_hold (self);
  while (hr_followers_retire_one (self))
    ;
}

/**
 * hr_followers_let_go:
 * @self: followers
 * @generation: one that an earlier daemon started, and that is not to serve
 *
 * It has no place here; it ends as those do that had one.
 */
void
hr_followers_let_go (HrFollowers *self, HrGeneration *generation)
{
  g_return_if_fail (HR_IS_FOLLOWERS (self));

  add_leaving (self, generation);
  hr_generation_retire (generation);
}

/**
 * hr_followers_hand_over:
 * @self: followers, for whose end somebody waits
 *
 * All of them end within StopTimeout, see hr_generation_hand_over(); also those that were retired before.
 */
void
hr_followers_hand_over (HrFollowers *self)
{
  g_autoptr (GPtrArray) all = NULL;

  g_return_if_fail (HR_IS_FOLLOWERS (self));

  hr_followers_hold (self);
  for (guint i = 0; i < self->places->len; i++)
    leave (g_ptr_array_index (self->places, i));
  /* What cannot be told ends at once, and so leaves the list while it is gone through. */
  all = g_ptr_array_copy (self->leaving, (GCopyFunc)(void (*) (void))g_object_ref, NULL);
  g_ptr_array_set_free_func (all, g_object_unref);
  for (guint i = 0; i < all->len; i++)
    hr_generation_hand_over (g_ptr_array_index (all, i), self->plan->spec->stop_timeout);
  g_signal_emit_by_name (self, "changed");
}

/**
 * hr_followers_promote:
 * @self: followers
 * @lead: their lead, which has ended by itself
 * @backoff: (inout): of the lead; becomes that of the one that is returned
 *
 * One that serves becomes the lead, and the lead takes its place as one that has ended. Who asks for it tells others, and
 * calls hr_followers_go_on() then: nothing is emitted.
 *
 * Returns: (transfer full) (nullable): the new lead; %NULL: none serves
 */
HrGeneration *
hr_followers_promote (HrFollowers *self, HrGeneration *lead, HrBackoff **backoff)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), NULL);

  for (guint i = 0; i < self->places->len; i++)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i);
      HrGeneration *heir = place->generation;
      HrBackoff *its;

      if (heir == NULL || !hr_generation_is_serving (heir))
        continue;
      g_signal_handlers_disconnect_by_data (heir, place);
      hr_follower_place_disarm (place);
      its = place->backoff;
      place->backoff = *backoff;
      *backoff = its;
      place->generation = g_object_ref (lead);
      place->index = hr_generation_get_plan (lead)->index;
      return heir;
    }
  return NULL;
}
