/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-auth.h"

#include <pwd.h>
#include <unistd.h>

#include "hr-names.h"

/* More callers than this are asked for their identity again. */
#define HR_BUS_CALLERS_MAX 1024
/* How long the bus may take to say who a caller is. */
#define HR_BUS_CREDENTIALS_TIMEOUT_MSEC 5000
/* Callers whose identity the bus is asked for at the same time. */
#define HR_BUS_ASKED_MAX HR_BUS_CALLS_MAX
/* With more unanswered calls than these, callers may be gone before it is their turn: the bus is asked for each again. */
#define HR_BUS_CALLS_FEW 32

struct _HrBusAuth {
  GObject parent_instance;

  char *own_name;      /* of the user whose daemon this is */
  GHashTable *callers; /* unique bus name, never used again by another -> HrBusCaller */
  GHashTable *asked;   /* the same, of whom the bus is asked -> Asked */
  guint n_calls;       /* that have not been answered */
  HrBusGate *gate;     /* (nullable) */
};

#define CALLER_KEY "hr-caller"
#define MAY_READ_KEY "hr-may-read"
#define UID_KEY "hr-uid"

typedef struct {
  guint32 uid;
  guint32 pid; /* 0: not known */
} HrBusCaller;

typedef struct {
  HrBusAuth *self;
  char *sender;
  GQueue waiting; /* Waiting, in the order of the calls */
} Asked;

typedef struct {
  GDBusMethodInvocation *invocation;
  HrBusPassFunc pass;
  gpointer owner;
} Waiting;

G_DEFINE_FINAL_TYPE (HrBusAuth, hr_bus_auth, G_TYPE_OBJECT)

typedef struct {
  const char *interface_name;
  const char *method;
  HrBusRight right;
} Entry;

