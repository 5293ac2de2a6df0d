/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The guard in front of exported interfaces, on a private bus: what the table does not name is denied, whoever asks;
 * the bus is asked once who a new caller is, and its calls keep their order meanwhile.
 */
#include "hr-bus-guard.h"
#include "hr-names.h"

#define DEADLINE_USEC (30 * G_USEC_PER_SEC)

/* A skeleton as gdbus-codegen would make it of this; Secret is in no table. */
static const char xml[] = "<node><interface name='" HR_MANAGER_INTERFACE "'>"
                          "<method name='Start'><arg type='s' direction='in'/></method>"
                          "<method name='ListServices'/><method name='Secret'/>"
                          "<property name='Version' type='s' access='read'/></interface></node>";

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
  GDBusInterfaceSkeleton *skeleton;
  GPtrArray *replies; /* "" or the name of an error, in the order in which they came */

  GMutex mutex;
  GCond cond;
  guint received; /* by the server's connection, under the mutex */
  guint asked;    /* of the bus by the server: who is it? under the mutex */
} Fixture;

static GPtrArray *passed; /* names of the methods that came through, with their argument */

static void
method_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface_name,
             const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  const char *argument = "";

  if (g_variant_n_children (parameters) > 0)
    g_variant_get (parameters, "(&s)", &argument);
  g_ptr_array_add (passed, g_strconcat (method, argument, NULL));
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static GVariant *
get_property (GDBusConnection *connection, const char *sender, const char *path, const char *interface_name,
              const char *property, GError **error, gpointer user_data)
{
  return g_variant_new_string ("1");
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
  static GDBusInterfaceVTable vtable = { method_call, get_property, NULL, { NULL } };

  return &vtable;
}

static GVariant *
get_properties (GDBusInterfaceSkeleton *skeleton)
{
  return g_variant_new_parsed ("{'Version': <'1'>}");
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

/* In the thread of GDBus. */
static GDBusMessage *
count (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_mutex_lock (&fixture->mutex);
  if (incoming && g_strcmp0 (g_dbus_message_get_interface (message), HR_MANAGER_INTERFACE) == 0)
    fixture->received++;
  if (!incoming && g_strcmp0 (g_dbus_message_get_member (message), "GetConnectionCredentials") == 0)
    fixture->asked++;
  g_cond_broadcast (&fixture->cond);
  g_mutex_unlock (&fixture->mutex);
  return message;
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

  g_mutex_init (&fixture->mutex);
  g_cond_init (&fixture->cond);
  fixture->dbus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->dbus);
  fixture->server = connect_to (fixture->dbus);
  fixture->client = connect_to (fixture->dbus);
  fixture->replies = g_ptr_array_new_with_free_func (g_free);
  passed = g_ptr_array_new_with_free_func (g_free);
  fixture->auth = hr_bus_auth_new ();
  fixture->skeleton = hr_bus_guard_new (fixture->auth, TEST_TYPE_SKELETON);
  g_dbus_connection_add_filter (fixture->server, count, fixture, NULL);
  g_dbus_interface_skeleton_export (fixture->skeleton, fixture->server, HR_MANAGER_PATH, &error);
  g_assert_no_error (error);
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
  g_ptr_array_unref (fixture->replies);
  g_clear_pointer (&passed, g_ptr_array_unref);
  g_cond_clear (&fixture->cond);
  g_mutex_clear (&fixture->mutex);
}

static void
replied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  g_ptr_array_add (fixture->replies, error != NULL ? g_dbus_error_get_remote_error (error) : g_strdup (""));
}

static void
send_call (Fixture *fixture, const char *method, const char *argument)
{
  g_dbus_connection_call (fixture->client, g_dbus_connection_get_unique_name (fixture->server), HR_MANAGER_PATH,
                          HR_MANAGER_INTERFACE, method, argument != NULL ? g_variant_new ("(s)", argument) : NULL, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, replied, fixture);
}

/* Until the server has so many calls before it, none of which it could look at: this thread is its main loop. */
static void
await_received (Fixture *fixture, guint n)
{
  gint64 end = g_get_monotonic_time () + DEADLINE_USEC;

  g_mutex_lock (&fixture->mutex);
  while (fixture->received < n)
    if (!g_cond_wait_until (&fixture->cond, &fixture->mutex, end))
      g_error ("%u calls of %u came within the deadline", fixture->received, n);
  g_mutex_unlock (&fixture->mutex);
}

static gboolean
too_late (gpointer user_data)
{
  g_error ("no reply within the deadline");
  return G_SOURCE_REMOVE;
}

