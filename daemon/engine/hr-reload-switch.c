/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The switch: the candidate is the one that serves, and the old one accepts nothing any more.
 */
#include "hr-reload-private.h"

/* Whether the old ones take connections that are meant for the new ones, or keep those that they have not taken. */
static gboolean
holds_connections (HrReload *self)
{
  guint before = self->n_left;

  if (!self->separate)
    return (self->previous != NULL && hr_generation_may_accept (self->previous))
           || (self->old_followers != NULL && hr_followers_may_accept (self->old_followers));
  self->n_left = hr_listeners_count_queued (self->parts.listeners, TRUE);
  return self->n_left > 0 && self->n_left >= before;
}

static void
look_at_listeners (gpointer user_data)
{
  HrReload *self = user_data;
  gint64 now = hr_clock_now (hr_reload_clock (self));

  self->switch_timer = 0;
  if (hr_reload_has_ended (self))
    return;
  if (now - self->switch_began < HR_SWITCH_WAIT_USEC && holds_connections (self))
    {
      self->switch_timer = hr_clock_after (hr_reload_clock (self), self->switch_step, look_at_listeners, self);
      self->switch_step = MIN (self->switch_step * 2, HR_SWITCH_STEP_MAX_USEC);
      return;
    }
  hr_reload_note_serving (self);
  /* What is dead is not live, though its end has yet to be told: that fails the reload. */
  if (!hr_generation_has_ended (self->candidate))
    hr_reload_end (self, HR_RELOAD_ENDED_WELL);
}

/**
 * hr_reload_switch_over:
 * @self: a reload whose candidate has proven itself
 *
 * The phase switch. Where both share the listening sockets, a connection goes to whichever accepts, and when the job
 * ends that is the new one. Where the candidate has sockets of its own they become the service's at once.
 */
void
hr_reload_switch_over (HrReload *self)
{
  hr_reload_enter (self, HR_PHASE_SWITCH);
  hr_reload_note_serving (self);
  if (hr_reload_has_several (self))
    hr_reload_roll (self);
  else
    hr_reload_complete_switch (self);
}

/**
 * hr_reload_complete_switch:
 * @self: a reload whose new instances all serve
 *
 * Where both share the listening sockets, a connection goes to whichever accepts, and when the job ends that is the new
 * one. Where the candidate has sockets of its own they become the service's at once; when the job ends, whoever waits in
 * the old ones is being accepted, if anybody can do that within %HR_SWITCH_WAIT_USEC.
 */
void
hr_reload_complete_switch (HrReload *self)
{
  hr_clock_cancel (hr_reload_clock (self), &self->timer);
  hr_job_set_cancel_func (self->job, NULL, NULL);
  self->claims_previous = TRUE;
  /* From here on there is no way back: a daemon that comes in the place of this one goes on from here. */
  self->switched = TRUE;
  hr_reload_emit_processes (self);
  self->separate = hr_listeners_is_separate (self->parts.listeners, hr_generation_get_id (self->candidate));
  hr_listeners_promote (self->parts.listeners, hr_generation_get_id (self->candidate));
  if (self->previous != NULL && hr_generation_is_alive (self->previous))
    hr_generation_retire (self->previous);
  if (self->old_followers != NULL)
    hr_followers_retire (self->old_followers);
  self->switch_began = hr_clock_now (hr_reload_clock (self));
  self->switch_step = HR_SWITCH_STEP_USEC;
  /* Those that are retired are looked at first. */
  if (self->previous != NULL || self->old_followers != NULL)
    self->switch_timer = hr_clock_after (hr_reload_clock (self), 0, look_at_listeners, self);
  else
    look_at_listeners (self);
}
