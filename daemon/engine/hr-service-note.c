/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is noted of a reload while it is under way, and what the next daemon makes of it when it was interrupted.
 */
#include "hr-log.h"
#include "hr-reload-policy.h"
#include "hr-service-private.h"

static void
note_phase (HrJob *job, HrService *self)
{
  const HrOutcome *outcome = hr_job_get_outcome (job);
  HrCanary *canary = self->reload != NULL ? hr_reload_get_canary (self->reload) : NULL;
  HrGeneration *heir = self->reload != NULL ? hr_reload_get_heir (self->reload) : NULL;
  const HrReloadNote note = {
    .phase = (char *)hr_job_get_phase (job),
    .release = outcome->release,
    .previous = outcome->previous_release,
    .trigger = self->running->trigger,
    .caller = (char *)hr_job_get_caller (job),
    .began_at = self->reload_began_at,
    .told = self->reload_events,
    .held = canary != NULL && hr_canary_get_info (canary).held,
    .heir = heir != NULL ? (char *)hr_generation_get_id (heir) : NULL,
    .heir_opened = heir != NULL && hr_generation_has_opened_state (heir),
  };
  g_autofree char *text = NULL;

  if (note.phase == NULL || self->caller != NULL)
    return;
  text = hr_reload_note_to_string (&note);
  hr_platform_keep_note (self->platform, self->name, text);
}

/**
 * hr_service_note_reload:
 * @self: a service whose reload has been announced
 * @began_at: when, microseconds since 1970
 *
 * From now to its end it is noted in which phase it is.
 */
void
hr_service_note_reload (HrService *self, gint64 began_at)
{
  self->reload_began_at = began_at;
  g_signal_connect (self->running->job, "changed", G_CALLBACK (note_phase), self);
  note_phase (self->running->job, self);
}

/**
 * hr_service_note_reload_end:
 * @self: a service whose reload has ended
 */
void
hr_service_note_reload_end (HrService *self)
{
  g_signal_handlers_disconnect_by_func (self->running->job, note_phase, self);
  hr_platform_keep_note (self->platform, self->name, NULL);
}

/**
 * hr_service_write_interrupted:
 * @self: a service that has taken over what could be
 * @note: of the reload that the other daemon had under way
 *
 * What became of it is in the history, as of any.
 */
void
hr_service_write_interrupted (HrService *self, const HrReloadNote *note)
{
  gint64 now = hr_clock_real (hr_platform_get_clock (self->platform));
  gboolean done = self->current != NULL && hr_generation_get_release (self->current) == note->release
                  && (g_str_equal (note->phase, hr_reload_phase_to_string (HR_PHASE_SWITCH))
                      || g_strcmp0 (hr_generation_get_id (self->current), note->heir) == 0);
  /* Where somebody had put an end to it, that is the reason. */
  g_autofree char *verdict = hr_service_dup_verdict (self, note->release);
  g_autofree char *why =
      verdict != NULL ? g_steal_pointer (&verdict) : g_strdup_printf ("the daemon died in phase '%s'", note->phase);
  HrHistoryEntry entry = {
    .time_usec = now,
    .service = self->name,
    .success = done,
    .release = note->release,
    .previous_release = note->previous,
    .duration_usec = MAX (now - note->began_at, 0),
    .queue_wait_usec = -1,
    .phase = done ? NULL : note->phase,
    .error = done ? NULL : why,
    .trigger = note->trigger,
    .caller = note->caller,
  };
  g_autoptr (GError) error = NULL;

  hr_log_warning (self->name, "a reload to release %" G_GUINT64_FORMAT " was interrupted: %s%s", note->release, why,
                  done ? "; it is finished" : "");
  if (!hr_history_append (hr_platform_get_history (self->platform), &entry, &error))
    hr_log_warning (self->name, "%s", error->message);
}
