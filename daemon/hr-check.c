/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-check.h"

#include <stdio.h>

#include "hr-config-check.h"
#include "hr-config-dir.h"
#include "hr-config.h"
#include "hr-helpers.h"
#include "hr-names.h"
#include "hr-run-state.h"
#include "hr-spec-notes.h"

/* @services: (nullable): all that the daemon would run; what does not load binds nothing */
static void
print_shared (const HrConfigEntry *entry, const GPtrArray *services)
{
  for (guint i = 0; services != NULL && i < services->len; i++)
    {
      const HrConfigEntry *other = g_ptr_array_index (services, i);
      g_autofree char *note = other->spec != NULL && !g_str_equal (other->name, entry->name)
                                  ? hr_spec_note_shared (entry->spec, other->spec)
                                  : NULL;

      if (note != NULL)
        g_print ("%s: note: %s\n", entry->file, note);
    }
}

static void
print_good (const HrConfigEntry *entry, const GPtrArray *services)
{
  g_auto (GStrv) notes = hr_spec_notes (entry->spec);

  g_print ("%s: ok\n", entry->file);
  for (guint i = 0; notes[i] != NULL; i++)
    g_print ("%s: note: %s\n", entry->file, notes[i]);
  print_shared (entry, services);
}

/**
 * hr_daemon_check:
 * @options: the command line, with --check
 *
 * Says of each service file whether it loads, and which others want an address of it.
 *
 * Returns: the exit status, %HR_EXIT_FAILED when one does not
 */
int
hr_daemon_check (const HrOptions *options)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GPtrArray) services = NULL;
  g_autoptr (GError) error = NULL;
  int status = HR_EXIT_OK;

  if (options->check_file != NULL)
    {
      entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_config_entry_free);
      g_ptr_array_add (entries, hr_config_file_load (options->check_file, NULL, options->profile));
      /* Whether these load is not what was asked. */
      services = hr_config_dir_load (options->config_dir, options->profile, NULL);
    }
  else
    {
      entries = hr_config_dir_load (options->config_dir, options->profile, &error);
      services = entries != NULL ? g_ptr_array_ref (entries) : NULL;
    }
  if (entries == NULL)
    {
      g_printerr ("hotreloadd: %s\n", error->message);
      return HR_EXIT_FAILED;
    }
  if (options->config_dir_given && !g_file_test (options->config_dir, G_FILE_TEST_IS_DIR))
    {
      g_printerr ("hotreloadd: there is no directory '%s'\n", options->config_dir);
      return HR_EXIT_FAILED;
    }
  if (entries->len == 0)
    g_print ("%s: no service files\n", options->config_dir);
  for (guint i = 0; i < entries->len; i++)
    {
      const HrConfigEntry *entry = g_ptr_array_index (entries, i);
      g_autoptr (GError) missing = NULL;

      if (entry->spec != NULL && hr_config_program_check (entry->spec, &missing))
        {
          print_good (entry, services);
          continue;
        }
      g_printerr ("%s\n", missing != NULL ? missing->message : entry->error->message);
      status = HR_EXIT_FAILED;
    }
  return status;
}

/**
 * hr_daemon_check_state:
 * @options: the command line, with --check-state
 *
 * Says whether this program could take the place of a daemon that runs with the same options, and which state it reads.
 * Changes nothing.
 *
 * Returns: the exit status, %HR_EXIT_FAILED when it could not
 */
int
hr_daemon_check_state (const HrOptions *options)
{
  g_autofree char *run_state = g_build_filename (options->state_dir, HR_RUN_STATE_FILE, NULL);
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;

  if (hr_run_state_check (run_state, &error) && hr_helpers_check (&error))
    entries = hr_config_dir_load (options->config_dir, options->profile, &error);
  if (entries == NULL)
    {
      g_printerr ("hotreloadd: %s\n", error->message);
      return HR_EXIT_FAILED;
    }
  g_print ("hotreload %s\n" HR_CHECK_STATE_WORD "%d\n", HR_VERSION, HR_RUN_STATE_VERSION);
  return HR_EXIT_OK;
}
