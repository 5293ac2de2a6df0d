/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-set.h"

#include <signal.h>
#include <string.h>

#include "hr-command-line.h"
#include "hr-duration.h"
#include "hr-error.h"
#include "hr-glob.h"
#include "hr-size.h"
#include "hr-words.h"

#define MEMBER(type, spec, key) G_STRUCT_MEMBER (type, spec, (key)->offset)

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, message);
  return FALSE;
}

static void
replace (char **member, char *value)
{
  g_free (*member);
  *member = value;
}

static void
replace_list (char ***member, char **value)
{
  g_strfreev (*member);
  *member = value;
}

gboolean
hr_spec_set_string (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  replace (&MEMBER (char *, spec, key), *value != '\0' ? g_strdup (value) : NULL);
  return TRUE;
}

gboolean
hr_spec_set_version (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  return (*value == '\0' || hr_spec_value_version (value, error)) && hr_spec_set_string (spec, key, value, error);
}

gboolean
hr_spec_set_path (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (spec->file);
  char *path = NULL;

  if (*value != '\0' && (path = hr_spec_value_path (value, directory, error)) == NULL)
    return FALSE;
  replace (&MEMBER (char *, spec, key), path);
  return TRUE;
}

gboolean
hr_spec_set_word (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  return hr_spec_value_word (value, key->words, &MEMBER (int, spec, key), error);
}

gboolean
hr_spec_set_boolean (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  return hr_spec_value_boolean (value, &MEMBER (gboolean, spec, key), error);
}

gboolean
hr_spec_set_number (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  return hr_spec_value_number (value, key->least, key->most, &MEMBER (guint, spec, key), error);
}

gboolean
hr_spec_set_duration (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  gint64 usec;

  if (!hr_duration_parse (value, &usec, error))
    return FALSE;
  if (usec == 0 && key->least > 0)
    return fail (error, "0 is no time at all: write more than that");
  if (usec < key->least)
    {
      g_autofree char *least = hr_duration_to_string (key->least);
      return fail (error, "it is too short: write at least %s", least);
    }
  MEMBER (gint64, spec, key) = usec;
  return TRUE;
}

gboolean
hr_spec_set_size (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  guint64 bytes;

  if (!hr_size_parse (value, &bytes, error))
    return FALSE;
  if (bytes != 0 && bytes < key->least)
    {
      g_autofree char *least = hr_size_to_string (key->least);
      return fail (error, "it is too small: write at least %s, or 0 for no limit", least);
    }
  MEMBER (guint64, spec, key) = bytes;
  return TRUE;
}

gboolean
hr_spec_set_percent (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  double percent = -1;

  if (*value != '\0' && !hr_spec_value_percent (value, &percent, error))
    return FALSE;
  MEMBER (double, spec, key) = percent;
  return TRUE;
}

gboolean
hr_spec_set_metric (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  HrMetricSpec *metric = *value != '\0' ? hr_metric_spec_parse (value, error) : NULL;

  if (metric == NULL && *value != '\0')
    return FALSE;
  hr_metric_spec_free (MEMBER (HrMetricSpec *, spec, key));
  MEMBER (HrMetricSpec *, spec, key) = metric;
  return TRUE;
}

gboolean
hr_spec_set_command (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  char **argv = *value != '\0' ? hr_command_line_split (value, error) : g_new0 (char *, 1);

  if (argv == NULL)
    return FALSE;
  replace_list (&MEMBER (char **, spec, key), argv);
  return TRUE;
}

gboolean
hr_spec_set_signal (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  int *member = &MEMBER (int, spec, key);

  if (!hr_spec_value_signal (value, member, error))
    return FALSE;
  /* What no program can see is no request, and what stops or continues it ends nothing; see signal(7). */
  if (*member == SIGSTOP || *member == SIGCONT || *member == SIGCHLD)
    return fail (error, "'%s' ends no program: name one that it ends at, as SIGTERM", value);
  return TRUE;
}

static gboolean
check_glob (const char *glob, GError **error)
{
  g_autoptr (HrGlob) compiled = hr_glob_new (glob, error);

  return compiled != NULL;
}

gboolean
hr_spec_set_globs (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) globs = hr_spec_value_list (value, error);

  if (globs == NULL)
    return FALSE;
  for (guint i = 0; globs[i] != NULL; i++)
    if (!check_glob (globs[i], error))
      return FALSE;
  replace_list (&MEMBER (char **, spec, key), g_steal_pointer (&globs));
  return TRUE;
}

