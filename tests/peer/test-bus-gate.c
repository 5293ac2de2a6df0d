/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The gate of a private bus's client: what is not answered is counted, what is too much refused before the main loop has
 * it, whoever has little is answered nevertheless, and who is gone has nothing done for it.
 */
#include "hr-bus-gate.h"
#include "hr-bus-guard.h"
#include "hr-names.h"

#define DEADLINE_SEC 30
#define REFUSED HR_ERROR_PREFIX "LimitExceeded"

static const char xml[] = "<node><interface name='" HR_MANAGER_INTERFACE "'>"
                          "<method name='GetStatus'/><method name='ListServices'/></interface></node>";

/* What GDBus answers with, in the main loop: at once, or when the test says so. */
#define TEST_TYPE_SKELETON (test_skeleton_get_type ())
G_DECLARE_DERIVABLE_TYPE (TestSkeleton, test_skeleton, TEST, SKELETON, GDBusInterfaceSkeleton)

struct _TestSkeletonClass {
  GDBusInterfaceSkeletonClass parent_class;
};

G_DEFINE_TYPE (TestSkeleton, test_skeleton, G_TYPE_DBUS_INTERFACE_SKELETON)

typedef struct {
  GTestDBus *dbus;
  GDBusConnection *server;
  GDBusConnection *client;
  HrBusAuth *auth;
  HrBusGate *gate; /* of auth */
  GDBusInterfaceSkeleton *skeleton;
  guint answered;
  guint refused;
} Fixture;

static GQueue held; /* calls that came through, while they are held */
static gboolean holds;
static guint n_passed;

static void
method_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface_name,
             const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  n_passed++;
  if (holds)
    g_queue_push_tail (&held, invocation);
  else
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static GDBusInterfaceInfo *
get_info (GDBusInterfaceSkeleton *skeleton)
{
  static GDBusNodeInfo *info;

  if (info == NULL)
    info = g_dbus_node_info_new_for_xml (xml, NULL);
  return info->interfaces[0];
}

static GDBusInterfaceVTable *
get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  static GDBusInterfaceVTable vtable = { method_call, NULL, NULL, { NULL } };

  return &vtable;
}

static GVariant *
get_properties (GDBusInterfaceSkeleton *skeleton)
{
  return g_variant_new_parsed ("@a{sv} {}");
}

static void
test_skeleton_class_init (TestSkeletonClass *klass)
{
  GDBusInterfaceSkeletonClass *skeleton_class = G_DBUS_INTERFACE_SKELETON_CLASS (klass);

  skeleton_class->get_info = get_info;
  skeleton_class->get_vtable = get_vtable;
  skeleton_class->get_properties = get_properties;
}

static void
test_skeleton_init (TestSkeleton *self)
{
}

static GDBusConnection *
connect_to (GTestDBus *dbus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (dbus),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL,
      &error);

  g_assert_no_error (error);
  return connection;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dbus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->dbus);
  fixture->server = connect_to (fixture->dbus);
  fixture->client = connect_to (fixture->dbus);
  fixture->auth = hr_bus_auth_new ();
  fixture->gate = hr_bus_gate_new (fixture->server);
  hr_bus_auth_take_gate (fixture->auth, fixture->gate);
  fixture->skeleton = hr_bus_guard_new (fixture->auth, TEST_TYPE_SKELETON);
  g_dbus_interface_skeleton_export (fixture->skeleton, fixture->server, HR_MANAGER_PATH, &error);
  g_assert_no_error (error);
  g_queue_init (&held);
  holds = FALSE;
  n_passed = 0;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_dbus_interface_skeleton_unexport (fixture->skeleton);
  g_assert_finalize_object (fixture->skeleton);
  g_assert_finalize_object (fixture->auth);
  g_dbus_connection_close_sync (fixture->server, NULL, NULL);
  g_dbus_connection_close_sync (fixture->client, NULL, NULL);
  g_clear_object (&fixture->server);
  g_clear_object (&fixture->client);
  g_test_dbus_down (fixture->dbus);
  g_clear_object (&fixture->dbus);
}

static void
replied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autofree char *name = error != NULL ? g_dbus_error_get_remote_error (error) : NULL;

  if (g_strcmp0 (name, REFUSED) == 0)
    fixture->refused++;
  else
    g_assert_no_error (error);
  fixture->answered++;
}

