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
  char *path; /* of the log to print; what is open may still be the one before */
  int fd;
  off_t position;
} LogFile;

static void
log_file_close (LogFile *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

static void
log_file_clear (LogFile *self)
{
  log_file_close (self);
  g_free (self->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LogFile, log_file_clear)

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
copy_new (LogFile *self, GString *text)
{
  char buffer[CHUNK];
  ssize_t n;

  while (self->fd >= 0 && (n = pread (self->fd, buffer, sizeof buffer, self->position)) > 0)
    {
      if (text != NULL)
        g_string_append_len (text, buffer, n);
      else
        fwrite (buffer, 1, (size_t)n, stdout);
      self->position += n;
    }
}

static gboolean
follow_once (gpointer user_data)
{
  LogFile *self = user_data;
  struct stat opened;
  struct stat named;

  copy_new (self, NULL);
  if (stat (self->path, &named) == 0)
    {
      gboolean moved = self->fd < 0 || fstat (self->fd, &opened) != 0 || opened.st_ino != named.st_ino
                       || opened.st_dev != named.st_dev;

      if (moved)
        {
          copy_new (self, NULL);
          log_file_close (self);
          log_file_open (self, NULL);
        }
      else if (named.st_size < self->position)
        self->position = 0;
      copy_new (self, NULL);
    }

  fflush (stdout);
  return G_SOURCE_CONTINUE;
}

static void
print_as_json (HrCtl *ctl, const char *path, GString *text)
{
  JsonObject *object = json_object_new ();
  JsonArray *array = json_array_new ();
  guint64 release = hr_log_find_release (path);
  g_autofree char *valid = g_utf8_make_valid (text->str, (gssize)text->len);
  g_auto (GStrv) lines = NULL;

  if (g_str_has_suffix (valid, "\n"))
    valid[strlen (valid) - 1] = '\0';
  lines = g_strsplit (valid, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    json_array_add_string_element (array, lines[i]);

  json_object_set_string_member (object, "service", ctl->args->operands[0]);
  json_object_set_string_member (object, "file", path);
  if (release != 0)
    json_object_set_int_member (object, "release", (gint64)release);
  else
    json_object_set_null_member (object, "release");
  json_object_set_array_member (object, "lines", array);
  hr_output_json (ctl->output, hr_json_take_object (object));
}

/* Moves on with the service: to the next instance that runs. */
static void
on_properties_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                       const char *signal, GVariant *parameters, gpointer user_data)
{
  LogFile *self = user_data;
  g_autoptr (GVariant) properties = g_variant_get_child_value (parameters, 1);
  const char *file = hr_dict_string (properties, "InstanceLogFile");

  if (*file == '\0')
    return;
  g_free (self->path);
  self->path = g_strdup (file);
}

/* The log that was asked for; @link: the daemon's to the newest. */
static char *
choose (HrCtl *ctl, const char *running, const char *link, GError **error)
{
  guint64 release = 0;

  if (!hr_args_get_number (ctl->args, HR_OPTION_RELEASE, 1, G_MAXUINT64, &release, error))
    return NULL;
  if (release != 0)
    return hr_log_find_newest (link, ctl->args->operands[0], release, error);
  if (hr_args_has (ctl->args, HR_OPTION_NEWEST) || *running == '\0')
    return g_strdup (link);

  return g_strdup (running);
}

static gboolean
find_log_file (LogFile *self, HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autofree char *object = hr_service_object_path (service);
  g_autoptr (GVariant) properties = NULL;
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

  self->output = ctl->output;
  self->path = choose (ctl, hr_dict_string (properties, "InstanceLogFile"), link, error);
  return self->path != NULL;
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
  g_auto (LogFile) file = { .fd = -1 };
  guint64 lines = LINES_DEFAULT;

  if (!hr_args_get_number (ctl->args, HR_OPTION_LINES, 1, LINES_MAX, &lines, error)
      || !check_options (ctl->args, error))
    return HR_EXIT_USAGE;
  if (!find_log_file (&file, ctl, error) || !log_file_open (&file, error))
    return HR_EXIT_FAILED;
  if (file.fd >= 0)
    file.position = find_tail (file.fd, lines);

  if (hr_output_is_json (ctl->output))
    {
      g_autoptr (GString) text = g_string_new (NULL);

      copy_new (&file, text);
      print_as_json (ctl, file.path, text);
      return HR_EXIT_OK;
    }

  follow_once (&file);
  if (hr_args_has (ctl->args, HR_OPTION_FOLLOW))
    {
      g_timeout_add (LOOK_MSEC, follow_once, &file);
      for (;;)
        g_main_context_iteration (NULL, TRUE);
    }

  return HR_EXIT_OK;
}