gboolean
hr_spec_set_one (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  guint number;

  if (!hr_spec_value_number (value, 1, G_MAXINT, &number, error))
    return FALSE;
  return number == 1 || fail (error, "%u is not supported yet: write 1", number);
}

gboolean
hr_spec_set_share (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  gboolean alone;

  if (items == NULL)
    return FALSE;
  alone = items[0] != NULL && items[1] == NULL;
  for (guint i = 0; items[i] != NULL; i++)
    {
      g_autofree char *path = NULL;

      if (g_str_equal (items[i], "auto") || (alone && g_str_equal (items[i], "no")))
        continue;
      if (g_str_equal (items[i], "no"))
        return fail (error, "'no' shares nothing and stands alone; write './no' for a path of that name");
      path = hr_spec_value_inside (items[i], error);
      if (path == NULL)
        return FALSE;
      if (g_str_equal (path, "."))
        return fail (error, "'%s' would share all of Source, and nothing would be recorded: name a path below it",
                     items[i]);
      g_strv_builder_add (paths, path);
    }
  spec->share_auto = !(alone && g_str_equal (items[0], "no"));
  replace_list (&spec->share, g_strv_builder_end (paths));
  return TRUE;
}

gboolean
hr_spec_set_working_directory (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_autofree char *checked = NULL;

  if (*value == '\0')
    {
      replace (&spec->working_directory, NULL);
      return TRUE;
    }
  /* Relative to what the program will see, which is not known yet: only '~' can be refused. */
  checked = hr_spec_value_path (value, "/", error);
  if (checked == NULL)
    return FALSE;
  replace (&spec->working_directory, g_path_is_absolute (value) ? g_steal_pointer (&checked) : g_strdup (value));
  return TRUE;
}

gboolean
hr_spec_set_environment (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);

  if (items == NULL)
    return FALSE;
  for (guint i = 0; items[i] != NULL; i++)
    if (!hr_spec_value_assignment (items[i], error))
      return FALSE;
  replace_list (&spec->environment, g_steal_pointer (&items));
  return TRUE;
}

gboolean
hr_spec_set_environment_files (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  char **paths = hr_spec_value_paths (value, spec->file, error);

  if (paths == NULL)
    return FALSE;
  replace_list (&spec->environment_files, paths);
  return TRUE;
}

static gboolean
add_listener (GPtrArray *listen, const char *item, GError **error)
{
  g_autoptr (HrListenSpec) added = hr_listen_spec_parse (item, error);

  if (added == NULL)
    return FALSE;
  for (guint i = 0; i < listen->len; i++)
    {
      const HrListenSpec *other = g_ptr_array_index (listen, i);

      if (g_str_equal (other->name, added->name))
        return fail (error, "two listeners have the name '%s': give each its own", added->name);
      if (hr_listen_spec_collides (other, added))
        return fail (
            error, "'%s' and '%s' have one address%s: only one of them could be bound", other->name, added->name,
            added->path == NULL && !g_str_equal (other->host, added->host) ? ", or one takes every address" : "");
    }
  if (listen->len >= HR_SPEC_LISTENERS_MAX)
    return fail (error, "there are more than %d listeners", HR_SPEC_LISTENERS_MAX);
  g_ptr_array_add (listen, g_steal_pointer (&added));
  return TRUE;
}

gboolean
hr_spec_set_listen (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);
  g_autoptr (GPtrArray) listen = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_listen_spec_free);

  if (items == NULL)
    return FALSE;
  for (guint i = 0; items[i] != NULL; i++)
    if (!add_listener (listen, items[i], error))
      return FALSE;
  g_ptr_array_unref (spec->listen);
  spec->listen = g_steal_pointer (&listen);
  return TRUE;
}

gboolean
hr_spec_set_ready (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  static const HrSpecWord words[] = { { "auto", HR_READY_AUTO },        { "notify", HR_READY_NOTIFY },
                                      { "listen", HR_READY_LISTEN },    { "probe", HR_READY_PROBE },
                                      { "delay:TIME", HR_READY_DELAY }, { NULL } };
  int ready;

  if (g_str_has_prefix (value, "delay:") && !g_str_equal (value, "delay:TIME"))
    {
      if (!hr_duration_parse (value + strlen ("delay:"), &spec->ready_delay, error))
        return FALSE;
      spec->ready = HR_READY_DELAY;
      return TRUE;
    }
  if (!hr_spec_value_word (value, words, &ready, error))
    return FALSE;
  if (ready == HR_READY_DELAY)
    return fail (error, "'delay:TIME' needs a time, for example delay:500ms");
  spec->ready = (HrReadyMode)ready;
  return TRUE;
}

