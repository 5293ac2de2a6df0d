/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-client.h"

#include <glib/gi18n.h>

#include "hr-error.h"
#include "hr-names.h"
#include "hr-object-path.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"
#define DBUS_INTERFACE "org.freedesktop.DBus"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER_INTERFACE "org.freedesktop.DBus.ObjectManager"

struct _HrClient {
  GDBusConnection *bus;
  char *owner;
  guint vanished;
  gulong closed;
  gboolean lost;
  int timeout_max_msec;
};

/* Its own name on the bus, which nobody gets after it. */
static void
on_vanished (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
             GVariant *parameters, gpointer user_data)
{
  ((HrClient *)user_data)->lost = TRUE;
}

static void
on_closed (GDBusConnection *bus, gboolean remote_vanished, GError *error, gpointer user_data)
{
  ((HrClient *)user_data)->lost = TRUE;
}

/**
 * hr_client_new:
 * @bus: a message bus
 * @error: %G_DBUS_ERROR_SERVICE_UNKNOWN
 *
 * Returns: (transfer full): the connection to the daemon that runs on @bus
 */
HrClient *
hr_client_new (GDBusConnection *bus, GError **error)
{
  g_autoptr (HrClient) self = g_new0 (HrClient, 1);

  /* From here on the daemon's errors are known by name. */
  (void)hr_error_quark ();

  self->bus = g_object_ref (bus);
  self->timeout_max_msec = G_MAXINT;
  self->closed = g_signal_connect (bus, "closed", G_CALLBACK (on_closed), self);
  self->owner = hr_bus_find_daemon (bus);
  if (self->owner == NULL)
    {
      g_set_error_literal (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, _ ("the daemon is not running"));
      return NULL;
    }

  /* Not the manager's name: a daemon that is idle lets go of it before it looks whether anybody has come meanwhile. */
  self->vanished = g_dbus_connection_signal_subscribe (bus, DBUS_NAME, DBUS_INTERFACE, "NameOwnerChanged", DBUS_PATH,
                                                       self->owner, G_DBUS_SIGNAL_FLAGS_NONE, on_vanished, self, NULL);
  return g_steal_pointer (&self);
}

/**
 * hr_client_connect:
 * @choice: the bus, or %HR_BUS_AUTO for the one on which a daemon runs, session first
 * @activate: whether the bus may start a daemon
 * @error: %G_DBUS_ERROR_SERVICE_UNKNOWN if no daemon runs
 *
 * Returns: (transfer full): the connection
 */
HrClient *
hr_client_connect (HrBusChoice choice, gboolean activate, GError **error)
{
  g_autoptr (GDBusConnection) bus = NULL;
  g_autofree char *owner = NULL;

  bus = choice == HR_BUS_AUTO ? hr_bus_choose (error) : hr_bus_open (choice, error);
  if (bus == NULL)
    return NULL;

  owner = hr_bus_find_daemon (bus);
  if (owner == NULL && !activate)
    {
      g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN,
                   _ ("the daemon is not running (start it with 'hotreloadd %s')"),
                   choice == HR_BUS_SYSTEM ? "--system" : "--session");
      return NULL;
    }

  if (owner == NULL)
    {
      g_autoptr (GError) local = NULL;

      if (!hr_bus_activate (bus, &local))
        {
          g_dbus_error_strip_remote_error (local);
          g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN,
                       _ ("the daemon is not running and the bus could not start it (start it with 'hotreloadd %s'): "
                          "%s"),
                       choice == HR_BUS_SYSTEM ? "--system" : "--session", local->message);
          return NULL;
        }
    }

  return hr_client_new (bus, error);
}

void
hr_client_free (HrClient *self)
{
  if (self == NULL)
    return;

  if (self->bus != NULL)
    {
      if (self->vanished != 0)
        g_dbus_connection_signal_unsubscribe (self->bus, self->vanished);
      g_clear_signal_handler (&self->closed, self->bus);
    }
  g_clear_object (&self->bus);
  g_free (self->owner);
  g_free (self);
}

/**
 * hr_client_limit_calls:
 * @self: a connection
 * @timeout_msec: no call takes longer than this, whatever its own deadline
 */
void
hr_client_limit_calls (HrClient *self, int timeout_msec)
{
  self->timeout_max_msec = timeout_msec;
}

GDBusConnection *
hr_client_get_bus (HrClient *self)
{
  return self->bus;
}

/* Unique name of the daemon. */
const char *
hr_client_get_owner (HrClient *self)
{
  return self->owner;
}

/**
 * hr_client_is_lost:
 * @self: a connection
 *
 * Returns: whether the daemon has gone away since; known once the main context has been iterated
 */
gboolean
hr_client_is_lost (HrClient *self)
{
  return self->lost;
}

/**
 * hr_client_set_lost_error:
 * @error: where to put it
 *
 * The error for who waited for a daemon that went away.
 */
void
hr_client_set_lost_error (GError **error)
{
  g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED,
                       _ ("the daemon went away before this had ended; what came of it is not known"));
}

static GVariant *
call (HrClient *self, const char *path, const char *interface, const char *method, GVariant *arguments,
      const char *reply_type, int timeout_msec, GError **error)
{
  g_autoptr (GError) local = NULL;
  GVariant *reply;

  reply = g_dbus_connection_call_sync (self->bus, self->owner, path, interface, method, arguments,
                                       G_VARIANT_TYPE (reply_type), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                                       MIN (timeout_msec, self->timeout_max_msec), NULL, &local);
  if (reply != NULL)
    return reply;

  if (g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY))
    hr_client_set_lost_error (error);
  else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_set_error (error, HR_ERROR, HR_ERROR_TIMED_OUT, _ ("the daemon did not answer %s in time"), method);
  else if (g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    /* The bus itself, in words for whoever wrote its policy. */
    g_set_error (error, HR_ERROR, HR_ERROR_NOT_AUTHORIZED, _ ("not allowed: the bus lets only root call %s"), method);
  else
    {
      g_dbus_error_strip_remote_error (local);
      g_propagate_error (error, g_steal_pointer (&local));
    }

  return NULL;
}

