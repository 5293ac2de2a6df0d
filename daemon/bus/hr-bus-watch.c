/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-watch.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

struct _HrBusWatch {
  GDBusConnection *connection;
  char *name;
  guint subscription;
  GCancellable *cancellable;
  HrBusVanishedFunc vanished;
  gpointer user_data;
  GDestroyNotify destroy;
};

static void
match (HrBusWatch *self, const char *method)
{
  g_autofree char *rule = g_strdup_printf ("type='signal',sender='" DBUS_NAME "',interface='" DBUS_NAME
                                           "',member='NameOwnerChanged',path='" DBUS_PATH "',arg0='%s'",
                                           self->name);

  if (!g_dbus_connection_is_closed (self->connection))
    g_dbus_connection_call (self->connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, method, g_variant_new ("(s)", rule),
                            NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

static void
on_owner_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                  const char *signal, GVariant *parameters, gpointer user_data)
{
  HrBusWatch *self = user_data;
  const char *owner = NULL;

  /* Anybody can send such a signal to us alone. */
  if (g_strcmp0 (sender, DBUS_NAME) != 0 || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sss)")))
    return;
  g_variant_get (parameters, "(&s&s&s)", NULL, NULL, &owner);
  if (*owner == '\0')
    self->vanished (self->user_data);
}

/* It may have gone before the bus was asked to tell. */
static void
on_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  HrBusWatch *self = user_data;
  gboolean is_there = TRUE;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (reply != NULL)
    g_variant_get (reply, "(b)", &is_there);
  if (!is_there)
    self->vanished (self->user_data);
}

/**
 * hr_bus_watch_new:
 * @connection: to a bus
 * @name: unique name of a client
 * @matched: whether the bus tells this connection of it already: it was watched when the daemon was re-executed
 * @vanished: told when it is gone
 * @user_data: for @vanished
 * @destroy: (nullable): for @user_data
 *
 * Returns: (transfer full): the watch
 */
HrBusWatch *
hr_bus_watch_new (GDBusConnection *connection, const char *name, gboolean matched, HrBusVanishedFunc vanished,
                  gpointer user_data, GDestroyNotify destroy)
{
  HrBusWatch *self = g_new0 (HrBusWatch, 1);

  self->connection = g_object_ref (connection);
  self->name = g_strdup (name);
  self->cancellable = g_cancellable_new ();
  self->vanished = vanished;
  self->user_data = user_data;
  self->destroy = destroy;
  /* Without a sender GDBus takes it from any connection. The match is ours: one of GDBus would stay behind when the
   * daemon is re-executed. */
  self->subscription =
      g_dbus_connection_signal_subscribe (connection, NULL, DBUS_NAME, "NameOwnerChanged", DBUS_PATH, name,
                                          G_DBUS_SIGNAL_FLAGS_NO_MATCH_RULE, on_owner_changed, self, NULL);
  if (!matched)
    match (self, "AddMatch");
  g_dbus_connection_call (connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, "NameHasOwner", g_variant_new ("(s)", name),
                          G_VARIANT_TYPE ("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, self->cancellable, on_asked, self);
  return self;
}

/**
 * hr_bus_watch_free:
 * @self: (transfer full) (nullable): a watch
 */
void
hr_bus_watch_free (HrBusWatch *self)
{
  if (self == NULL)
    return;
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  match (self, "RemoveMatch");
  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_object_unref (self->connection);
  g_free (self->name);
  g_free (self);
}
