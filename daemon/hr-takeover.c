/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-takeover.h"

#include "hr-error.h"
#include "hr-log.h"
#include "hr-names.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

/* Replies of RequestName and its flags, see the D-Bus specification. */
#define REPLY_PRIMARY_OWNER 1
#define FLAG_ALLOW_REPLACEMENT 1
#define FLAG_REPLACE_EXISTING 2
#define FLAG_DO_NOT_QUEUE 4

/* How often it is looked whether the other daemon has ended. */
#define LOOK_INTERVAL_USEC (50 * G_TIME_SPAN_MILLISECOND)
/* For one call of the bus itself, in milliseconds. */
#define CALL_TIMEOUT_MSEC 10000

struct _HrTakeover {
  GDBusConnection *connection;
  char *owner; /* unique name of the other daemon */
  guint32 pid; /* 0: unknown */
};

static GVariant *
call_bus (GDBusConnection *connection, const char *method, GVariant *arguments, const char *type, GError **error)
{
  return g_dbus_connection_call_sync (connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, method, arguments,
                                      G_VARIANT_TYPE (type), G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MSEC, NULL, error);
}

/* %NULL without @error: nobody. */
static char *
find_owner (GDBusConnection *connection, guint32 *pid, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GVariant) reply = call_bus (connection, "GetNameOwner", g_variant_new ("(s)", HR_BUS_NAME), "(s)", &local);
  g_autoptr (GVariant) process = NULL;
  char *owner = NULL;

  if (reply == NULL)
    {
      if (!g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
        g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  g_variant_get (reply, "(s)", &owner);
  process = call_bus (connection, "GetConnectionUnixProcessID", g_variant_new ("(s)", owner), "(u)", NULL);
  *pid = 0;
  if (process != NULL)
    g_variant_get (process, "(u)", pid);
  return owner;
}

/**
 * hr_takeover_check_free:
 * @connection: to a bus
 * @error: return location
 *
 * Returns: whether no daemon serves this bus; else %HR_ERROR_BUSY that names it
 */
gboolean
hr_takeover_check_free (GDBusConnection *connection, GError **error)
{
  g_autoptr (GError) local = NULL;
  guint32 pid = 0;
  g_autofree char *owner = find_owner (connection, &pid, &local);

  if (owner != NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_BUSY,
                 "another hotreloadd serves this bus, PID %u (%s): stop it, or take its place with --replace", pid,
                 owner);
  else if (local != NULL)
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "while looking for the owner of %s: ", HR_BUS_NAME);
  return owner == NULL && local == NULL;
}

/* In the thread of the connection. */
static GDBusMessage *
answer_busy (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  g_autoptr (GDBusMessage) owned = message;
  g_autoptr (GDBusMessage) reply = NULL;

  if (!incoming || g_dbus_message_get_message_type (message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    return g_steal_pointer (&owned);
  if ((g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) != 0)
    return NULL;
  reply = g_dbus_message_new_method_error_literal (message, HR_ERROR_PREFIX "Busy",
                                                   "hotreloadd takes over from another one: try again in a moment");
  g_dbus_connection_send_message (connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  return NULL;
}

static gboolean
take_name (HrTakeover *self, GError **error)
{
  guint32 flags = FLAG_ALLOW_REPLACEMENT | FLAG_REPLACE_EXISTING | FLAG_DO_NOT_QUEUE;
  g_autoptr (GVariant) reply =
      call_bus (self->connection, "RequestName", g_variant_new ("(su)", HR_BUS_NAME, flags), "(u)", error);
  guint32 result = 0;

  if (reply == NULL)
    {
      g_prefix_error (error, "while taking the name %s: ", HR_BUS_NAME);
      return FALSE;
    }
  g_variant_get (reply, "(u)", &result);
  if (result == REPLY_PRIMARY_OWNER)
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_BUSY,
               "the hotreloadd that serves this bus, PID %u (%s), does not let its name be taken: stop it", self->pid,
               self->owner);
  return FALSE;
}

/* Its connection goes with its process: its services have ended by then, and its lock is free. */
static gboolean
wait_for_end (HrTakeover *self, gint64 timeout_usec, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + timeout_usec;

  for (;;)
    {
      g_autoptr (GVariant) reply =
          call_bus (self->connection, "NameHasOwner", g_variant_new ("(s)", self->owner), "(b)", error);
      gboolean is_there = FALSE;

      if (reply == NULL)
        return FALSE;
      g_variant_get (reply, "(b)", &is_there);
      if (!is_there)
        return TRUE;
      if (g_get_monotonic_time () >= deadline)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_TIMED_OUT,
                       "the hotreloadd whose place is taken, PID %u (%s), has not ended within %" G_GINT64_FORMAT
                       " s: stop it",
                       self->pid, self->owner, timeout_usec / G_USEC_PER_SEC);
          return FALSE;
        }
      g_usleep (LOOK_INTERVAL_USEC);
    }
}

/**
 * hr_takeover_new:
 * @bus: session or system
 * @timeout_usec: by when the other daemon must have ended
 * @error: return location
 *
 * Asks the daemon that serves the bus to end, if there is one, and waits until it has.
 *
 * Returns: (transfer full): to be kept until the name is owned by the connection that serves it; else an error that
 *   names the other daemon
 */
HrTakeover *
hr_takeover_new (GBusType bus, gint64 timeout_usec, GError **error)
{
  g_autoptr (HrTakeover) self = g_new0 (HrTakeover, 1);
  g_autoptr (GError) local = NULL;
  g_autofree char *address = g_dbus_address_get_for_bus_sync (bus, NULL, &local);

  if (address != NULL)
    self->connection = g_dbus_connection_new_for_address_sync (
        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        NULL, &local);
  if (self->connection != NULL)
    self->owner = find_owner (self->connection, &self->pid, &local);
  if (local != NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "while looking for a daemon to replace: ");
      return NULL;
    }
  if (self->owner == NULL)
    return g_steal_pointer (&self);

  hr_log_info (NULL, "taking the place of PID %u (%s)", self->pid, self->owner);
  g_dbus_connection_add_filter (self->connection, answer_busy, NULL, NULL);
  if (!take_name (self, error) || !wait_for_end (self, timeout_usec, error))
    return NULL;
  return g_steal_pointer (&self);
}

/**
 * hr_takeover_free:
 * @self: (transfer full): a takeover
 *
 * Gives the name up, where nobody has taken it since.
 */
void
hr_takeover_free (HrTakeover *self)
{
  if (self->connection != NULL)
    g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
  g_free (self->owner);
  g_free (self);
}
