/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-flush.h"

/* Of who waits and of the thread that writes, whichever is the last. */
typedef struct {
  GDBusConnection *connection;
  GMutex lock;
  GCond written;
  gboolean is_done;
  GError *error;
} Flush;

static void
flush_clear (gpointer data)
{
  Flush *self = data;

  g_object_unref (self->connection);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->written);
  g_clear_error (&self->error);
}

static void
flush_unref (Flush *self)
{
  g_atomic_rc_box_release_full (self, flush_clear);
}

static gpointer
flush_in_thread (gpointer data)
{
  Flush *self = data;
  GError *error = NULL;

  g_dbus_connection_flush_sync (self->connection, NULL, &error);
  g_mutex_lock (&self->lock);
  self->is_done = TRUE;
  self->error = error;
  g_cond_signal (&self->written);
  g_mutex_unlock (&self->lock);
  flush_unref (self);
  return NULL;
}

/**
 * hr_bus_flush:
 * @connection: to a bus
 * @timeout_usec: how long to wait at most
 * @error: return location
 *
 * For the last moments of a program, before which nothing can be sent: it blocks. GDBus's own call has no end where the
 * bus does not read.
 *
 * Returns: whether nothing is left to be written, as also after the connection was closed; else a #GIOErrorEnum is set,
 *   %G_IO_ERROR_TIMED_OUT after @timeout_usec
 */
gboolean
hr_bus_flush (GDBusConnection *connection, gint64 timeout_usec, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + timeout_usec;
  GThread *thread;
  gboolean is_done;
  Flush *self;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), FALSE);

  self = g_atomic_rc_box_new0 (Flush);
  self->connection = g_object_ref (connection);
  g_mutex_init (&self->lock);
  g_cond_init (&self->written);
  thread = g_thread_try_new ("flush", flush_in_thread, g_atomic_rc_box_acquire (self), error);
  if (thread == NULL)
    {
      flush_unref (self);
      flush_unref (self);
      return FALSE;
    }
  g_thread_unref (thread);
  g_mutex_lock (&self->lock);
  while (!self->is_done && g_cond_wait_until (&self->written, &self->lock, deadline))
    ;
  is_done = self->is_done && self->error == NULL;
  if (!self->is_done)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "the bus has read nothing for %" G_GINT64_FORMAT " ms",
                 timeout_usec / G_TIME_SPAN_MILLISECOND);
  else if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  g_mutex_unlock (&self->lock);
  flush_unref (self);
  return is_done;
}
