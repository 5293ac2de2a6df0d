/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether the candidate of a reload has sockets of its own, and what goes to them.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-reload-private.h"
#include "hr-reload-sight.h"

static gboolean
connects (const HrServiceSpec *spec)
{
  return hr_probe_spec_is_by_network (spec->probe) || hr_probe_spec_is_by_network (spec->start_probe);
}

/* Of one that was started again not everything is known yet: it is as the one before it. */
static gboolean
is_watched (HrReload *self)
{
  return hr_generation_is_serving (self->previous) ? hr_generation_is_watched (self->previous) : self->watched;
}

/* Whatever the probe, nobody is to be answered by what has not passed it; one by the network would be answered by
 * whichever instance accepts it, besides. Where the library does not see the running instance, nobody could hand on what
 * is left in a queue. */
static gboolean
needs_own_sockets (HrReload *self, gboolean state_expected)
{
  return self->previous != NULL && !self->sequential && !state_expected && self->spec->probe != NULL
         && hr_reload_holds_tcp (self->parts.listeners) && is_watched (self);
}

/* What the probe says is in doubt, or comes too late: that is no matter for those alone who look for faults. */
static void
tell_that_sockets_are_shared (HrReload *self, const char *why)
{
  const char *what = connects (self->spec) ? "what the old instance answers may count for the new one"
                                           : "the new instance may answer before its probe has passed";
  g_autofree char *line = g_strdup_printf ("probe: %s (%s)", what, why);
  const char *const lines[] = { line, NULL };

  hr_log_warning (self->spec->name, "%s: %s", why, what);
  hr_files_merge (&hr_job_edit_outcome (self->job)->checks, lines);
}

static void
separate (HrReload *self)
{
  const char *id = hr_generation_get_id (self->candidate);
  g_autoptr (GInetAddress) source = NULL;
  g_autoptr (GError) error = NULL;

  if (!hr_listeners_separate (self->parts.listeners, id, &error))
    {
      tell_that_sockets_are_shared (self, error->message);
      return;
    }
  if (!connects (self->spec))
    return;
  source = hr_listeners_probe_source (self->parts.listeners, id);
  if (source == NULL)
    {
      hr_listeners_rejoin (self->parts.listeners, id);
      tell_that_sockets_are_shared (self, "no listener takes IPv4");
    }
}

/**
 * hr_reload_separate:
 * @self: a reload whose candidate is not started
 * @state_expected: whether state is to pass before it serves: then connections wait while it does
 *
 * Gives the candidate sockets of its own where it has a probe to pass. It gets no connection but the probe's until it has
 * proven itself. Where that cannot be, both share the service's; where the old one has ended by itself, it is not started
 * again then, or it could answer for the candidate.
 */
void
hr_reload_separate (HrReload *self, gboolean state_expected)
{
  gboolean alone = self->previous == NULL || !hr_generation_is_alive (self->previous);
  const char *why = NULL;

  if (needs_own_sockets (self, state_expected))
    separate (self);
  else if (!alone && !self->sequential && !state_expected)
    why = hr_reload_probe_obstacle (self->spec, is_watched (self), self->parts.listeners);
  if (why != NULL)
    tell_that_sockets_are_shared (self, why);
  if (alone && connects (self->spec)
      && !hr_listeners_is_separate (self->parts.listeners, hr_generation_get_id (self->candidate)))
    self->claims_previous = TRUE;
}

/**
 * hr_reload_give_all_traffic:
 * @self: a reload whose old instance accepts nothing any more, before the candidate serves
 *
 * New connections wait for the candidate.
 */
void
hr_reload_give_all_traffic (HrReload *self)
{
  const char *id = self->candidate != NULL ? hr_generation_get_id (self->candidate) : NULL;
  g_autoptr (GError) error = NULL;

  if (id != NULL && hr_listeners_is_separate (self->parts.listeners, id)
      && !hr_listeners_set_share (self->parts.listeners, id, HR_SHARE_ALL, FALSE, &error))
    hr_log_debug (self->spec->name, "%s, ignoring: what waits for the old instance is handed on", error->message);
}

/**
 * hr_reload_divide_traffic:
 * @self: a reload
 * @n_going: how many of the new instances that serve are about to be retired
 * @error: return location
 *
 * While several instances are rolled, and the new ones have sockets of their own: these get as many of the new
 * connections as there are new ones among all that serve. Where none of them serves they get none any more. At any other
 * time this does nothing.
 *
 * Returns: success; else what the kernel said: then it is as it was
 */
gboolean
hr_reload_divide_traffic (HrReload *self, guint n_going, GError **error)
{
  const char *id = self->candidate != NULL ? hr_generation_get_id (self->candidate) : NULL;
  guint n_new = hr_reload_n_new_serving (self), n_old = hr_reload_n_old_serving (self), share;

  if (!self->rolling || id == NULL || !hr_listeners_is_separate (self->parts.listeners, id))
    return TRUE;
  if (n_new <= n_going)
    {
      hr_listeners_rejoin (self->parts.listeners, id);
      return TRUE;
    }
  share = HR_SHARE_ALL * (n_new - n_going) / (n_new - n_going + n_old);
  if (share != self->share && !hr_listeners_set_share (self->parts.listeners, id, share, FALSE, error))
    return FALSE;
  self->share = share;
  return TRUE;
}

/**
 * hr_reload_open_listeners:
 * @self: a reload that places, and no instance is retiring any more
 *
 * Opens what could not be opened at its begin, as an instance that had left it was still there.
 *
 * Returns: success; else the reload has failed
 */
gboolean
hr_reload_open_listeners (HrReload *self)
{
  GError *error = NULL;

  if (self->opens_listeners && !hr_listeners_open (self->parts.listeners, self->spec, &error))
    {
      hr_reload_fail (self, error);
      return FALSE;
    }
  self->opens_listeners = FALSE;
  return TRUE;
}

/**
 * hr_reload_end_traffic:
 * @self: a reload that fails
 *
 * No new connection goes to the candidate, from now on and not only when it has ended. Of several instances the new ones
 * get theirs until those of the old release are there again: hr_reload_unroll() ends it.
 */
void
hr_reload_end_traffic (HrReload *self)
{
  if (self->rolling && !self->abandoned)
    hr_reload_note_serving (self);
  else if (self->candidate != NULL)
    hr_listeners_rejoin (self->parts.listeners, hr_generation_get_id (self->candidate));
  hr_reload_end_canary (self);
}