static void
await_replies (Fixture *fixture, guint n)
{
  guint timer = g_timeout_add_seconds (DEADLINE_USEC / G_USEC_PER_SEC, too_late, NULL);

  while (fixture->replies->len < n)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

static const char *
reply (Fixture *fixture, guint i)
{
  return g_ptr_array_index (fixture->replies, i);
}

static void
test_first_call (Fixture *fixture, gconstpointer data)
{
  send_call (fixture, "Start", "1");
  await_replies (fixture, 1);
  send_call (fixture, "Start", "2");
  await_replies (fixture, 2);
  g_assert_cmpstr (reply (fixture, 0), ==, "");
  g_assert_cmpstr (reply (fixture, 1), ==, "");
  g_assert_cmpuint (passed->len, ==, 2);
  g_assert_cmpuint (fixture->asked, ==, 1);
}

static void
test_not_in_table (Fixture *fixture, gconstpointer data)
{
  send_call (fixture, "Secret", NULL);
  await_replies (fixture, 1);
  /* Nor for a caller who may do everything else. */
  send_call (fixture, "Start", "1");
  send_call (fixture, "Secret", NULL);
  await_replies (fixture, 3);
  g_assert_cmpstr (reply (fixture, 0), ==, HR_ERROR_PREFIX "NotAuthorized");
  g_assert_cmpstr (reply (fixture, 1), ==, "");
  g_assert_cmpstr (reply (fixture, 2), ==, HR_ERROR_PREFIX "NotAuthorized");
  g_assert_cmpuint (passed->len, ==, 1);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  send_call (fixture, "Start", "1");
  send_call (fixture, "ListServices", NULL);
  send_call (fixture, "Start", "2");
  send_call (fixture, "ListServices", NULL);
  await_received (fixture, 4);
  await_replies (fixture, 4);
  g_assert_cmpuint (passed->len, ==, 4);
  g_assert_cmpstr (passed->pdata[0], ==, "Start1");
  g_assert_cmpstr (passed->pdata[1], ==, "ListServices");
  g_assert_cmpstr (passed->pdata[2], ==, "Start2");
  g_assert_cmpstr (passed->pdata[3], ==, "ListServices");
  g_assert_cmpuint (fixture->asked, ==, 1);
}

/* The bus need not be asked for what everybody may see. */
static void
test_look (Fixture *fixture, gconstpointer data)
{
  send_call (fixture, "ListServices", NULL);
  await_replies (fixture, 1);
  g_assert_cmpstr (reply (fixture, 0), ==, "");
  g_assert_cmpuint (fixture->asked, ==, 0);
}

static void
test_limit (Fixture *fixture, gconstpointer data)
{
  guint refused = 0;

  for (guint i = 0; i < HR_BUS_WAITING_MAX + 2; i++)
    send_call (fixture, "Start", "1");
  await_received (fixture, HR_BUS_WAITING_MAX + 2);
  await_replies (fixture, HR_BUS_WAITING_MAX + 2);
  for (guint i = 0; i < fixture->replies->len; i++)
    refused += g_str_equal (reply (fixture, i), HR_ERROR_PREFIX "LimitExceeded");
  /* The last may have come behind the bus's answer. */
  g_assert_cmpuint (refused, >=, 1);
  g_assert_cmpuint (refused + passed->len, ==, HR_BUS_WAITING_MAX + 2);
  send_call (fixture, "Start", "1");
  await_replies (fixture, HR_BUS_WAITING_MAX + 3);
  g_assert_cmpstr (reply (fixture, HR_BUS_WAITING_MAX + 2), ==, "");
}

static void
property_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  g_ptr_array_add (fixture->replies,
                   error != NULL ? g_dbus_error_get_remote_error (error) : g_variant_print (answer, FALSE));
}

static void
send_property_call (Fixture *fixture, const char *method, GVariant *parameters)
{
  g_dbus_connection_call (fixture->client, g_dbus_connection_get_unique_name (fixture->server), HR_MANAGER_PATH,
                          "org.freedesktop.DBus.Properties", method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          property_read, fixture);
}

static void
test_properties (Fixture *fixture, gconstpointer data)
{
  send_property_call (fixture, "Get", g_variant_new ("(ss)", HR_MANAGER_INTERFACE, "Version"));
  await_replies (fixture, 1);
  send_property_call (fixture, "GetAll", g_variant_new ("(s)", HR_MANAGER_INTERFACE));
  await_replies (fixture, 2);
  send_property_call (fixture, "Set",
                      g_variant_new ("(ssv)", HR_MANAGER_INTERFACE, "Version", g_variant_new_string ("2")));
  await_replies (fixture, 3);
  g_assert_cmpstr (reply (fixture, 0), ==, "(<'1'>,)");
  g_assert_cmpstr (reply (fixture, 1), ==, "({'Version': <'1'>},)");
  g_assert_cmpstr (reply (fixture, 2), ==, "org.freedesktop.DBus.Error.InvalidArgs");
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/bus-guard/the-first-call-of-a-caller-waits-for-the-bus-once", test_first_call },
    { "/bus-guard/a-method-that-is-not-in-the-table-is-denied", test_not_in_table },
    { "/bus-guard/calls-of-one-caller-keep-their-order", test_order },
    { "/bus-guard/what-everybody-may-see-asks-nobody", test_look },
    { "/bus-guard/calls-that-wait-are-limited", test_limit },
    { "/bus-guard/properties-can-be-read-and-not-set", test_properties },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
