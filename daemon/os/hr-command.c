/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-command.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-exec-args.h"
#include "hr-fd.h"
#include "hr-fs.h"

/* What the helper may say about its own failure, in bytes. */
#define STATUS_MAX 4096
/* Number of the helper's status descriptor in the child. */
#define STATUS_FD 3
/* After the end, this much that is still in a pipe is read and no more: an escaped process may write for ever. */
#define LAST_READS_MAX 64

/* The begin and the end of a stream of any length. */
typedef struct {
  HrFd fd;
  GString *head;
  char *tail;
  gsize head_max, tail_max;
  guint64 total;
} Capture;

typedef struct {
  GPid pid;
  HrFd pidfd;
  Capture output, errors, status;
  gboolean ended;
} Child;

/* Makes a pipe: the reading end is kept, @write_end is for the child. */
static gboolean
capture_open (Capture *self, int *write_end, gsize head_max, gsize tail_max, GError **error)
{
  int fds[2];

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return FALSE;
  *write_end = fds[1];
  self->fd = fds[0];
  self->head = g_string_new (NULL);
  self->head_max = head_max;
  self->tail_max = tail_max;
  self->tail = tail_max > 0 ? g_malloc (tail_max) : NULL;
  return g_unix_set_fd_nonblocking (self->fd, TRUE, error);
}

static void
capture_clear (Capture *self)
{
  hr_fd_clear (&self->fd);
  if (self->head != NULL)
    g_string_free (g_steal_pointer (&self->head), TRUE);
  g_clear_pointer (&self->tail, g_free);
}

static void
capture_add (Capture *self, const char *data, gsize size)
{
  gsize to_head = MIN (size, self->head_max - self->head->len);

  g_string_append_len (self->head, data, (gssize)to_head);
  self->total += to_head;
  for (gsize i = to_head; i < size; i++, self->total++)
    if (self->tail_max > 0)
      self->tail[(self->total - self->head_max) % self->tail_max] = data[i];
}

/* Reads what is there; FALSE when there is no more to come. */
static gboolean
capture_read (Capture *self)
{
  char buffer[16 * 1024];
  ssize_t got;

  if (self->fd < 0)
    return FALSE;
  got = read (self->fd, buffer, sizeof buffer);
  if (got > 0)
    capture_add (self, buffer, (gsize)got);
  else if (got == 0 || (errno != EAGAIN && errno != EINTR))
    hr_fd_clear (&self->fd);
  return got > 0;
}

static GString *
capture_steal (Capture *self, guint64 *left_out)
{
  GString *text = g_steal_pointer (&self->head);
  guint64 beyond = text != NULL ? self->total - text->len : 0;
  guint64 kept = MIN (beyond, self->tail_max);

  if (left_out != NULL)
    *left_out = beyond - kept;
  if (beyond > kept && self->tail_max > 0)
    g_string_append_printf (text, "\n[… %" G_GUINT64_FORMAT " bytes left out …]\n", beyond - kept);
  for (guint64 i = beyond - kept; i < beyond; i++)
    g_string_append_c (text, self->tail[i % self->tail_max]);
  return text;
}

static void
child_clear (Child *self)
{
  capture_clear (&self->output);
  capture_clear (&self->errors);
  capture_clear (&self->status);
  hr_fd_clear (&self->pidfd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Child, child_clear)

/* All of its group; before the helper has made the session there is no group yet, only the process. */
static void
child_signal (const Child *self, int number)
{
  if (kill (-self->pid, number) != 0 && errno == ESRCH)
    kill (self->pid, number);
}

static char **
helper_argv (const HrCommand *command)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, hr_exec_helper_path ());
  g_ptr_array_add (argv, g_strdup_printf ("--status-fd=%d", STATUS_FD));
  g_ptr_array_add (argv, g_strdup ("--session"));
  g_ptr_array_add (argv, g_strdup ("--reset-signals"));
  g_ptr_array_add (argv, g_strdup_printf ("--with-parent=%d", (int)getpid ()));
  hr_exec_args_add_view (argv, command->view, command->shares_read_only);
  hr_exec_args_add_isolation (argv, command->isolation, command->view, command->environment);
  g_ptr_array_add (argv, g_strconcat ("--directory=", command->directory, NULL));
  g_ptr_array_add (argv, g_strdup ("--"));
  for (const char *const *word = command->argv; *word != NULL; word++)
    g_ptr_array_add (argv, g_strdup (*word));
  g_ptr_array_add (argv, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&argv), FALSE);
}