gboolean
hr_spec_set_exit_status (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);

  if (items == NULL)
    return FALSE;
  g_array_set_size (spec->success_exit_status, 0);
  g_array_set_size (spec->success_exit_signals, 0);
  for (guint i = 0; items[i] != NULL; i++)
    {
      guint status;
      int code;

      if (g_ascii_isalpha (items[i][0]))
        {
          if (!hr_spec_value_signal (items[i], &code, error))
            return FALSE;
          g_array_append_val (spec->success_exit_signals, code);
          continue;
        }
      if (!hr_spec_value_number (items[i], 0, 255, &status, error))
        return FALSE;
      code = (int)status;
      g_array_append_val (spec->success_exit_status, code);
    }
  return TRUE;
}

gboolean
hr_spec_set_watch_paths (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);

  if (items == NULL)
    return FALSE;
  for (guint i = 0; items[i] != NULL; i++)
    {
      char *path = hr_spec_value_inside (items[i], error);

      if (path == NULL)
        return FALSE;
      replace (&items[i], path);
    }
  if (items[0] == NULL)
    replace_list (&items, g_strsplit (".", ";", -1));
  replace_list (&spec->watch_paths, g_steal_pointer (&items));
  return TRUE;
}

gboolean
hr_spec_set_extensions (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);

  if (items == NULL)
    return FALSE;
  for (guint i = 0; items[i] != NULL; i++)
    {
      const char *extension = items[i] + (items[i][0] == '.');

      if (*extension == '\0' || strpbrk (extension, "/*?[]{},") != NULL)
        {
          g_autofree char *quoted = hr_words_quote (items[i]);
          return fail (error, "%s is not an extension: write them like py;js", quoted);
        }
      replace (&items[i], g_strdup (extension));
    }
  replace_list (&spec->watch_extensions, g_steal_pointer (&items));
  return TRUE;
}

gboolean
hr_spec_set_settle (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (g_str_equal (value, "auto"))
    {
      spec->settle = -1;
      return TRUE;
    }
  return hr_duration_parse (value, &spec->settle, &local) || fail (error, "%s, or auto", local->message);
}

gboolean
hr_spec_set_forbid (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);

  if (items == NULL)
    return FALSE;
  for (guint i = 0; items[i] != NULL; i++)
    {
      g_autoptr (GError) local = NULL;
      g_autoptr (GRegex) regex = g_regex_new (items[i], G_REGEX_MULTILINE, 0, &local);

      if (regex == NULL)
        {
          g_autofree char *quoted = hr_words_quote (items[i]);
          g_autofree char *why = hr_words_quote (local->message);
          return fail (error, "%s is not a regular expression as pcre2pattern(3) has them: %s", quoted, why);
        }
    }
  replace_list (&spec->forbid, g_steal_pointer (&items));
  return TRUE;
}

/**
 * hr_spec_add_action:
 * @spec: to be changed
 * @glob: key of [Actions]
 * @action: its value
 * @error: return location
 *
 * Returns: whether both are right; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_add_action (HrServiceSpec *spec, const char *glob, const char *action, GError **error)
{
  static const HrSpecWord words[] = { { "reload", HR_ACTION_RELOAD },   { "ignore", HR_ACTION_IGNORE },
                                      { "module", HR_SPEC_WORD_LATER }, { "notify", HR_SPEC_WORD_LATER },
                                      { "manual", HR_SPEC_WORD_LATER }, { NULL } };
  HrActionRule *rule;
  int value;

  g_return_val_if_fail (spec != NULL && glob != NULL && action != NULL, FALSE);

  if (g_str_has_prefix (action, "signal:"))
    return fail (error, "'signal:' is not supported yet");
  if (!check_glob (glob, error) || !hr_spec_value_word (action, words, &value, error))
    return FALSE;
  if (spec->actions->len >= HR_SPEC_LIST_MAX)
    return fail (error, "there are more than %d globs", HR_SPEC_LIST_MAX);
  rule = g_new0 (HrActionRule, 1);
  rule->glob = g_strdup (glob);
  rule->action = (HrAction)value;
  g_ptr_array_add (spec->actions, rule);
  return TRUE;
}
