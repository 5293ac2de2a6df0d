/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-gate.h"

#include "hr-names.h"

/* On refusals: what the thread that writes knows them by. */
#define REFUSAL_KEY "hr-refusal"

struct _HrBusGate {
  GDBusConnection *connection;
  guint filter;

  /* Shared with the thread that reads and writes. */
  GMutex lock;
  GHashTable *callers; /* unique bus name -> GArray of Call, never empty */
  guint n_calls;       /* in all of these */
  guint n_refusals;    /* not written yet */
};

typedef struct {
  guint32 serial;
  gboolean silent; /* its caller wants no answer: it is not sent */
} Call;

/* Under the lock. Returns why not, or NULL: it is counted. */
static const char *
let_in (HrBusGate *self, const char *sender, const Call *call)
{
  GArray *calls = g_hash_table_lookup (self->callers, sender);

  if (calls != NULL && calls->len >= HR_BUS_CALLS_OF_CALLER_MAX)
    return "too many calls of this caller have not been answered";
  if (self->n_calls >= (calls != NULL ? HR_BUS_CALLS_SHARED_MAX : HR_BUS_CALLS_MAX))
    return "too many calls of all callers have not been answered";
  if (calls == NULL)
    {
      calls = g_array_new (FALSE, FALSE, sizeof (Call));
      g_hash_table_insert (self->callers, g_strdup (sender), calls);
    }
  g_array_append_val (calls, *call);
  self->n_calls++;
  return NULL;
}

/* Under the lock. Returns whether the answer may be sent. */
static gboolean
let_out (HrBusGate *self, const char *caller, guint32 serial)
{
  GArray *calls = caller != NULL ? g_hash_table_lookup (self->callers, caller) : NULL;

  for (guint i = 0; calls != NULL && i < calls->len; i++)
    {
      const Call call = g_array_index (calls, Call, i);

      if (call.serial != serial)
        continue;
      self->n_calls--;
      if (calls->len == 1)
        g_hash_table_remove (self->callers, caller);
      else
        g_array_remove_index (calls, i);
      return !call.silent;
    }
  /* One that the program before this one has read. */
  return TRUE;
}

static void
refuse (HrBusGate *self, GDBusMessage *call, const char *why)
{
  g_autoptr (GDBusMessage) refusal =
      g_dbus_message_new_method_error_literal (call, HR_ERROR_PREFIX "LimitExceeded", why);
  gboolean sent;

  g_object_set_data (G_OBJECT (refusal), REFUSAL_KEY, self);
  sent = g_dbus_connection_send_message (self->connection, refusal, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  if (sent)
    return;
  g_mutex_lock (&self->lock);
  self->n_refusals--;
  g_mutex_unlock (&self->lock);
}

/* GDBus answers no call that wants no answer, and tells nobody when it has come to it. Of others the answer tells. */
static GDBusMessage *
want_answer (GDBusMessage *message)
{
  GDBusMessage *copy = g_dbus_message_copy (message, NULL);

  if (copy != NULL)
    g_dbus_message_set_flags (copy, g_dbus_message_get_flags (copy) & ~G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_object_unref (message);
  return copy;
}

static GDBusMessage *
on_call (HrBusGate *self, GDBusMessage *message)
{
  const char *sender = g_dbus_message_get_sender (message);
  const Call call = { g_dbus_message_get_serial (message),
                      (g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) != 0 };
  gboolean is_told;
  const char *why;

  g_mutex_lock (&self->lock);
  why = let_in (self, sender, &call);
  is_told = why != NULL && !call.silent && self->n_refusals < HR_BUS_REFUSALS_MAX;
  if (is_told)
    self->n_refusals++;
  g_mutex_unlock (&self->lock);
  if (is_told)
    refuse (self, message, why);
  if (why != NULL)
    g_clear_object (&message);
  else if (call.silent)
    {
      message = want_answer (message);
      if (message == NULL)
        {
          g_mutex_lock (&self->lock);
          let_out (self, sender, call.serial);
          g_mutex_unlock (&self->lock);
        }
    }
  return message;
}

static GDBusMessage *
on_answer (HrBusGate *self, GDBusMessage *message)
{
  gboolean is_sent = TRUE;

  g_mutex_lock (&self->lock);
  if (g_object_get_data (G_OBJECT (message), REFUSAL_KEY) == self)
    self->n_refusals--;
  else
    is_sent = let_out (self, g_dbus_message_get_destination (message), g_dbus_message_get_reply_serial (message));
  g_mutex_unlock (&self->lock);
  if (!is_sent)
    g_clear_object (&message);
  return message;
}

/* In the thread that reads and writes, for each message. */
static GDBusMessage *
filter (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  switch (g_dbus_message_get_message_type (message))
    {
    case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
      /* Peer to peer there is one caller, whom nobody names. */
      return incoming && g_dbus_message_get_sender (message) != NULL ? on_call (user_data, message) : message;
    case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
    case G_DBUS_MESSAGE_TYPE_ERROR:
      return incoming ? message : on_answer (user_data, message);
    default:
      return message;
    }
}

static void
gate_destroy (gpointer data)
{
  HrBusGate *self = data;

  g_hash_table_unref (self->callers);
  g_mutex_clear (&self->lock);
  g_object_unref (self->connection);
  g_free (self);
}

/**
 * hr_bus_gate_new:
 * @connection: to a bus
 *
 * Returns: (transfer full): counts and limits the calls that come from now on
 */
HrBusGate *
hr_bus_gate_new (GDBusConnection *connection)
{
  HrBusGate *self = g_new0 (HrBusGate, 1);

  g_mutex_init (&self->lock);
  self->connection = g_object_ref (connection);
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  self->filter = g_dbus_connection_add_filter (connection, filter, self, gate_destroy);
  return self;
}

/**
 * hr_bus_gate_count:
 * @self: the gate
 *
 * Returns: how many calls have been read whose answers have not been written
 */
guint
hr_bus_gate_count (HrBusGate *self)
{
  guint n_calls;

  g_mutex_lock (&self->lock);
  n_calls = self->n_calls;
  g_mutex_unlock (&self->lock);
  return n_calls;
}

/**
 * hr_bus_gate_free:
 * @self: (transfer full): the gate
 *
 * What comes from now on is not counted. An answer to a call that wanted none may be sent then.
 */
void
hr_bus_gate_free (HrBusGate *self)
{
  /* The thread that reads may be in the filter now: it goes when that is done. */
  g_dbus_connection_remove_filter (self->connection, self->filter);
}
