/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-calls.h"

#include "hr-bus-auth.h"
#include "hr-bus-format.h"
#include "hr-bus-text.h"
#include "hr-error.h"
#include "hr-object-path.h"

static void
answer (GDBusMethodInvocation *invocation, GVariant *value)
{
  g_dbus_method_invocation_return_value (invocation, g_variant_new_tuple (&value, 1));
}

/* Errors of other domains would reach the caller under unreadable names. */
static void
answer_error (GDBusMethodInvocation *invocation, GError *error)
{
  g_autofree char *message = hr_bus_text (error->message);

  g_dbus_method_invocation_return_dbus_error (invocation, hr_error_name (error), message);
  g_error_free (error);
}

/**
 * hr_bus_check_options:
 * @invocation: (transfer none): a call; answered when an option is not known
 * @options: a{sv}
 * @known: "name:type" of each option there is
 *
 * Returns: whether all are known and of the right type
 */
gboolean
hr_bus_check_options (GDBusMethodInvocation *invocation, GVariant *options, const char *const *known)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      g_autofree char *typed = g_strdup_printf ("%s:%s", name, g_variant_get_type_string (value));

      if (g_strv_contains (known, typed))
        continue;
      g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                                             "there is no option '%s' with a value of type '%s'", name,
                                             g_variant_get_type_string (value));
      g_variant_unref (value);
      return FALSE;
    }
  return TRUE;
}

/**
 * hr_bus_return_job:
 * @invocation: (transfer full): a call
 * @job: (nullable): its job
 * @error: (transfer full) (nullable): why there is none
 */
void
hr_bus_return_job (GDBusMethodInvocation *invocation, HrJob *job, GError *error)
{
  g_autofree char *path = NULL;

  if (job == NULL)
    {
      answer_error (invocation, error);
      return;
    }
  path = hr_job_object_path (hr_job_get_id (job));
  answer (invocation, g_variant_new_object_path (path));
}

/**
 * hr_bus_call_start:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_start (HrService *service, GDBusMethodInvocation *invocation)
{
  const char *caller = hr_bus_auth_caller (invocation);

  hr_bus_return_job (invocation, hr_service_start (service, caller), NULL);
}

/**
 * hr_bus_call_stop:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_stop (HrService *service, GDBusMethodInvocation *invocation)
{
  const char *caller = hr_bus_auth_caller (invocation);

  hr_bus_return_job (invocation, hr_service_stop (service, caller), NULL);
}

/**
 * hr_bus_call_restart:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_restart (HrService *service, GDBusMethodInvocation *invocation)
{
  const char *caller = hr_bus_auth_caller (invocation);

  hr_bus_return_job (invocation, hr_service_restart (service, caller), NULL);
}

/**
 * hr_bus_call_reload:
 * @service: a service
 * @invocation: (transfer full): the call
 * @options: (nullable): a{sv}
 */
void
hr_bus_call_reload (HrService *service, GDBusMethodInvocation *invocation, GVariant *options)
{
  static const char *const known[] = { NULL };
  const char *caller = hr_bus_auth_caller (invocation);

  if (options != NULL && !hr_bus_check_options (invocation, options, known))
    return;
  hr_bus_return_job (invocation, hr_service_reload (service, caller), NULL);
}

static void
rolled_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_autoptr (HrJob) job = hr_service_rollback_finish (HR_SERVICE (source), result, &error);

  hr_bus_return_job (invocation, job, error);
}

/**
 * hr_bus_call_rollback:
 * @service: a service
 * @invocation: (transfer full): the call
 * @release: what to run, 0: the previous good one
 */
void
hr_bus_call_rollback (HrService *service, GDBusMethodInvocation *invocation, guint64 release)
{
  hr_service_rollback_async (service, release, hr_bus_auth_caller (invocation), rolled_back, invocation);
}

/**
 * hr_bus_call_set_paused:
 * @service: a service
 * @invocation: (transfer full): the call
 * @paused: whether changes are only kept
 */
