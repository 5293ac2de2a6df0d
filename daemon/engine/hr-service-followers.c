/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The other instances of a service with Instances above 1: who leads them, what their ends mean for the service, and
 * how many serve.
 */
#include "hr-service-private.h"

static void
follower_ready (HrFollowers *followers, HrGeneration *generation, HrService *self)
{
  if (self->current != NULL && !hr_generation_is_alive (self->current))
    hr_service_promote (self);
  if (!self->unproven && hr_followers_n_missing (followers) == 0 && hr_followers_n_starting (followers) == 0)
    hr_service_set_error (self, NULL);
  hr_service_observe_again (self);
}

static void
follower_ended (HrFollowers *followers, HrGeneration *generation, HrService *self)
{
  hr_service_note_outage (self, generation);
}

static void
follower_exited (HrFollowers *followers, HrGeneration *generation, HrService *self)
{
  if (self->observation == NULL)
    return;
  hr_observation_instance_ended (self->observation, generation);
  /* Where a rollback follows, nothing of this release is started any more. */
  if (self->observation == NULL && self->reload != NULL && self->followers == followers)
    hr_followers_hold (followers);
}

/* One of several that cannot be kept running is answered as the only one would be. */
static void
follower_counted (HrFollowers *followers, HrGeneration *generation, gboolean limit, HrService *self)
{
  gboolean ends =
      self->running != NULL && (self->running->kind == HR_JOB_ROLLBACK || self->running->kind == HR_JOB_STOP);

  hr_service_note_end (self, generation);
  if (!limit || ends || self->waiting != NULL || !hr_service_may_fall_back (self))
    return;
  hr_service_fall_back (self, generation);
  if (self->reload != NULL && self->followers == followers)
    hr_followers_hold (followers);
}

static void
follower_restarted (HrFollowers *followers, HrService *self)
{
  self->restarts++;
}

static void
follower_in_trouble (HrFollowers *followers, const char *message, HrService *self)
{
  hr_service_set_error (self, message);
}

static void
followers_changed (HrFollowers *followers, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);

  hr_service_remember (self);
  hr_service_close_at_rest (self);
  hr_service_touch (self);
  hr_service_end_stop (self);
}

static void
forget (HrService *self, HrFollowers **followers)
{
  if (*followers != NULL)
    g_signal_handlers_disconnect_by_data (*followers, self);
  g_clear_object (followers);
}

/**
 * hr_service_set_followers:
 * @self: a service
 * @followers: (nullable): those of its running instance
 *
 * They are supervised from now on. Those it had end, unless somebody else has them.
 */
void
hr_service_set_followers (HrService *self, HrFollowers *followers)
{
  g_autoptr (HrFollowers) added = followers != NULL ? g_object_ref (followers) : NULL;

  forget (self, &self->followers);
  if (added == NULL)
    return;
  self->followers = g_steal_pointer (&added);
  g_signal_connect (followers, "ready", G_CALLBACK (follower_ready), self);
  g_signal_connect (followers, "ended", G_CALLBACK (follower_ended), self);
  g_signal_connect (followers, "exited", G_CALLBACK (follower_exited), self);
  g_signal_connect (followers, "counted", G_CALLBACK (follower_counted), self);
  g_signal_connect (followers, "restarted", G_CALLBACK (follower_restarted), self);
  g_signal_connect (followers, "trouble", G_CALLBACK (follower_in_trouble), self);
  g_signal_connect (followers, "changed", G_CALLBACK (followers_changed), self);
  hr_followers_supervise (followers);
}

/**
 * hr_service_fill:
 * @self: a service whose instance serves
 *
 * Starts the others where there are to be several and none was ever started.
 */
void
hr_service_fill (HrService *self)
{
  g_autoptr (HrFollowers) followers = NULL;

  if (self->followers != NULL || self->current == NULL || !hr_generation_is_serving (self->current)
      || hr_generation_get_spec (self->current)->instances == 1)
    return;
  followers = hr_followers_new (self->platform, self->current);
  hr_service_set_followers (self, followers);
}

/**
 * hr_service_promote:
 * @self: a service whose instance has ended by itself
 *
 * Of several instances another is the lead from now on; what has ended is started again as one of the others.
 *
 * Returns: whether another serves
 */
