/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-auth.h"

#include <pwd.h>
#include <unistd.h>

#include "hr-names.h"

/* More callers than this are asked for their identity again. */
#define HR_BUS_CALLERS_MAX 1024
/* How long the bus may take to say who a caller is. */
#define HR_BUS_CREDENTIALS_TIMEOUT_MSEC 5000

struct _HrBusAuth {
  GObject parent_instance;

  GMutex mutex;
  GHashTable *callers; /* unique bus name, never used again by another -> HrBusCaller */
};

#define CALLER_KEY "hr-caller"

typedef struct {
  guint32 uid;
  guint32 pid; /* 0: not known */
} HrBusCaller;

G_DEFINE_FINAL_TYPE (HrBusAuth, hr_bus_auth, G_TYPE_OBJECT)

typedef struct {
  const char *interface_name;
  const char *method;
  HrBusRight right;
} Entry;

static const Entry table[] = {
  { HR_MANAGER_INTERFACE, "AddService", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "CreateSnapshot", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Diff", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "GetHistory", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "GetStatus", HR_BUS_LOOK },
  { HR_MANAGER_INTERFACE, "ListReleases", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "ListServices", HR_BUS_LOOK },
  { HR_MANAGER_INTERFACE, "ListSnapshots", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "Pause", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Plan", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "Reload", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ReloadAll", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ReloadConfiguration", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ReloadWithOptions", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "RemoveService", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Restart", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "RestoreSnapshot", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Resume", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Rollback", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "RunTransient", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Start", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Stop", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "CreateSnapshot", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Diff", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "GetHistory", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "ListReleases", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "ListSnapshots", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "Pause", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Plan", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "Reload", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "ReloadWithOptions", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Restart", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "RestoreSnapshot", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Resume", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Rollback", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Start", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Stop", HR_BUS_CHANGE },
  { HR_JOB_INTERFACE, "Cancel", HR_BUS_CHANGE },
};

static void
hr_bus_auth_finalize (GObject *object)
{
  HrBusAuth *self = HR_BUS_AUTH (object);

  g_hash_table_unref (self->callers);
  g_mutex_clear (&self->mutex);
  G_OBJECT_CLASS (hr_bus_auth_parent_class)->finalize (object);
}

static void
hr_bus_auth_class_init (HrBusAuthClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_bus_auth_finalize;
}

static void
hr_bus_auth_init (HrBusAuth *self)
{
  g_mutex_init (&self->mutex);
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/**
 * hr_bus_auth_new:
 *
 * Returns: (transfer full): the guard of one connection's objects
 */
HrBusAuth *
hr_bus_auth_new (void)
{
  return g_object_new (HR_TYPE_BUS_AUTH, NULL);
}

/**
 * hr_bus_auth_right:
 * @interface_name: an interface of ours
 * @method: a method of it
 *
 * Returns: what a caller needs; %HR_BUS_DENIED for what the table does not name
 */
HrBusRight
hr_bus_auth_right (const char *interface_name, const char *method)
{
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].interface_name, interface_name) && g_str_equal (table[i].method, method))
      return table[i].right;
  return HR_BUS_DENIED;
}

/* Runs in a thread of GDBus made for questions that may wait. */
static gboolean
ask_bus (GDBusConnection *connection, const char *sender, HrBusCaller *caller)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionCredentials",
      g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NONE,
      HR_BUS_CREDENTIALS_TIMEOUT_MSEC, NULL, NULL);
  g_autoptr (GVariant) values = NULL;

  if (reply == NULL)
    return FALSE;
  values = g_variant_get_child_value (reply, 0);
  g_variant_lookup (values, "ProcessID", "u", &caller->pid);
  return g_variant_lookup (values, "UnixUserID", "u", &caller->uid);
}

