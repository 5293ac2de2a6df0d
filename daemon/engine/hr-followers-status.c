/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is known of followers.
 */
#include "hr-followers-private.h"

/**
 * hr_follower_place_is_alive:
 * @place: a place
 *
 * Returns: whether a process runs in it
 */
gboolean
hr_follower_place_is_alive (const HrFollowerPlace *place)
{
  return place->generation != NULL && hr_generation_is_alive (place->generation);
}

/**
 * hr_followers_describe:
 * @follower: one of several instances
 *
 * Returns: (transfer full): for people: "instance 2 of release 7"
 */
char *
hr_followers_describe (HrGeneration *follower)
{
  guint64 release = hr_generation_get_release (follower);
  guint index = hr_generation_get_plan (follower)->index;

  return release != 0 ? g_strdup_printf ("instance %u of release %" G_GUINT64_FORMAT, index, release)
                      : g_strdup_printf ("instance %u", index);
}

/**
 * hr_followers_n_serving:
 * @self: followers
 *
 * Returns: how many are ready and were not told to go
 */
guint
hr_followers_n_serving (HrFollowers *self)
{
  guint n = 0;

  g_return_val_if_fail (HR_IS_FOLLOWERS (self), 0);

  for (guint i = 0; i < self->places->len; i++)
    {
      const HrFollowerPlace *place = g_ptr_array_index (self->places, i);

      n += place->generation != NULL && hr_generation_is_serving (place->generation);
    }
  return n;
}

/**
 * hr_followers_get_slot:
 * @self: followers
 *
 * Returns: where their files are
 */
HrSlot
hr_followers_get_slot (HrFollowers *self)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), HR_SLOT_NONE);
  return self->plan->slot;
}

/**
 * hr_followers_n_missing:
 * @self: followers
 *
 * Returns: in how many places no process runs
 */
guint
hr_followers_n_missing (HrFollowers *self)
{
  guint n = 0;

  g_return_val_if_fail (HR_IS_FOLLOWERS (self), 0);

  for (guint i = 0; i < self->places->len; i++)
    n += !hr_follower_place_is_alive (g_ptr_array_index (self->places, i));
  return n;
}

/**
 * hr_followers_n_starting:
 * @self: followers
 *
 * Returns: how many run and are not ready
 */
guint
hr_followers_n_starting (HrFollowers *self)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), 0);
  return self->places->len - hr_followers_n_missing (self) - hr_followers_n_serving (self);
}

/**
 * hr_followers_get_extension:
 * @self: followers
 *
 * Returns: as hr_generation_get_extension(), of the one that asks for most
 */
gint64
hr_followers_get_extension (HrFollowers *self)
{
  gint64 most = 0;

  g_return_val_if_fail (HR_IS_FOLLOWERS (self), 0);

  for (guint i = 0; i < self->places->len; i++)
    {
      const HrFollowerPlace *place = g_ptr_array_index (self->places, i);

      if (hr_follower_place_is_alive (place))
        most = MAX (most, hr_generation_get_extension (place->generation));
    }
  return most;
}

/**
 * hr_followers_are_gone:
 * @self: followers
 *
 * Returns: whether no process of them runs, nor is to be started
 */
gboolean
hr_followers_are_gone (HrFollowers *self)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), TRUE);
  return !self->supervised && self->leaving->len == 0 && hr_followers_n_missing (self) == self->places->len;
}

/**
 * hr_followers_may_accept:
 * @self: followers that were retired
 *
 * Returns: whether one of them may still accept a new connection
 */
gboolean
hr_followers_may_accept (HrFollowers *self)
{
  g_return_val_if_fail (HR_IS_FOLLOWERS (self), FALSE);

  for (guint i = 0; i < self->leaving->len; i++)
    if (hr_generation_may_accept (g_ptr_array_index (self->leaving, i)))
      return TRUE;
  return FALSE;
}

/**
 * hr_followers_list:
 * @self: followers
 *
 * Returns: (transfer container) (element-type HrGeneration): those whose processes run, the leaving ones last
 */
GPtrArray *
hr_followers_list (HrFollowers *self)
{
  GPtrArray *list = g_ptr_array_new ();

  g_return_val_if_fail (HR_IS_FOLLOWERS (self), list);

  for (guint i = 0; i < self->places->len; i++)
    {
      HrFollowerPlace *place = g_ptr_array_index (self->places, i);

      if (hr_follower_place_is_alive (place))
        g_ptr_array_add (list, place->generation);
    }
  for (guint i = 0; i < self->leaving->len; i++)
    g_ptr_array_add (list, g_ptr_array_index (self->leaving, i));
  return list;
}
