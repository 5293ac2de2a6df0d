/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-error.h"
#include "hr-manager-private.h"

enum {
  SIGNAL_EVENT,
  SIGNAL_SERVICE_ADDED,
  SIGNAL_SERVICE_REMOVED,
  SIGNAL_JOB_ADDED,
  SIGNAL_JOB_REMOVED,
  SIGNAL_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrManager, hr_manager, G_TYPE_OBJECT)

static void
hr_manager_dispose (GObject *object)
{
  HrManager *self = HR_MANAGER (object);
  GHashTableIter iter;
  gpointer service;

  g_hash_table_iter_init (&iter, self->services);
  while (g_hash_table_iter_next (&iter, NULL, &service))
    g_signal_handlers_disconnect_by_data (service, self);
  g_hash_table_remove_all (self->services);
  g_hash_table_iter_init (&iter, self->removing);
  while (g_hash_table_iter_next (&iter, &service, NULL))
    g_signal_handlers_disconnect_by_data (service, self);
  g_hash_table_remove_all (self->removing);
  if (self->jobs != NULL)
    g_signal_handlers_disconnect_by_data (self->jobs, self);
  g_clear_object (&self->jobs);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_manager_parent_class)->dispose (object);
}

static void
hr_manager_finalize (GObject *object)
{
  HrManager *self = HR_MANAGER (object);

  g_hash_table_unref (self->services);
  g_hash_table_unref (self->removing);
  g_clear_pointer (&self->carried, g_variant_unref);
  g_free (self->profile);
  G_OBJECT_CLASS (hr_manager_parent_class)->finalize (object);
}

static guint
new_signal (const char *name, GType argument)
{
  return g_signal_new (name, HR_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                       argument == G_TYPE_NONE ? 0 : 1, argument);
}

static void
hr_manager_class_init (HrManagerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_manager_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_manager_finalize;
  signals[SIGNAL_EVENT] = new_signal ("event", G_TYPE_POINTER);
  signals[SIGNAL_SERVICE_ADDED] = new_signal ("service-added", HR_TYPE_SERVICE);
  signals[SIGNAL_SERVICE_REMOVED] = new_signal ("service-removed", HR_TYPE_SERVICE);
  signals[SIGNAL_JOB_ADDED] = new_signal ("job-added", HR_TYPE_JOB);
  signals[SIGNAL_JOB_REMOVED] = new_signal ("job-removed", HR_TYPE_JOB);
  signals[SIGNAL_CHANGED] = new_signal ("changed", G_TYPE_NONE);
}

static void
hr_manager_init (HrManager *self)
{
  self->services = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->removing = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
}

static void
job_added (HrJobList *jobs, HrJob *job, HrManager *self)
{
  g_signal_emit (self, signals[SIGNAL_JOB_ADDED], 0, job);
}

static void
job_removed (HrJobList *jobs, HrJob *job, HrManager *self)
{
  g_signal_emit (self, signals[SIGNAL_JOB_REMOVED], 0, job);
}

/**
 * hr_manager_new:
 * @platform: the operating system
 * @profile: name of the profile that service files are read by
 *
 * Returns: (transfer full): a manager without services
 */
HrManager *
hr_manager_new (HrPlatform *platform, const char *profile)
{
  HrManager *self = g_object_new (HR_TYPE_MANAGER, NULL);

  self->platform = g_object_ref (platform);
  self->profile = g_strdup (profile);
  self->jobs = hr_job_list_new (hr_platform_get_clock (platform));
  g_signal_connect (self->jobs, "added", G_CALLBACK (job_added), self);
  g_signal_connect (self->jobs, "removed", G_CALLBACK (job_removed), self);
  self->started_at = hr_clock_now (hr_platform_get_clock (platform));
  return self;
}

/**
 * hr_manager_touch:
 * @self: a manager
 *
 * Something that it shows has changed.
 */