/* Peer to peer there is no bus that could be asked: the socket says who is at its other end. */
static gboolean
ask_socket (GDBusConnection *connection, HrBusCaller *caller)
{
  GCredentials *credentials = g_dbus_connection_get_peer_credentials (connection);
  pid_t pid;

  if (credentials == NULL)
    return FALSE;
  caller->uid = g_credentials_get_unix_user (credentials, NULL);
  pid = g_credentials_get_unix_pid (credentials, NULL);
  caller->pid = pid > 0 ? (guint32)pid : 0;
  return caller->uid != (guint32)-1;
}

static gboolean
find_caller (HrBusAuth *self, GDBusMethodInvocation *invocation, HrBusCaller *caller)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (invocation);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  HrBusCaller *known;

  if (sender == NULL)
    return ask_socket (connection, caller);
  g_mutex_lock (&self->mutex);
  known = g_hash_table_lookup (self->callers, sender);
  if (known != NULL)
    *caller = *known;
  g_mutex_unlock (&self->mutex);
  if (known != NULL)
    return TRUE;
  if (!ask_bus (connection, sender, caller))
    return FALSE;
  g_mutex_lock (&self->mutex);
  if (g_hash_table_size (self->callers) >= HR_BUS_CALLERS_MAX)
    g_hash_table_remove_all (self->callers);
  g_hash_table_insert (self->callers, g_strdup (sender), g_memdup2 (caller, sizeof *caller));
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

/* "user (program)", as far as it can be known: the history shall say who it was when the caller is long gone. */
static char *
describe (const HrBusCaller *caller)
{
  struct passwd *entry = NULL, buffer;
  char strings[4096];
  g_autofree char *path = g_strdup_printf ("/proc/%u/comm", caller->pid);
  g_autofree char *program = NULL;
  g_autofree char *user = NULL;

  if (getpwuid_r (caller->uid, &buffer, strings, sizeof strings, &entry) == 0 && entry != NULL)
    user = g_strdup (entry->pw_name);
  else
    user = g_strdup_printf ("uid %u", caller->uid);
  if (caller->pid == 0 || !g_file_get_contents (path, &program, NULL, NULL))
    return g_steal_pointer (&user);
  g_strchomp (program);
  return g_strdup_printf ("%s (%s)", user, program);
}

static gboolean
authorize (GDBusInterfaceSkeleton *skeleton, GDBusMethodInvocation *invocation, gpointer user_data)
{
  HrBusAuth *self = user_data;
  const char *interface_name = g_dbus_method_invocation_get_interface_name (invocation);
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  HrBusRight right = hr_bus_auth_right (interface_name, method);
  HrBusCaller caller = { (guint32)-1, 0 };

  if (right == HR_BUS_LOOK)
    return TRUE;
  if (right != HR_BUS_DENIED && find_caller (self, invocation, &caller)
      && (caller.uid == 0 || caller.uid == geteuid ()))
    {
      if (right == HR_BUS_CHANGE)
        g_object_set_data_full (G_OBJECT (invocation), CALLER_KEY, describe (&caller), g_free);
      return TRUE;
    }
  g_dbus_method_invocation_return_dbus_error (invocation, HR_ERROR_PREFIX "NotAuthorized",
                                              "this needs to be root or the user whose daemon it is");
  return FALSE;
}

/**
 * hr_bus_auth_caller:
 * @invocation: a call that changes something
 *
 * Returns: (transfer none): who made it, for the history
 */
const char *
hr_bus_auth_caller (GDBusMethodInvocation *invocation)
{
  const char *caller = g_object_get_data (G_OBJECT (invocation), CALLER_KEY);

  return caller != NULL ? caller : "unknown";
}

/**
 * hr_bus_auth_guard:
 * @self: the guard, which must outlive @skeleton
 * @skeleton: an exported interface
 *
 * Every call of a method goes through the table first.
 */
void
hr_bus_auth_guard (HrBusAuth *self, GDBusInterfaceSkeleton *skeleton)
{
  g_signal_connect_object (skeleton, "g-authorize-method", G_CALLBACK (authorize), self, 0);
}
