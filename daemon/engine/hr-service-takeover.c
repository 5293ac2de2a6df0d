/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the next daemon goes on with: what is written down for it, and how it takes over the instances that run.
 */
#include "hr-log.h"
#include "hr-process-tree.h"
#include "hr-reload-policy.h"
#include "hr-service-private.h"

/* Who serves, or is to: what has been switched to does, and what is started in the place of a failed candidate. */
static HrGeneration *
find_lead (HrService *self)
{
  HrGeneration *fallback = self->reload != NULL ? hr_reload_get_fallback (self->reload) : NULL;

  if (fallback != NULL)
    return fallback;
  return self->reload != NULL && hr_reload_has_switched (self->reload) ? hr_reload_get_candidate (self->reload)
                                                                       : self->current;
}

/* Whether it leaves, with the state that it has, or is about to be told so. */
static gboolean
hands_over (HrService *self, HrGeneration *generation)
{
  if (generation != self->current)
    return FALSE;
  return (self->reload != NULL && hr_reload_is_handing_over (self->reload))
         || (self->running != NULL && self->running->kind == HR_JOB_STOP);
}

static HrRunRole
role_of (HrService *self, HrGeneration *generation)
{
  if ((generation == self->retiring && self->retires_rejected) || generation == self->carried_candidate)
    return HR_RUN_CANDIDATE;
  if (generation == self->retiring || generation == self->current)
    return HR_RUN_RETIRING;
  return self->reload != NULL && generation == hr_reload_get_candidate (self->reload) ? HR_RUN_CANDIDATE : HR_RUN_OTHER;
}

/* What was asked for last counts, also where it waits for its turn: who asked was told that it would be done. */
static gboolean
is_to_be_stopped (HrService *self)
{
  if (self->waiting == NULL)
    return self->stopped;
  return self->waiting->kind == HR_JOB_STOP && (self->waiting->by_hand || self->stopped);
}

/**
 * hr_service_make_record:
 * @self: a service
 *
 * Returns: (transfer full): what the next daemon must know of it
 */
HrRunRecord *
hr_service_make_record (HrService *self)
{
  g_autoptr (GPtrArray) alive = hr_service_list_alive (self);
  HrGeneration *lead = find_lead (self);
  HrRunRecord *record = g_new0 (HrRunRecord, 1);

  record->stopped = is_to_be_stopped (self);
  record->paused = self->paused;
  record->ever_notified = self->ever_notified;
  record->running = self->last_release;
  record->slot = self->last_slot;
  record->last_good = self->last_good;
  record->verdict = g_strdup (self->verdict);
  record->others = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
  for (guint i = 0; i < alive->len; i++)
    {
      HrGeneration *generation = g_ptr_array_index (alive, i);
      HrRunProcess *process = hr_generation_describe (generation);
      HrProcess found = { 0 };

      if (hr_process_read (process->pid, &found))
        process->start = found.start;
      process->stopping = process->stopping || hands_over (self, generation);
      process->role = role_of (self, generation);
      if (generation == lead)
        record->current = process;
      else
        g_ptr_array_add (record->others, process);
    }
  if (record->current != NULL)
    record->config = g_strdup (hr_generation_get_spec (lead)->text);
  if (record->current != NULL && lead != self->current)
    {
      record->running = record->current->release;
      record->slot = record->current->slot;
    }
  return record;
}

/**
 * hr_service_remember:
 * @self: a service
 *
 * Writes what the next daemon must know of it.
 */
void
hr_service_remember (HrService *self)
{
  g_autoptr (HrRunRecord) record = NULL;
  g_autoptr (GError) error = NULL;

  if (self->caller != NULL)
    return;
  record = hr_service_make_record (self);
  if (!hr_run_state_set (hr_platform_get_run_state (self->platform), self->name, record, &error))
    hr_log_warning (self->name, "%s", error->message);
}

/* Taking over */

/**
 * hr_service_take_over_process:
 * @self: a service whose file loads
 * @process: what an earlier daemon wrote of an instance
 * @error: return location
 *
 * Returns: (transfer full): that instance; %NULL: it is no more, or cannot be gone on with
 */
