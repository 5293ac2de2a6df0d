/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-config-check.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-base-environment.h"
#include "hr-environment.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-owner.h"
#include "hr-program-sight.h"
#include "hr-socket-address.h"
#include "hr-words.h"

/* Of a key: @path, then what is wrong with it. */
static gboolean
refuse (const HrServiceSpec *spec, GError **error, const char *group, const char *key, const char *path,
        const char *message)
{
  g_autofree char *file = hr_words_path (spec->file);
  g_autofree char *shown = hr_words_path (path);

  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s: group '%s': key '%s': '%s' %s", file, group, key,
               shown, message);
  return FALSE;
}

/* Of one of group Service. */
G_GNUC_PRINTF (5, 6)
static gboolean
fail (const HrServiceSpec *spec, GError **error, const char *key, const char *path, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return refuse (spec, error, "Service", key, path, message);
}

static gboolean
check_directory (const HrServiceSpec *spec, const char *key, const char *path, GError **error)
{
  g_auto (HrFd) fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  /* Reading lists the names, searching reaches what is behind them. */
  if (fd >= 0 && faccessat (fd, ".", R_OK | X_OK, AT_EACCESS) == 0)
    return TRUE;
  if (errno == ENOENT)
    return fail (spec, error, key, path, "does not exist: create it or correct the path");
  if (errno == ENOTDIR)
    return fail (spec, error, key, path, "is not a directory: name one");
  if (errno == EACCES)
    return fail (spec, error, key, path, "cannot be read: allow this user to list and enter it");
  return fail (spec, error, key, path, "cannot be used: %s", g_strerror (errno));
}

/* That what a shared path leads to is below the source; what does not exist yet counts by the directory it would be
 * created in. */
static gboolean
check_share (const HrServiceSpec *spec, const char *real_source, const char *share, GError **error)
{
  g_autofree char *path = g_build_filename (spec->source, share, NULL);
  g_autofree char *start =
      g_str_has_suffix (real_source, "/") ? g_strdup (real_source) : g_strconcat (real_source, "/", NULL);

  for (guint depth = 0;; depth++)
    {
      g_autofree char *real = realpath (path, NULL);
      g_autofree char *parent = NULL;
      g_autofree char *shown = NULL;
      GStatBuf info;

      if (real != NULL)
        {
          if (g_str_has_prefix (real, start) || (depth > 0 && g_str_equal (real, real_source)))
            return TRUE;
          shown = hr_words_path (real);
          return fail (spec, error, "Share", share, "leads to '%s', which is not below Source: share only what is",
                       shown);
        }
      if (errno != ENOENT)
        return fail (spec, error, "Share", share, "cannot be used: %s", g_strerror (errno));
      if (g_lstat (path, &info) == 0)
        return fail (spec, error, "Share", share, "is a symbolic link that leads nowhere: create what it names");
      parent = g_path_get_dirname (path);
      g_free (path);
      path = g_steal_pointer (&parent);
    }
}

