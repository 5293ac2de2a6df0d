/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-service-spec.h"

#include <signal.h>
#include <string.h>

#include "hr-canary-plan.h"
#include "hr-environment.h"
#include "hr-error.h"
#include "hr-spec-check.h"
#include "hr-spec-keys.h"
#include "hr-spec-table.h"
#include "hr-words.h"

#define NAME_LENGTH_MAX 64
#define DEFAULT_PROFILE "development"

#define MSEC G_GINT64_CONSTANT (1000)
#define SEC G_USEC_PER_SEC

G_DEFINE_BOXED_TYPE (HrServiceSpec, hr_service_spec, hr_service_spec_ref, hr_service_spec_unref)

/**
 * hr_service_name_is_valid:
 * @name: (nullable): a name
 *
 * Returns: whether a service may have it: [a-z0-9][a-z0-9_.-]{0,63}
 */
gboolean
hr_service_name_is_valid (const char *name)
{
  gsize length;

  if (name == NULL || !(g_ascii_islower (*name) || g_ascii_isdigit (*name)))
    return FALSE;
  length = strspn (name, G_CSET_a_2_z G_CSET_DIGITS "_.-");
  return name[length] == '\0' && length <= NAME_LENGTH_MAX;
}

static void
free_action (gpointer data)
{
  HrActionRule *rule = data;

  g_free (rule->glob);
  g_free (rule);
}

static void
clear (gpointer data)
{
  HrServiceSpec *self = data;
  char *strings[] = { self->name,        self->file,           self->checksum,       self->text,
                      self->description, self->version,        self->source,         self->working_directory,
                      self->probe_text,  self->isolation.user, self->isolation.group };
  char **lists[] = { self->exec,
                     self->share,
                     self->environment,
                     self->environment_files,
                     self->watch_paths,
                     self->watch_extensions,
                     self->watch_ignore,
                     self->build,
                     self->precheck,
                     self->forbid,
                     self->post_command,
                     self->isolation.read_write_paths,
                     self->isolation.groups };
  HrMetricSpec *metrics[] = { self->error_metric, self->success_metric, self->total_metric };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    g_strfreev (lists[i]);
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    hr_metric_spec_free (metrics[i]);
  g_ptr_array_unref (self->listen);
  g_array_unref (self->success_exit_status);
  g_array_unref (self->success_exit_signals);
  g_ptr_array_unref (self->actions);
  hr_probe_spec_free (self->probe);
  hr_probe_spec_free (self->start_probe);
  g_array_unref (self->probe_status);
}

/**
 * hr_service_spec_ref:
 * @self: a spec
 *
 * Returns: (transfer full): @self
 */
HrServiceSpec *
hr_service_spec_ref (HrServiceSpec *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return g_atomic_rc_box_acquire (self);
}

/**
 * hr_service_spec_unref:
 * @self: (transfer full): a spec
 */
void
hr_service_spec_unref (HrServiceSpec *self)
{
  g_return_if_fail (self != NULL);
  g_atomic_rc_box_release_full (self, clear);
}

static char **
empty_list (void)
{
  return g_new0 (char *, 1);
}