HrGeneration *
hr_service_take_over_process (HrService *self, const HrRunProcess *process, GError **error)
{
  const HrRelease *release = hr_release_store_get (self->parts.store, process->release);
  const HrGenerationPlan plan = {
    .spec = self->spec,
    .release = process->release,
    .commit = release != NULL ? release->commit : NULL,
    .slot = hr_generation_recorded_slot (process->slot),
    .view = process->view,
    .listeners = self->parts.listeners,
    .state_files = self->parts.state,
    .stored = self->parts.stored,
    .caller = self->caller,
    .tally = self->tally,
    .index = MAX (process->index, 1),
    .ever_notified = self->ever_notified,
  };
  g_autoptr (HrGeneration) generation = hr_generation_new (self->platform, &plan);

  return hr_generation_take_over (generation, process, error) ? g_steal_pointer (&generation) : NULL;
}

/**
 * hr_service_let_candidate_go:
 * @self: a service
 * @candidate: one that was taken over, had not been switched to, and is not to be
 *
 * It finishes what it has, and ends.
 */
void
hr_service_let_candidate_go (HrService *self, HrGeneration *candidate)
{
  if (self->retiring != NULL)
    {
      hr_service_retire_beside (self, candidate);
      return;
    }
  hr_service_take_rejected (self, candidate);
  hr_generation_retire (candidate);
}

static void
retire (HrService *self, HrGeneration *generation)
{
  if (self->retiring == NULL)
    hr_service_retire (self, generation);
  else
    hr_service_retire_beside (self, generation);
}

/* One that is not to serve finishes what it has, as long as there is one that does. */
static gboolean
let_go (HrService *self, const HrRunProcess *process)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrGeneration) generation = hr_service_take_over_process (self, process, &error);

  if (error != NULL)
    hr_log_debug (self->name, "%s", error->message);
  if (generation == NULL)
    return FALSE;
  if (process->role == HR_RUN_CANDIDATE)
    {
      if (!self->carried && self->retiring == NULL)
        hr_log_warning (self->name,
                        "PID %d of release %" G_GUINT64_FORMAT " had not been switched to when an earlier daemon died; "
                        "ending it",
                        (int)process->pid, process->release);
      hr_service_let_candidate_go (self, generation);
      return TRUE;
    }
  retire (self, generation);
  return TRUE;
}

/* Those that could not be let go of are ended, and waited for: nothing may run twice. */
static void
let_go_of_others (HrService *self, HrRunRecord *record)
{
  for (guint i = record->others != NULL ? record->others->len : 0; i > 0; i--)
    {
      const HrRunProcess *other = g_ptr_array_index (record->others, i - 1);

      if (!hr_launcher_finds (hr_platform_get_launcher (self->platform), other) || let_go (self, other))
        g_ptr_array_remove_index (record->others, i - 1);
    }
}

/* Where nobody serves, those that were retired finish all the same what they have. */
static void
let_go_of_retiring (HrService *self, HrRunRecord *record)
{
  for (guint i = record->others != NULL ? record->others->len : 0; i > 0; i--)
    {
      const HrRunProcess *other = g_ptr_array_index (record->others, i - 1);

      if (other->role == HR_RUN_RETIRING && hr_launcher_finds (hr_platform_get_launcher (self->platform), other)
          && let_go (self, other))
        g_ptr_array_remove_index (record->others, i - 1);
    }
}

static char *
find_obstacle (HrService *self, const HrRunProcess *process)
{
  if (self->spec == NULL)
    return g_strdup ("its service file does not load any more");
  if (self->stopped || process->stopping)
    return g_strdup ("it was being stopped");
  if (!process->ready && process->role != HR_RUN_HEIR)
    return g_strdup ("it was not ready yet");
  /* A daemon that is re-executed reloads it then, as it would without. */
  if (g_strcmp0 (process->spec, self->spec->checksum) != 0 && !self->carried)
    return g_strdup ("its service file has changed since");
  return NULL;
}

/* One of several that serve this release. */
static gboolean
is_like (HrService *self, const HrRunProcess *process, guint64 release, HrSlot slot)
{
  g_autofree char *obstacle = find_obstacle (self, process);

  return obstacle == NULL && process->role == HR_RUN_OTHER && process->release == release
         && hr_generation_recorded_slot (process->slot) == slot
         && hr_launcher_finds (hr_platform_get_launcher (self->platform), process);
}

