/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-logs.c: logs: the end of a service's output, and what is added to it.
 *
 * The path is the daemon's, the file is read here: no log byte goes through the daemon. Each instance has a file of its
 * own, whose head may have been cut out (a hole).
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-dict.h"
#include "hr-json.h"
#include "hr-log-find.h"
#include "hr-names.h"
#include "hr-object-path.h"
#include "hr-verb.h"

#define LINES_DEFAULT 10
#define LINES_MAX 1000000
#define CHUNK (64 * 1024)
/* How often a followed file is looked at, in milliseconds. */
#define LOOK_MSEC 200

typedef struct {
  HrOutput *output;
  char *path;
  int fd;
  off_t position;
  gboolean gone; /* its instance runs no more: what it said until then is still printed */
} LogFile;

/* Of all instances that run. */
typedef struct {
  HrOutput *output;
  GPtrArray *files; /* LogFile */
  LogFile *last;    /* whose lines were printed last, NULL: none yet */
} Logs;

static void
log_file_close (LogFile *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

static void
log_file_free (gpointer data)
{
  LogFile *self = data;

  log_file_close (self);
  g_free (self->path);
  g_free (self);
}

static void
logs_clear (Logs *self)
{
  g_ptr_array_unref (self->files);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Logs, logs_clear)

/* Where it is not among them. */
static void
logs_add (Logs *self, const char *path)
{
  LogFile *file;

  for (guint i = 0; i < self->files->len; i++)
    {
      file = g_ptr_array_index (self->files, i);
      if (g_str_equal (file->path, path))
        {
          file->gone = FALSE;
          return;
        }
    }
  file = g_new0 (LogFile, 1);
  file->output = self->output;
  file->path = g_strdup (path);
  file->fd = -1;
  g_ptr_array_add (self->files, file);
}

/* Whose output follows: which instance is meant is not always what one expects. */
static void
say_which (LogFile *self)
{
  guint64 release = hr_log_find_release (self->path);
  char *real = realpath (self->path, NULL);

  fflush (stdout);
  if (release != 0)
    hr_output_remark (self->output, HR_TINT_DIM, _ ("hotreload: log of release %" PRIu64 ": %s"), release,
                      real != NULL ? real : self->path);
  else
    hr_output_remark (self->output, HR_TINT_DIM, _ ("hotreload: log: %s"), real != NULL ? real : self->path);
  free (real);
}

/* A file that is not there yet is no error: the service has not run. */
static gboolean
log_file_open (LogFile *self, GError **error)
{
  self->fd = open (self->path, O_RDONLY | O_CLOEXEC);
  self->position = 0;
  if (self->fd >= 0 && !hr_output_is_json (self->output))
    say_which (self);
  if (self->fd >= 0 || errno == ENOENT)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("cannot read %s: %s"), self->path,
               g_strerror (errno));
  return FALSE;
}

/* Where the last @lines lines begin. */
static off_t
find_tail (int fd, guint64 lines)
{
  off_t first = lseek (fd, 0, SEEK_DATA);
  off_t position = lseek (fd, 0, SEEK_END);
  gboolean at_end = TRUE;
  char buffer[CHUNK];

  first = MAX (first, 0);
  while (position > first)
    {
      off_t begin = MAX (first, position - CHUNK);
      ssize_t n = pread (fd, buffer, (size_t)(position - begin), begin);

      if (n <= 0)
        return position;
      for (ssize_t i = n - 1; i >= 0; i--)
        {
          /* The rest of a block that was cut out in part. */
          if (buffer[i] == '\0' && begin + i < first + CHUNK)
            return begin + i + 1;
          if (buffer[i] == '\n' && !at_end && --lines == 0)
            return begin + i + 1;
          at_end = FALSE;
        }
      position = begin;
    }

  return first;
}

static void
take_new (LogFile *self, GString *text)
{
  char buffer[CHUNK];
  ssize_t n;

  while (self->fd >= 0 && (n = pread (self->fd, buffer, sizeof buffer, self->position)) > 0)
    {
      g_string_append_len (text, buffer, n);
      self->position += n;
    }
}

/* Where several take turns, each turn says whose it is. */
static void
print_new (Logs *self, LogFile *file, gboolean opened)
{
  char buffer[CHUNK];
  ssize_t n;

  while (file->fd >= 0 && (n = pread (file->fd, buffer, sizeof buffer, file->position)) > 0)
    {
      if (!opened && self->last != NULL && self->last != file)
        say_which (file);
      self->last = file;
      fwrite (buffer, 1, (size_t)n, stdout);
      file->position += n;
    }
}

static void
look_at (Logs *self, LogFile *file)
{
  struct stat opened;
  struct stat named;
  gboolean moved;

  print_new (self, file, FALSE);
  if (stat (file->path, &named) != 0)
    return;
  moved =
      file->fd < 0 || fstat (file->fd, &opened) != 0 || opened.st_ino != named.st_ino || opened.st_dev != named.st_dev;
  if (moved)
    {
      print_new (self, file, FALSE);
      log_file_close (file);
      log_file_open (file, NULL);
    }
  else if (named.st_size < file->position)
    file->position = 0;
  print_new (self, file, moved);
}

static gboolean
follow_once (gpointer user_data)
{
  Logs *self = user_data;

  for (guint i = 0; i < self->files->len;)
    {
      LogFile *file = g_ptr_array_index (self->files, i);

      look_at (self, file);
      if (!file->gone)
        {
          i++;
          continue;
        }
      if (self->last == file)
        self->last = NULL;
      g_ptr_array_remove_index (self->files, i);
    }

  fflush (stdout);
  return G_SOURCE_CONTINUE;
}

