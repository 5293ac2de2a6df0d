/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-pair.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-run-file.h"
#include "hr-service-spec.h"

#define LASTS_SUFFIX ".json"
#define BOOT_SUFFIX ".boot"
/* What a file is called while it is written: a daemon that died meanwhile leaves it behind. */
#define TEMPORARY_SUFFIX_LENGTH strlen (".XXXXXX")

/**
 * hr_run_pair_new:
 * @record: (transfer full): of a service
 *
 * Returns: (transfer full): the record, which no file has
 */
HrRunPair *
hr_run_pair_new (HrRunRecord *record)
{
  HrRunPair *self = g_new0 (HrRunPair, 1);

  self->record = record;
  return self;
}

/**
 * hr_run_pair_free:
 * @self: (transfer full): a pair; its files stay
 */
void
hr_run_pair_free (HrRunPair *self)
{
  hr_run_record_free (self->record);
  g_free (self);
}

static char *
file_of (const char *dir, const char *service, const char *suffix)
{
  g_autofree char *name = g_strconcat (service, suffix, NULL);

  return g_build_filename (dir, name, NULL);
}

/* Fails only with what a newer daemon wrote. */
static gboolean
read_one (const char *path, gboolean only_looks, HrRunRecord **record, HrRunStamp *stamp, GError **error)
{
  g_autoptr (GError) local = NULL;

  *record = hr_run_file_read (path, stamp, &local);
  if (*record != NULL || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return TRUE;
  if (g_error_matches (local, HR_ERROR, HR_ERROR_NOT_SUPPORTED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!only_looks)
    hr_run_file_set_aside (path, local);
  return TRUE;
}

/**
 * hr_run_pair_read:
 * @dir: where the files are
 * @service: name
 * @only_looks: whether nothing is to be changed; else what cannot be read is set aside with a warning
 * @pair: (out) (nullable): what is kept of @service; %NULL: nothing that can be read
 * @error: return location
 *
 * What is so counts while the machine runs on which it was written. It may have been lost since, with a disk that was
 * away: then the other file is newer.
 *
 * Returns: success; else %HR_ERROR_NOT_SUPPORTED is set: a newer daemon wrote it
 */
gboolean
hr_run_pair_read (const char *dir, const char *service, gboolean only_looks, HrRunPair **pair, GError **error)
{
  g_autofree char *lasts_path = file_of (dir, service, LASTS_SUFFIX);
  g_autofree char *boot_path = file_of (dir, service, BOOT_SUFFIX);
  g_autoptr (HrRunRecord) lasts = NULL;
  g_autoptr (HrRunRecord) boot = NULL;
  HrRunStamp lasts_stamp = { 0 }, boot_stamp = { 0 };

  if (!read_one (lasts_path, only_looks, &lasts, &lasts_stamp, error)
      || !read_one (boot_path, only_looks, &boot, &boot_stamp, error))
    return FALSE;
  *pair = NULL;
  if (boot != NULL && boot_stamp.this_boot && (lasts == NULL || boot_stamp.change >= lasts_stamp.change))
    {
      *pair = hr_run_pair_new (g_steal_pointer (&boot));
      (*pair)->lasts_unsaved =
          !hr_run_record_lasts_equal ((*pair)->record, lasts != NULL ? lasts : &hr_run_record_unknown);
    }
  else if (lasts != NULL)
    {
      if (!lasts_stamp.this_boot)
        hr_run_record_forget_processes (lasts);
      *pair = hr_run_pair_new (g_steal_pointer (&lasts));
    }
  if (*pair != NULL)
    (*pair)->change = MAX (lasts_stamp.change, boot_stamp.change);
  return TRUE;
}

/**
 * hr_run_pair_set:
 * @self: a pair
 * @record: what is so now, and differs from what was
 */
void
hr_run_pair_set (HrRunPair *self, const HrRunRecord *record)
{
  HrRunRecord *old = self->record;

  self->record = hr_run_record_copy (record);
  self->change++;
  self->unsaved = TRUE;
  self->lasts_unsaved = self->lasts_unsaved || !hr_run_record_lasts_equal (old, record);
  hr_run_record_free (old);
}

/**
 * hr_run_pair_get_lasting:
 * @dir: where the files are
 * @service: name
 *
 * Returns: (transfer full): the path of NAME.json
 */
char *
hr_run_pair_get_lasting (const char *dir, const char *service)
{
  return file_of (dir, service, LASTS_SUFFIX);
}

/**
 * hr_run_pair_write:
 * @self: a pair
 * @dir: where the files are
 * @service: name
 * @error: return location
 *
 * Writes what is behind; first what is so: where only that came to be written, it is the newer one.
 *
 * Returns: success; else a #GIOErrorEnum is set, and it stays behind
 */
gboolean
hr_run_pair_write (HrRunPair *self, const char *dir, const char *service, GError **error)
{
  g_autofree char *lasts_path = file_of (dir, service, LASTS_SUFFIX);
  g_autofree char *boot_path = file_of (dir, service, BOOT_SUFFIX);

  if (self->unsaved && !hr_run_file_write (boot_path, self->record, self->change, FALSE, error))
    return FALSE;
  self->unsaved = FALSE;
  if (self->lasts_unsaved && !hr_run_file_write (lasts_path, self->record, self->change, TRUE, error))
    return FALSE;
  self->lasts_unsaved = FALSE;
  return TRUE;
}

/**
 * hr_run_pair_remove:
 * @dir: where the files are
 * @service: name
 * @error: return location
 *
 * Returns: whether there are no files of @service any more; else a #GIOErrorEnum is set
 */
gboolean
hr_run_pair_remove (const char *dir, const char *service, GError **error)
{
  g_autofree char *lasts_path = file_of (dir, service, LASTS_SUFFIX);
  g_autofree char *boot_path = file_of (dir, service, BOOT_SUFFIX);

  return hr_fs_remove_tree (boot_path, error) && hr_fs_remove_tree (lasts_path, error) && hr_fs_sync_dir (dir, error);
}

static char *
find_service (const char *name)
{
  const char *suffix = g_str_has_suffix (name, LASTS_SUFFIX) ? LASTS_SUFFIX : BOOT_SUFFIX;
  g_autofree char *service = NULL;

  if (!g_str_has_suffix (name, suffix))
    return NULL;
  service = g_strndup (name, strlen (name) - strlen (suffix));
  return hr_service_name_is_valid (service) ? g_steal_pointer (&service) : NULL;
}

static gboolean
is_temporary (const char *name)
{
  gsize length = strlen (name);
  g_autofree char *file = NULL;
  g_autofree char *service = NULL;

  if (length <= TEMPORARY_SUFFIX_LENGTH || name[length - TEMPORARY_SUFFIX_LENGTH] != '.')
    return FALSE;
  file = g_strndup (name, length - TEMPORARY_SUFFIX_LENGTH);
  service = find_service (file);
  return service != NULL;
}

/**
 * hr_run_pair_list:
 * @dir: where the files are
 * @only_looks: whether nothing is to be changed; else what was not written to its end is removed
 * @error: return location
 *
 * Returns: (transfer full) (element-type utf8): the names of all services that there are files of; %NULL with a
 *   #GFileError
 */
GHashTable *
hr_run_pair_list (const char *dir, gboolean only_looks, GError **error)
{
  g_autoptr (GDir) opened = g_dir_open (dir, 0, error);
  GHashTable *services;
  const char *name;

  if (opened == NULL)
    return NULL;
  services = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  while ((name = g_dir_read_name (opened)) != NULL)
    {
      char *service = find_service (name);

      if (service != NULL)
        g_hash_table_add (services, service);
      else if (!only_looks && is_temporary (name))
        {
          g_autofree char *path = g_build_filename (dir, name, NULL);

          g_unlink (path);
        }
    }
  return services;
}