/* Of several the others that serve go on in their places; those that are missing are started when all is in order. */
static HrFollowers *
take_over_followers (HrService *self, HrRunRecord *record)
{
  g_autoptr (HrFollowers) followers = NULL;

  if (self->spec->instances == 1)
    return NULL;
  followers = hr_followers_new (self->platform, self->current);
  for (guint i = record->others != NULL ? record->others->len : 0; i > 0; i--)
    {
      const HrRunProcess *other = g_ptr_array_index (record->others, i - 1);
      g_autoptr (HrGeneration) generation = NULL;

      if (!is_like (self, other, self->last_release, self->last_slot))
        continue;
      generation = hr_service_take_over_process (self, other, NULL);
      if (generation == NULL)
        continue;
      if (hr_followers_take (followers, generation))
        hr_log_info (self->name, "PID %d runs on: taken over from an earlier daemon", (int)other->pid);
      else
        retire (self, generation);
      g_ptr_array_remove_index (record->others, i - 1);
    }
  return g_steal_pointer (&followers);
}

/* A candidate that goes on with the state of the service, which the old instance has left: what it has changed since is
 * nowhere else. One that was ready leads, or that serves; another is told to stop, and leaves it. Returns whether there is
 * one. */
static gboolean
take_heir (HrService *self, HrRunRecord *record, const HrReloadNote *note)
{
  gboolean ready = g_str_equal (note->phase, hr_reload_phase_to_string (HR_PHASE_VERIFY))
                   || g_str_equal (note->phase, hr_reload_phase_to_string (HR_PHASE_SWITCH));

  for (guint i = 0; note->heir != NULL && record->others != NULL && i < record->others->len; i++)
    {
      HrRunProcess *other = g_ptr_array_index (record->others, i);

      if (g_strcmp0 (other->instance, note->heir) != 0
          || !hr_launcher_finds (hr_platform_get_launcher (self->platform), other))
        continue;
      other->role = HR_RUN_HEIR;
      other->opened_state = note->heir_opened;
      if (record->current != NULL && hr_launcher_finds (hr_platform_get_launcher (self->platform), record->current))
        return FALSE;
      other->ready = other->ready || ready;
      g_clear_pointer (&record->current, hr_run_process_free);
      record->current = hr_run_process_copy (other);
      g_ptr_array_remove_index (record->others, i);
      return TRUE;
    }
  return FALSE;
}

/* The one that led has ended meanwhile, or cannot be gone on with: of several another one can. */
static void
choose_lead (HrService *self, HrRunRecord *record, const HrReloadNote *note)
{
  HrSlot slot = hr_generation_recorded_slot (record->slot);

  if (note != NULL && take_heir (self, record, note))
    return;
  if (record->current != NULL && hr_launcher_finds (hr_platform_get_launcher (self->platform), record->current))
    return;
  for (guint i = 0; record->others != NULL && i < record->others->len; i++)
    {
      HrRunProcess *other = g_ptr_array_index (record->others, i);

      if (!is_like (self, other, record->running, slot))
        continue;
      g_clear_pointer (&record->current, hr_run_process_free);
      record->current = hr_run_process_copy (other);
      g_ptr_array_remove_index (record->others, i);
      return;
    }
}

/* Goes on with the instance that serves, as if nothing had happened: it is the same process, with what it has accepted,
 * and its listeners. One that was told to go, or that was not to serve yet, finishes what it has. */