/* A file, not a pipe: a child that does not read its input must not hold anybody. */
static int
open_input (GBytes *input, GError **error)
{
  g_auto (HrFd) fd = -1;

  if (input == NULL)
    fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  else
    fd = memfd_create ("hotreload-input", MFD_CLOEXEC);
  if (fd < 0)
    {
      hr_fs_set_error (error, errno, "while opening the input of a command");
      return -1;
    }
  if (input != NULL)
    {
      if (!hr_fd_write_all (fd, g_bytes_get_data (input, NULL), g_bytes_get_size (input), error))
        return -1;
      lseek (fd, 0, SEEK_SET);
    }
  return hr_fd_steal (&fd);
}

/* GLib closes in the child what became its standard streams, under their old numbers: one of them must not be that
 * which the status descriptor has got by then. */
static gboolean
make_way (int *fd, GError **error)
{
  g_auto (HrFd) old = *fd;

  if (old != STATUS_FD)
    {
      hr_fd_steal (&old);
      return TRUE;
    }
  *fd = fcntl (old, F_DUPFD_CLOEXEC, STATUS_FD + 1);
  return *fd >= 0 || (hr_fs_set_error (error, errno, "while starting a command"), FALSE);
}

/* Gives the write ends to the child and lets go of them. */
static gboolean
child_spawn (Child *self, const HrCommand *command, GError **error)
{
  g_auto (GStrv) argv = helper_argv (command);
  g_auto (GStrv) environment = hr_exec_preload_probe (g_strdupv ((char **)command->environment));
  g_auto (HrFd) input = open_input (command->input, error);
  g_auto (HrFd) output = -1, errors = -1, status = -1;
  int target = STATUS_FD;
  g_autoptr (GError) local = NULL;

  if (input < 0 || !capture_open (&self->output, &output, command->output_head, command->output_tail, error)
      || !capture_open (&self->status, &status, STATUS_MAX, 0, error)
      || (command->errors_apart
          && !capture_open (&self->errors, &errors, command->output_head, command->output_tail, error))
      || !make_way (&input, error) || !make_way (&output, error) || !make_way (&errors, error))
    return FALSE;
  if (!g_spawn_async_with_pipes_and_fds (NULL, (const char *const *)argv, (const char *const *)environment,
                                         G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, input,
                                         output, errors >= 0 ? errors : output, &status, &target, 1, &self->pid, NULL,
                                         NULL, NULL, &local))
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, local->message);
      return FALSE;
    }
  self->pidfd = pidfd_open (self->pid, 0);
  if (self->pidfd < 0)
    {
      hr_fs_set_error (error, errno, "while watching a command");
      child_signal (self, SIGKILL);
      waitpid (self->pid, NULL, 0);
      return FALSE;
    }
  return TRUE;
}

/* Waits until something happens or @until; TRUE when the child has ended. */
static gboolean
child_wait (Child *self, GCancellable *cancellable, gint64 until)
{
  GPollFD cancelled = { .fd = -1 };
  GPollFD fds[5] = {
    { .fd = self->pidfd, .events = G_IO_IN },
    { .fd = self->output.fd, .events = G_IO_IN },
    { .fd = self->errors.fd, .events = G_IO_IN },
    { .fd = self->status.fd, .events = G_IO_IN },
  };
  gint64 left = (until - g_get_monotonic_time () + 999) / 1000;
  gboolean watched = g_cancellable_make_pollfd (cancellable, &cancelled);

  fds[4] = cancelled;
  g_poll (fds, G_N_ELEMENTS (fds), (int)CLAMP (left, 0, G_MAXINT));
  if (watched)
    g_cancellable_release_fd (cancellable);
  capture_read (&self->output);
  capture_read (&self->errors);
  capture_read (&self->status);
  return (fds[0].revents & G_IO_IN) != 0;
}

/* Runs the child to its end; FALSE when it had to be stopped. */
static gboolean
child_run (Child *self, gint64 deadline, GCancellable *cancellable)
{
  gint64 until = deadline;
  int sent = 0;

  while (!self->ended)
    {
      self->ended = child_wait (self, sent == 0 ? cancellable : NULL, until);
      if (self->ended)
        break;
      if (g_get_monotonic_time () < until && (sent != 0 || !g_cancellable_is_cancelled (cancellable)))
        continue;
      if (sent == SIGKILL)
        break;
      until = g_get_monotonic_time () + (sent == 0 ? HR_COMMAND_STOP_USEC : HR_COMMAND_KILL_USEC);
      sent = sent == 0 ? SIGTERM : SIGKILL;
      child_signal (self, sent);
    }
  return sent == 0;
}