void
hr_manager_touch (HrManager *self)
{
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static void
service_job_added (HrService *service, HrJob *job, HrManager *self)
{
  hr_job_list_add (self->jobs, job);
}

static guint64
next_job_id (gpointer user_data)
{
  HrManager *self = user_data;

  return hr_job_list_next_id (self->jobs);
}

/**
 * hr_manager_list_jobs:
 * @self: a manager
 *
 * Returns: (transfer container) (element-type HrJob): the jobs that run and those that ended lately, oldest first
 */
GPtrArray *
hr_manager_list_jobs (HrManager *self)
{
  g_return_val_if_fail (HR_IS_MANAGER (self), NULL);
  return hr_job_list_get_all (self->jobs);
}

/* Services */

static void
service_event (HrService *service, HrEvent *event, HrManager *self)
{
  g_signal_emit (self, signals[SIGNAL_EVENT], 0, event);
}

static void
service_reloaded (HrService *service, gboolean success, gint64 real_time, HrManager *self)
{
  self->reload_count++;
  if (!success)
    self->failed_reloads++;
  self->last_reload = real_time;
  hr_manager_touch (self);
}

static void
service_changed (HrService *service, HrManager *self)
{
  hr_manager_touch (self);
}

static HrService *
make_service (HrManager *self, const char *name)
{
  HrService *service = hr_service_new (self->platform, name, next_job_id, self);

  g_signal_connect (service, "event", G_CALLBACK (service_event), self);
  g_signal_connect (service, "job-added", G_CALLBACK (service_job_added), self);
  g_signal_connect (service, "reloaded", G_CALLBACK (service_reloaded), self);
  g_signal_connect (service, "changed", G_CALLBACK (service_changed), self);
  g_hash_table_insert (self->services, g_strdup (name), service);
  return service;
}

static void
announce_service (HrManager *self, HrService *service)
{
  hr_manager_restore_service (self, service);
  if (hr_manager_get_paused (self))
    hr_service_set_paused (service, TRUE, TRUE);
  g_signal_emit (self, signals[SIGNAL_SERVICE_ADDED], 0, service);
  hr_manager_touch (self);
}

/* Two services of one name would share slots, state and sockets. */
static gboolean
is_still_stopping (HrManager *self, const char *name, GError **error)
{
  GHashTableIter iter;
  gpointer service;

  g_hash_table_iter_init (&iter, self->removing);
  while (g_hash_table_iter_next (&iter, &service, NULL))
    if (g_str_equal (hr_service_get_name (service), name))
      {
        g_set_error (error, HR_ERROR, HR_ERROR_BUSY,
                     "service '%s' was removed and is still stopping: add it again when it has stopped", name);
        return TRUE;
      }
  return FALSE;
}

/**
 * hr_manager_admit:
 * @self: a manager
 * @name: a service that it does not have
 * @file: path of its file
 * @spec: (nullable): what its file says
 * @why: (nullable): why the file does not load, without @spec
 *
 * Takes in a service that a file describes, also one whose file does not load. It is not started. What an earlier daemon
 * left running goes on all the same.
 *
 * Returns: (transfer none): the service
 */
HrService *
hr_manager_admit (HrManager *self, const char *name, const char *file, HrServiceSpec *spec, const char *why)
{
  g_autoptr (GError) error = NULL;
  HrService *service;

  g_return_val_if_fail (!g_hash_table_contains (self->services, name), NULL);

  service = make_service (self, name);
  if (spec == NULL)
    hr_manager_recall (self, service, file, why);
  else if (is_still_stopping (self, name, &error))
    hr_service_set_invalid (service, error->message);
  else
    hr_service_configure (service, spec, NULL, NULL);
  announce_service (self, service);
  if (spec == NULL)
    hr_service_set_invalid (service, why);
  return service;
}

/**
 * hr_manager_add:
 * @self: a manager
 * @spec: a service that no file of the configuration directory describes
 * @caller: (transfer full) (nullable): what a transient service gets of its caller
 * @who: (nullable): who asked
 * @error: return location
 *
 * Adds and starts it.
 *
 * Returns: (transfer none): the job of its start; %NULL with %HR_ERROR_BUSY when there is one of this name
 *   or all are being stopped,
 *   %HR_ERROR_LIMIT_EXCEEDED, or why it cannot be
 */
HrJob *
hr_manager_add (HrManager *self, HrServiceSpec *spec, HrCallerContext *caller, const char *who, GError **error)
{
  g_autoptr (HrCallerContext) context = caller;
  HrService *service;

  if (self->ending)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_BUSY, "the daemon is stopping");
      return NULL;
    }
  if (g_hash_table_contains (self->services, spec->name))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_BUSY, "there is a service '%s' already", spec->name);
      return NULL;
    }
  if (is_still_stopping (self, spec->name, error))
    return NULL;
  if (!hr_manager_has_room (self, context, error))
    return NULL;
  service = make_service (self, spec->name);
  if (!hr_service_configure (service, spec, g_steal_pointer (&context), error))
    {
      g_signal_handlers_disconnect_by_data (service, self);
      g_hash_table_remove (self->services, spec->name);
      return NULL;
    }
  announce_service (self, service);
  return hr_service_start (service, who);
}

/**
 * hr_manager_add_carried:
 * @self: a manager that was carried
 * @spec: a transient service that it had before
 * @caller: (transfer full): what that had of its caller
 * @error: return location
 *
 * Goes on with it.
 *
 * Returns: (transfer none): the service; %NULL when it cannot be configured any more
 */