static const Entry table[] = {
  { HR_MANAGER_INTERFACE, "Abort", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "AddService", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "AddServiceWithOptions", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "CreateSnapshot", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Diff", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "GetHistory", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "GetProcesses", HR_BUS_LOOK_IN_PART },
  { HR_MANAGER_INTERFACE, "GetStatus", HR_BUS_LOOK_IN_PART },
  { HR_MANAGER_INTERFACE, "GetUsage", HR_BUS_LOOK },
  { HR_MANAGER_INTERFACE, "Hold", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ListReleases", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "ListServices", HR_BUS_LOOK },
  { HR_MANAGER_INTERFACE, "ListSnapshots", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "Pause", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Plan", HR_BUS_READ },
  { HR_MANAGER_INTERFACE, "Promote", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Reexecute", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Reload", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ReloadAll", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ReloadConfiguration", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ReloadWithOptions", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "RemoveService", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "ResetFailed", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Restart", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "RestoreSnapshot", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Resume", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Rollback", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "RunTransient", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Start", HR_BUS_CHANGE },
  { HR_MANAGER_INTERFACE, "Stop", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Abort", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "CreateSnapshot", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Diff", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "GetHistory", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "Hold", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "ListReleases", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "ListSnapshots", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "Pause", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Plan", HR_BUS_READ },
  { HR_SERVICE_INTERFACE, "Promote", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "Reload", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "ReloadWithOptions", HR_BUS_CHANGE },
  { HR_SERVICE_INTERFACE, "ResetFailed", HR_BUS_CHANGE },
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
  g_hash_table_unref (self->asked);
  g_clear_pointer (&self->gate, hr_bus_gate_free);
  g_free (self->own_name);
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
  const struct passwd *entry = getpwuid (geteuid ());

  self->own_name = entry != NULL ? g_strdup (entry->pw_name) : g_strdup_printf ("uid %u", (guint)geteuid ());
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->asked = g_hash_table_new (g_str_hash, g_str_equal);
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
 * hr_bus_auth_take_gate:
 * @self: the guard
 * @gate: (transfer full): what its connection's calls come through
 *
 * The guard knows then whether there are many.
 */
void
hr_bus_auth_take_gate (HrBusAuth *self, HrBusGate *gate)
{
  g_return_if_fail (HR_IS_BUS_AUTH (self) && self->gate == NULL);
  self->gate = gate;
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

/* "user (program)", as far as it can be known: the history shall say who it was when the caller is long gone. */
static char *
describe (HrBusAuth *self, const HrBusCaller *caller)
{
  const char *user = caller->uid == geteuid () ? self->own_name : "root";
  g_autofree char *path = g_strdup_printf ("/proc/%u/comm", caller->pid);
  g_autofree char *program = NULL;

  if (caller->pid == 0 || !g_file_get_contents (path, &program, NULL, NULL))
    return g_strdup (user);
  g_strchomp (program);
  return g_strdup_printf ("%s (%s)", user, program);
}

static void
deny (GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_dbus_error (invocation, HR_ERROR_PREFIX "NotAuthorized",
                                              "this needs to be root or the user whose daemon it is");
}

/* The bus reads the answer and drops it; for the gate the call is answered. */
static void
dismiss (GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_dbus_error (invocation, "org.freedesktop.DBus.Error.NoReply", "the caller is gone");
}

static void
decide (HrBusAuth *self, GDBusMethodInvocation *invocation, const HrBusCaller *caller, HrBusPassFunc pass,
        gpointer owner)
{
  HrBusRight right = hr_bus_auth_right (g_dbus_method_invocation_get_interface_name (invocation),
                                        g_dbus_method_invocation_get_method_name (invocation));
  gboolean is_ours = caller != NULL && (caller->uid == 0 || caller->uid == geteuid ());

  if (right != HR_BUS_LOOK && right != HR_BUS_LOOK_IN_PART && (right == HR_BUS_DENIED || !is_ours))
    {
      deny (invocation);
      return;
    }
  if (is_ours)
    g_object_set_data (G_OBJECT (invocation), MAY_READ_KEY, GINT_TO_POINTER (TRUE));
  if (right == HR_BUS_CHANGE)
    {
      g_object_set_data_full (G_OBJECT (invocation), CALLER_KEY, describe (self, caller), g_free);
      g_object_set_data (G_OBJECT (invocation), UID_KEY, GUINT_TO_POINTER (caller->uid));
    }
  pass (owner, invocation);
}

static gboolean
read_credentials (GVariant *reply, HrBusCaller *caller)
{
  g_autoptr (GVariant) values = g_variant_get_child_value (reply, 0);

  g_variant_lookup (values, "ProcessID", "u", &caller->pid);
  return g_variant_lookup (values, "UnixUserID", "u", &caller->uid);
}

static void
bus_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *asked = user_data;
  HrBusAuth *self = asked->self;
  HrBusCaller caller = { (guint32)-1, 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  gboolean is_gone = g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
  const HrBusCaller *known;
  Waiting *waiting;

  if (is_gone)
    g_hash_table_remove (self->callers, asked->sender);
  else if (reply != NULL && read_credentials (reply, &caller))
    {
      if (g_hash_table_size (self->callers) >= HR_BUS_CALLERS_MAX)
        g_hash_table_remove_all (self->callers);
      g_hash_table_insert (self->callers, g_strdup (asked->sender), g_memdup2 (&caller, sizeof caller));
    }
  /* Also of one whom the bus named before, and does not in time now. */
  known = g_hash_table_lookup (self->callers, asked->sender);
  if (known != NULL)
    caller = *known;
  g_hash_table_remove (self->asked, asked->sender);
  while ((waiting = g_queue_pop_head (&asked->waiting)) != NULL)
    {
      if (is_gone)
        dismiss (waiting->invocation);
      else
        decide (self, waiting->invocation, known != NULL ? &caller : NULL, waiting->pass, waiting->owner);
      g_object_unref (waiting->owner);
      g_free (waiting);
    }
  g_free (asked->sender);
  g_free (asked);
  g_object_unref (self);
}

static Asked *
ask_bus (HrBusAuth *self, GDBusConnection *connection, const char *sender)
{
  Asked *asked = g_new0 (Asked, 1);

  asked->self = g_object_ref (self);
  asked->sender = g_strdup (sender);
  g_queue_init (&asked->waiting);
  g_hash_table_insert (self->asked, asked->sender, asked);
  g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "GetConnectionCredentials", g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(a{sv})"),
                          G_DBUS_CALL_FLAGS_NONE, HR_BUS_CREDENTIALS_TIMEOUT_MSEC, NULL, bus_answered, asked);
  return asked;
}

/* Behind those of the same caller that wait already. */
static void
wait_for_bus (HrBusAuth *self, GDBusMethodInvocation *invocation, HrBusPassFunc pass, gpointer owner)
{
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  Asked *asked = g_hash_table_lookup (self->asked, sender);
  Waiting *waiting;

  if (asked != NULL ? asked->waiting.length >= HR_BUS_WAITING_MAX : g_hash_table_size (self->asked) >= HR_BUS_ASKED_MAX)
    {
      g_dbus_method_invocation_return_dbus_error (invocation, HR_ERROR_PREFIX "LimitExceeded",
                                                  "too many calls wait for the bus to say who made them");
      return;
    }
  if (asked == NULL)
    asked = ask_bus (self, g_dbus_method_invocation_get_connection (invocation), sender);
  waiting = g_new0 (Waiting, 1);
  waiting->invocation = invocation;
  waiting->pass = pass;
  waiting->owner = g_object_ref (owner);
  g_queue_push_tail (&asked->waiting, waiting);
}

static void
call_ended (gpointer data, GObject *invocation)
{
  HrBusAuth *self = data;

  self->n_calls--;
  g_object_unref (self);
}

/**
 * hr_bus_auth_count_calls:
 * @self: the guard
 *
 * Returns: how many calls have come and are not answered yet
 */
guint
hr_bus_auth_count_calls (HrBusAuth *self)
{
  g_return_val_if_fail (HR_IS_BUS_AUTH (self), 0);
  return self->n_calls;
}

/* Nothing shall be built for callers that are gone. */
static gboolean
has_many_calls (HrBusAuth *self)
{
  return self->gate != NULL && hr_bus_gate_count (self->gate) > HR_BUS_CALLS_FEW;
}

/**
 * hr_bus_auth_pass:
 * @self: the guard
 * @invocation: (transfer full): a call, in the thread of the main context that gets the bus's answers
 * @pass: given @owner and the call when the table allows it; else it is answered with an error
 * @owner: a GObject, kept until then
 *
 * Calls @pass at once, or when the bus has said who an unknown caller is, and where many calls wait that a known one is
 * still there; not when it is gone. The calls of one caller pass in their order.
 */
void
hr_bus_auth_pass (HrBusAuth *self, GDBusMethodInvocation *invocation, HrBusPassFunc pass, gpointer owner)
{
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  HrBusRight right = hr_bus_auth_right (g_dbus_method_invocation_get_interface_name (invocation),
                                        g_dbus_method_invocation_get_method_name (invocation));
  gboolean depends_on_caller = right != HR_BUS_LOOK && right != HR_BUS_DENIED;
  HrBusCaller peer = { (guint32)-1, 0 };
  const HrBusCaller *caller;
  gboolean must_ask;

  self->n_calls++;
  g_object_weak_ref (G_OBJECT (invocation), call_ended, g_object_ref (self));
  if (sender == NULL)
    {
      caller = ask_socket (g_dbus_method_invocation_get_connection (invocation), &peer) ? &peer : NULL;
      decide (self, invocation, caller, pass, owner);
      return;
    }
  caller = g_hash_table_lookup (self->callers, sender);
  must_ask = (depends_on_caller && caller == NULL) || (right != HR_BUS_DENIED && has_many_calls (self));
  if (must_ask || g_hash_table_contains (self->asked, sender))
    wait_for_bus (self, invocation, pass, owner);
  else
    decide (self, invocation, caller, pass, owner);
}

/**
 * hr_bus_auth_may_read:
 * @invocation: a call whose right depends on the caller
 *
 * Returns: whether the caller may see code, errors and names of files
 */
gboolean
hr_bus_auth_may_read (GDBusMethodInvocation *invocation)
{
  return g_object_get_data (G_OBJECT (invocation), MAY_READ_KEY) != NULL;
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
 * hr_bus_auth_uid:
 * @invocation: a call that changes something
 *
 * Returns: the user who made it
 */
guint
hr_bus_auth_uid (GDBusMethodInvocation *invocation)
{
  return GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (invocation), UID_KEY));
}
