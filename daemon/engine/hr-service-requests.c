/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What can be asked of a service: each becomes an operation, now or when its turn comes.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-reload-policy.h"
#include "hr-service-private.h"

/**
 * hr_service_start:
 * @self: a service
 * @caller: (nullable): who asked
 *
 * The last good release, then what the source holds.
 *
 * Returns: (transfer none): the job
 */
HrJob *
hr_service_start (HrService *self, const char *caller)
{
  HrRequest *request = hr_service_new_request (self, HR_JOB_START, "start", caller);

  request->by_hand = TRUE;
  return hr_service_request (self, request);
}

/**
 * hr_service_stop:
 * @self: a service
 * @caller: (nullable): who asked; %NULL: the service goes away, with the daemon or without: nothing starts it any more,
 *   and it is not remembered as stopped on request
 *
 * Returns: (transfer none): the job
 */
HrJob *
hr_service_stop (HrService *self, const char *caller)
{
  if (caller == NULL)
    self->closing = TRUE;
  return hr_service_request (self, hr_service_new_request (self, HR_JOB_STOP, "manual", caller));
}

/**
 * hr_service_restart:
 * @self: a service
 * @caller: (nullable): who asked
 *
 * Stops and starts the release that runs.
 *
 * Returns: (transfer none): the job
 */
HrJob *
hr_service_restart (HrService *self, const char *caller)
{
  return hr_service_request (self, hr_service_new_request (self, HR_JOB_RESTART, "manual", caller));
}

/**
 * hr_service_reload:
 * @self: a service
 * @caller: (nullable): who asked
 *
 * Returns: (transfer none): the job
 */
HrJob *
hr_service_reload (HrService *self, const char *caller)
{
  HrRequest *request = hr_service_new_request (self, HR_JOB_RELOAD, "manual", caller);

  request->by_hand = TRUE;
  return hr_service_request (self, request);
}

/**
 * hr_service_reload_as_configured:
 * @self: a service whose file has changed
 *
 * Nobody asked for what was rejected: a new process of the running release, unless the source holds something new.
 *
 * Returns: (transfer none): the job
 */
HrJob *
hr_service_reload_as_configured (HrService *self)
{
  HrRequest *request = hr_service_new_request (self, HR_JOB_RELOAD, "manual", "configuration");

  request->by_hand = TRUE;
  request->spares_rejected = TRUE;
  return hr_service_request (self, request);
}

/**
 * hr_service_runs_in_place:
 * @self: a service
 *
 * Its files are the developer's own then: going back to a release would run the same files under another number.
 *
 * Returns: whether it runs in its source
 */
gboolean
hr_service_runs_in_place (HrService *self)
{
  return self->parts.slots != NULL && g_str_has_prefix (hr_slots_view_note (self->parts.slots), "in place");
}

/* A rollback skips the checks of what has passed them before; what never got through them is no release to go back to. */
static gboolean
has_served (const HrRelease *release, GError **error)
{
  gboolean in_checks = g_strcmp0 (release->phase, hr_reload_phase_to_string (HR_PHASE_CHECK)) == 0;

  if (release->fate == HR_FATE_CANDIDATE)
    g_set_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED, "release %" G_GUINT64_FORMAT " was never tried to its end",
                 release->number);
  else if (release->fate == HR_FATE_REJECTED
           && g_strcmp0 (release->phase, hr_reload_phase_to_string (HR_PHASE_OBSERVE)) != 0)
    g_set_error (error, HR_ERROR, in_checks ? HR_ERROR_CHECK_FAILED : HR_ERROR_START_FAILED,
                 "release %" G_GUINT64_FORMAT " never served, it was rejected in phase '%s': %s", release->number,
                 release->phase, release->error);
  else
    return TRUE;
  return FALSE;
}

/* What a reload is about to put in the place of what runs, or was until it failed; 0: it is about nothing else, or nobody
 * knows yet. */
static guint64
release_to_come (HrService *self)
{
  const HrRelease *release = NULL;

  if (self->reload != NULL && self->running->kind == HR_JOB_RELOAD && self->current != NULL
      && hr_reload_is_announced (self->reload))
    release = hr_reload_get_release (self->reload);
  return release != NULL && release->number != self->last_release ? release->number : 0;
}

/* Nobody knows yet whether it is about to put anything in the place of what runs. */
static gboolean
is_looking (HrService *self)
{
  return self->reload != NULL && self->running->kind == HR_JOB_RELOAD && !hr_reload_is_announced (self->reload);
}

/**
 * hr_service_find_rollback:
 * @self: a service
 * @release: (out): what a rollback without a number goes to now
 * @error: return location
 *
 * Returns: whether there is one; else %HR_ERROR_NO_SUCH_RELEASE
 */
