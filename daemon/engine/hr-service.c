/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-service.h"

#include <string.h>

#include "hr-error.h"
#include "hr-log.h"
#include "hr-service-private.h"

enum { SIGNAL_CHANGED, SIGNAL_EVENT, SIGNAL_JOB_ADDED, SIGNAL_RELOADED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrService, hr_service, G_TYPE_OBJECT)

static void
hr_service_dispose (GObject *object)
{
  HrService *self = HR_SERVICE (object);

  if (self->platform != NULL)
    {
      HrClock *clock = hr_platform_get_clock (self->platform);

      hr_clock_cancel (clock, &self->restart_timer);
      hr_clock_cancel (clock, &self->start_deadline);
      hr_service_forget_newer (self);
    }
  if (self->reload != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->reload, self);
      hr_reload_abandon (self->reload);
    }
  /* Whoever keeps a job keeps no service. */
  if (self->running != NULL)
    hr_job_set_cancel_func (self->running->job, NULL, NULL);
  if (self->waiting != NULL)
    hr_job_set_cancel_func (self->waiting->job, NULL, NULL);
  if (self->put_back != NULL)
    hr_job_set_cancel_func (self->put_back->job, NULL, NULL);
  if (self->current != NULL)
    g_signal_handlers_disconnect_by_data (self->current, self);
  if (self->retiring != NULL)
    g_signal_handlers_disconnect_by_data (self->retiring, self);
  if (self->health != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->health, self);
      hr_health_stop (self->health);
    }
  if (self->intake != NULL)
    hr_intake_stop (self->intake);
  g_clear_object (&self->observation);
  hr_service_end_sampling (self, 0);
  hr_service_forget_before (self);
  g_clear_object (&self->health);
  g_clear_object (&self->reload);
  g_clear_object (&self->current);
  g_clear_object (&self->retiring);
  hr_service_drop_followers (self);
  g_clear_object (&self->intake);
  g_clear_object (&self->carried_candidate);
  g_clear_pointer (&self->carried_reload, g_variant_unref);
  g_clear_pointer (&self->running, hr_request_free);
  g_clear_pointer (&self->waiting, hr_request_free);
  g_clear_pointer (&self->put_back, hr_request_free);
  hr_parts_clear (&self->parts);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_service_parent_class)->dispose (object);
}

static void
hr_service_finalize (GObject *object)
{
  HrService *self = HR_SERVICE (object);

  g_free (self->observed);
  g_free (self->verdict);
  g_free (self->name);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_clear_pointer (&self->next_spec, hr_service_spec_unref);
  g_clear_pointer (&self->caller, hr_caller_context_free);
  g_clear_pointer (&self->backoff, hr_backoff_free);
  hr_ends_free (self->ends);
  g_rc_box_release (self->tally);
  hr_scan_free (self->scan);
  g_free (self->config_error);
  g_free (self->error);
  g_clear_error (&self->leftover_error);
  g_strfreev (self->checks);
  g_strfreev (self->carried_files);
  G_OBJECT_CLASS (hr_service_parent_class)->finalize (object);
}

