/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How the manager gets over a re-execution of the daemon, with its services and jobs.
 */
#include <string.h>

#include "hr-log.h"
#include "hr-manager-private.h"

static void
for_each (HrManager *self, void (*func) (HrService *service))
{
  g_autoptr (GPtrArray) services = hr_manager_list (self);

  for (guint i = 0; i < services->len; i++)
    func (g_ptr_array_index (services, i));
}

/**
 * hr_manager_hold:
 * @self: a manager
 *
 * Nothing is begun until hr_manager_release(): what is asked for waits.
 */
void
hr_manager_hold (HrManager *self)
{
  g_return_if_fail (HR_IS_MANAGER (self));

  self->held = TRUE;
  for_each (self, hr_service_hold);
}

/**
 * hr_manager_release:
 * @self: a manager
 *
 * All services go on.
 */
void
hr_manager_release (HrManager *self)
{
  g_return_if_fail (HR_IS_MANAGER (self));

  self->held = FALSE;
  g_clear_pointer (&self->carried, g_variant_unref);
  for_each (self, hr_service_release);
}

/**
 * hr_manager_put_back:
 * @self: a manager that is held
 *
 * Reloads that leave the old release untouched are cancelled, and begin anew when the manager is not held any more; but
 * for those that are in their canary, which go on.
 */
void
hr_manager_put_back (HrManager *self)
{
  g_return_if_fail (HR_IS_MANAGER (self));
  for_each (self, hr_service_put_back);
}

/**
 * hr_manager_find_activity:
 * @self: a manager
 *
 * Returns: (transfer full) (nullable): for people, something under way that a re-execution would break off
 */
char *
hr_manager_find_activity (HrManager *self)
{
  g_autoptr (GPtrArray) services = NULL;
  char *activity = NULL;

  g_return_val_if_fail (HR_IS_MANAGER (self), NULL);

  if (self->ending)
    return g_strdup ("the daemon is stopping");
  if (g_hash_table_size (self->removing) > 0)
    return g_strdup ("a service that was removed has not stopped");
  services = hr_manager_list (self);
  for (guint i = 0; activity == NULL && i < services->len; i++)
    activity = hr_service_find_activity (g_ptr_array_index (services, i));
  return activity;
}

/**
 * hr_manager_carry:
 * @self: a manager that is held, and in which nothing is under way
 * @fds: (element-type int): where descriptors are added that must stay open
 *
 * Returns: (transfer floating): for hr_manager_take_carried() of the program that this process becomes
 */
GVariant *
hr_manager_carry (HrManager *self, GArray *fds)
{
  g_autoptr (GPtrArray) services = NULL;
  GVariantBuilder builder;
  GVariantDict dict;

  g_return_val_if_fail (HR_IS_MANAGER (self), NULL);

  services = hr_manager_list (self);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{sa{sv}}"));
  for (guint i = 0; i < services->len; i++)
    {
      HrService *service = g_ptr_array_index (services, i);

      g_variant_builder_add (&builder, "{s@a{sv}}", hr_service_get_name (service), hr_service_carry (service, fds));
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "services", g_variant_builder_end (&builder));
  g_variant_dict_insert_value (&dict, "jobs", hr_job_list_carry (self->jobs));
  g_variant_dict_insert (&dict, "reload-count", "u", self->reload_count);
  g_variant_dict_insert (&dict, "failed-reloads", "u", self->failed_reloads);
  g_variant_dict_insert (&dict, "last-reload", "x", self->last_reload);
  g_variant_dict_insert (&dict, "started-at", "x", self->started_at);
  return g_variant_dict_end (&dict);
}

/**
 * hr_manager_take_carried:
 * @self: a manager without services
 * @carried: what hr_manager_carry() made
 *
 * Goes on with the figures and the jobs at once, with each service when it is known again; hr_manager_release() follows.
 */
