/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-exchange-note.h"

#include "hr-boot.h"
#include "hr-fs.h"

#define NOTE_NAME "note"
#define NOTE_GROUP "Instance"
#define NOTE_SIZE_MAX 4096

/**
 * hr_exchange_note_write:
 * @dir: the directory of an instance
 * @release: what it runs
 * @state_version: State.Version
 * @error: return location
 *
 * Returns: success; else an error that names the file
 */
gboolean
hr_exchange_note_write (const char *dir, guint64 release, guint state_version, GError **error)
{
  g_autoptr (GKeyFile) note = g_key_file_new ();
  g_autofree char *file = g_build_filename (dir, NOTE_NAME, NULL);

  g_key_file_set_uint64 (note, NOTE_GROUP, "Release", release);
  g_key_file_set_uint64 (note, NOTE_GROUP, "StateVersion", state_version);
  g_key_file_set_string (note, NOTE_GROUP, "Boot", hr_boot_id ());
  return g_key_file_save_to_file (note, file, error);
}

/**
 * hr_exchange_note_read:
 * @dir: the directory of an instance
 *
 * Returns: what is known of it
 */
HrExchangeNote
hr_exchange_note_read (const char *dir)
{
  g_autoptr (GKeyFile) note = g_key_file_new ();
  g_autofree char *file = g_build_filename (dir, NOTE_NAME, NULL);
  g_autofree char *noted = NULL;
  g_autoptr (GBytes) text = hr_fs_read (file, NOTE_SIZE_MAX, NULL);

  if (text != NULL)
    g_key_file_load_from_bytes (note, text, G_KEY_FILE_NONE, NULL);
  noted = g_key_file_get_string (note, NOTE_GROUP, "Boot", NULL);
  return (HrExchangeNote){
    .release = g_key_file_get_uint64 (note, NOTE_GROUP, "Release", NULL),
    .state_version = (guint)g_key_file_get_uint64 (note, NOTE_GROUP, "StateVersion", NULL),
    .this_boot = g_strcmp0 (noted, hr_boot_id ()) == 0,
  };
}
