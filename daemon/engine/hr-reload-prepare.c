/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a change set to a candidate that may be started: record, place, check.
 */
#include "hr-error.h"
#include "hr-ignore.h"
#include "hr-reload-private.h"

/* Check */

static void
sealed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;

  if (!hr_slots_seal_finish (HR_SLOTS (source), result, &error))
    {
      if (!hr_reload_has_ended (self))
        hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (!hr_reload_has_ended (self))
    hr_reload_before_start (self);
}

static void
checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = NULL;
  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();
  gboolean passed = hr_checker_check_finish (HR_CHECKER (source), result, &report, &error);

  self->checking = FALSE;
  if (hr_reload_has_ended (self))
    return;
  for (guint i = 0; report->done != NULL && report->done[i] != NULL; i++)
    g_strv_builder_add (lines, report->done[i]);
  for (guint i = 0; report->unavailable != NULL && report->unavailable[i] != NULL; i++)
    g_strv_builder_add (lines, report->unavailable[i]);
  hr_job_edit_outcome (self->job)->checks = g_strv_builder_end (lines);
  if (!passed)
    {
      g_prefix_error (&error, "while checking release %" G_GUINT64_FORMAT " of '%s': ", self->release->number,
                      self->spec->name);
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (self->spec->build[0] != NULL || self->spec->precheck[0] != NULL)
    hr_slots_seal_async (self->parts.slots, self->slot, self->cancellable, sealed, g_object_ref (self));
  else
    hr_reload_before_start (self);
}

static gboolean
is_retiring (HrReload *self)
{
  return (self->retiring != NULL && hr_generation_is_alive (self->retiring))
         || (self->retiring_followers != NULL && !hr_followers_are_gone (self->retiring_followers));
}

/* Whether something that was retired runs from there. */
static gboolean
has_retiring (HrReload *self, HrSlot slot)
{
  return (self->retiring != NULL && hr_generation_is_alive (self->retiring)
          && hr_generation_get_slot (self->retiring) == slot)
         || (self->retiring_followers != NULL && !hr_followers_are_gone (self->retiring_followers)
             && hr_followers_get_slot (self->retiring_followers) == slot);
}

/* Where nothing runs but what was retired, it and the candidate are the two that there may be: nobody who connects is to
 * wait for what it still finishes. What is built takes longer than that, and is there in the slot of the retired one. */
static gboolean
may_start_beside_retiring (HrReload *self)
{
  return is_retiring (self) && !self->opens_listeners && !self->beside_failed && self->previous == NULL
         && !self->awaits_restart && !self->sequential
         && (self->old_followers == NULL || hr_followers_are_gone (self->old_followers)) && self->spec->build[0] == NULL
         && self->spec->precheck[0] == NULL && !(has_retiring (self, HR_SLOT_A) && has_retiring (self, HR_SLOT_B));
}

/* What was switched to once was checked and built; of what was rejected, or never got that far, that is not known. */
static gboolean
has_passed_checks (const HrRelease *release)
{
  return release->fate == HR_FATE_UNPROVEN || release->fate == HR_FATE_GOOD || release->fate == HR_FATE_RETIRED;
}

static void
check (HrReload *self)
{
  static const char *const none[] = { NULL };
  g_autoptr (GError) error = NULL;

  if ((self->held_already || self->beside_retiring) && has_passed_checks (self->release))
    {
      hr_reload_before_start (self);
      return;
    }
  hr_reload_enter (self, HR_PHASE_CHECK);
  self->environment = hr_platform_base_environment (self->platform, self->spec, &error);
  if (self->environment == NULL)
    {
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  self->check.spec = self->spec;
  self->check.view = self->placement->view;
  self->check.files = self->target == 0 && self->scan->files != NULL ? (const char *const *)self->scan->files : none;
  self->check.environment = (const char *const *)self->environment;
  self->check.baseline = self->previous != NULL ? hr_generation_get_view (self->previous) : NULL;
  self->checking = TRUE;
  hr_checker_check_async (hr_platform_get_checker (self->platform), &self->check, self->cancellable, checked,
                          g_object_ref (self));
}

/* Place */

static void
placed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrPlacement) placement = hr_slots_place_finish (HR_SLOTS (source), result, &error);

  if (hr_reload_has_ended (self))
    return;
  if (placement == NULL && self->beside_retiring)
    {
      /* The other slot may hold it already, and needs no room on the disk. */
      self->beside_failed = TRUE;
      hr_reload_place (self);
      return;
    }
  if (placement == NULL)
    {
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  hr_job_edit_outcome (self->job)->carried = g_strdupv (placement->carried);
  self->placement = g_steal_pointer (&placement);
  check (self);
}