/* What holds where the file says nothing. */
static HrServiceSpec *
new_default (const char *name, const char *file, const char *profile)
{
  static const char *const everything[] = { ".", NULL };
  HrServiceSpec *self = g_atomic_rc_box_new0 (HrServiceSpec);
  gboolean development = g_str_equal (profile, DEFAULT_PROFILE);
  gboolean testing = g_str_equal (profile, "testing");

  self->name = g_strdup (name);
  self->file = g_canonicalize_filename (file, "/");
  self->exec = empty_list ();
  self->slots = HR_SLOTS_AUTO;
  self->share_auto = TRUE;
  self->share = empty_list ();
  self->view = HR_VIEW_AUTO;
  self->environment = empty_list ();
  self->environment_files = empty_list ();
  self->listen = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_listen_spec_free);
  self->sockets = HR_SOCKETS_AUTO;
  self->ready = HR_READY_AUTO;
  self->handover = HR_HANDOVER_OVERLAP;
  self->start_timeout = 30 * SEC;
  self->stop_timeout = 10 * SEC;
  self->drain_timeout = 30 * SEC;
  self->stop_signal = SIGTERM;
  self->restart = testing ? HR_RESTART_NO : HR_RESTART_ON_FAILURE;
  self->success_exit_status = g_array_new (FALSE, FALSE, sizeof (int));
  self->success_exit_signals = g_array_new (FALSE, FALSE, sizeof (int));
  self->restart_delay = 100 * MSEC;
  self->restart_delay_max = 10 * SEC;
  self->restart_limit = 5;
  self->restart_window = 30 * SEC;
  self->log_max = 16 * 1024 * 1024;
  self->journal = TRUE;
  self->instances = 1;
  self->isolation.no_new_privileges = TRUE;
  self->isolation.read_write_paths = empty_list ();
  self->isolation.groups = empty_list ();

  self->watch_enabled = development;
  self->watch_paths = g_strdupv ((char **)everything);
  self->watch_extensions = empty_list ();
  self->watch_ignore = empty_list ();
  self->watch_recursive = TRUE;
  self->watch_gitignore = TRUE;
  self->settle = testing ? 100 * MSEC : -1;
  self->max_wait = 2 * SEC;

  self->actions = g_ptr_array_new_with_free_func (free_action);
  self->validate = TRUE;
  self->build = empty_list ();
  self->precheck = empty_list ();
  self->forbid = empty_list ();
  self->check_timeout = 60 * SEC;
  self->preserve = TRUE;
  self->state_version = 1;
  self->state_keep = 10;
  self->probe_status = hr_probe_status_parse ("", NULL);
  self->probe_interval = 5 * SEC;
  self->probe_timeout = 2 * SEC;
  self->probe_failures = 3;
  self->rollback_after = 5 * SEC;
  self->error_rate = -1;
  self->success_rate = -1;
  self->post_command = empty_list ();
  self->post_interval = 1 * SEC;
  self->post_timeout = 1 * SEC;
  self->canary_to = HR_CANARY_SHARE_MAX;
  self->canary_steps = HR_SPEC_CANARY_STEPS_DEFAULT;
  return self;
}

/* [Environment] on top of Environment=. */
static gboolean
merge_environment (HrServiceSpec *self, const HrSpecTable *table, GError **error)
{
  const GPtrArray *entries = hr_spec_table_entries (table);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) variables = NULL;
  guint n = 0;

  for (guint i = 0; i < entries->len; i++)
    {
      const HrSpecEntry *entry = g_ptr_array_index (entries, i);
      g_autofree char *assignment = NULL;

      if (!g_str_equal (entry->group, HR_SPEC_GROUP_ENVIRONMENT))
        continue;
      if (n++ >= HR_SPEC_LIST_MAX)
        return hr_spec_entry_fail (entry, error, "there are more than %d variables", HR_SPEC_LIST_MAX);
      assignment = g_strconcat (entry->key, "=", entry->value, NULL);
      g_strv_builder_add (builder, assignment);
    }
  variables = g_strv_builder_end (builder);
  {
    g_auto (GStrv) written = g_steal_pointer (&self->environment);
    self->environment = hr_environment_merge ((const char *const *)written, (const char *const *)variables);
  }
  return TRUE;
}

/* Puts the entries that hold in @profile into a table: those of the profile on top of the others, whatever the file. */
static HrSpecTable *
choose (GPtrArray *entries, const char *profile)
{
  HrSpecTable *table = hr_spec_table_new ();

  for (int pass = 0; pass < 2; pass++)
    for (guint i = 0; i < entries->len; i++)
      {
        const HrSpecEntry *entry = g_ptr_array_index (entries, i);

        if (entry->key != NULL && g_strcmp0 (entry->profile, pass == 0 ? NULL : profile) == 0)
          hr_spec_table_put (table, entry);
      }
  return table;
}