gboolean
hr_service_promote (HrService *self)
{
  g_autoptr (HrGeneration) lead = g_object_ref (self->current);
  g_autoptr (HrGeneration) heir = NULL;
  HrObservation *observation;

  if (self->followers != NULL)
    heir = hr_followers_promote (self->followers, lead, &self->backoff);
  if (heir == NULL)
    return FALSE;
  hr_service_cancel_restart (self);
  observation = g_steal_pointer (&self->observation);
  hr_service_set_current (self, heir, NULL);
  self->failed = FALSE;
  self->observation = observation;
  if (self->reload != NULL)
    hr_reload_replace_previous (self->reload, heir);
  hr_service_remember (self);
  hr_service_touch (self);
  follower_exited (self->followers, lead, self);
  if (self->followers != NULL)
    hr_followers_go_on (self->followers);
  return TRUE;
}

static void
retiring_changed (HrFollowers *followers, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);

  hr_service_remember (self);
  if (!hr_followers_are_gone (followers))
    return;
  if (self->retiring == NULL)
    hr_service_carry_from (self, self->retiring_slot);
  forget (self, &self->retiring_followers);
  hr_service_touch (self);
  hr_service_end_stop (self);
}

/**
 * hr_service_retire_followers:
 * @self: a service whose new instances serve
 *
 * Lets go of the others of the old one, as hr_service_retire_current() does of that.
 */
void
hr_service_retire_followers (HrService *self)
{
  if (self->followers == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->followers, self);
  forget (self, &self->retiring_followers);
  self->retiring_followers = g_steal_pointer (&self->followers);
  self->retiring_slot = self->last_slot;
  g_signal_connect (self->retiring_followers, "changed", G_CALLBACK (retiring_changed), self);
  hr_followers_retire (self->retiring_followers);
  if (self->retiring_followers != NULL && hr_followers_are_gone (self->retiring_followers))
    forget (self, &self->retiring_followers);
}

/**
 * hr_service_retire_beside:
 * @self: a service with a retiring instance
 * @generation: another that an earlier daemon started, and that is not to serve any more
 *
 * Lets go of it, too.
 */
void
hr_service_retire_beside (HrService *self, HrGeneration *generation)
{
  if (self->retiring_followers == NULL)
    {
      self->retiring_followers = hr_followers_new (self->platform, generation);
      self->retiring_slot = hr_generation_get_slot (generation);
      g_signal_connect (self->retiring_followers, "changed", G_CALLBACK (retiring_changed), self);
    }
  hr_followers_let_go (self->retiring_followers, generation);
}

/**
 * hr_service_stop_followers:
 * @self: a service that stops
 *
 * Ends all of them, at the same time, within StopTimeout.
 */
void
hr_service_stop_followers (HrService *self)
{
  g_autoptr (HrFollowers) followers = self->followers != NULL ? g_object_ref (self->followers) : NULL;
  g_autoptr (HrFollowers) retiring = self->retiring_followers != NULL ? g_object_ref (self->retiring_followers) : NULL;

  if (followers != NULL)
    hr_followers_hand_over (followers);
  if (retiring != NULL)
    hr_followers_hand_over (retiring);
}

/**
 * hr_service_forget_followers:
 * @self: a service
 *
 * Lets go of those that have ended.
 *
 * Returns: whether none is left
 */
gboolean
hr_service_forget_followers (HrService *self)
{
  if (self->followers != NULL && !hr_followers_are_gone (self->followers))
    return FALSE;
  if (self->retiring_followers != NULL && !hr_followers_are_gone (self->retiring_followers))
    return FALSE;
  forget (self, &self->followers);
  forget (self, &self->retiring_followers);
  return TRUE;
}

/**
 * hr_service_drop_followers:
 * @self: a service that goes away
 *
 * Their processes end with them.
 */
void
hr_service_drop_followers (HrService *self)
{
  forget (self, &self->followers);
  forget (self, &self->retiring_followers);
}

/* What is shown */

/**
 * hr_service_get_instances:
 * @self: a service
 *
 * Returns: how many instances are to serve, 0: its file does not load
 */
guint
hr_service_get_instances (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return self->spec != NULL ? self->spec->instances : 0;
}