static void
send_call (Fixture *fixture, GDBusConnection *client, const char *method)
{
  g_dbus_connection_call (client, g_dbus_connection_get_unique_name (fixture->server), HR_MANAGER_PATH,
                          HR_MANAGER_INTERFACE, method, NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, replied, fixture);
}

/* A message of its own, with nobody who waits for the answer. */
static void
send_and_forget (Fixture *fixture, GDBusConnection *client, GDBusMessageFlags flags)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (
      g_dbus_connection_get_unique_name (fixture->server), HR_MANAGER_PATH, HR_MANAGER_INTERFACE, "GetStatus");
  g_autoptr (GError) error = NULL;

  g_dbus_message_set_flags (message, flags);
  g_dbus_connection_send_message (client, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
too_late (gpointer user_data)
{
  g_error ("did not happen within the deadline");
  return G_SOURCE_REMOVE;
}

static void
await (const guint *counter, guint n)
{
  guint timer = g_timeout_add_seconds (DEADLINE_SEC, too_late, NULL);

  while (*counter < n)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

/* The gate counts in a thread of GDBus, which tells nobody. */
static void
await_count (Fixture *fixture, guint n)
{
  gint64 end = g_get_monotonic_time () + DEADLINE_SEC * G_USEC_PER_SEC;

  while (hr_bus_gate_count (fixture->gate) != n)
    {
      if (g_get_monotonic_time () > end)
        g_error ("%u calls are counted, not %u", hr_bus_gate_count (fixture->gate), n);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (1000);
    }
}

static void
release (void)
{
  GDBusMethodInvocation *invocation;

  holds = FALSE;
  while ((invocation = g_queue_pop_head (&held)) != NULL)
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static void
test_few (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < HR_BUS_CALLS_OF_CALLER_MAX; i++)
    send_call (fixture, fixture->client, "ListServices");
  await (&fixture->answered, HR_BUS_CALLS_OF_CALLER_MAX);
  g_assert_cmpuint (fixture->refused, ==, 0);
  await_count (fixture, 0);
}

/* Also of a caller whom the bus has named, and with calls that have come through. */
static void
test_of_caller (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDBusConnection) other = connect_to (fixture->dbus);

  holds = TRUE;
  for (guint i = 0; i < HR_BUS_CALLS_OF_CALLER_MAX + 5; i++)
    send_call (fixture, fixture->client, "GetStatus");
  await (&fixture->answered, 5);
  await (&n_passed, HR_BUS_CALLS_OF_CALLER_MAX);
  g_assert_cmpuint (fixture->refused, ==, 5);
  g_assert_cmpuint (hr_bus_gate_count (fixture->gate), ==, HR_BUS_CALLS_OF_CALLER_MAX);
  holds = FALSE;
  send_call (fixture, other, "GetStatus");
  await (&fixture->answered, 6);
  g_assert_cmpuint (fixture->refused, ==, 5);
  release ();
  await (&fixture->answered, HR_BUS_CALLS_OF_CALLER_MAX + 6);
  await_count (fixture, 0);
  send_call (fixture, fixture->client, "GetStatus");
  await (&fixture->answered, HR_BUS_CALLS_OF_CALLER_MAX + 7);
  g_assert_cmpuint (fixture->refused, ==, 5);
}

/* Several callers have all that may be shared: one more may have one call, and not a second one. */
static void
test_of_all (Fixture *fixture, gconstpointer data)
{
  GDBusConnection *clients[HR_BUS_CALLS_SHARED_MAX / HR_BUS_CALLS_OF_CALLER_MAX];

  holds = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      clients[i] = connect_to (fixture->dbus);
      for (guint j = 0; j < HR_BUS_CALLS_OF_CALLER_MAX; j++)
        send_call (fixture, clients[i], "GetStatus");
    }
  await (&n_passed, HR_BUS_CALLS_SHARED_MAX);
  send_call (fixture, fixture->client, "GetStatus");
  send_call (fixture, fixture->client, "GetStatus");
  await (&fixture->answered, 1);
  g_assert_cmpuint (fixture->refused, ==, 1);
  await (&n_passed, HR_BUS_CALLS_SHARED_MAX + 1);
  release ();
  await (&fixture->answered, HR_BUS_CALLS_SHARED_MAX + 2);
  g_assert_cmpuint (fixture->refused, ==, 1);
  await_count (fixture, 0);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      g_dbus_connection_close_sync (clients[i], NULL, NULL);
      g_object_unref (clients[i]);
    }
}

