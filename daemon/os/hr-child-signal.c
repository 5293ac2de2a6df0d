/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-child-signal.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hr-fs.h"

typedef struct {
  GSourceFunc func;
  gpointer user_data;
} Listener;

/* Written by the signal handler, read by the main loop. */
static int event_fd = -1;
static struct sigaction before;

static void
on_signal (int signal_number)
{
  int saved = errno;
  guint64 one = 1;

  if (write (event_fd, &one, sizeof one) < 0)
    {
      /* It is full: then it is readable, which is all that it has to be. */
    }
  if (!(before.sa_flags & SA_SIGINFO) && before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    before.sa_handler (signal_number);
  errno = saved;
}

static gboolean
take_signal (GError **error)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NOCLDSTOP };
  sigset_t signals;

  if (event_fd >= 0)
    return TRUE;
  event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  sigemptyset (&action.sa_mask);
  sigemptyset (&signals);
  sigaddset (&signals, SIGCHLD);
  if (event_fd >= 0 && sigaction (SIGCHLD, &action, &before) == 0 && pthread_sigmask (SIG_UNBLOCK, &signals, NULL) == 0)
    return TRUE;
  return hr_fs_set_error (error, errno, "while taking the signal for ended children");
}

static gboolean
on_event (int fd, GIOCondition condition, gpointer user_data)
{
  Listener *listener = user_data;
  guint64 count;

  if (read (fd, &count, sizeof count) < 0)
    return G_SOURCE_CONTINUE;
  return listener->func (listener->user_data);
}

/**
 * hr_child_signal_add:
 * @func: called in the default main context after children have ended; returns whether to go on
 * @user_data: for @func
 * @error: return location
 *
 * Returns: the id of a source, for g_source_remove(); 0 with an error set
 */
guint
hr_child_signal_add (GSourceFunc func, gpointer user_data, GError **error)
{
  Listener *listener;

  if (!take_signal (error))
    return 0;
  listener = g_new0 (Listener, 1);
  listener->func = func;
  listener->user_data = user_data;
  return g_unix_fd_add_full (G_PRIORITY_DEFAULT, event_fd, G_IO_IN, on_event, listener, g_free);
}