static void
ignore_end (GPid pid, int wait_status, gpointer user_data)
{
}

/* Its number is its own until it is reaped: so the group is killed before. */
static int
child_reap (Child *self)
{
  int wait_status = -1;

  child_signal (self, SIGKILL);
  if (!self->ended)
    {
      g_child_watch_add (self->pid, ignore_end, NULL);
      return -1;
    }
  while (waitpid (self->pid, &wait_status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return wait_status;
}

static void
drain (Capture *capture)
{
  for (int i = 0; i < LAST_READS_MAX && capture_read (capture); i++)
    ;
}

/* What the helper said when the program did not start: "STEP\nERRNO\nSENTENCE". */
static gboolean
check_status (const GString *status, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (status->str, "\n", 3);

  if (status->len == 0)
    return TRUE;
  if (g_strv_length (parts) < 3)
    g_set_error (error, HR_ERROR, HR_ERROR_START_FAILED, "%s", status->str);
  else
    g_set_error_literal (error, HR_ERROR,
                         g_str_equal (parts[0], "program") ? HR_ERROR_CHECK_UNAVAILABLE : HR_ERROR_START_FAILED,
                         parts[2]);
  return FALSE;
}

/**
 * hr_command_run:
 * @self: what to run
 * @cancellable: (nullable): stops it
 * @result: (out): its words, also when it was stopped; to be cleared in any case
 * @error: return location
 *
 * Returns: whether it ran to its end, whatever its exit status; else %HR_ERROR_CHECK_UNAVAILABLE (there is no such
 *   program, or it cannot be executed), %HR_ERROR_START_FAILED, %HR_ERROR_TIMED_OUT, %G_IO_ERROR_CANCELLED
 */
gboolean
hr_command_run (const HrCommand *self, GCancellable *cancellable, HrCommandResult *result, GError **error)
{
  g_auto (Child) child = { .pidfd = -1, .output = { .fd = -1 }, .errors = { .fd = -1 }, .status = { .fd = -1 } };
  gboolean in_time;

  g_return_val_if_fail (self != NULL && self->argv != NULL && self->argv[0] != NULL, FALSE);
  g_return_val_if_fail (self->directory != NULL && result != NULL, FALSE);

  *result = (HrCommandResult){ .wait_status = -1 };
  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !child_spawn (&child, self, error))
    return FALSE;
  in_time = child_run (&child, self->deadline, cancellable);
  result->wait_status = child_reap (&child);
  drain (&child.output);
  drain (&child.errors);
  drain (&child.status);
  result->output = capture_steal (&child.output, &result->left_out);
  result->errors = capture_steal (&child.errors, NULL);
  if (!in_time)
    {
      if (!g_cancellable_set_error_if_cancelled (cancellable, error))
        g_set_error_literal (error, HR_ERROR, HR_ERROR_TIMED_OUT, "it did not end in time");
      return FALSE;
    }
  return check_status (child.status.head, error);
}

/**
 * hr_command_result_clear:
 * @self: a result, filled or zeroed
 */
void
hr_command_result_clear (HrCommandResult *self)
{
  if (self->output != NULL)
    g_string_free (g_steal_pointer (&self->output), TRUE);
  if (self->errors != NULL)
    g_string_free (g_steal_pointer (&self->errors), TRUE);
}

/**
 * hr_command_words:
 * @output: (nullable): what a command wrote
 *
 * Returns: (transfer full): the same for people: valid UTF-8, without white space at the end
 */
char *
hr_command_words (const GString *output)
{
  return output == NULL ? g_strdup ("") : g_strchomp (g_utf8_make_valid (output->str, (gssize)output->len));
}

/**
 * hr_command_end:
 * @wait_status: as of waitpid(), or -1
 *
 * Returns: (transfer full) (nullable): how it ended, for people; %NULL when it ended with 0
 */
char *
hr_command_end (int wait_status)
{
  if (wait_status == -1)
    return g_strdup ("its exit status is unknown");
  if (WIFSIGNALED (wait_status))
    return g_strdup_printf ("ended by signal %d (%s)", WTERMSIG (wait_status), strsignal (WTERMSIG (wait_status)));
  return WEXITSTATUS (wait_status) == 0 ? NULL : g_strdup_printf ("exit code %d", WEXITSTATUS (wait_status));
}