gboolean
hr_service_find_rollback (HrService *self, guint64 *release, GError **error)
{
  guint64 found = hr_service_get_rollback_point (self);

  if (found == 0)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no good release to go back to",
                   self->name);
      return FALSE;
    }
  *release = found;
  return TRUE;
}

/* The way back from a reload that is under way is what it was to replace: it is cancelled, and a canary gets no new
 * connection any more. Whatever else is to run after that, nobody waits for what the reload would have proven. */
static HrJob *
begin_rollback (HrService *self, guint64 release, const char *caller)
{
  HrCanary *canary = self->reload != NULL ? hr_reload_get_canary (self->reload) : NULL;
  HrRequest *request = hr_service_new_request (self, HR_JOB_ROLLBACK, "rollback", caller);

  request->by_hand = TRUE;
  request->target = release;
  request->open = release == 0;
  request->aborted = release_to_come (self);
  if (canary != NULL)
    hr_service_abort_canary (self, caller, NULL);
  return hr_service_request (self, request);
}

/**
 * hr_service_rollback:
 * @self: a service
 * @release: which one to run; 0: the previous good one, or, while another one is about to take its place, the one that runs
 * @caller: (nullable): who asked
 * @error: return location
 *
 * A release that is not in memory is not found, see hr_service_rollback_async().
 *
 * Returns: (transfer none): the job; %NULL with %HR_ERROR_NO_SUCH_RELEASE, %HR_ERROR_NOT_SUPPORTED, or, for a release
 *   that never served, %HR_ERROR_CHECK_FAILED or %HR_ERROR_START_FAILED
 */
HrJob *
hr_service_rollback (HrService *self, guint64 release, const char *caller, GError **error)
{
  if (self->parts.store == NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "service '%s' has no Source, so there are no releases of it", self->name);
      return NULL;
    }
  if (hr_service_runs_in_place (self))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "service '%s' runs in its source (%s): its files are yours and are not rolled back", self->name,
                   hr_slots_view_note (self->parts.slots));
      return NULL;
    }
  if (release == 0 && is_looking (self))
    return begin_rollback (self, 0, caller);
  if (release == 0 && release_to_come (self) != 0)
    release = self->last_release;
  if (release == 0 && !hr_service_find_rollback (self, &release, error))
    return NULL;
  if (hr_release_store_get (self->parts.store, release) == NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release %" G_GUINT64_FORMAT,
                   self->name, release);
      return NULL;
    }
  if (!has_served (hr_release_store_get (self->parts.store, release), error))
    {
      g_prefix_error (error, "while rolling back '%s': ", self->name);
      return NULL;
    }
  return begin_rollback (self, release, caller);
}

typedef struct {
  guint64 release;
  char *caller;
} Rollback;

static void
rollback_free (gpointer data)
{
  Rollback *rollback = data;

  g_free (rollback->caller);
  g_free (rollback);
}

