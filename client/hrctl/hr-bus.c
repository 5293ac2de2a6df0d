/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus.h"

#include <glib/gi18n.h>

#include "hr-names.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"
#define DBUS_INTERFACE "org.freedesktop.DBus"

/* So long may the bus take to answer, in milliseconds, also where it starts a daemon first. */
#define TIMEOUT_MSEC (25 * 1000)

/* GLib would start a bus of its own through dbus-launch where there is a display. */
static gboolean
has_session_bus (void)
{
  const char *address = g_getenv ("DBUS_SESSION_BUS_ADDRESS");
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *socket = NULL;

  if (address != NULL && *address != '\0')
    return TRUE;
  if (runtime == NULL)
    return FALSE;

  socket = g_build_filename (runtime, "bus", NULL);
  return g_file_test (socket, G_FILE_TEST_EXISTS);
}

/**
 * hr_bus_open:
 * @choice: session or system
 * @error: why it cannot be reached
 *
 * Returns: (transfer full): a connection of our own to the message bus
 */
GDBusConnection *
hr_bus_open (HrBusChoice choice, GError **error)
{
  gboolean session = choice == HR_BUS_SESSION;
  g_autofree char *address = NULL;
  g_autoptr (GError) local = NULL;
  GDBusConnection *bus;

  g_return_val_if_fail (choice != HR_BUS_AUTO, NULL);

  if (session && !has_session_bus ())
    {
      g_set_error_literal (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN,
                           _ ("the daemon is not running: there is no session bus"));
      return NULL;
    }

  address = g_dbus_address_get_for_bus_sync (session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM, NULL, error);
  if (address == NULL)
    return NULL;

  bus = g_dbus_connection_new_for_address_sync (
      address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
      NULL, &local);
  /* Where there is no bus, no daemon runs on it. */
  if (bus == NULL
      && (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
          || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED)))
    {
      local->domain = G_DBUS_ERROR;
      local->code = G_DBUS_ERROR_SERVICE_UNKNOWN;
    }
  if (bus == NULL)
    g_propagate_prefixed_error (error, g_steal_pointer (&local),
                                session ? _ ("cannot reach the session bus: ") : _ ("cannot reach the system bus: "));

  return bus;
}

/**
 * hr_bus_find_daemon:
 * @bus: a message bus
 *
 * Returns: (transfer full) (nullable): unique name of the daemon on it, %NULL if none runs
 */
char *
hr_bus_find_daemon (GDBusConnection *bus)
{
  g_autoptr (GVariant) reply = NULL;
  char *owner = NULL;

  reply = g_dbus_connection_call_sync (bus, DBUS_NAME, DBUS_PATH, DBUS_INTERFACE, "GetNameOwner",
                                       g_variant_new ("(s)", HR_BUS_NAME), G_VARIANT_TYPE ("(s)"),
                                       G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSEC, NULL, NULL);
  if (reply != NULL)
    g_variant_get (reply, "(s)", &owner);

  return owner;
}

/**
 * hr_bus_activate:
 * @bus: a message bus
 * @error: %G_DBUS_ERROR_SERVICE_UNKNOWN if it knows no way to start a daemon, and others
 *
 * Returns: whether a daemon owns the name now
 */
gboolean
hr_bus_activate (GDBusConnection *bus, GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  reply = g_dbus_connection_call_sync (bus, DBUS_NAME, DBUS_PATH, DBUS_INTERFACE, "StartServiceByName",
                                       g_variant_new ("(su)", HR_BUS_NAME, 0), G_VARIANT_TYPE ("(u)"),
                                       G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSEC, NULL, error);
  return reply != NULL;
}

/**
 * hr_bus_choose:
 * @error: why none can be reached
 *
 * Returns: (transfer full): a bus on which a daemon runs, session first; else the first bus that can be reached
 */
GDBusConnection *
hr_bus_choose (GError **error)
{
  g_autoptr (GDBusConnection) session = hr_bus_open (HR_BUS_SESSION, error);
  g_autoptr (GDBusConnection) system = NULL;
  g_autofree char *owner = NULL;

  if (session != NULL)
    {
      owner = hr_bus_find_daemon (session);
      if (owner != NULL)
        return g_steal_pointer (&session);
    }

  system = hr_bus_open (HR_BUS_SYSTEM, NULL);
  if (system != NULL)
    owner = hr_bus_find_daemon (system);
  if (owner == NULL && session != NULL)
    return g_steal_pointer (&session);
  if (system != NULL)
    g_clear_error (error);

  return g_steal_pointer (&system);
}