HrService *
hr_manager_add_carried (HrManager *self, HrServiceSpec *spec, HrCallerContext *caller, GError **error)
{
  HrService *service = make_service (self, spec->name);

  if (!hr_service_configure (service, spec, caller, error))
    {
      g_signal_handlers_disconnect_by_data (service, self);
      g_hash_table_remove (self->services, spec->name);
      return NULL;
    }
  announce_service (self, service);
  return service;
}

static void
removed_stopped (HrJob *job, gpointer user_data)
{
  g_autoptr (HrService) service = user_data;
  HrManager *self = g_object_get_data (G_OBJECT (service), "hr-manager");

  if (self == NULL)
    return;
  g_signal_handlers_disconnect_by_data (service, self);
  hr_service_forget_wishes (service);
  g_hash_table_remove (self->removing, service);
}

/**
 * hr_manager_remove:
 * @self: a manager
 * @name: a service
 * @caller: (nullable): who asked
 * @error: return location
 *
 * It is gone from the list at once; the job is that of its stop. Its releases and snapshots stay, and not that it was
 * stopped or paused on request.
 *
 * Returns: (transfer none): the job; %NULL with %HR_ERROR_NO_SUCH_SERVICE
 */
HrJob *
hr_manager_remove (HrManager *self, const char *name, const char *caller, GError **error)
{
  HrService *service = hr_manager_get (self, name, error);
  HrJob *job;

  if (service == NULL)
    return NULL;
  g_object_ref (service);
  g_object_set_data (G_OBJECT (service), "hr-manager", self);
  g_hash_table_add (self->removing, g_object_ref (service));
  g_hash_table_remove (self->services, name);
  g_signal_emit (self, signals[SIGNAL_SERVICE_REMOVED], 0, service);
  hr_manager_touch (self);
  job = hr_service_stop (service, NULL);
  if (hr_job_is_finished (job))
    removed_stopped (job, g_object_ref (service));
  else
    g_signal_connect (job, "finished", G_CALLBACK (removed_stopped), g_object_ref (service));
  g_object_unref (service);
  return job;
}

/**
 * hr_manager_get:
 * @self: a manager
 * @name: a service
 * @error: return location
 *
 * Returns: (transfer none): the service; %NULL with %HR_ERROR_NO_SUCH_SERVICE
 */
HrService *
hr_manager_get (HrManager *self, const char *name, GError **error)
{
  HrService *service;

  g_return_val_if_fail (HR_IS_MANAGER (self), NULL);

  service = g_hash_table_lookup (self->services, name);
  if (service == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE, "there is no service '%s'", name);
  return service;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (hr_service_get_name (*(HrService *const *)a), hr_service_get_name (*(HrService *const *)b));
}

/**
 * hr_manager_list:
 * @self: a manager
 *
 * Returns: (transfer container) (element-type HrService): the services by name
 */
GPtrArray *
hr_manager_list (HrManager *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer service;

  g_hash_table_iter_init (&iter, self->services);
  while (g_hash_table_iter_next (&iter, NULL, &service))
    g_ptr_array_add (list, g_object_ref (service));
  g_ptr_array_sort (list, compare_names);
  return list;
}

/* Figures */

/**
 * hr_manager_get_profile:
 * @self: a manager
 *
 * Returns: (transfer none): name of the profile
 */
const char *
hr_manager_get_profile (HrManager *self)
{
  return self->profile;
}

/**
 * hr_manager_get_paused:
 * @self: a manager
 *
 * Returns: whether all services are paused
 */
gboolean
hr_manager_get_paused (HrManager *self)
{
  return hr_run_state_get_all_paused (hr_platform_get_run_state (self->platform));
}

/**
 * hr_manager_get_reload_count:
 * @self: a manager
 *
 * Returns: how many reloads have ended since the daemon started
 */
guint
hr_manager_get_reload_count (HrManager *self)
{
  return self->reload_count;
}

/**
 * hr_manager_get_failed_reloads:
 * @self: a manager
 *
 * Returns: how many of them failed
 */
guint
hr_manager_get_failed_reloads (HrManager *self)
{
  return self->failed_reloads;
}

/**
 * hr_manager_get_last_reload:
 * @self: a manager
 *
 * Returns: when the last one ended, microseconds since 1970, 0: none
 */
gint64
hr_manager_get_last_reload (HrManager *self)
{
  return self->last_reload;
}

/**
 * hr_manager_get_uptime:
 * @self: a manager
 *
 * Returns: for how long it has been there, in microseconds
 */
gint64
hr_manager_get_uptime (HrManager *self)
{
  g_return_val_if_fail (HR_IS_MANAGER (self), 0);
  return hr_clock_now (hr_platform_get_clock (self->platform)) - self->started_at;
}

/**
 * hr_manager_get_platform:
 * @self: a manager
 *
 * Returns: (transfer none): the operating system
 */
HrPlatform *
hr_manager_get_platform (HrManager *self)
{
  return self->platform;
}
