/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-config.h"
#include "hr-error.h"
#include "hr-names.h"
#include "hr-run-dir.h"

#define DAEMON_PROGRAM "hotreloadd"
#define BUS_PROGRAM "dbus-daemon"
/* A bus and a daemon must be there after this long, in seconds: one that died may have left what takes 15 to be ended. */
#define START_TIMEOUT_SEC 30
/* A daemon that was told to end and stops its services may take this long, in seconds. */
#define STOP_TIMEOUT_SEC 60
/* An address longer than this is none, in bytes. */
#define ADDRESS_MAX 4096
/* This much of what a daemon said is shown if it does not start, in bytes. */
#define WORDS_MAX 2000

struct _HrDaemon {
  GDBusConnection *bus;
  HrRunDir *dir; /* NULL: the daemon uses the session's */
  char *address; /* of a bus of our own */
  GPid bus_pid;
  GPid daemon_pid;
  int words; /* what daemon and bus say on standard error, an unlinked file */
};

/* Where hrctl is in a build tree, and where the daemon is seen from there. */
#define BUILD_PLACE "/client/hrctl"
#define BUILD_DAEMON "../../daemon"

static char *
in_directory (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, DAEMON_PROGRAM, NULL);

  return g_file_test (path, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer (&path) : NULL;
}

/**
 * hr_daemon_find_program:
 * @error: %HR_ERROR_FAILED, naming the places that were looked at
 *
 * Beside hrctl, on PATH, in the build tree that hrctl is in, where it was to be installed.
 *
 * Returns: (transfer full): path of the daemon's program
 */
char *
hr_daemon_find_program (GError **error)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *ours = g_path_get_dirname (self != NULL ? self : HR_BINDIR "/");
  g_autofree char *built = NULL;
  char *path = in_directory (ours);

  if (path == NULL)
    path = g_find_program_in_path (DAEMON_PROGRAM);
  if (path == NULL && g_str_has_suffix (ours, BUILD_PLACE))
    {
      built = g_canonicalize_filename (BUILD_DAEMON, ours);
      path = in_directory (built);
    }
  if (path == NULL)
    path = in_directory (HR_BINDIR);
  if (path == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
                 _ ("%s was found neither beside hrctl in %s, nor on PATH, nor in %s"), DAEMON_PROGRAM, ours,
                 built != NULL ? built : HR_BINDIR);

  return path;
}

/* Between fork and exec: nothing that allocates. */
static void
in_own_child (gpointer user_data)
{
  setpgid (0, 0);
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

/* Away from our terminal, too: it may be closed while others use the daemon. */
static void
in_shared_child (gpointer user_data)
{
  setsid ();
}

static gboolean
spawn (const char *const *command, const char *const *environment, gboolean shared, int stderr_fd, GPid *pid,
       int *stdout_pipe, GError **error)
{
  GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD;

  if (stdout_pipe == NULL)
    flags |= G_SPAWN_STDOUT_TO_DEV_NULL;

  return g_spawn_async_with_pipes_and_fds ("/", command, environment, flags, shared ? in_shared_child : in_own_child,
                                           NULL, -1, -1, stderr_fd, NULL, NULL, 0, pid, NULL, stdout_pipe, NULL, error);
}

/* First line of @fd within the deadline. */
static char *
read_line (int fd, GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);
  gint64 deadline = g_get_monotonic_time () + START_TIMEOUT_SEC * G_USEC_PER_SEC;
  char c;

  while (line->len < ADDRESS_MAX)
    {
      struct pollfd poll_fd = { fd, POLLIN, 0 };
      gint64 left = (deadline - g_get_monotonic_time ()) / 1000;

      if (left <= 0 || (poll (&poll_fd, 1, (int)left) < 0 && errno != EINTR))
        break;
      if (poll_fd.revents == 0)
        continue;
      if (read (fd, &c, 1) != 1)
        break;
      if (c == '\n')
        return g_string_free (g_steal_pointer (&line), FALSE);
      g_string_append_c (line, c);
    }

  g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("%s did not tell its address"), BUS_PROGRAM);
  return NULL;
}