static guint
count_serving (HrGeneration *lead, HrFollowers *followers)
{
  guint n = lead != NULL && hr_generation_is_serving (lead) ? 1 : 0;

  return n + (followers != NULL ? hr_followers_n_serving (followers) : 0);
}

/**
 * hr_service_get_serving:
 * @self: a service
 *
 * Returns: how many instances are ready and were not told to stop, during a reload those of both releases
 */
guint
hr_service_get_serving (HrService *self)
{
  guint n;

  g_return_val_if_fail (HR_IS_SERVICE (self), 0);

  n = count_serving (self->current, self->followers);
  if (self->reload != NULL && hr_reload_get_candidate (self->reload) != self->current)
    n += count_serving (hr_reload_get_candidate (self->reload), hr_reload_get_followers (self->reload));
  if (self->reload != NULL)
    n += count_serving (hr_reload_get_fallback (self->reload), NULL);
  return n;
}

static void
add_all (GPtrArray *list, HrGeneration *lead, HrFollowers *followers)
{
  g_autoptr (GPtrArray) others = followers != NULL ? hr_followers_list (followers) : NULL;

  if (lead != NULL && hr_generation_is_alive (lead) && !g_ptr_array_find (list, lead, NULL))
    g_ptr_array_add (list, lead);
  for (guint i = 0; others != NULL && i < others->len; i++)
    if (!g_ptr_array_find (list, g_ptr_array_index (others, i), NULL))
      g_ptr_array_add (list, g_ptr_array_index (others, i));
}

/**
 * hr_service_list_alive:
 * @self: a service
 *
 * Returns: (transfer container) (element-type HrGeneration): all whose processes run: those of the running release,
 *   then those that are leaving or of a release that is being started
 */
GPtrArray *
hr_service_list_alive (HrService *self)
{
  GPtrArray *list = g_ptr_array_new ();

  add_all (list, self->current, self->followers);
  add_all (list, self->retiring, self->retiring_followers);
  if (self->reload != NULL)
    add_all (list, hr_reload_get_candidate (self->reload), hr_reload_get_followers (self->reload));
  if (self->reload != NULL)
    add_all (list, hr_reload_get_fallback (self->reload), NULL);
  add_all (list, self->carried_candidate, NULL);
  return list;
}

/**
 * hr_service_list_running:
 * @self: a service
 *
 * Returns: (transfer container) (element-type HrGeneration): those of the running release that were not told to stop,
 *   the lead first
 */
GPtrArray *
hr_service_list_running (HrService *self)
{
  GPtrArray *list = g_ptr_array_new ();

  g_return_val_if_fail (HR_IS_SERVICE (self), list);

  add_all (list, self->current, self->followers);
  if (self->reload != NULL)
    add_all (list, hr_reload_get_fallback (self->reload), NULL);
  for (guint i = list->len; i > 0; i--)
    if (hr_generation_is_stopping (g_ptr_array_index (list, i - 1)))
      g_ptr_array_remove_index (list, i - 1);
  return list;
}

/**
 * hr_service_get_pids:
 * @self: a service
 *
 * Returns: (transfer full) (element-type guint32): main processes of the instances of the running release, the lead's
 *   first
 */
GArray *
hr_service_get_pids (HrService *self)
{
  GArray *pids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GPtrArray) running = hr_service_list_running (self);

  for (guint i = 0; i < running->len; i++)
    {
      guint32 pid = (guint32)hr_generation_get_pid (g_ptr_array_index (running, i));

      g_array_append_val (pids, pid);
    }
  return pids;
}

/**
 * hr_service_get_instance_log_files:
 * @self: a service
 *
 * Returns: (transfer full): that of hr_service_get_instance_log_file(), then those of the other instances that run
 */
char **
hr_service_get_instance_log_files (HrService *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GPtrArray) running = hr_service_list_running (self);
  g_autofree char *first = hr_service_get_instance_log_file (self);

  g_strv_builder_add (builder, first);
  for (guint i = 0; i < running->len; i++)
    {
      const char *file = hr_generation_get_log_file (g_ptr_array_index (running, i));

      if (file != NULL && !g_str_equal (file, first))
        g_strv_builder_add (builder, file);
    }
  return g_strv_builder_end (builder);
}