static HrServiceSpec *
build (const char *name, const char *file, GPtrArray *entries, const char *profile, GError **error)
{
  g_autoptr (HrServiceSpec) self = new_default (name, file, profile);
  g_autoptr (HrSpecTable) table = choose (entries, profile);
  const GPtrArray *chosen = hr_spec_table_entries (table);

  for (guint i = 0; i < chosen->len; i++)
    if (!hr_spec_keys_set (self, g_ptr_array_index (chosen, i), error))
      return NULL;
  if (!merge_environment (self, table, error) || !hr_spec_check (self, table, error))
    return NULL;
  /* None of several instances has the state of the service. */
  self->preserve = self->preserve && self->instances == 1;
  self->checksum = hr_spec_table_checksum (table, profile);
  self->text = hr_spec_table_write (table);
  if (strlen (self->text) > HR_SPEC_TEXT_MAX || !g_utf8_validate (self->text, -1, NULL))
    g_clear_pointer (&self->text, g_free);
  return g_steal_pointer (&self);
}

static gboolean
read_sources (const HrSpecSource *sources, gsize n_sources, GPtrArray *entries, GError **error)
{
  for (gsize i = 0; i < n_sources; i++)
    {
      g_autoptr (GPtrArray) parsed = hr_spec_file_parse (&sources[i], error);

      if (parsed == NULL)
        return FALSE;
      g_ptr_array_extend_and_steal (entries, g_steal_pointer (&parsed));
    }
  for (guint i = 0; i < entries->len; i++)
    if (!hr_spec_keys_check (g_ptr_array_index (entries, i), error))
      return FALSE;
  return TRUE;
}

/* A fault in a profile that is not selected is found today, not on the day it is. */
static gboolean
check_other_profiles (const HrServiceSpec *self, GPtrArray *entries, const char *profile, GError **error)
{
  g_autoptr (GHashTable) done = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_add (done, (gpointer)profile);
  for (guint i = 0; i < entries->len; i++)
    {
      const HrSpecEntry *entry = g_ptr_array_index (entries, i);
      g_autoptr (HrServiceSpec) other = NULL;
      g_autoptr (GError) local = NULL;

      if (entry->profile == NULL || !g_hash_table_add (done, entry->profile))
        continue;
      other = build (self->name, self->file, entries, entry->profile, &local);
      if (other == NULL)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s (in profile '%s')", local->message,
                       entry->profile);
          return FALSE;
        }
    }
  return TRUE;
}

/**
 * hr_service_spec_parse:
 * @name: of the service
 * @sources: (array length=n_sources): the service file, absolute, and its drop-ins in the order in which they apply
 * @n_sources: at least 1
 * @profile: (nullable): whose overrides and defaults hold; %NULL: development
 * @error: return location
 *
 * Returns: (transfer full): the spec, or %NULL with %HR_ERROR_INVALID_CONFIGURATION set, which names file, line, group
 *   and key as far as there are any
 */
HrServiceSpec *
hr_service_spec_parse (const char *name, const HrSpecSource *sources, gsize n_sources, const char *profile,
                       GError **error)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_spec_entry_free);
  g_autoptr (HrServiceSpec) self = NULL;

  g_return_val_if_fail (name != NULL && sources != NULL && n_sources > 0 && sources[0].file != NULL, NULL);

  if (!hr_service_name_is_valid (name) || (profile != NULL && !hr_profile_is_valid (profile)))
    {
      g_autofree char *shown = hr_words_path (sources[0].file);
      g_autofree char *quoted = hr_words_quote (profile != NULL && !hr_profile_is_valid (profile) ? profile : name);

      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s: %s is not %s", shown, quoted,
                   hr_service_name_is_valid (name)
                       ? "a profile: it is development, production or testing"
                       : "a name for a service: 1 to 64 of a-z, 0-9, '_', '.' and '-', the first a letter or digit");
      return NULL;
    }
  if (profile == NULL)
    profile = DEFAULT_PROFILE;
  if (!read_sources (sources, n_sources, entries, error))
    return NULL;
  self = build (name, sources[0].file, entries, profile, error);
  if (self == NULL || !check_other_profiles (self, entries, profile, error))
    return NULL;
  return g_steal_pointer (&self);
}
