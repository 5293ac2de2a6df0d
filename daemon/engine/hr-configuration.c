/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-configuration.h"

#include <string.h>

#include "hr-config-dir.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-log.h"

struct _HrConfiguration {
  GObject parent_instance;

  HrManager *manager;
  char *dir;
};

G_DEFINE_FINAL_TYPE (HrConfiguration, hr_configuration, G_TYPE_OBJECT)

static void
hr_configuration_finalize (GObject *object)
{
  HrConfiguration *self = HR_CONFIGURATION (object);

  g_clear_object (&self->manager);
  g_free (self->dir);
  G_OBJECT_CLASS (hr_configuration_parent_class)->finalize (object);
}

static void
hr_configuration_class_init (HrConfigurationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_configuration_finalize;
}

static void
hr_configuration_init (HrConfiguration *self)
{
}

/**
 * hr_configuration_new:
 * @manager: what is configured
 * @dir: the configuration directory; it may be missing
 *
 * Returns: (transfer full): a configuration that has not been loaded
 */
HrConfiguration *
hr_configuration_new (HrManager *manager, const char *dir)
{
  HrConfiguration *self = g_object_new (HR_TYPE_CONFIGURATION, NULL);

  self->manager = g_object_ref (manager);
  self->dir = g_strdup (dir);
  return self;
}

/**
 * hr_configuration_get_manager:
 * @self: a configuration
 *
 * Returns: (transfer none): what is configured
 */
HrManager *
hr_configuration_get_manager (HrConfiguration *self)
{
  return self->manager;
}

/* What a directory held must not be taken for removed when it is the directory that is gone. */
static gboolean
check_dir (HrConfiguration *self, GError **error)
{
  g_autoptr (GPtrArray) services = hr_manager_list (self->manager);
  gboolean has_files = FALSE;

  for (guint i = 0; i < services->len; i++)
    has_files |= !hr_service_is_transient (g_ptr_array_index (services, i));
  if (!has_files || g_file_test (self->dir, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
               "the configuration directory '%s' is gone: its services run on; create it again, or remove the "
               "services one by one",
               self->dir);
  return FALSE;
}

/**
 * hr_configuration_load:
 * @self: a configuration
 * @error: return location
 *
 * Reads the directory and applies it: added services start, changed ones reload, removed ones stop.
 *
 * Returns: (transfer full): what was done, also where some files do not load; %NULL with an error of the directory
 *   itself, and nothing has changed: when a directory that had files disappears, its services run on
 */
HrConfigChange *
hr_configuration_load (HrConfiguration *self, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;

  if (!check_dir (self, error))
    return NULL;
  entries = hr_config_dir_load (self->dir, hr_manager_get_profile (self->manager), error);
  return entries != NULL ? hr_config_change_apply (self->manager, entries) : NULL;
}

static char *
service_file (HrConfiguration *self, const char *name, const char *suffix)
{
  g_autofree char *base = g_strconcat (name, suffix, NULL);

  return g_build_filename (self->dir, "services.d", base, NULL);
}

static gboolean
check_name (const char *name, GError **error)
{
  if (hr_service_name_is_valid (name))
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
               "'%s' is no name for a service: it takes a-z, 0-9, '_', '.', '-', begins with a letter or digit and has "
               "at most 64 characters",
               name);
  return FALSE;
}

/* The text is in no file yet. What is wrong with it is told by the name that the file is to have. */
static void
name_base (GError *error, const char *file)
{
  g_autofree char *base = NULL;
  g_autofree char *message = NULL;

  if (!g_str_has_prefix (error->message, file))
    return;
  base = g_path_get_basename (file);
  message = g_strconcat (base, error->message + strlen (file), NULL);
  g_free (error->message);
  error->message = g_steal_pointer (&message);
}

/**
 * hr_configuration_parse:
 * @self: a configuration
 * @name: the service's name
 * @text: of its service file
 * @error: return location
 *
 * Returns: (transfer full): what @text says, also held against the file system; %NULL with
 *   %HR_ERROR_INVALID_ARGUMENT for the name or %HR_ERROR_INVALID_CONFIGURATION
 */
