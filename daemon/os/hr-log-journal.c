/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-journal.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-helpers.h"
#include "hr-log.h"
#include "hr-names.h"

#define SOCKET "/run/systemd/journal/socket"
/* So often it is looked which of the logs are there yet. */
#define FORGET_INTERVAL 64

struct _HrLogJournal {
  char *dir;
  char *socket;
  GPtrArray *commands; /* kept for a process that has to begin anew */
  guint sent;          /* how many of them this process was told */
  guint added;
  GPid pid;
  int pidfd;
  int input;
  guint ended_source;
  guint room_source;
  guint start_timer;
  gboolean started;
};

static void start (HrLogJournal *self);
static void send_commands (HrLogJournal *self);

static gboolean
start_again (gpointer user_data)
{
  HrLogJournal *self = user_data;

  self->start_timer = 0;
  start (self);
  return G_SOURCE_REMOVE;
}

static void
close_input (HrLogJournal *self)
{
  g_clear_handle_id (&self->room_source, g_source_remove);
  hr_fd_clear (&self->input);
}

static gboolean
on_ended (gint fd, GIOCondition condition, gpointer user_data)
{
  HrLogJournal *self = user_data;
  siginfo_t info;

  waitid (P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
  self->ended_source = 0;
  hr_fd_clear (&self->pidfd);
  close_input (self);
  hr_log_warning (NULL, "hotreload-journal has ended; starting another");
  self->start_timer = g_timeout_add (HR_LOG_JOURNAL_START_MSEC, start_again, self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_room (gint fd, GIOCondition condition, gpointer user_data)
{
  HrLogJournal *self = user_data;

  self->room_source = 0;
  send_commands (self);
  return G_SOURCE_REMOVE;
}

/* The pipe holds about a thousand of them: the rest follows as they are read. A process that does not get them is killed,
   and told them when it begins anew. */
static void
send_commands (HrLogJournal *self)
{
  while (self->input >= 0 && self->room_source == 0 && self->sent < self->commands->len)
    {
      const char *command = g_ptr_array_index (self->commands, self->sent);
      gsize length = strlen (command);

      /* Shorter than PIPE_BUF: all of it or nothing. */
      if (TEMP_FAILURE_RETRY (write (self->input, command, length)) == (gssize)length)
        self->sent++;
      else if (errno == EAGAIN)
        self->room_source = g_unix_fd_add (self->input, G_IO_OUT, on_room, self);
      else
        {
          close_input (self);
          pidfd_send_signal (self->pidfd, SIGKILL, NULL, 0);
        }
    }
}

static void
start (HrLogJournal *self)
{
  g_autofree char *program = hr_helper_path (HR_JOURNAL_HELPER);
  const char *argv[] = { program, self->dir, self->socket, NULL };
  const char *environment[] = { NULL };
  g_autoptr (GError) error = NULL;

  if (!g_spawn_async_with_pipes_and_fds (NULL, argv, environment,
                                         G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, -1, -1, -1,
                                         NULL, NULL, 0, &self->pid, &self->input, NULL, NULL, &error))
    {
      hr_log_warning (NULL, "Output is not passed on to the journal: %s", error->message);
      return;
    }
  g_unix_set_fd_nonblocking (self->input, TRUE, NULL);
  self->pidfd = pidfd_open (self->pid, 0);
  if (self->pidfd >= 0)
    self->ended_source = g_unix_fd_add (self->pidfd, G_IO_IN, on_ended, self);
  self->sent = 0;
  send_commands (self);
}

/* Those whose logs are removed. */
static void
forget_commands (HrLogJournal *self)
{
  for (guint i = self->commands->len; i > 0; i--)
    {
      g_auto (GStrv) words = g_strsplit (g_ptr_array_index (self->commands, i - 1), " ", 3);
      g_autofree char *path = g_build_filename (self->dir, words[1], NULL);

      if (g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      g_ptr_array_remove_index (self->commands, i - 1);
      self->sent -= i - 1 < self->sent ? 1 : 0;
    }
}

/**
 * hr_log_journal_new:
 * @dir: the directory of the logs
 *
 * Returns: (transfer full) (nullable): %NULL where there is no journal
 */
HrLogJournal *
hr_log_journal_new (const char *dir)
{
  const char *given = g_getenv (HR_ENV_JOURNAL);
  const char *path = given != NULL ? given : SOCKET;
  HrLogJournal *self;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  self = g_new0 (HrLogJournal, 1);
  self->dir = g_strdup (dir);
  self->socket = g_strdup (path);
  self->commands = g_ptr_array_new_with_free_func (g_free);
  self->pidfd = -1;
  self->input = -1;
  return self;
}

/**
 * hr_log_journal_free:
 * @self: (transfer full) (nullable): a journal
 *
 * Its process passes on what is there and ends, which nobody waits for.
 */
void
hr_log_journal_free (HrLogJournal *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->start_timer, g_source_remove);
  g_clear_handle_id (&self->ended_source, g_source_remove);
  close_input (self);
  hr_fd_clear (&self->pidfd);
  g_ptr_array_unref (self->commands);
  g_free (self->socket);
  g_free (self->dir);
  g_free (self);
}

/**
 * hr_log_journal_follow:
 * @self: (nullable): a journal
 * @service: name
 * @name: of its log
 * @found: it is of an earlier daemon: only what comes is passed on, and what its process had not passed on yet
 */
void
hr_log_journal_follow (HrLogJournal *self, const char *service, const char *name, gboolean found)
{
  char *command;

  if (self == NULL)
    return;
  g_return_if_fail (service != NULL && name != NULL);

  /* A new one is not there yet. */
  if (++self->added % FORGET_INTERVAL == 0)
    forget_commands (self);
  command = g_strdup_printf ("%s %s %s\n", service, name, found ? "found" : "new");
  g_ptr_array_add (self->commands, command);
  if (!self->started)
    {
      self->started = TRUE;
      start (self);
    }
  else
    send_commands (self);
}