static void
take_over_all (HrService *self, HrRunRecord *record, const HrReloadNote *note)
{
  HrRunProcess *process;
  g_autoptr (HrGeneration) generation = NULL;
  g_autoptr (HrFollowers) followers = NULL;
  g_autofree char *obstacle = NULL;
  g_autoptr (GError) error = NULL;

  choose_lead (self, record, note);
  process = record->current;
  if (process == NULL || !hr_launcher_finds (hr_platform_get_launcher (self->platform), process))
    return;
  obstacle = find_obstacle (self, process);
  if (obstacle == NULL)
    generation = hr_service_take_over_process (self, process, &error);
  if (generation == NULL)
    {
      hr_log_warning (self->name, "PID %d was left running by an earlier daemon and is not taken over: %s",
                      (int)process->pid, error != NULL ? error->message : obstacle);
      return;
    }
  self->has_changed = g_strcmp0 (process->spec, self->spec->checksum) != 0;
  hr_service_set_current (self, generation, NULL);
  /* A switch that is finished here may not have come to them. */
  if (self->parts.listeners != NULL)
    hr_listeners_promote (self->parts.listeners, process->instance);
  self->since_real = process->started_at;
  hr_log_info (self->name, "PID %d runs on: taken over from an earlier daemon", (int)process->pid);
  g_clear_pointer (&record->current, hr_run_process_free);
  followers = take_over_followers (self, record);
  hr_service_take_candidate (self, record);
  let_go_of_others (self, record);
  hr_service_observe_again (self);
  hr_service_set_followers (self, followers);
  hr_service_remember (self);
  hr_service_touch (self);
  /* What was saved meanwhile, where that is a reason to reload, and what an interrupted reload was about. */
  self->scan_everything = TRUE;
  self->retries_unproven = !self->carried;
  if (self->intake != NULL && self->config_error == NULL && (self->spec->watch_enabled || note != NULL))
    hr_intake_demand (self->intake);
}

static gboolean
is_written_down (HrService *self, const HrRunRecord *record, const char *instance)
{
  HrLauncher *launcher = hr_platform_get_launcher (self->platform);

  if (record->current != NULL && g_strcmp0 (record->current->instance, instance) == 0
      && hr_launcher_finds (launcher, record->current))
    return TRUE;
  for (guint i = 0; record->others != NULL && i < record->others->len; i++)
    {
      const HrRunProcess *other = g_ptr_array_index (record->others, i);

      if (g_strcmp0 (other->instance, instance) == 0 && hr_launcher_finds (launcher, other))
        return TRUE;
    }
  return FALSE;
}

/* What was started and not written down, and what outlived its main process. */
static void
add_strays (HrService *self, HrRunRecord *record)
{
  g_autoptr (GPtrArray) strays = hr_platform_take_strays (self->platform, self->name);

  for (guint i = 0; i < strays->len; i++)
    {
      HrRunProcess *stray = g_ptr_array_index (strays, i);

      if (is_written_down (self, record, stray->instance))
        continue;
      if (record->others == NULL)
        record->others = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
      g_ptr_array_add (record->others, hr_run_process_copy (stray));
    }
}

/**
 * hr_service_resume:
 * @self: a service that has not run
 * @record: (inout): what an earlier daemon wrote of it
 *
 * Takes over what can be, and ends the rest.
 */
void
hr_service_resume (HrService *self, HrRunRecord *record)
{
  g_autofree char *text = hr_platform_take_note (self->platform, self->name);
  /* What this process had under way before it was re-executed was not interrupted. */
  g_autoptr (HrReloadNote) note = text != NULL && !self->carried ? hr_reload_note_parse (text) : NULL;

  add_strays (self, record);
  take_over_all (self, record, note);
  if (self->current == NULL && self->spec != NULL && !self->stopped)
    let_go_of_retiring (self, record);
  if (self->current == NULL && note != NULL)
    self->interrupted = note->previous;
  if (note != NULL && note->held)
    self->to_hold = note->release;
  hr_service_end_leftovers (self, record);
  if (note != NULL && note->told)
    hr_service_write_interrupted (self, note);
}

/**
 * hr_service_leave:
 * @self: a service whose daemon ends, and which runs on
 *
 * Nothing is begun any more; what is under way is cancelled, if it can be.
 *
 * Returns: (transfer full) (nullable): the job of that; %NULL: nothing is
 */
HrJob *
hr_service_leave (HrService *self)
{
  g_autoptr (HrJob) job = self->running != NULL ? g_object_ref (self->running->job) : NULL;

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  self->closing = TRUE;
  hr_service_cancel_waiting (self, "the daemon ends");
  if (job != NULL && !hr_job_is_finished (job))
    hr_job_cancel (job, NULL, NULL);
  return g_steal_pointer (&job);
}