static void
roll_back (HrService *self, GTask *task)
{
  const Rollback *rollback = g_task_get_task_data (task);
  GError *error = NULL;
  HrJob *job = hr_service_rollback (self, rollback->release, rollback->caller, &error);

  if (job != NULL)
    g_task_return_pointer (task, g_object_ref (job), g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
found_for_rollback (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrService *self = HR_SERVICE (source);
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (HrRelease) release = hr_service_find_release_finish (self, result, &error);

  if (release == NULL)
    {
      g_prefix_error (&error, "while rolling back '%s': ", self->name);
      g_task_return_error (task, error);
      return;
    }
  /* Its file may have been read again meanwhile. */
  if (self->parts.store != NULL)
    hr_release_book_hold (hr_release_store_get_book (self->parts.store), g_steal_pointer (&release));
  roll_back (self, task);
  hr_service_trim_releases (self);
}

/**
 * hr_service_rollback_async:
 * @self: a service
 * @release: as for hr_service_rollback()
 * @caller: (nullable): who asked
 * @callback: called when it has a job, or is refused
 * @user_data: for @callback
 *
 * As hr_service_rollback(), also to a release that has to be read from the store.
 */
void
hr_service_rollback_async (HrService *self, guint64 release, const char *caller, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  Rollback *rollback = g_new0 (Rollback, 1);
  HrFate fate;

  g_task_set_source_tag (task, hr_service_rollback_async);
  rollback->release = release;
  if (release == 0 && !is_looking (self))
    rollback->release = release_to_come (self) != 0 ? self->last_release : hr_service_get_rollback_point (self);
  rollback->caller = g_strdup (caller);
  g_task_set_task_data (task, rollback, rollback_free);
  if (hr_release_store_get (self->parts.store, rollback->release) == NULL
      && hr_service_get_fate (self, rollback->release, &fate))
    hr_service_find_release_async (self, rollback->release, found_for_rollback, g_steal_pointer (&task));
  else
    roll_back (self, task);
}

/**
 * hr_service_rollback_finish:
 * @self: a service
 * @result: of hr_service_rollback_async()
 * @error: return location
 *
 * Returns: (transfer full): the job; %NULL with an error as of hr_service_rollback()
 */
HrJob *
hr_service_rollback_finish (HrService *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * hr_service_restore_snapshot:
 * @self: a service
 * @id: a snapshot
 * @caller: (nullable): who asked
 * @error: return location
 *
 * Starts the release that runs anew with this state.
 *
 * Returns: (transfer none): the job; %NULL with %HR_ERROR_NO_SUCH_SNAPSHOT
 */
HrJob *
hr_service_restore_snapshot (HrService *self, const char *id, const char *caller, GError **error)
{
  g_autoptr (GPtrArray) list = hr_service_list_snapshots (self);
  HrRequest *request;

  for (guint i = 0; i < list->len; i++)
    {
      const HrSnapshot *snapshot = g_ptr_array_index (list, i);

      if (!g_str_equal (snapshot->id, id))
        continue;
      request = hr_service_new_request (self, HR_JOB_RESTORE_SNAPSHOT, "manual", caller);
      request->by_hand = TRUE;
      request->snapshot = g_strdup (id);
      return hr_service_request (self, request);
    }
  g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT, "service '%s' has no snapshot '%s'", self->name, id);
  return NULL;
}

/* Who decides about a canary must not think that there was one. */
static HrCanary *
find_canary (HrService *self, GError **error)
{
  HrCanary *canary = self->reload != NULL ? hr_reload_get_canary (self->reload) : NULL;

  if (canary == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "'%s' has no canary: %s", self->name,
                 self->reload != NULL ? "its reload is in another phase"
                 : self->spec != NULL && self->spec->canary_from > 0
                     ? "a reload that moves it to another release begins one"
                     : "its service file asks for none (see Percentage in group 'Canary')");
  return canary;
}

/**
 * hr_service_promote_canary:
 * @self: a service
 * @caller: (nullable): who asked
 * @error: return location
 *
 * Its canary has proven itself: it gets all new connections, and the reload goes on.
 *
 * Returns: success; else %HR_ERROR_FAILED: it has no canary
 */
gboolean
hr_service_promote_canary (HrService *self, const char *caller, GError **error)
{
  HrCanary *canary = find_canary (self, error);

  if (canary == NULL)
    return FALSE;
  hr_log_info (self->name, "its canary is promoted by %s", caller != NULL ? caller : "the daemon");
  hr_canary_promote (canary, caller);
  return TRUE;
}

/**
 * hr_service_abort_canary:
 * @self: a service
 * @caller: (nullable): who asked
 * @error: return location
 *
 * Its canary gets no new connection any more, finishes what it has, and the reload fails.
 *
 * Returns: success; else %HR_ERROR_FAILED: it has no canary
 */
gboolean
hr_service_abort_canary (HrService *self, const char *caller, GError **error)
{
  HrCanary *canary = find_canary (self, error);

  if (canary == NULL)
    return FALSE;
  hr_log_info (self->name, "its canary is aborted by %s", caller != NULL ? caller : "the daemon");
  hr_canary_abort (canary, caller);
  hr_service_keep_verdict (self);
  return TRUE;
}

/**
 * hr_service_hold_canary:
 * @self: a service
 * @caller: (nullable): who asked
 * @error: return location
 *
 * Its canary keeps the share that it has until somebody promotes or aborts it, or resumes the service.
 *
 * Returns: success, also for one that is held already; else %HR_ERROR_FAILED: it has no canary
 */
gboolean
hr_service_hold_canary (HrService *self, const char *caller, GError **error)
{
  HrCanary *canary = find_canary (self, error);

  if (canary == NULL)
    return FALSE;
  hr_log_info (self->name, "its canary is held by %s", caller != NULL ? caller : "the daemon");
  hr_canary_hold (canary);
  return TRUE;
}

/**
 * hr_service_set_paused:
 * @self: a service
 * @paused: whether changes of its source are only kept
 * @of_all: whether all services are paused or resumed; each kind of pause ends by itself
 *
 * Resuming one service lets its canary go on, too, if that is held.
 */
void
hr_service_set_paused (HrService *self, gboolean paused, gboolean of_all)
{
  gboolean before = hr_service_get_paused (self);
  HrCanary *canary = self->reload != NULL ? hr_reload_get_canary (self->reload) : NULL;

  if (!paused && !of_all && canary != NULL)
    hr_canary_go_on (canary);
  if (of_all)
    self->all_paused = paused;
  else
    {
      self->paused = paused;
      hr_service_remember (self);
    }
  if (hr_service_get_paused (self) == before)
    return;
  if (before)
    self->next_trigger = "resume";
  if (self->intake != NULL)
    hr_intake_set_paused (self->intake, !before);
  hr_service_touch (self);
}