static HrSlot
choose_slot (HrReload *self)
{
  HrSlot other = self->last_slot == HR_SLOT_A ? HR_SLOT_B : HR_SLOT_A;

  if (self->beside_retiring)
    return has_retiring (self, HR_SLOT_A) ? HR_SLOT_B : HR_SLOT_A;
  /* Nothing runs: where the release is placed already, or ran last, there is nothing to do. */
  if (self->previous == NULL && !self->awaits_restart && self->last_slot != HR_SLOT_NONE
      && hr_slots_holds (self->parts.slots, self->last_slot) == self->release->number)
    return self->last_slot;
  return other;
}

static void
retiring_exited (HrGeneration *retiring, HrReload *self)
{
  g_signal_handlers_disconnect_by_data (retiring, self);
  if (!hr_reload_has_ended (self))
    hr_reload_place (self);
}

static void
await_retiring (HrReload *self)
{
  if (self->retiring != NULL && hr_generation_is_alive (self->retiring))
    {
      g_signal_connect (self->retiring, "exited", G_CALLBACK (retiring_exited), self);
      hr_generation_hand_over (self->retiring, hr_generation_get_spec (self->retiring)->stop_timeout);
    }
  else
    hr_reload_await_retiring_followers (self);
}

static void
write_slot (HrReload *self)
{
  const HrScan *scan = self->scan != NULL ? self->scan : self->known_scan;

  self->slot = choose_slot (self);
  self->held_already = hr_slots_holds (self->parts.slots, self->slot) == self->release->number;
  hr_slots_place_async (self->parts.slots, self->slot, self->release, scan,
                        self->last_slot == self->slot ? HR_SLOT_NONE : self->last_slot, self->cancellable, placed,
                        g_object_ref (self));
}

/**
 * hr_reload_place:
 * @self: a reload whose release is known, or that needs none
 *
 * Makes room for another generation, brings the idle slot to the release where there is one, and goes on from there.
 */
void
hr_reload_place (HrReload *self)
{
  /* Whoever was told of it may have put an end to it. */
  if (hr_reload_has_ended (self))
    return;
  if (self->phase != HR_PHASE_PLACE)
    {
      if (!hr_reload_decide_canary (self))
        return;
      hr_reload_enter (self, HR_PHASE_PLACE);
    }
  /* At most two generations: the one before the running one ends now. */
  self->beside_retiring = may_start_beside_retiring (self);
  if (is_retiring (self) && !self->beside_retiring)
    await_retiring (self);
  else if (!hr_reload_open_listeners (self))
    return;
  else if (self->parts.store != NULL)
    write_slot (self);
  else
    hr_reload_before_start (self);
}

/* Record */

/* People and signals get the first of a large change set; the checks get all of it. */
static char **
first_files (char **files)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; files[i] != NULL && i < HR_RELEASE_FILES_MAX; i++)
    g_strv_builder_add (builder, files[i]);
  return g_strv_builder_end (builder);
}

/**
 * hr_reload_announce:
 * @self: a reload that will do something
 *
 * Its release is known: says so.
 */
void
hr_reload_announce (HrReload *self)
{
  HrOutcome *outcome = hr_job_edit_outcome (self->job);

  outcome->release = self->release != NULL ? self->release->number : 0;
  outcome->previous_release = self->previous != NULL ? hr_generation_get_release (self->previous) : 0;
  if (self->scan != NULL && self->target == 0)
    outcome->files = first_files (self->scan->files);
  self->announced = TRUE;
  hr_reload_watch_queue (self);
  hr_reload_emit_announced (self);
}