/**
 * hr_client_call:
 * @self: a connection
 * @method: of org.hotreload.Manager
 * @arguments: (nullable): tuple, consumed if floating
 * @reply_type: type of the tuple that it returns
 * @timeout_msec: deadline
 * @error: the daemon's own, without the name it had on the bus
 *
 * Returns: (transfer full): the reply
 */
GVariant *
hr_client_call (HrClient *self, const char *method, GVariant *arguments, const char *reply_type, int timeout_msec,
                GError **error)
{
  g_return_val_if_fail (self != NULL && method != NULL && reply_type != NULL, NULL);

  return call (self, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, method, arguments, reply_type, timeout_msec, error);
}

/**
 * hr_client_get_properties:
 * @self: a connection
 * @path: of an object
 * @interface: of the properties
 * @error: the daemon's own
 *
 * Returns: (transfer full): all of them (a{sv})
 */
GVariant *
hr_client_get_properties (HrClient *self, const char *path, const char *interface, GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  g_return_val_if_fail (self != NULL && path != NULL && interface != NULL, NULL);

  reply = call (self, path, PROPERTIES_INTERFACE, "GetAll", g_variant_new ("(s)", interface), "(a{sv})",
                HR_CLIENT_TIMEOUT_MSEC, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * hr_client_get_objects:
 * @self: a connection
 * @error: the daemon's own
 *
 * Returns: (transfer full): all services and jobs, with their properties (a{oa{sa{sv}}})
 */
GVariant *
hr_client_get_objects (HrClient *self, GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  reply = call (self, HR_ROOT_PATH, OBJECT_MANAGER_INTERFACE, "GetManagedObjects", NULL, "(a{oa{sa{sv}}})",
                HR_CLIENT_TIMEOUT_MSEC, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * hr_client_get_service:
 * @self: a connection
 * @name: of a service
 * @error: %HR_ERROR_NO_SUCH_SERVICE, or the daemon's own
 *
 * Returns: (transfer full): all properties of the service (a{sv})
 */
GVariant *
hr_client_get_service (HrClient *self, const char *name, GError **error)
{
  g_autofree char *path = *name != '\0' ? hr_service_object_path (name) : NULL;
  g_autoptr (GError) local = NULL;
  GVariant *properties = NULL;

  if (path != NULL)
    properties = hr_client_get_properties (self, path, HR_SERVICE_INTERFACE, &local);
  if (properties != NULL)
    return properties;

  if (path == NULL || g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
      || g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
      || g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE, _ ("there is no service '%s'"), name);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

/**
 * hr_client_list_services:
 * @self: a connection
 * @error: the daemon's own
 *
 * Returns: (transfer full): names of all services
 */
GStrv
hr_client_list_services (HrClient *self, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariantIter) services = NULL;
  GPtrArray *names;
  char *name;

  reply = hr_client_call (self, "ListServices", NULL, "(a(ssstu))", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return NULL;

  names = g_ptr_array_new ();
  g_variant_get (reply, "(a(ssstu))", &services);
  while (g_variant_iter_next (services, "(ssstu)", &name, NULL, NULL, NULL, NULL))
    g_ptr_array_add (names, name);
  g_ptr_array_add (names, NULL);

  return (GStrv)g_ptr_array_free (names, FALSE);
}

/**
 * hr_client_subscribe:
 * @self: a connection
 * @path: (nullable): of the object
 * @interface: of the signal
 * @member: (nullable): its name
 * @arg0: (nullable): its first argument
 * @callback: whom to tell
 * @user_data: for @callback
 *
 * Follows a signal of the daemon from now on; calls made later cannot overtake this.
 *
 * Returns: for g_dbus_connection_signal_unsubscribe()
 */
guint
hr_client_subscribe (HrClient *self, const char *path, const char *interface, const char *member, const char *arg0,
                     GDBusSignalCallback callback, gpointer user_data)
{
  return g_dbus_connection_signal_subscribe (self->bus, self->owner, interface, member, path, arg0,
                                             G_DBUS_SIGNAL_FLAGS_NONE, callback, user_data, NULL);
}

static int
exit_code_of_ours (int code)
{
  switch (code)
    {
    case HR_ERROR_NO_SUCH_SERVICE:
    case HR_ERROR_NO_SUCH_RELEASE:
    case HR_ERROR_NO_SUCH_SNAPSHOT:
    case HR_ERROR_NO_SUCH_MODULE:
      return HR_EXIT_NOT_FOUND;
    case HR_ERROR_NOT_AUTHORIZED:
      return HR_EXIT_NOT_ALLOWED;
    case HR_ERROR_INVALID_ARGUMENT:
      return HR_EXIT_USAGE;
    case HR_ERROR_TIMED_OUT:
      return HR_EXIT_TIMEOUT;
    default:
      return HR_EXIT_FAILED;
    }
}

/**
 * hr_client_exit_code:
 * @error: any error
 *
 * Returns: the exit code of the contract for it
 */
int
hr_client_exit_code (const GError *error)
{
  g_return_val_if_fail (error != NULL, HR_EXIT_FAILED);

  if (error->domain == HR_ERROR)
    return exit_code_of_ours (error->code);
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_AUTH_FAILED)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    return HR_EXIT_NOT_ALLOWED;
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return HR_EXIT_NOT_RUNNING;

  return HR_EXIT_FAILED;
}