void
hr_bus_call_set_paused (HrService *service, GDBusMethodInvocation *invocation, gboolean paused)
{
  hr_service_set_paused (service, paused, FALSE);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/**
 * hr_bus_call_reset_failed:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_reset_failed (HrService *service, GDBusMethodInvocation *invocation)
{
  hr_service_reset_failed (service);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/**
 * hr_bus_call_decide:
 * @service: a service
 * @invocation: (transfer full): the call
 * @decide: what is decided about its canary
 */
void
hr_bus_call_decide (HrService *service, GDBusMethodInvocation *invocation, HrBusDecideFunc decide)
{
  g_autoptr (HrService) guard = g_object_ref (service);
  const char *caller = hr_bus_auth_caller (invocation);
  GError *error = NULL;

  if (decide (service, caller, &error))
    g_dbus_method_invocation_return_value (invocation, NULL);
  else
    answer_error (invocation, error);
}

static void
diffed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_autofree char *text = hr_service_diff_finish (HR_SERVICE (source), result, &error);

  if (text == NULL)
    answer_error (invocation, error);
  else
    answer (invocation, g_variant_new_string (text));
}

/**
 * hr_bus_call_diff:
 * @service: a service
 * @invocation: (transfer full): the call
 * @from: a release, 0: the running one
 * @to: a release, 0: the source
 */
void
hr_bus_call_diff (HrService *service, GDBusMethodInvocation *invocation, guint64 from, guint64 to)
{
  hr_service_diff_async (service, from, to, diffed, invocation);
}

static void
planned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_autoptr (GPtrArray) steps = hr_service_plan_finish (HR_SERVICE (source), result, &error);

  if (steps == NULL)
    answer_error (invocation, error);
  else
    answer (invocation, hr_bus_format_plan (steps));
}

/**
 * hr_bus_call_plan:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_plan (HrService *service, GDBusMethodInvocation *invocation)
{
  hr_service_plan_async (service, planned, invocation);
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_autoptr (GPtrArray) releases = hr_service_list_releases_finish (HR_SERVICE (source), result, &error);

  if (releases == NULL)
    answer_error (invocation, error);
  else
    answer (invocation, hr_bus_format_releases (HR_SERVICE (source), releases));
}

/**
 * hr_bus_call_list_releases:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_list_releases (HrService *service, GDBusMethodInvocation *invocation)
{
  hr_service_list_releases_async (service, listed, invocation);
}

/**
 * hr_bus_call_create_snapshot:
 * @service: a service
 * @invocation: (transfer full): the call
 *
 * State by file is given when a program stops, and only then.
 */
void
hr_bus_call_create_snapshot (HrService *service, GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                                         "service '%s' gives its state when it stops or is reloaded, not while it "
                                         "runs: reload it, and its state at that moment is a snapshot",
                                         hr_service_get_name (service));
}

/**
 * hr_bus_call_list_snapshots:
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_list_snapshots (HrService *service, GDBusMethodInvocation *invocation)
{
  answer (invocation, hr_bus_format_snapshots (service));
}

/**
 * hr_bus_call_restore_snapshot:
 * @service: a service
 * @invocation: (transfer full): the call
 * @id: a snapshot
 */
void
hr_bus_call_restore_snapshot (HrService *service, GDBusMethodInvocation *invocation, const char *id)
{
  const char *caller = hr_bus_auth_caller (invocation);
  GError *error = NULL;
  HrJob *job = hr_service_restore_snapshot (service, id, caller, &error);

  hr_bus_return_job (invocation, job, error);
}

/**
 * hr_bus_call_history:
 * @manager: the manager
 * @invocation: (transfer full): the call
 * @service: "": of all
 * @limit: how many at most, 0: %HR_BUS_HISTORY_DEFAULT
 */
void
hr_bus_call_history (HrManager *manager, GDBusMethodInvocation *invocation, const char *service, guint limit)
{
  g_autoptr (GPtrArray) entries = NULL;

  if (service[0] != '\0' && !hr_service_name_is_valid (service))
    {
      g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                                             "'%s' is no name for a service", service);
      return;
    }
  entries = hr_history_query (hr_platform_get_history (hr_manager_get_platform (manager)),
                              service[0] != '\0' ? service : NULL,
                              limit == 0 ? HR_BUS_HISTORY_DEFAULT : MIN (limit, HR_HISTORY_LIMIT_MAX));
  if (entries->len == 0 && service[0] != '\0' && hr_manager_get (manager, service, NULL) == NULL)
    {
      g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE, "there is no service '%s'",
                                             service);
      return;
    }
  answer (invocation, hr_bus_format_history (entries));
}