static gboolean
check_shares (const HrServiceSpec *spec, GError **error)
{
  g_autofree char *real_source = NULL;

  if (spec->share[0] == NULL)
    return TRUE;
  real_source = realpath (spec->source, NULL);
  if (real_source == NULL)
    return fail (spec, error, "Source", spec->source, "cannot be used: %s", g_strerror (errno));
  for (guint i = 0; spec->share[i] != NULL; i++)
    if (!check_share (spec, real_source, spec->share[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
check_environment_file (const HrServiceSpec *spec, const char *path, GError **error)
{
  gboolean optional = *path == '-';
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) content = hr_fs_read (path + optional, HR_ENVIRONMENT_FILE_MAX, &local);
  g_auto (GStrv) variables = NULL;
  const char *text;
  gsize size;

  if (content == NULL && g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return optional
           || fail (spec, error, "EnvironmentFile", path,
                    "does not exist: create it, or write '-' before the path if it may be missing");
  if (content != NULL)
    {
      text = g_bytes_get_data (content, &size);
      variables = hr_environment_parse (path + optional, text, size, &local);
    }
  if (variables == NULL)
    {
      g_autofree char *why = g_utf8_make_valid (local->message, -1);
      return fail (spec, error, "EnvironmentFile", path + optional, "cannot be used: %s", why);
    }
  return TRUE;
}

static gboolean
check_working_directory (const HrServiceSpec *spec, GError **error)
{
  g_autofree char *path = NULL;

  if (spec->working_directory == NULL)
    return TRUE;
  path = g_canonicalize_filename (spec->working_directory, spec->source != NULL ? spec->source : "/");
  /* Build may be what creates it, in the slot. */
  if (spec->build[0] != NULL && !g_path_is_absolute (spec->working_directory)
      && !g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  return check_directory (spec, "WorkingDirectory", path, error);
}

static gboolean
check_listeners (const HrServiceSpec *spec, GError **error)
{
  for (guint i = 0; i < spec->listen->len; i++)
    {
      const HrListenSpec *listen = g_ptr_array_index (spec->listen, i);
      HrSocketAddress address;
      g_autoptr (GError) local = NULL;

      if (!hr_socket_address_from_spec (listen, &address, &local))
        return fail (spec, error, "Listen", listen->name, "cannot be bound: %s", local->message);
    }
  return TRUE;
}

/* Only root can become another user: the daemon of the system bus. */
static gboolean
check_owner (const HrServiceSpec *spec, GError **error)
{
  const HrIsolation *isolation = &spec->isolation;
  const char *key = isolation->user != NULL ? "User" : isolation->group != NULL ? "Group" : "SupplementaryGroups";
  const char *value = isolation->user != NULL    ? isolation->user
                      : isolation->group != NULL ? isolation->group
                                                 : isolation->groups[0];
  g_autoptr (GError) local = NULL;
  HrOwner owner;

  if (value == NULL)
    return TRUE;
  if (geteuid () != 0)
    return fail (
        spec, error, key, value,
        "is for services of the system bus: a daemon that is not root cannot start a program as somebody else");
  return hr_owner_find (isolation, &owner, &local)
         || fail (spec, error, key, value, "cannot be used: %s", local->message);
}

/* The PATH that the program is started with. */
static char *
search_path (const HrServiceSpec *spec)
{
  g_auto (GStrv) environment = hr_base_environment (spec, NULL);
  const char *path = g_environ_getenv (environment, "PATH");

  return g_strdup (path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
}

/* %s at the begin is the source; no other specifier is of use in a path that must exist. */
static char *
expand (const HrServiceSpec *spec, const char *word)
{
  return g_str_has_prefix (word, "%s") && spec->source != NULL ? g_strconcat (spec->source, word + strlen ("%s"), NULL)
                                                               : g_strdup (word);
}

static char *
find_working_directory (const HrServiceSpec *spec)
{
  g_autofree char *directory =
      spec->working_directory != NULL ? expand (spec, spec->working_directory) : g_strdup (".");

  return g_canonicalize_filename (directory, spec->source != NULL ? spec->source : "/");
}

/* What the program's file shows is said now, and not at the first reload; the rest shows when it runs. */
static gboolean
check_canary (const HrServiceSpec *spec, GError **error)
{
  g_autofree char *file = NULL, *shown = NULL, *directory = NULL, *path = NULL;
  g_auto (GStrv) argv = NULL;
  g_auto (GStrv) environment = NULL;

  if (spec->canary_from == 0)
    return TRUE;
  argv = g_strdupv (spec->exec);
  g_free (argv[0]);
  argv[0] = expand (spec, spec->exec[0]);
  path = search_path (spec);
  environment = g_environ_setenv (NULL, "PATH", path, TRUE);
  directory = find_working_directory (spec);
  if (hr_program_sight_look ((const char *const *)argv, (const char *const *)environment, directory, NULL).unseen
      == HR_UNSEEN_NOT)
    return TRUE;
  file = hr_words_path (spec->file);
  shown = hr_words_path (argv[0]);
  g_set_error (
      error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
      "%s: group 'Canary': key 'Percentage': '%s' cannot have a canary: the adopt library does not see what it "
      "does, as with static programs, those written in Go and those with more rights than their user: what it "
      "has accepted could not be finished; remove Percentage",
      file, shown);
  return FALSE;
}

/**
 * hr_config_spec_check:
 * @spec: a spec
 * @error: return location
 *
 * Looks for what @spec names: that Source is a directory that can be read, Share stays below it when links are
 * followed, each EnvironmentFile can be read, WorkingDirectory is a directory, Listen has addresses,
 * that the program can be started as User, and that it can have a canary where one is asked for.
 *
 * Returns: whether the service can be run here; else %HR_ERROR_INVALID_CONFIGURATION is set and names file, group, key
 *   and path
 */
gboolean
hr_config_spec_check (HrServiceSpec *spec, GError **error)
{
  g_return_val_if_fail (spec != NULL, FALSE);

  if (spec->source != NULL && (!check_directory (spec, "Source", spec->source, error) || !check_shares (spec, error)))
    return FALSE;
  for (guint i = 0; spec->environment_files[i] != NULL; i++)
    if (!check_environment_file (spec, spec->environment_files[i], error))
      return FALSE;
  return check_working_directory (spec, error) && check_listeners (spec, error) && check_owner (spec, error)
         && check_canary (spec, error);
}

static gboolean
is_program (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0 && S_ISREG (info.st_mode) && (info.st_mode & 0111) != 0;
}

/* A command of a service file. */
typedef struct {
  const char *group;
  const char *key;
  const char *program; /* its first word */
  const char *directory;
  gboolean built; /* what is below the source may be made by Build before it is run */
} Command;

static gboolean
check_in_path (const HrServiceSpec *spec, const Command *command, const char *program, GError **error)
{
  g_autofree char *path = search_path (spec);
  g_autofree char *message = NULL;
  g_auto (GStrv) directories = g_strsplit (path, ":", -1);

  for (guint i = 0; directories[i] != NULL; i++)
    {
      g_autofree char *candidate = g_build_filename (*directories[i] != '\0' ? directories[i] : ".", program, NULL);

      if (is_program (candidate))
        return TRUE;
    }
  message = g_strdup_printf ("is in no directory of PATH (%s): install it, or name its path", path);
  return refuse (spec, error, command->group, command->key, program, message);
}

static gboolean
check_at_path (const HrServiceSpec *spec, const Command *command, const char *program, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (program, command->directory);

  if (is_program (path))
    return TRUE;
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return refuse (spec, error, command->group, command->key, path, "is a directory: name a program");
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return refuse (spec, error, command->group, command->key, path, "is not executable: 'chmod +x' makes it so");
  if (command->built && !g_path_is_absolute (program))
    return TRUE;
  return refuse (spec, error, command->group, command->key, path, "does not exist: create it or correct the path");
}

static gboolean
check_program (const HrServiceSpec *spec, const Command *command, GError **error)
{
  g_autofree char *program = command->program != NULL ? expand (spec, command->program) : NULL;

  if (program == NULL || strchr (program, '%') != NULL)
    return TRUE;
  return strchr (program, '/') != NULL ? check_at_path (spec, command, program, error)
                                       : check_in_path (spec, command, program, error);
}

static const char *
probe_program (const HrProbeSpec *probe)
{
  return probe != NULL && probe->kind == HR_PROBE_EXEC ? probe->words[0] : NULL;
}

static const char *
metric_program (const HrMetricSpec *metric)
{
  return metric != NULL && metric->kind == HR_METRIC_EXEC ? metric->argv[0] : NULL;
}

/**
 * hr_config_program_check:
 * @spec: a spec that hr_config_spec_check() has found good
 * @error: return location
 *
 * Looks for the program of Exec, as its start will, and for those of all other commands. Not for the daemon, which starts
 * what is there when it is started.
 *
 * Returns: whether there are all of them, and can be executed; else %HR_ERROR_INVALID_CONFIGURATION is set and names file,
 *   key and where it was looked for
 */
gboolean
hr_config_program_check (HrServiceSpec *spec, GError **error)
{
  g_autofree char *cwd = find_working_directory (spec);
  const char *top = spec->source != NULL ? spec->source : "/";
  gboolean built = spec->build[0] != NULL;
  const Command commands[] = {
    { "Service", "Exec", spec->exec[0], cwd, built },
    { "Check", "Build", spec->build[0], top, FALSE },
    { "Check", "PreCheck", spec->precheck[0], top, built },
    { "Health", "Probe", probe_program (spec->probe), top, built },
    { "Health", "StartProbe", probe_program (spec->start_probe), top, built },
    { "PostCheck", "Command", spec->post_command[0], top, built },
    { "PostCheck", "ErrorMetric", metric_program (spec->error_metric), top, built },
    { "PostCheck", "SuccessMetric", metric_program (spec->success_metric), top, built },
    { "PostCheck", "TotalMetric", metric_program (spec->total_metric), top, built },
  };

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (!check_program (spec, &commands[i], error))
      return FALSE;
  return TRUE;
}