static void
committed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrRelease) release = hr_release_store_commit_finish (HR_RELEASE_STORE (source), result, &error);

  if (hr_reload_has_ended (self))
    return;
  if (release == NULL)
    {
      g_prefix_error (&error, "while recording the source of '%s': ", self->spec->name);
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  self->release = g_steal_pointer (&release);
  self->new_release = TRUE;
  hr_reload_announce (self);
  hr_reload_place (self);
}

static void
commit (HrReload *self)
{
  HrRelease draft = {
    .tree = self->scan->tree,
    .time_usec = hr_clock_real (hr_reload_clock (self)),
    .trigger = self->trigger,
    .caller = (char *)hr_job_get_caller (self->job),
    .files = self->scan->files,
  };

  hr_release_store_commit_async (self->parts.store, &draft, self->cancellable, committed, g_object_ref (self));
}

static const HrRelease *
running_release (HrReload *self)
{
  return self->previous != NULL ? hr_release_store_get (self->parts.store, hr_generation_get_release (self->previous))
                                : NULL;
}

/* Too large to be placed, and the service file leaves the choice: it runs in its source. */
static gboolean
run_in_place_instead (HrReload *self, const GError *error)
{
  if (!g_error_matches (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED) || self->spec->slots != HR_SLOTS_AUTO || self->large)
    return FALSE;
  self->large = TRUE;
  hr_slots_run_in_place (self->parts.slots, "the source is too large to be placed; name what is no code in Ignore");
  hr_release_store_allow_large (self->parts.store);
  hr_reload_scan_source (self);
  return TRUE;
}

/* A candidate whose reload was cut short, by a stop, the end of a daemon or a newer change, is as good as a new one; so
 * is, after a start, a release that served and had no time to prove itself: the last good one was started in its place.
 * Where nothing runs, it is what was started, and has crashed: it has its next start by RestartDelay. */
static gboolean
is_untried (HrReload *self, const HrRelease *last, const HrRelease *running)
{
  gboolean unproven = last != NULL && last->fate == HR_FATE_UNPROVEN && last->error == NULL && self->retries_unproven
                      && running != NULL;

  return last != NULL && (last->fate == HR_FATE_CANDIDATE || unproven || last->number == self->superseded)
         && g_str_equal (last->tree, self->scan->tree)
         && (running == NULL || !g_str_equal (running->tree, self->scan->tree));
}

/* Whether anything that changed since the running release is a reason to reload: what the actions and Extensions leave
 * out is recorded, but only together with something else. */
static gboolean
has_reason (HrReload *self)
{
  g_autoptr (HrIgnore) ignore = NULL;

  if (self->scan->n_changed == 0 || self->scan->n_changed > g_strv_length (self->scan->files))
    return TRUE;
  ignore = hr_ignore_new (self->spec);
  for (guint i = 0; self->scan->files[i] != NULL; i++)
    if (hr_ignore_triggers (ignore, self->scan->files[i]))
      return TRUE;
  return FALSE;
}

/* What was rejected, or rolled back, and is in the source still: the release that serves is meant. Where it runs in its
 * source there is nothing else to run. */
static gboolean
means_running (HrReload *self, const HrRelease *last, const HrRelease *running)
{
  return self->spares_rejected && running != NULL && last != NULL && last->error != NULL
         && g_str_equal (last->tree, self->scan->tree) && !g_str_equal (running->tree, self->scan->tree)
         && hr_generation_get_slot (self->previous) != HR_SLOT_NONE;
}

/* Whether a change may have begun while the source was looked at, so that what was found is half of it. Whoever asks by
 * hand means what is there now, and what does not run yet is not kept waiting by a save. */
static gboolean
found_half (HrReload *self, const HrRelease *running)
{
  if (self->by_hand || self->intake == NULL)
    return FALSE;
  return hr_intake_is_held (self->intake)
         || (running != NULL && self->scan->n_changed > 0 && hr_intake_is_too_soon (self->intake, self->scan->quiet));
}

