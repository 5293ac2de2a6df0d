/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-freeze.h"

#include <unistd.h>

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

struct _HrBusFreeze {
  GDBusConnection *connection;
  HrBusFrozenFunc frozen;
  gpointer user_data;
  guint filter;
  guint told; /* the source that calls @frozen */

  /* Shared with the thread that reads. */
  GMutex lock;
  GCond gone;
  guint32 serial; /* of the call whose answer is the last message that is read */
  gboolean released;
  GMainContext *context; /* of that thread, while it is held */
};

static gboolean
tell (gpointer user_data)
{
  HrBusFreeze *self = user_data;

  /* It may come before its number is known to the thread that sends it here. */
  g_mutex_lock (&self->lock);
  self->told = 0;
  g_mutex_unlock (&self->lock);
  self->frozen (self->user_data);
  return G_SOURCE_REMOVE;
}

/* In the thread that reads, which also writes: what is sent goes on from here. */
static void
stay (HrBusFreeze *self)
{
  GMainContext *context = g_main_context_ref_thread_default ();

  self->context = context;
  self->told = g_idle_add_full (G_PRIORITY_DEFAULT, tell, self, NULL);
  while (!self->released)
    {
      g_mutex_unlock (&self->lock);
      g_main_context_iteration (context, TRUE);
      g_mutex_lock (&self->lock);
    }
  self->context = NULL;
  g_cond_signal (&self->gone);
  g_main_context_unref (context);
}

static GDBusMessage *
filter (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  HrBusFreeze *self = user_data;
  GDBusMessageType type = g_dbus_message_get_message_type (message);

  if (!incoming || (type != G_DBUS_MESSAGE_TYPE_METHOD_RETURN && type != G_DBUS_MESSAGE_TYPE_ERROR))
    return message;
  g_mutex_lock (&self->lock);
  if (!self->released && self->serial != 0 && g_dbus_message_get_reply_serial (message) == self->serial)
    stay (self);
  g_mutex_unlock (&self->lock);
  return message;
}

static void
freeze_destroy (gpointer data)
{
  HrBusFreeze *self = data;

  g_object_unref (self->connection);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->gone);
  g_free (self);
}

/**
 * hr_bus_freeze_new:
 * @connection: to a bus
 * @frozen: told when nothing is read any more; unless it is freed before
 * @user_data: for @frozen
 * @error: return location
 *
 * Asks the bus something: its answer is the last message that is read until hr_bus_freeze_free().
 *
 * Returns: (transfer full): the freeze; %NULL when nothing can be sent
 */
HrBusFreeze *
hr_bus_freeze_new (GDBusConnection *connection, HrBusFrozenFunc frozen, gpointer user_data, GError **error)
{
  g_autoptr (GDBusMessage) message =
      g_dbus_message_new_method_call (DBUS_NAME, DBUS_PATH, "org.freedesktop.DBus", "GetId");
  HrBusFreeze *self = g_new0 (HrBusFreeze, 1);
  volatile guint32 serial = 0;
  gboolean sent;

  self->connection = g_object_ref (connection);
  self->frozen = frozen;
  self->user_data = user_data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->gone);
  self->filter = g_dbus_connection_add_filter (connection, filter, self, freeze_destroy);
  /* The answer may come before the number is known here. */
  g_mutex_lock (&self->lock);
  sent = g_dbus_connection_send_message (connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, &serial, error);
  self->serial = serial;
  g_mutex_unlock (&self->lock);
  if (sent)
    return self;
  hr_bus_freeze_free (self);
  return NULL;
}

/**
 * hr_bus_freeze_free:
 * @self: (transfer full): a freeze
 *
 * The connection reads on.
 */
void
hr_bus_freeze_free (HrBusFreeze *self)
{
  g_mutex_lock (&self->lock);
  self->released = TRUE;
  while (self->context != NULL)
    {
      g_main_context_wakeup (self->context);
      g_cond_wait (&self->gone, &self->lock);
    }
  g_clear_handle_id (&self->told, g_source_remove);
  g_mutex_unlock (&self->lock);
  /* The thread that reads may be in the filter now: it goes when that is done. */
  g_dbus_connection_remove_filter (self->connection, self->filter);
}

/**
 * hr_bus_connection_get_fd:
 * @connection: to a bus
 *
 * Returns: the descriptor of its socket, which stays its own; -1: it is none
 */
int
hr_bus_connection_get_fd (GDBusConnection *connection)
{
  GIOStream *stream = g_dbus_connection_get_stream (connection);

  return G_IS_SOCKET_CONNECTION (stream)
             ? g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)))
             : -1;
}

/**
 * hr_bus_connection_from_fd:
 * @fd: (transfer full): the socket of a connection to a bus that another program had, between two messages
 * @error: return location
 *
 * For the bus it is the same client: with its unique name, the names that it owns, and its matches. GDBus does not know
 * that it is one of a bus: it asks for no matches, and knows no unique name.
 *
 * Returns: (transfer full): a connection that dispatches nothing before g_dbus_connection_start_message_processing();
 *   %NULL when it is no such socket
 */
GDBusConnection *
hr_bus_connection_from_fd (int fd, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);
  g_autoptr (GSocketConnection) stream = NULL;

  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }
  stream = g_socket_connection_factory_create_connection (socket);
  return g_dbus_connection_new_sync (G_IO_STREAM (stream), NULL, G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL,
                                     NULL, error);
}