static void
print_as_json (HrCtl *ctl, Logs *logs, GString *text)
{
  JsonObject *object = json_object_new ();
  JsonArray *array = json_array_new ();
  JsonArray *paths = json_array_new ();
  const char *path = ((LogFile *)g_ptr_array_index (logs->files, 0))->path;
  guint64 release = hr_log_find_release (path);
  g_autofree char *valid = g_utf8_make_valid (text->str, (gssize)text->len);
  g_auto (GStrv) lines = NULL;

  if (g_str_has_suffix (valid, "\n"))
    valid[strlen (valid) - 1] = '\0';
  lines = g_strsplit (valid, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    json_array_add_string_element (array, lines[i]);

  json_object_set_string_member (object, "service", ctl->args->operands[0]);
  for (guint i = 0; i < logs->files->len; i++)
    json_array_add_string_element (paths, ((LogFile *)g_ptr_array_index (logs->files, i))->path);
  json_object_set_string_member (object, "file", path);
  json_object_set_array_member (object, "files", paths);
  if (release != 0)
    json_object_set_int_member (object, "release", (gint64)release);
  else
    json_object_set_null_member (object, "release");
  json_object_set_array_member (object, "lines", array);
  hr_output_json (ctl->output, hr_json_take_object (object));
}

/* Moves on with the service: to the next instances that run. */
static void
on_properties_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                       const char *signal, GVariant *parameters, gpointer user_data)
{
  Logs *self = user_data;
  g_autoptr (GVariant) properties = g_variant_get_child_value (parameters, 1);
  g_autofree const char **paths = hr_dict_strings (properties, "InstanceLogFiles");

  if (paths[0] == NULL || *paths[0] == '\0')
    return;
  for (guint i = 0; i < self->files->len; i++)
    ((LogFile *)g_ptr_array_index (self->files, i))->gone = TRUE;
  for (guint i = 0; paths[i] != NULL; i++)
    logs_add (self, paths[i]);
}

/* The logs that were asked for; @link: the daemon's to the newest. */
static gboolean
choose (Logs *self, HrCtl *ctl, const char *const *running, const char *link, GError **error)
{
  guint64 release = 0;

  if (!hr_args_get_number (ctl->args, HR_OPTION_RELEASE, 1, G_MAXUINT64, &release, error))
    return FALSE;
  if (release != 0)
    {
      g_autofree char *path = hr_log_find_newest (link, ctl->args->operands[0], release, error);

      if (path != NULL)
        logs_add (self, path);
      return path != NULL;
    }
  if (hr_args_has (ctl->args, HR_OPTION_NEWEST) || running[0] == NULL || *running[0] == '\0')
    logs_add (self, link);
  else
    for (guint i = 0; running[i] != NULL; i++)
      logs_add (self, running[i]);
  return TRUE;
}

static gboolean
find_log_files (Logs *self, HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autofree char *object = hr_service_object_path (service);
  g_autoptr (GVariant) properties = NULL;
  g_autofree const char **running = NULL;
  const char *link;

  if (client == NULL)
    return FALSE;
  if (!hr_args_has (ctl->args, HR_OPTION_NEWEST) && !hr_args_has (ctl->args, HR_OPTION_RELEASE))
    hr_client_subscribe (client, object, "org.freedesktop.DBus.Properties", "PropertiesChanged", HR_SERVICE_INTERFACE,
                         on_properties_changed, self);

  properties = hr_client_get_service (client, service, error);
  if (properties == NULL)
    return FALSE;

  link = hr_dict_string (properties, "LogFile");
  if (*link == '\0')
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("the output of '%s' does not go to a file"), service);
      return FALSE;
    }

  running = hr_dict_strings (properties, "InstanceLogFiles");
  return choose (self, ctl, (const char *const *)running, link, error);
}

static gboolean
check_options (const HrArgs *args, GError **error)
{
  if (hr_args_has (args, HR_OPTION_FOLLOW) && hr_args_has (args, HR_OPTION_JSON))
    {
      hr_usage_error (error, args->verb, _ ("--follow never ends and --json is one document"));
      return FALSE;
    }
  if (hr_args_has (args, HR_OPTION_NEWEST) && hr_args_has (args, HR_OPTION_RELEASE))
    {
      hr_usage_error (error, args->verb, _ ("--newest and --release exclude each other"));
      return FALSE;
    }

  return TRUE;
}

int
hr_verb_logs (HrCtl *ctl, GError **error)
{
  g_auto (Logs) logs = { .output = ctl->output, .files = g_ptr_array_new_with_free_func (log_file_free) };
  g_autoptr (GString) text = g_string_new (NULL);
  guint64 lines = LINES_DEFAULT;

  if (!hr_args_get_number (ctl->args, HR_OPTION_LINES, 1, LINES_MAX, &lines, error)
      || !check_options (ctl->args, error))
    return HR_EXIT_USAGE;
  if (!find_log_files (&logs, ctl, error))
    return HR_EXIT_FAILED;
  for (guint i = 0; i < logs.files->len; i++)
    {
      LogFile *file = g_ptr_array_index (logs.files, i);

      if (!log_file_open (file, error))
        return HR_EXIT_FAILED;
      if (file->fd >= 0)
        file->position = find_tail (file->fd, lines);
      if (hr_output_is_json (ctl->output))
        take_new (file, text);
      else
        print_new (&logs, file, TRUE);
    }
  fflush (stdout);

  if (hr_output_is_json (ctl->output))
    {
      print_as_json (ctl, &logs, text);
      return HR_EXIT_OK;
    }
  if (hr_args_has (ctl->args, HR_OPTION_FOLLOW))
    {
      g_timeout_add (LOOK_MSEC, follow_once, &logs);
      for (;;)
        g_main_context_iteration (NULL, TRUE);
    }

  return HR_EXIT_OK;
}