static gboolean
start_bus (HrDaemon *self, GError **error)
{
  static const char *const command[] = { BUS_PROGRAM, "--session", "--nofork", "--nopidfile", "--print-address", NULL };
  int pipe = -1;

  if (!spawn (command, NULL, FALSE, self->words, &self->bus_pid, &pipe, error))
    return FALSE;

  self->address = read_line (pipe, error);
  close (pipe);
  if (self->address == NULL)
    return FALSE;

  self->bus = g_dbus_connection_new_for_address_sync (
      self->address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, error);
  return self->bus != NULL;
}

typedef struct {
  gboolean appeared;
  gboolean exited;
  gboolean late;
} Waiting;

static void
on_appeared (GDBusConnection *bus, const char *name, const char *owner, gpointer user_data)
{
  ((Waiting *)user_data)->appeared = TRUE;
}

static void
on_exited (GPid pid, int status, gpointer user_data)
{
  ((Waiting *)user_data)->exited = TRUE;
}

static gboolean
on_late (gpointer user_data)
{
  ((Waiting *)user_data)->late = TRUE;
  return G_SOURCE_REMOVE;
}

/* The last that the daemon said. */
static char *
read_words (HrDaemon *self)
{
  off_t end = lseek (self->words, 0, SEEK_END);
  g_autofree char *text = g_malloc0 (WORDS_MAX + 1);
  off_t begin = MAX (0, end - WORDS_MAX);

  if (pread (self->words, text, WORDS_MAX, begin) < 0)
    text[0] = '\0';
  return g_utf8_make_valid (g_strchomp (text), -1);
}

static gboolean
wait_for_name (HrDaemon *self, GError **error)
{
  Waiting waiting = { FALSE, FALSE, FALSE };
  guint name = g_bus_watch_name_on_connection (self->bus, HR_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, NULL,
                                               &waiting, NULL);
  guint child = g_child_watch_add (self->daemon_pid, on_exited, &waiting);
  guint timeout = g_timeout_add_seconds (START_TIMEOUT_SEC, on_late, &waiting);
  g_autofree char *words = NULL;

  while (!waiting.appeared && !waiting.exited && !waiting.late)
    g_main_context_iteration (NULL, TRUE);

  g_bus_unwatch_name (name);
  if (!waiting.late)
    g_source_remove (timeout);
  if (waiting.exited)
    self->daemon_pid = 0;
  else
    g_source_remove (child);
  if (waiting.appeared)
    return TRUE;

  words = read_words (self);
  g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
               waiting.exited ? _ ("the daemon that was started for this run has ended: %s")
                              : _ ("the daemon that was started for this run did not appear on the bus: %s"),
               words);
  return FALSE;
}

static gboolean
open_words (HrDaemon *self, GError **error)
{
  g_autofree char *path = NULL;

  self->words = g_file_open_tmp ("hotreloadd-XXXXXX.log", &path, error);
  if (self->words < 0)
    return FALSE;

  unlink (path);
  (void)fcntl (self->words, F_SETFD, FD_CLOEXEC);
  return TRUE;
}

static gboolean
start_daemon (HrDaemon *self, const char *const *arguments, const char *const *environment, GError **error)
{
  g_autofree char *program = hr_daemon_find_program (error);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;

  if (program == NULL)
    return FALSE;

  g_strv_builder_add_many (builder, program, "--session", NULL);
  for (guint i = 0; arguments != NULL && arguments[i] != NULL; i++)
    g_strv_builder_add (builder, arguments[i]);
  command = g_strv_builder_end (builder);

  return spawn ((const char *const *)command, environment, self->dir == NULL, self->words, &self->daemon_pid, NULL,
                error)
         && wait_for_name (self, error);
}

/* With the session's own directories; it ends with the last transient service. */
static gboolean
start_shared (HrDaemon *self, GError **error)
{
  return start_daemon (self, (const char *const[]){ "--exit-idle", NULL }, NULL, error);
}