static void
hr_service_class_init (HrServiceClass *klass)
{
  GType type = HR_TYPE_SERVICE;

  G_OBJECT_CLASS (klass)->dispose = hr_service_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_service_finalize;
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_EVENT] =
      g_signal_new ("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[SIGNAL_JOB_ADDED] =
      g_signal_new ("job-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, HR_TYPE_JOB);
  signals[SIGNAL_RELOADED] = g_signal_new ("reloaded", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                           G_TYPE_BOOLEAN, G_TYPE_INT64);
}

static void
hr_service_init (HrService *self)
{
  self->last_slot = HR_SLOT_NONE;
  self->shown_state = "stopped";
  self->ends = hr_ends_new ();
  self->tally = g_rc_box_new0 (HrDrainTally);
}

/**
 * hr_service_new:
 * @platform: the operating system
 * @name: a valid name
 * @next_job_id: numbers jobs
 * @user_data: for @next_job_id
 *
 * Returns: (transfer full): a service that is not configured
 */
HrService *
hr_service_new (HrPlatform *platform, const char *name, HrJobIdFunc next_job_id, gpointer user_data)
{
  HrService *self = g_object_new (HR_TYPE_SERVICE, NULL);

  self->platform = g_object_ref (platform);
  self->name = g_strdup (name);
  self->next_job_id = next_job_id;
  self->next_job_data = user_data;
  return self;
}

/**
 * hr_service_next_job_id:
 * @self: a service
 *
 * Returns: the number for a new job
 */
guint64
hr_service_next_job_id (HrService *self)
{
  return self->next_job_id (self->next_job_data);
}

/**
 * hr_service_emit_event:
 * @self: a service
 * @event: (inout): what happened; the service's name is filled in
 */
void
hr_service_emit_event (HrService *self, HrEvent *event)
{
  event->service = self->name;
  g_signal_emit (self, signals[SIGNAL_EVENT], 0, event);
}

static const char *
compute_state (HrService *self)
{
  gboolean serving = self->current != NULL && hr_generation_counts_as_serving (self->current);

  if (self->running != NULL && self->running->kind == HR_JOB_STOP)
    return "stopping";
  /* A look at the source that may find nothing is not shown. */
  if (self->reload != NULL && (self->running->by_hand || hr_reload_is_announced (self->reload)))
    return self->from_nothing                      ? "starting"
           : hr_reload_is_announced (self->reload) ? "reloading"
           : serving                               ? "running"
                                                   : "starting";
  if (serving && self->carried_reload != NULL)
    return "reloading";
  if (serving && hr_generation_says_stopping (self->current))
    return "stopping";
  if (serving)
    return hr_generation_is_reloading_itself (self->current) ? "reloading" : "running";
  if (self->failed)
    return "failed";
  if (self->restart_at != 0 || self->loading_state)
    return "starting";
  /* What has crashed while the source is looked at will be restarted after that. */
  if (self->current != NULL
      && (hr_generation_is_alive (self->current)
          || (self->reload != NULL && !hr_generation_ended_well (self->current))))
    return "starting";
  return self->config_error != NULL ? "invalid" : "stopped";
}

/**
 * hr_service_touch:
 * @self: a service
 *
 * Something that is shown may differ: says so, and emits ServiceStateChanged when the state does.
 */
void
hr_service_touch (HrService *self)
{
  const char *state = compute_state (self);

  if (!g_str_equal (state, self->shown_state))
    {
      HrEvent event = { .kind = HR_EVENT_STATE_CHANGED, .old_state = self->shown_state, .new_state = state };

      self->shown_state = state;
      self->state_since_real = hr_clock_real (hr_platform_get_clock (self->platform));
      hr_service_emit_event (self, &event);
    }
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/**
 * hr_service_set_error:
 * @self: a service
 * @error: (nullable): what is wrong with it, for status
 */
void
hr_service_set_error (HrService *self, const char *error)
{
  char *copy = g_strdup (error);

  g_free (self->error);
  self->error = copy;
}

/**
 * hr_service_restore:
 * @self: a service that has not run
 * @record: (nullable) (inout): what an earlier daemon wrote of it
 *
 * Its instance that this daemon's predecessor left behind is gone on with; what cannot be is ended, as nothing may run
 * twice.
 */
void
hr_service_restore (HrService *self, HrRunRecord *record)
{
  g_return_if_fail (HR_IS_SERVICE (self));

  if (record == NULL)
    return;
  self->stopped = record->stopped;
  self->ever_notified = record->ever_notified;
  self->last_release = record->running;
  self->last_slot = hr_generation_recorded_slot (record->slot);
  self->last_good = record->last_good;
  hr_service_hold_releases (self, record);
  hr_service_take_verdict (self, record->verdict);
  self->paused = record->paused;
  if (self->intake != NULL && self->paused)
    hr_intake_set_paused (self->intake, TRUE);
  hr_service_resume (self, record);
}

/**
 * hr_service_forget_wishes:
 * @self: a service that was removed and has stopped
 *
 * That it is to stay stopped, or paused, was said of what is no more: one that has its name later starts as any other.
 */
void
hr_service_forget_wishes (HrService *self)
{
  g_return_if_fail (HR_IS_SERVICE (self));

  self->stopped = FALSE;
  self->paused = FALSE;
  hr_service_remember (self);
}

static void
intake_changed (HrIntake *intake, HrService *self)
{
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static gboolean
begin_intake (HrService *self, GError **error)
{
  if (self->intake != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->intake, self);
      hr_intake_stop (self->intake);
    }
  g_clear_object (&self->intake);
  if (self->parts.store == NULL)
    return TRUE;
  self->intake = hr_intake_new (hr_platform_get_clock (self->platform), self->spec, self->parts.watcher);
  g_signal_connect (self->intake, "due", G_CALLBACK (hr_service_source_due), self);
  g_signal_connect (self->intake, "changed", G_CALLBACK (intake_changed), self);
  hr_intake_set_paused (self->intake, self->paused || self->all_paused);
  return hr_intake_start (self->intake, error);
}

/* It is the same from one file to the next. */
static void
follow_stored (HrService *self, HrFdStore *stored)
{
  if (stored != self->parts.stored)
    g_signal_connect_object (stored, "changed", G_CALLBACK (hr_service_touch), self, G_CONNECT_SWAPPED);
}

static gboolean
configure (HrService *self, HrServiceSpec *spec, GError **error)
{
  HrParts parts = { 0 };
  g_autoptr (GError) local = NULL;

  if (!hr_platform_open_parts (self->platform, spec, self->parts.listeners != NULL ? &self->parts : NULL, &parts,
                               &local))
    {
      hr_service_set_invalid (self, local->message);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  follow_stored (self, parts.stored);
  hr_parts_clear (&self->parts);
  self->parts = parts;
  hr_service_hold_releases (self, NULL);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  self->spec = hr_service_spec_ref (spec);
  g_clear_pointer (&self->backoff, hr_backoff_free);
  self->backoff =
      hr_backoff_new (spec->restart_delay, spec->restart_delay_max, spec->restart_limit, spec->restart_window);
  g_clear_pointer (&self->config_error, g_free);
  g_clear_pointer (&self->scan, hr_scan_free);
  if (!begin_intake (self, &local))
    {
      /* Its releases run all the same; what is lost is said. */
      hr_log_warning (self->name, "its source is not watched: %s", local->message);
      hr_service_set_error (self, local->message);
    }
  hr_service_touch (self);
  return TRUE;
}

/**
 * hr_service_configure:
 * @self: a service
 * @spec: what its file says now
 * @caller: (transfer full) (nullable): for a transient service
 * @error: return location
 *
 * A running instance goes on under what it was started with until a reload. So does a running operation: what it works
 * with, the numbers of releases for one, must not change under it. What is new takes effect when it has ended.
 *
 * Returns: success; else an error, and the service is as hr_service_set_invalid() makes it
 */
gboolean
hr_service_configure (HrService *self, HrServiceSpec *spec, HrCallerContext *caller, GError **error)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);

  g_clear_pointer (&self->next_spec, hr_service_spec_unref);
  if (self->running != NULL)
    {
      g_return_val_if_fail (caller == NULL, FALSE);
      self->next_spec = hr_service_spec_ref (spec);
      g_clear_pointer (&self->config_error, g_free);
      return TRUE;
    }
  g_clear_pointer (&self->caller, hr_caller_context_free);
  self->caller = caller;
  return configure (self, spec, error);
}

/**
 * hr_service_configure_by_copy:
 * @self: a service that has not run
 * @spec: what its file said when it was last started
 * @why: why the file does not load now
 *
 * So that what an earlier daemon has left running is known and runs on; see hr_service_restore(), and, after that,
 * hr_service_set_invalid().
 */
void
hr_service_configure_by_copy (HrService *self, HrServiceSpec *spec, const char *why)
{
  if (!configure (self, spec, NULL))
    return;
  g_free (self->config_error);
  self->config_error = g_strdup (why);
}

/**
 * hr_service_configure_next:
 * @self: a service without a running operation
 *
 * Lets take effect what the running operation kept from it.
 */
void
hr_service_configure_next (HrService *self)
{
  g_autoptr (HrServiceSpec) spec = g_steal_pointer (&self->next_spec);
  g_autoptr (GError) error = NULL;

  if (spec != NULL && !configure (self, spec, &error))
    hr_log_warning (self->name, "%s", error->message);
}

/**
 * hr_service_set_invalid:
 * @self: a service
 * @message: why its file does not load
 *
 * A running instance goes on.
 */
void
hr_service_set_invalid (HrService *self, const char *message)
{
  g_return_if_fail (HR_IS_SERVICE (self));

  g_clear_pointer (&self->next_spec, hr_service_spec_unref);
  g_free (self->config_error);
  self->config_error = g_strdup (message);
  if (self->current == NULL || !hr_generation_is_alive (self->current))
    g_clear_pointer (&self->spec, hr_service_spec_unref);
  hr_service_touch (self);
}

/**
 * hr_service_is_misconfigured:
 * @self: a service
 *
 * Returns: whether its file does not load, whatever still runs
 */
gboolean
hr_service_is_misconfigured (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);
  return self->config_error != NULL;
}

/**
 * hr_service_is_transient:
 * @self: a service
 *
 * Returns: whether it lives as long as the one who asked for it
 */
gboolean
hr_service_is_transient (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);
  return self->caller != NULL;
}

/**
 * hr_service_get_caller:
 * @self: a service
 *
 * Returns: (transfer none) (nullable): what a transient service has of the one who asked for it; %NULL: it is none
 */
const HrCallerContext *
hr_service_get_caller (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->caller;
}

/**
 * hr_service_is_reloading:
 * @self: a service
 *
 * Returns: whether an operation is under way that ends in a new instance
 */
gboolean
hr_service_is_reloading (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);
  return self->reload != NULL;
}

/**
 * hr_service_wants_start:
 * @self: a service
 *
 * Returns: whether it starts with the daemon
 */
gboolean
hr_service_wants_start (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);
  return self->spec != NULL && !self->stopped;
}