static void
scanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrScan) scan = hr_release_store_scan_finish (HR_RELEASE_STORE (source), result, &error);
  const HrRelease *last = hr_release_book_get_newest (hr_release_store_get_book (self->parts.store));
  const HrRelease *running;

  if (hr_reload_has_ended (self))
    return;
  if (scan == NULL && run_in_place_instead (self, error))
    return;
  if (scan == NULL)
    {
      g_prefix_error (&error, "while recording the source of '%s': ", self->spec->name);
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  self->scan = g_steal_pointer (&scan);
  if (self->target != 0)
    {
      hr_reload_announce (self);
      hr_reload_place (self);
      return;
    }
  running = running_release (self);
  self->unsettled = found_half (self, running);
  if (self->unsettled)
    {
      hr_reload_finish (self, HR_RELOAD_ENDED_NOTHING);
      return;
    }
  if (!self->by_hand && running != NULL && !has_reason (self))
    {
      hr_reload_finish (self, HR_RELOAD_ENDED_NOTHING);
      return;
    }
  if (means_running (self, last, running))
    {
      self->target = running->number;
      self->release = hr_release_copy (running);
      hr_reload_announce (self);
      hr_reload_place (self);
      return;
    }
  switch (hr_reload_decide (self->scan->tree, running != NULL ? running->tree : NULL, last != NULL ? last->tree : NULL,
                            self->by_hand || is_untried (self, last, running)))
    {
    case HR_RELOAD_NOTHING:
      hr_reload_finish (self, HR_RELOAD_ENDED_NOTHING);
      break;
    case HR_RELOAD_NEW:
      commit (self);
      break;
    case HR_RELOAD_RUNNING:
    case HR_RELOAD_LAST:
      self->release =
          hr_release_copy (g_strcmp0 (running != NULL ? running->tree : NULL, self->scan->tree) == 0 ? running : last);
      hr_reload_announce (self);
      hr_reload_place (self);
      break;
    }
}

/**
 * hr_reload_scan_source:
 * @self: a reload
 *
 * Looks at the source, and goes on from there.
 */
void
hr_reload_scan_source (HrReload *self)
{
  const HrRelease *running = running_release (self);

  hr_release_store_scan_async (self->parts.store, (const char *const *)self->hints,
                               running != NULL ? running->tree : NULL, self->cancellable, scanned, g_object_ref (self));
}

static void
record_target (HrReload *self)
{
  if (self->known_scan == NULL)
    {
      hr_reload_scan_source (self);
      return;
    }
  hr_reload_announce (self);
  hr_reload_place (self);
}

static void
target_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrRelease) release = hr_release_store_load_finish (HR_RELEASE_STORE (source), result, &error);

  if (hr_reload_has_ended (self))
    return;
  if (release == NULL)
    {
      g_prefix_error (&error, "while looking up release %" G_GUINT64_FORMAT " of '%s': ", self->target,
                      self->spec->name);
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  hr_release_book_hold (hr_release_store_get_book (self->parts.store), hr_release_copy (release));
  self->release = g_steal_pointer (&release);
  record_target (self);
}

/**
 * hr_reload_record_target:
 * @self: a reload of a release that was asked for
 *
 * Looks it up, and goes on from there; where there is none the reload fails.
 */
void
hr_reload_record_target (HrReload *self)
{
  const HrRelease *release = hr_release_store_get (self->parts.store, self->target);

  if (release != NULL)
    {
      self->release = hr_release_copy (release);
      record_target (self);
    }
  else if (self->parts.store != NULL
           && hr_release_book_get_fate (hr_release_store_get_book (self->parts.store), self->target, NULL))
    hr_release_store_load_async (self->parts.store, self->target, self->cancellable, target_loaded,
                                 g_object_ref (self));
  else
    hr_reload_fail (self,
                    g_error_new (HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release %" G_GUINT64_FORMAT,
                                 self->spec->name, self->target));
}