HrServiceSpec *
hr_configuration_parse (HrConfiguration *self, const char *name, const char *text, GError **error)
{
  g_autofree char *file = NULL;
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (GError) local = NULL;
  HrSpecSource source;

  if (!check_name (name, error))
    return NULL;
  file = service_file (self, name, ".conf");
  source = (HrSpecSource){ file, text, strlen (text) };
  spec = hr_service_spec_parse (name, &source, 1, hr_manager_get_profile (self->manager), &local);
  if (spec != NULL && hr_config_spec_check (spec, &local))
    return g_steal_pointer (&spec);
  name_base (local, file);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

/**
 * hr_configuration_add:
 * @self: a configuration
 * @name: the service's name
 * @text: of its service file
 * @error: return location
 *
 * Writes the file durably, reads the configuration again and so starts the service.
 *
 * Returns: (transfer full): what was done; else %NULL with %HR_ERROR_INVALID_ARGUMENT, %HR_ERROR_INVALID_CONFIGURATION
 *   or a #GIOErrorEnum
 */
HrConfigChange *
hr_configuration_add (HrConfiguration *self, const char *name, const char *text, GError **error)
{
  g_autofree char *file = NULL;
  g_autofree char *dir = NULL;
  g_autoptr (HrServiceSpec) spec = hr_configuration_parse (self, name, text, error);
  g_autoptr (HrConfigChange) change = NULL;
  HrService *service;

  if (spec == NULL)
    return NULL;
  file = service_file (self, name, ".conf");
  dir = g_path_get_dirname (file);
  if (g_file_test (file, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                   "there is a service '%s' already; to change it, edit '%s', then 'hrctl daemon-reload'", name, file);
      return NULL;
    }
  if (!check_dir (self, error))
    return NULL;
  if (hr_manager_get (self->manager, name, NULL) != NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "there is a service '%s' already", name);
      return NULL;
    }
  if (!hr_fs_make_dir (dir, 0755, error) || !hr_fs_write (file, text, strlen (text), 0644, error))
    return NULL;
  change = hr_configuration_load (self, error);
  if (change == NULL)
    return NULL;
  service = hr_manager_get (self->manager, name, error);
  if (service == NULL)
    return NULL;
  if (hr_service_is_misconfigured (service))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "'%s' was written, but service '%s' is invalid: %s",
                   file, name, hr_service_get_error (service));
      return NULL;
    }
  return g_steal_pointer (&change);
}

/**
 * hr_configuration_remove:
 * @self: a configuration
 * @name: a service
 * @caller: (nullable): who asked
 * @error: return location
 *
 * Stops it and removes its file and drop-ins; a transient one has none.
 *
 * Returns: (transfer none): the job of its stop; %NULL with %HR_ERROR_NO_SUCH_SERVICE or a #GIOErrorEnum
 */
HrJob *
hr_configuration_remove (HrConfiguration *self, const char *name, const char *caller, GError **error)
{
  HrService *service = hr_manager_get (self->manager, name, error);

  if (service == NULL)
    return NULL;
  if (!hr_service_is_transient (service))
    {
      g_autofree char *file = service_file (self, name, ".conf");
      g_autofree char *dropins = service_file (self, name, ".conf.d");

      if (!hr_fs_remove_tree (file, error) || !hr_fs_remove_tree (dropins, error))
        return NULL;
    }
  return hr_manager_remove (self->manager, name, caller, error);
}

/**
 * hr_configuration_check_running:
 * @self: a configuration that has been loaded
 * @error: return location
 *
 * For a daemon that is to be re-executed, which reads the directory anew and knows nothing else of how a service runs.
 *
 * Returns: whether the files of all services that run load as they are now; else %HR_ERROR_INVALID_CONFIGURATION
 */
gboolean
hr_configuration_check_running (HrConfiguration *self, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;

  g_return_val_if_fail (HR_IS_CONFIGURATION (self), FALSE);

  if (!check_dir (self, error))
    return FALSE;
  entries = hr_config_dir_load (self->dir, hr_manager_get_profile (self->manager), error);
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      const HrConfigEntry *entry = g_ptr_array_index (entries, i);
      HrService *service = hr_manager_get (self->manager, entry->name, NULL);

      if (entry->spec != NULL || service == NULL || hr_service_is_transient (service)
          || hr_service_get_pid (service) == 0)
        continue;
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "'%s' runs, and its service file does not load any more: mend it, or stop it: %s", entry->name,
                   entry->error->message);
      return FALSE;
    }
  return entries != NULL;
}

static void
add_carried (HrConfiguration *self, const char *name, GVariant *carried)
{
  g_autoptr (HrCallerContext) context = hr_caller_context_new_carried (carried);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrServiceSpec) spec =
      context != NULL && context->text != NULL ? hr_configuration_parse (self, name, context->text, &error) : NULL;

  if (spec != NULL && hr_manager_get (self->manager, name, NULL) == NULL)
    hr_manager_add_carried (self->manager, spec, g_steal_pointer (&context), &error);
  if (error != NULL)
    hr_log_warning (name, "the transient service cannot be gone on with: %s", error->message);
}

/**
 * hr_configuration_take_carried:
 * @self: a configuration that has been loaded, of a manager that was carried
 *
 * Goes on with the services that no file describes.
 */
void
hr_configuration_take_carried (HrConfiguration *self)
{
  g_autoptr (GVariant) transients = NULL;
  GVariantIter iter;
  const char *name;
  GVariant *context;

  g_return_if_fail (HR_IS_CONFIGURATION (self));

  transients = hr_manager_list_carried_transients (self->manager);
  g_variant_iter_init (&iter, transients);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &context))
    add_carried (self, name, context);
}