void
hr_manager_take_carried (HrManager *self, GVariant *carried)
{
  g_autoptr (GVariant) jobs = g_variant_lookup_value (carried, "jobs", G_VARIANT_TYPE ("(ta(a{sv}atx))"));

  g_return_if_fail (HR_IS_MANAGER (self));

  self->held = TRUE;
  self->carried = g_variant_lookup_value (carried, "services", G_VARIANT_TYPE ("a{sa{sv}}"));
  if (jobs != NULL)
    hr_job_list_take_carried (self->jobs, jobs);
  g_variant_lookup (carried, "reload-count", "u", &self->reload_count);
  g_variant_lookup (carried, "failed-reloads", "u", &self->failed_reloads);
  g_variant_lookup (carried, "last-reload", "x", &self->last_reload);
  g_variant_lookup (carried, "started-at", "x", &self->started_at);
  hr_manager_touch (self);
}

/**
 * hr_manager_recall:
 * @self: a manager
 * @service: one of it that is new
 * @file: path of its file
 * @why: why that does not load
 *
 * A file that broke while no daemon ran is to hurt as little as one that breaks while one does: where something of the
 * service runs, it is known by the copy of the file by which that was started, and else invalid.
 */
void
hr_manager_recall (HrManager *self, HrService *service, const char *file, const char *why)
{
  const char *name = hr_service_get_name (service);
  g_autoptr (HrRunRecord) record = hr_run_state_get (hr_platform_get_run_state (self->platform), name);
  g_autoptr (HrServiceSpec) copy = NULL;

  if (record->config != NULL && record->current != NULL
      && hr_launcher_finds (hr_platform_get_launcher (self->platform), record->current))
    {
      const HrSpecSource source = { file, record->config, strlen (record->config) };

      copy = hr_service_spec_parse (name, &source, 1, self->profile, NULL);
    }
  if (copy != NULL)
    hr_service_configure_by_copy (service, copy, why);
  else
    hr_service_set_invalid (service, why);
}

/**
 * hr_manager_restore_service:
 * @self: a manager
 * @service: one of it that is new
 *
 * Goes on with what an earlier daemon left behind of it, or this one had before it was re-executed.
 */
void
hr_manager_restore_service (HrManager *self, HrService *service)
{
  const char *name = hr_service_get_name (service);
  g_autoptr (GVariant) carried =
      self->carried != NULL ? g_variant_lookup_value (self->carried, name, G_VARIANT_TYPE_VARDICT) : NULL;
  g_autoptr (HrRunRecord) record = NULL;
  const char *text;

  if (self->held)
    hr_service_hold (service);
  if (!hr_service_is_transient (service))
    record = hr_run_state_get (hr_platform_get_run_state (self->platform), name);
  else if (carried != NULL && g_variant_lookup (carried, "record", "&s", &text))
    record = hr_run_record_from_string (text);
  if (record == NULL)
    return;
  /* Also of one whose file does not load now: it may later, and is then still stopped, or paused. */
  if (carried != NULL)
    hr_service_take_carried (service, record, carried, self->jobs);
  else
    hr_service_restore (service, record);
}

/**
 * hr_manager_list_carried_transients:
 * @self: a manager that was carried
 *
 * Returns: (transfer full): an a{sv} of what hr_caller_context_new_carried() takes, by the names of transient services
 */
GVariant *
hr_manager_list_carried_transients (HrManager *self)
{
  GVariantDict dict;
  GVariantIter iter;
  const char *name;
  GVariant *service;

  g_return_val_if_fail (HR_IS_MANAGER (self), NULL);

  g_variant_dict_init (&dict, NULL);
  if (self->carried != NULL)
    {
      g_variant_iter_init (&iter, self->carried);
      while (g_variant_iter_loop (&iter, "{&s@a{sv}}", &name, &service))
        {
          g_autoptr (GVariant) context = g_variant_lookup_value (service, "context", G_VARIANT_TYPE_VARDICT);

          if (context != NULL)
            g_variant_dict_insert_value (&dict, name, context);
        }
    }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}
