/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-kept-note.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hr-fs.h"
#include "hr-log.h"
#include "hr-platform.h"

static char *
key_of (const char *service)
{
  return g_strconcat ("note/", service, NULL);
}

static char *
file_of (const char *runtime_dir, const char *service)
{
  g_autofree char *name = g_strconcat (service, HR_KEPT_NOTE_SUFFIX, NULL);

  return g_build_filename (runtime_dir, name, NULL);
}

/**
 * hr_kept_note_set:
 * @keeper: the keeper
 * @nothing: a descriptor of nothing, as the keeper takes none without; -1: the file is all
 * @runtime_dir: the daemon's runtime directory
 * @service: name
 * @note: (nullable): what to keep; %NULL: nothing any more
 *
 * Nothing is synced: what the kernel has outlives both processes.
 */
void
hr_kept_note_set (HrKeeper *keeper, int nothing, const char *runtime_dir, const char *service, const char *note)
{
  g_autofree char *key = key_of (service);
  g_autofree char *file = file_of (runtime_dir, service);
  g_autoptr (GError) error = NULL;

  if (note == NULL)
    {
      hr_keeper_forget (keeper, key);
      g_unlink (file);
      return;
    }
  if (nothing >= 0)
    hr_keeper_store (keeper, key, note, nothing);
  if (!hr_fs_replace (file, note, strlen (note), 0600, &error))
    hr_log_debug (service, "%s", error->message);
}

/* Whoever takes it has it: it is not told twice. */
static char *
take_file (const char *runtime_dir, const char *service)
{
  g_autofree char *file = file_of (runtime_dir, service);
  g_autoptr (GBytes) bytes = hr_fs_read (file, HR_NOTE_MAX, NULL);

  g_unlink (file);
  return bytes != NULL ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
}

/**
 * hr_kept_note_take:
 * @keeper: the keeper
 * @runtime_dir: the daemon's runtime directory
 * @service: name
 *
 * Returns: (transfer full) (nullable): what an earlier daemon had noted when it died; %NULL: nothing
 */
char *
hr_kept_note_take (HrKeeper *keeper, const char *runtime_dir, const char *service)
{
  g_autofree char *key = key_of (service);
  g_autofree char *written = take_file (runtime_dir, service);
  g_autoptr (GPtrArray) taken = hr_keeper_take (keeper, key);

  for (guint i = 0; i < taken->len; i++)
    {
      const HrKept *kept = g_ptr_array_index (taken, i);

      if (g_str_equal (kept->key, key))
        return g_strdup (kept->data);
    }
  return g_steal_pointer (&written);
}
