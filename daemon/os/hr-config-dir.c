/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-config-dir.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-words.h"

#define SERVICES_DIR "services.d"
#define SUFFIX ".conf"
#define DROP_IN_SUFFIX ".d"

/**
 * hr_config_entry_free:
 * @self: (transfer full) (nullable): an entry
 */
void
hr_config_entry_free (HrConfigEntry *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->file);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names in @dir that end in ".conf", sorted byte by byte; none where there is no such directory. */
static GPtrArray *
list_files (const char *dir, guint max, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) local = NULL;
  g_autoptr (GDir) handle = g_dir_open (dir, 0, &local);
  const char *name;

  if (handle == NULL)
    {
      if (g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return g_steal_pointer (&names);
      g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, local->message);
      return NULL;
    }
  while ((name = g_dir_read_name (handle)) != NULL)
    {
      if (*name == '.' || !g_str_has_suffix (name, SUFFIX))
        continue;
      if (names->len >= max)
        {
          g_autofree char *shown = hr_words_path (dir);
          g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                       "directory '%s' has more than %u files that end in '" SUFFIX "'", shown, max);
          return NULL;
        }
      g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/* Whether not even a symbolic link is there any more: somebody removed it after the directory was listed. */
static gboolean
is_gone (const char *file)
{
  GStatBuf info;

  return g_lstat (file, &info) != 0 && errno == ENOENT;
}

static GBytes *
read_file (const char *file, GError **error)
{
  g_autoptr (GError) local = NULL;
  GBytes *content = hr_fs_read (file, HR_SPEC_FILE_MAX, &local);
  g_autofree char *shown = NULL;

  if (content != NULL)
    return content;
  shown = hr_words_path (file);
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE))
    g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                 "%s: this is not a regular file: a service file is one", shown);
  else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE))
    g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                 "%s: it is larger than %d bytes, too large for a service file", shown, HR_SPEC_FILE_MAX);
  else
    {
      g_autofree char *why = g_utf8_make_valid (local->message, -1);
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s: it cannot be read: %s", shown, why);
    }
  return NULL;
}

/* The paths of the service file and of its drop-ins, in the order in which they apply. */
static GPtrArray *
list_sources (const char *file, GError **error)
{
  g_autofree char *dir = g_strconcat (file, DROP_IN_SUFFIX, NULL);
  g_autoptr (GPtrArray) names = list_files (dir, HR_CONFIG_DROP_INS_MAX, error);
  GPtrArray *paths;

  if (names == NULL)
    return NULL;
  paths = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (paths, g_strdup (file));
  for (guint i = 0; i < names->len; i++)
    g_ptr_array_add (paths, g_build_filename (dir, g_ptr_array_index (names, i), NULL));
  return paths;
}

static HrServiceSpec *
load (const char *file, const char *name, const char *profile, GError **error)
{
  g_autoptr (GPtrArray) paths = list_sources (file, error);
  g_autoptr (GPtrArray) contents = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (HrSpecSource));
  g_autoptr (HrServiceSpec) spec = NULL;

  if (paths == NULL)
    return NULL;
  for (guint i = 0; i < paths->len; i++)
    {
      HrSpecSource source = { .file = g_ptr_array_index (paths, i) };
      g_autoptr (GError) local = NULL;
      GBytes *content = read_file (source.file, &local);

      if (content == NULL && i > 0 && is_gone (source.file))
        continue;
      if (content == NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      g_ptr_array_add (contents, content);
      source.text = g_bytes_get_data (content, &source.size);
      g_array_append_val (sources, source);
    }
  spec = hr_service_spec_parse (name, (const HrSpecSource *)(gpointer)sources->data, sources->len, profile, error);
  if (spec == NULL || !hr_config_spec_check (spec, error))
    return NULL;
  return g_steal_pointer (&spec);
}

/**
 * hr_config_file_load:
 * @file: a service file; its drop-ins are those of the directory "@file.d"
 * @name: (nullable): of the service; %NULL: from the file's name, which must be NAME.conf then
 * @profile: (nullable): see hr_service_spec_parse()
 *
 * Reads, parses and checks one file, see hr_config_spec_check().
 *
 * Returns: (transfer full): an entry with the spec, or with %HR_ERROR_INVALID_CONFIGURATION or
 *   %HR_ERROR_LIMIT_EXCEEDED
 */
HrConfigEntry *
hr_config_file_load (const char *file, const char *name, const char *profile)
{
  HrConfigEntry *entry = g_new0 (HrConfigEntry, 1);
  g_autofree char *base = NULL;
  g_autofree char *stem = NULL;

  g_return_val_if_fail (file != NULL, entry);

  entry->file = g_canonicalize_filename (file, NULL);
  base = g_path_get_basename (entry->file);
  if (name == NULL && !g_str_has_suffix (base, SUFFIX))
    {
      g_autofree char *shown = hr_words_path (entry->file);

      entry->name = hr_words_path (base);
      g_set_error (&entry->error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "%s: the file of a service is called NAME" SUFFIX, shown);
      return entry;
    }
  stem = name != NULL ? g_strdup (name) : g_strndup (base, strlen (base) - strlen (SUFFIX));
  entry->name = hr_service_name_is_valid (stem) ? g_strdup (stem) : hr_words_path (base);
  entry->spec = load (entry->file, stem, profile, &entry->error);
  return entry;
}

/**
 * hr_config_dir_load:
 * @config_dir: the configuration directory; where there is none, there are no services
 * @profile: (nullable): see hr_service_spec_parse()
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrConfigEntry): one entry for each service file, sorted by name, or %NULL where
 *   the directory cannot be read, %HR_ERROR_INVALID_CONFIGURATION, has more than %HR_CONFIG_SERVICES_MAX files,
 *   %HR_ERROR_LIMIT_EXCEEDED, or @profile is none, %HR_ERROR_INVALID_ARGUMENT
 */
GPtrArray *
hr_config_dir_load (const char *config_dir, const char *profile, GError **error)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_config_entry_free);
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *dir = NULL;

  g_return_val_if_fail (config_dir != NULL, NULL);

  if (profile != NULL && !hr_profile_is_valid (profile))
    {
      g_autofree char *quoted = hr_words_quote (profile);
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                   "%s is not a profile: it is development, production or testing", quoted);
      return NULL;
    }
  dir = g_build_filename (config_dir, SERVICES_DIR, NULL);
  names = list_files (dir, HR_CONFIG_SERVICES_MAX, error);
  if (names == NULL)
    return NULL;
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *file = g_build_filename (dir, g_ptr_array_index (names, i), NULL);
      g_autoptr (HrConfigEntry) entry = hr_config_file_load (file, NULL, profile);

      if (entry->spec != NULL || !is_gone (file))
        g_ptr_array_add (entries, g_steal_pointer (&entry));
    }
  return g_steal_pointer (&entries);
}
