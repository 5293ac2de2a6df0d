/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-closer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-log.h"
#include "hr-socket-bind.h"

/* Shared with its threads, which may outlive its owner. */
struct _HrCloser {
  gatomicrefcount ref_count;
  int n_threads;
};

typedef struct {
  HrCloser *closer;
  gsize n_fds;
  int fds[];
} Batch;

/**
 * hr_closer_new:
 *
 * Returns: (transfer full): one for what one instance sends to one socket
 */
HrCloser *
hr_closer_new (void)
{
  HrCloser *self = g_new0 (HrCloser, 1);

  g_atomic_ref_count_init (&self->ref_count);
  return self;
}

/**
 * hr_closer_ref:
 * @self: a closer
 *
 * Returns: (transfer full): the same, to be freed once more
 */
HrCloser *
hr_closer_ref (HrCloser *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * hr_closer_free:
 * @self: (transfer full): a closer
 *
 * What is being closed is closed all the same; nobody waits for it.
 */
void
hr_closer_free (HrCloser *self)
{
  if (g_atomic_ref_count_dec (&self->ref_count))
    g_free (self);
}

/**
 * hr_closer_is_full:
 * @self: a closer
 *
 * Returns: whether so many descriptors hang that none should be received
 */
gboolean
hr_closer_is_full (HrCloser *self)
{
  return g_atomic_int_get (&self->n_threads) >= HR_CLOSER_THREADS_MAX;
}

static gpointer
close_all (gpointer data)
{
  g_autofree Batch *batch = data;

  for (gsize i = 0; i < batch->n_fds; i++)
    close (batch->fds[i]);
  g_atomic_int_add (&batch->closer->n_threads, -1);
  hr_closer_free (batch->closer);
  return NULL;
}

/**
 * hr_closer_close:
 * @self: a closer
 * @fds: (array length=n_fds) (transfer full): descriptors
 * @n_fds: how many; 0 does nothing
 *
 * Closes them in their order, soon, in one thread. Where no thread can be had they are closed at once.
 */
void
hr_closer_close (HrCloser *self, const int *fds, gsize n_fds)
{
  g_autoptr (GError) error = NULL;
  GThread *thread;
  Batch *batch;

  if (n_fds == 0)
    return;
  batch = g_malloc (sizeof (Batch) + n_fds * sizeof (int));
  batch->closer = hr_closer_ref (self);
  batch->n_fds = n_fds;
  for (gsize i = 0; i < n_fds; i++)
    batch->fds[i] = fds[i];
  g_atomic_int_inc (&self->n_threads);
  thread = g_thread_try_new ("closer", close_all, batch, &error);
  if (thread != NULL)
    {
      g_thread_unref (thread);
      return;
    }
  hr_log_debug (NULL, "closing %" G_GSIZE_FORMAT " descriptors without a thread: %s", n_fds, error->message);
  close_all (batch);
}

/**
 * hr_closer_clear:
 * @self: a closer
 * @fd: (inout): a descriptor or -1; set to -1
 *
 * Closes it as hr_closer_close() does.
 */
void
hr_closer_clear (HrCloser *self, int *fd)
{
  if (*fd >= 0)
    hr_closer_close (self, fd, 1);
  *fd = -1;
}

/* shutdown() by any holder ends its listening, and then it can be connected. */
static gboolean
is_connected_stream (int fd)
{
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;

  return getpeername (fd, (struct sockaddr *)&peer, &length) == 0
         && hr_socket_get_option (fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM;
}

/**
 * hr_closer_clear_listener:
 * @fd: (inout): a listener that a program has, too, or -1; set to -1
 *
 * Closes it at once, so that its address is free, for which nobody waits while it listens. Where the program made
 * something else of it, it is closed in a thread. There are no more of these than listeners.
 */
void
hr_closer_clear_listener (int *fd)
{
  if (*fd >= 0 && is_connected_stream (*fd))
    {
      g_autoptr (HrCloser) closer = hr_closer_new ();

      hr_closer_clear (closer, fd);
    }
  hr_fd_clear (fd);
}