/* With directories of our own. */
static gboolean
start_private (HrDaemon *self, GError **error)
{
  const char *path = hr_run_dir_get_path (self->dir);
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "DBUS_SESSION_BUS_ADDRESS", self->address, TRUE);
  g_autofree char *config = g_strconcat ("--config-dir=", path, "/config", NULL);
  g_autofree char *state = g_strconcat ("--state-dir=", path, "/state", NULL);
  g_autofree char *runtime = g_strconcat ("--runtime-dir=", hr_run_dir_get_runtime (self->dir), NULL);

  return start_daemon (self, (const char *const[]){ config, state, runtime, NULL }, (const char *const *)environment,
                       error);
}

static HrDaemon *
daemon_new (void)
{
  HrDaemon *self = g_new0 (HrDaemon, 1);

  self->words = -1;
  return self;
}

/**
 * hr_daemon_start_on:
 * @bus: the session bus
 * @error: why none could be started
 *
 * Starts a daemon with the session's own directories, which ends with the last transient service.
 *
 * Returns: (transfer full): it; it owns its name
 */
HrDaemon *
hr_daemon_start_on (GDBusConnection *bus, GError **error)
{
  g_autoptr (HrDaemon) self = daemon_new ();

  self->bus = g_object_ref (bus);
  if (!open_words (self, error) || !start_shared (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

/**
 * hr_daemon_start_private:
 * @error: why none could be started
 *
 * Starts a bus and on it a daemon with directories of its own, which are gone when it is stopped.
 *
 * Returns: (transfer full): it; it owns its name
 */
HrDaemon *
hr_daemon_start_private (GError **error)
{
  g_autoptr (HrDaemon) self = daemon_new ();

  self->dir = hr_run_dir_new (error);
  if (self->dir == NULL || !open_words (self, error) || !start_bus (self, error) || !start_private (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

/* The bus that the daemon is on. */
GDBusConnection *
hr_daemon_get_bus (HrDaemon *self)
{
  return self->bus;
}

/**
 * hr_daemon_leave:
 * @self: (transfer full) (nullable): a daemon in which a transient service of ours was started and has ended
 *
 * Stops it, unless it is on the session bus: there it ends by itself when nobody else has a service in it.
 */
void
hr_daemon_leave (HrDaemon *self)
{
  if (self != NULL && self->dir == NULL)
    self->daemon_pid = 0;
  hr_daemon_stop (self);
}

/* TERM, and KILL after the deadline. */
static void
end_process (GPid pid)
{
  Waiting waiting = { FALSE, FALSE, FALSE };
  guint timeout;

  if (pid <= 0)
    return;

  g_child_watch_add (pid, on_exited, &waiting);
  timeout = g_timeout_add_seconds (STOP_TIMEOUT_SEC, on_late, &waiting);
  kill (pid, SIGTERM);
  while (!waiting.exited && !waiting.late)
    g_main_context_iteration (NULL, TRUE);

  if (!waiting.late)
    {
      g_source_remove (timeout);
      return;
    }

  /* Nothing survives this but a process in the kernel. */
  kill (pid, SIGKILL);
  while (!waiting.exited)
    g_main_context_iteration (NULL, TRUE);
}

/**
 * hr_daemon_start_again:
 * @self: a daemon that has died, or is ending
 * @error: why none could be started
 *
 * Starts another one in its place, on the same bus and with the same directories. When this returns, that one has ended
 * what was left of services that lived for their callers.
 *
 * Returns: whether it owns its name
 */
gboolean
hr_daemon_start_again (HrDaemon *self, GError **error)
{
  end_process (self->daemon_pid);
  self->daemon_pid = 0;
  return self->dir != NULL ? start_private (self, error) : start_shared (self, error);
}

/**
 * hr_daemon_stop:
 * @self: (transfer full): a daemon, also a half started one
 *
 * Ends it, which stops its services, then the bus if it is our own, and removes its directories.
 */
void
hr_daemon_stop (HrDaemon *self)
{
  if (self == NULL)
    return;

  end_process (self->daemon_pid);
  g_clear_object (&self->bus);
  end_process (self->bus_pid);
  if (self->words >= 0)
    close (self->words);
  g_clear_pointer (&self->dir, hr_run_dir_free);
  g_free (self->address);
  g_free (self);
}
