/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is known of a reload, and what it made.
 */
#include "hr-reload-private.h"

/**
 * hr_reload_get_end:
 * @self: a reload
 *
 * Returns: how it ended
 */
HrReloadEnd
hr_reload_get_end (HrReload *self)
{
  return self->end;
}

/**
 * hr_reload_get_error:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the first failure
 */
const GError *
hr_reload_get_error (HrReload *self)
{
  return self->error;
}

/**
 * hr_reload_get_failed_phase:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the phase of the first failure
 */
const char *
hr_reload_get_failed_phase (HrReload *self)
{
  return self->error != NULL ? hr_reload_phase_to_string (self->failed_phase) : NULL;
}

/**
 * hr_reload_get_job:
 * @self: a reload
 *
 * Returns: (transfer none): its job
 */
HrJob *
hr_reload_get_job (HrReload *self)
{
  return self->job;
}

/**
 * hr_reload_get_release:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): what it moves to, once that is known
 */
const HrRelease *
hr_reload_get_release (HrReload *self)
{
  return self->release;
}

/**
 * hr_reload_is_announced:
 * @self: a reload
 *
 * Returns: whether "announced" was emitted
 */
gboolean
hr_reload_is_announced (HrReload *self)
{
  return self->announced;
}

/**
 * hr_reload_was_unsettled:
 * @self: a reload that ended with nothing done
 *
 * Returns: whether that was because the source turned out to be in the middle of something
 */
gboolean
hr_reload_was_unsettled (HrReload *self)
{
  return self->unsettled;
}

/**
 * hr_reload_has_new_release:
 * @self: a reload
 *
 * Returns: whether it recorded a release
 */
gboolean
hr_reload_has_new_release (HrReload *self)
{
  return self->new_release;
}

/**
 * hr_reload_get_candidate:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the new instance; it serves when the reload ended well
 */
HrGeneration *
hr_reload_get_candidate (HrReload *self)
{
  return self->candidate;
}

/**
 * hr_reload_get_fallback:
 * @self: a reload that ended badly
 *
 * Returns: (transfer none) (nullable): the old release's new instance, where the old one had ended
 */
HrGeneration *
hr_reload_get_fallback (HrReload *self)
{
  return self->fallback;
}

/**
 * hr_reload_get_outage_since:
 * @self: a reload that ended badly
 *
 * Returns: from when on the outage counts that it leaves behind, on the platform's clock; 0 when there is none
 */
gint64
hr_reload_get_outage_since (HrReload *self)
{
  return self->outage_since;
}

/**
 * hr_reload_get_followers:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the others of the new instances, where there are several
 */
HrFollowers *
hr_reload_get_followers (HrReload *self)
{
  return self->followers;
}

/**
 * hr_reload_steal_health:
 * @self: a reload that ended well
 *
 * Returns: (transfer full) (nullable): the health of the new instance, to be watched on
 */
HrHealth *
hr_reload_steal_health (HrReload *self)
{
  return g_steal_pointer (&self->health);
}

/**
 * hr_reload_steal_scan:
 * @self: a reload that has ended
 *
 * Returns: (transfer full) (nullable): the newest scan of the source, if it made one
 */
HrScan *
hr_reload_steal_scan (HrReload *self)
{
  /* A check that was given up may still read the list of files. */
  return self->checking ? hr_scan_copy (self->scan) : g_steal_pointer (&self->scan);
}

/**
 * hr_reload_get_heir:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the candidate, where it goes on with the state of the service, which nobody else has
 */
HrGeneration *
hr_reload_get_heir (HrReload *self)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), NULL);
  return self->heir ? self->candidate : NULL;
}

/**
 * hr_reload_has_switched:
 * @self: a reload
 *
 * Returns: whether its candidate serves in the place of the instance before it
 */
gboolean
hr_reload_has_switched (HrReload *self)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), FALSE);
  return self->switched;
}

/**
 * hr_reload_is_handing_over:
 * @self: a reload
 *
 * Returns: whether the running instance is being stopped, or about to be, and its state taken
 */
gboolean
hr_reload_is_handing_over (HrReload *self)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), FALSE);
  return self->handing_over;
}

/**
 * hr_reload_leaves_previous:
 * @self: a reload
 *
 * Returns: whether the running instance is to be started again when it ends by itself, as without a reload: nothing is
 *   there yet that could serve in its place, and it was not told to stop
 */
gboolean
hr_reload_leaves_previous (HrReload *self)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), FALSE);
  return !self->claims_previous && hr_reload_get_canary (self) == NULL;
}

/**
 * hr_reload_has_left_candidate:
 * @self: a reload that ended badly
 *
 * Returns: whether its candidate runs still, told to go: what becomes of it is the service's matter
 */
gboolean
hr_reload_has_left_candidate (HrReload *self)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), FALSE);
  return self->candidate != NULL && hr_generation_is_alive (self->candidate)
         && hr_generation_is_stopping (self->candidate);
}

/**
 * hr_reload_can_be_put_back:
 * @self: a reload
 *
 * Returns: whether it could be cancelled and begun anew without any instance of the old release having been touched
 */
gboolean
hr_reload_can_be_put_back (HrReload *self)
{
  g_return_val_if_fail (HR_IS_RELOAD (self), FALSE);
  return !hr_reload_has_ended (self) && self->phase != HR_PHASE_SWITCH && !self->rolling && !self->handing_over
         && self->previous != NULL && hr_generation_is_serving (self->previous);
}