/* As many as a bus lets one caller wait for; its own limit is 128. */
static void
test_all_told (Fixture *fixture, gconstpointer data)
{
  const guint n_calls = 120;

  holds = TRUE;
  for (guint i = 0; i < n_calls; i++)
    send_call (fixture, fixture->client, "GetStatus");
  await (&fixture->answered, n_calls - HR_BUS_CALLS_OF_CALLER_MAX);
  g_assert_cmpuint (fixture->refused, ==, n_calls - HR_BUS_CALLS_OF_CALLER_MAX);
  await (&n_passed, HR_BUS_CALLS_OF_CALLER_MAX);
  release ();
  await (&fixture->answered, n_calls);
  await_count (fixture, 0);
}

static GDBusMessage *
note_answer (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  if (incoming && g_dbus_message_get_reply_serial (message) != 0)
    g_atomic_int_inc ((int *)user_data);
  return message;
}

static void
test_no_reply (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDBusConnection) other = connect_to (fixture->dbus);
  int n_answers = 0;

  holds = TRUE;
  g_dbus_connection_add_filter (other, note_answer, &n_answers, NULL);
  for (guint i = 0; i < HR_BUS_CALLS_OF_CALLER_MAX + 5; i++)
    send_and_forget (fixture, other, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  await (&n_passed, HR_BUS_CALLS_OF_CALLER_MAX);
  g_assert_cmpuint (hr_bus_gate_count (fixture->gate), ==, HR_BUS_CALLS_OF_CALLER_MAX);
  release ();
  await_count (fixture, 0);
  send_call (fixture, other, "GetStatus");
  await (&fixture->answered, 1);
  g_assert_cmpuint (fixture->refused, ==, 0);
  /* The last of all: what was sent before it would have come before it. */
  g_assert_cmpint (g_atomic_int_get (&n_answers), ==, 1);
  g_dbus_connection_close_sync (other, NULL, NULL);
}

/* A client sends so many calls, and is gone when this returns, though the main loop has seen none of them. */
static void
call_and_vanish (Fixture *fixture, GDBusConnection *client, guint n_calls)
{
  g_autofree char *name = g_strdup (g_dbus_connection_get_unique_name (client));
  gint64 end = g_get_monotonic_time () + DEADLINE_SEC * G_USEC_PER_SEC;
  guint before = hr_bus_gate_count (fixture->gate);
  g_autoptr (GError) error = NULL;
  gboolean is_there = TRUE;

  for (guint i = 0; i < n_calls; i++)
    send_and_forget (fixture, client, G_DBUS_MESSAGE_FLAGS_NONE);
  g_dbus_connection_flush_sync (client, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_close_sync (client, NULL, &error);
  g_assert_no_error (error);
  while (is_there || hr_bus_gate_count (fixture->gate) != before + n_calls)
    {
      g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
          fixture->client, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
          g_variant_new ("(s)", name), G_VARIANT_TYPE ("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

      g_assert_no_error (error);
      g_variant_get (reply, "(b)", &is_there);
      g_assert_cmpint (g_get_monotonic_time (), <, end);
    }
}

static void
test_gone (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GDBusConnection) other = connect_to (fixture->dbus);

      call_and_vanish (fixture, other, 3);
    }
  await_count (fixture, 0);
  g_assert_cmpuint (n_passed, ==, 0);
}

static void
test_known_and_gone (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDBusConnection) other = connect_to (fixture->dbus);

  send_call (fixture, other, "GetStatus");
  await (&fixture->answered, 1);
  await_count (fixture, 0);
  call_and_vanish (fixture, other, HR_BUS_CALLS_OF_CALLER_MAX);
  await_count (fixture, 0);
  g_assert_cmpuint (n_passed, ==, 1);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/bus-gate/calls-below-the-limit-are-answered", test_few },
    { "/bus-gate/unanswered-calls-of-one-caller-are-limited", test_of_caller },
    { "/bus-gate/unanswered-calls-of-all-leave-room-for-one-of-each", test_of_all },
    { "/bus-gate/each-call-that-is-refused-is-told-so", test_all_told },
    { "/bus-gate/calls-that-want-no-answer-are-counted-and-get-none", test_no_reply },
    { "/bus-gate/nothing-is-done-for-who-is-gone", test_gone },
    { "/bus-gate/of-many-calls-nothing-is-done-for-who-was-known-and-is-gone", test_known_and_gone },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
