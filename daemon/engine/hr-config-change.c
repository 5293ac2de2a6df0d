/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-config-change.h"

#include "hr-config-dir.h"
#include "hr-error.h"
#include "hr-log.h"

/* An error names at most so many files; status shows all. */
#define BROKEN_SHOWN_MAX 20

static HrConfigChange *
config_change_new (void)
{
  HrConfigChange *self = g_new0 (HrConfigChange, 1);

  self->added = g_ptr_array_new_with_free_func (g_free);
  self->changed = g_ptr_array_new_with_free_func (g_free);
  self->removed = g_ptr_array_new_with_free_func (g_free);
  self->broken = g_ptr_array_new_with_free_func (g_free);
  self->jobs = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

/**
 * hr_config_change_free:
 * @self: (transfer full) (nullable): a change
 */
void
hr_config_change_free (HrConfigChange *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->added);
  g_ptr_array_unref (self->changed);
  g_ptr_array_unref (self->removed);
  g_ptr_array_unref (self->broken);
  g_ptr_array_unref (self->jobs);
  g_free (self);
}

static void
add_name (GPtrArray *names, const char *name)
{
  g_ptr_array_add (names, g_strdup (name));
}

static void
add_broken (HrConfigChange *self, const HrConfigEntry *entry, const char *why)
{
  hr_log_warning (entry->name, "%s", why);
  g_ptr_array_add (self->broken, g_strdup (why));
}

/* Adds it to @starting where it is to start. */
static void
add_service (HrConfigChange *self, HrManager *manager, const HrConfigEntry *entry, GPtrArray *starting)
{
  HrService *service = hr_manager_admit (manager, entry->name, entry->file, entry->spec,
                                         entry->error != NULL ? entry->error->message : NULL);

  add_name (self->added, entry->name);
  if (hr_service_is_misconfigured (service))
    add_broken (self, entry, hr_service_get_error (service));
  else if (hr_service_wants_start (service) && !hr_service_is_carried (service))
    g_ptr_array_add (starting, service);
}

static void
change_service (HrConfigChange *self, HrService *service, const HrConfigEntry *entry)
{
  HrServiceSpec *before = hr_service_get_configured_spec (service);
  g_autoptr (GError) error = NULL;
  HrJob *job;

  if (entry->spec == NULL)
    {
      hr_service_set_invalid (service, entry->error->message);
      add_broken (self, entry, entry->error->message);
      return;
    }
  if (before != NULL && g_strcmp0 (before->checksum, entry->spec->checksum) == 0
      && !hr_service_is_misconfigured (service))
    return;
  if (!hr_service_configure (service, entry->spec, NULL, &error))
    {
      add_broken (self, entry, error->message);
      return;
    }
  add_name (self->changed, entry->name);
  if (!hr_service_wants_start (service))
    return;
  /* What is being started is so by its old file. */
  if (hr_service_get_pid (service) != 0 || hr_service_is_reloading (service))
    job = hr_service_reload_as_configured (service);
  else
    job = hr_service_start (service, NULL);
  g_ptr_array_add (self->jobs, g_object_ref (job));
}

static void
apply_entry (HrConfigChange *self, HrManager *manager, const HrConfigEntry *entry, GPtrArray *starting)
{
  HrService *service = hr_manager_get (manager, entry->name, NULL);

  if (service == NULL)
    add_service (self, manager, entry, starting);
  else if (hr_service_is_transient (service))
    {
      g_autofree char *why = g_strdup_printf ("%s: it has to wait: a transient service has the name '%s'; stop that, "
                                              "then read the configuration again",
                                              entry->file, entry->name);

      add_broken (self, entry, why);
    }
  else
    change_service (self, service, entry);
}

static void
remove_missing (HrConfigChange *self, HrManager *manager, GPtrArray *entries)
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);
  g_autoptr (GHashTable) wanted = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < entries->len; i++)
    g_hash_table_add (wanted, ((HrConfigEntry *)g_ptr_array_index (entries, i))->name);
  for (guint i = 0; i < services->len; i++)
    {
      HrService *service = g_ptr_array_index (services, i);
      const char *name = hr_service_get_name (service);

      if (hr_service_is_transient (service) || g_hash_table_contains (wanted, name))
        continue;
      add_name (self->removed, name);
      g_ptr_array_add (self->jobs, g_object_ref (hr_manager_remove (manager, name, NULL, NULL)));
    }
}

/**
 * hr_config_change_apply:
 * @manager: a manager
 * @entries: (element-type HrConfigEntry): the whole configuration, of hr_config_dir_load()
 *
 * Added services start, changed ones reload, removed ones stop; transient ones are left alone. A file that does not
 * load keeps no other from being applied; its service is invalid, and what runs of it runs on.
 *
 * Returns: (transfer full): what was done
 */
HrConfigChange *
hr_config_change_apply (HrManager *manager, GPtrArray *entries)
{
  HrConfigChange *self = config_change_new ();
  g_autoptr (GPtrArray) starting = g_ptr_array_new ();

  remove_missing (self, manager, entries);
  for (guint i = 0; i < entries->len; i++)
    apply_entry (self, manager, g_ptr_array_index (entries, i), starting);
  /* When all are known: what one is given may depend on what the others want. */
  for (guint i = 0; i < starting->len; i++)
    g_ptr_array_add (self->jobs, g_object_ref (hr_service_start (g_ptr_array_index (starting, i), NULL)));
  return self;
}

/**
 * hr_config_change_get_error:
 * @self: a change
 *
 * Returns: (transfer full) (nullable): %HR_ERROR_INVALID_CONFIGURATION with the reason of each file that was not
 *   applied, a line each; %NULL if all were
 */
GError *
hr_config_change_get_error (const HrConfigChange *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (self->broken->len == 0)
    return NULL;
  if (self->broken->len == 1)
    g_string_append (text, "a service file does not load; the others were applied");
  else
    g_string_append_printf (text, "%u service files do not load; the others were applied", self->broken->len);
  for (guint i = 0; i < MIN (self->broken->len, BROKEN_SHOWN_MAX); i++)
    g_string_append_printf (text, "\n%s", (const char *)g_ptr_array_index (self->broken, i));
  if (self->broken->len > BROKEN_SHOWN_MAX)
    g_string_append_printf (text, "\nand %u more: see the status of the services",
                            self->broken->len - BROKEN_SHOWN_MAX);
  return g_error_new_literal (HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, text->str);
}
