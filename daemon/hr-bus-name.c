/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-name.h"

#include "hr-names.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

struct _HrBusName {
  GDBusConnection *connection;
  guint owned; /* by GDBus; 0: it was owned before */
  guint subscription;
  GBusNameLostCallback lost;
  gpointer user_data;
};

/**
 * hr_bus_name_own:
 * @connection: to a bus
 * @flags: how
 * @acquired: called when it is ours
 * @lost: called when it is not, or not any more
 * @user_data: for both
 *
 * Returns: (transfer full): our name, or the wish for it
 */
HrBusName *
hr_bus_name_own (GDBusConnection *connection, GBusNameOwnerFlags flags, GBusNameAcquiredCallback acquired,
                 GBusNameLostCallback lost, gpointer user_data)
{
  HrBusName *self = g_new0 (HrBusName, 1);

  self->connection = g_object_ref (connection);
  self->owned = g_bus_own_name_on_connection (connection, HR_BUS_NAME, flags, acquired, lost, user_data, NULL);
  return self;
}

static void
on_lost (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
         GVariant *parameters, gpointer user_data)
{
  HrBusName *self = user_data;
  const char *name = "";

  /* Anybody can send such a signal to us alone. */
  if (g_strcmp0 (sender, DBUS_NAME) == 0 && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(s)")))
    g_variant_get (parameters, "(&s)", &name);
  if (g_str_equal (name, HR_BUS_NAME))
    self->lost (connection, name, self->user_data);
}

/**
 * hr_bus_name_keep:
 * @connection: to a bus; it owns the name, though GDBus does not know
 * @lost: called when it does not any more
 * @user_data: for @lost
 *
 * Returns: (transfer full): our name
 */
HrBusName *
hr_bus_name_keep (GDBusConnection *connection, GBusNameLostCallback lost, gpointer user_data)
{
  HrBusName *self = g_new0 (HrBusName, 1);

  self->connection = g_object_ref (connection);
  self->lost = lost;
  self->user_data = user_data;
  /* That is told to the owner alone: it needs no match. GDBus takes a sender only where it knows of a bus. */
  self->subscription = g_dbus_connection_signal_subscribe (connection, NULL, DBUS_NAME, "NameLost", DBUS_PATH, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE, on_lost, self, NULL);
  return self;
}

/**
 * hr_bus_name_free:
 * @self: (transfer full) (nullable): a name that was lost
 */
void
hr_bus_name_free (HrBusName *self)
{
  if (self == NULL)
    return;
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_object_unref (self->connection);
  g_free (self);
}

/**
 * hr_bus_name_release:
 * @self: (transfer full) (nullable): a name
 *
 * Gives it back.
 */
void
hr_bus_name_release (HrBusName *self)
{
  if (self == NULL)
    return;
  if (self->owned != 0)
    g_bus_unown_name (self->owned);
  else if (!g_dbus_connection_is_closed (self->connection))
    g_dbus_connection_call (self->connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, "ReleaseName",
                            g_variant_new ("(s)", HR_BUS_NAME), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
  hr_bus_name_free (self);
}
