/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection to a private bus that reads no more, goes on, or is handed over: no call is lost or answered twice.
 */
#include <fcntl.h>

#include "hr-bus-freeze.h"
#include "hr-bus-watch.h"

#define DEADLINE_SEC 30
#define CALLS 50
#define NAME "org.hotreload.Test"

static const char xml[] = "<node><interface name='" NAME "'>"
                          "<method name='Who'><arg type='s' direction='out'/></method></interface></node>";

typedef struct {
  GTestDBus *dbus;
  GDBusConnection *server;
  GDBusConnection *client;
  guint answered;
  GString *answers; /* who answered, a letter each */
  gboolean frozen;
} Fixture;

static void
on_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *method,
         GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(s)", user_data));
}

static void
serve (GDBusConnection *connection, const char *who)
{
  static const GDBusInterfaceVTable vtable = { on_call, NULL, NULL, { NULL } };
  static GDBusNodeInfo *info;
  g_autoptr (GError) error = NULL;

  if (info == NULL)
    info = g_dbus_node_info_new_for_xml (xml, NULL);
  g_dbus_connection_register_object (connection, "/test", info->interfaces[0], &vtable, (gpointer)who, NULL, &error);
  g_assert_no_error (error);
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
setup (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  f->dbus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (f->dbus);
  f->server = connect_to (f->dbus);
  f->client = connect_to (f->dbus);
  f->answers = g_string_new (NULL);
  serve (f->server, "a");
  reply = g_dbus_connection_call_sync (f->server, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "RequestName", g_variant_new ("(su)", NAME, 0), NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_dbus_connection_close_sync (f->client, NULL, NULL);
  g_object_unref (f->client);
  g_dbus_connection_close_sync (f->server, NULL, NULL);
  g_object_unref (f->server);
  g_test_dbus_stop (f->dbus);
  g_object_unref (f->dbus);
  g_string_free (f->answers, TRUE);
}

static gboolean
late (gpointer user_data)
{
  g_assert_not_reached ();
}

static void
wait_until (const gboolean *happened)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, late, NULL);

  while (!*happened)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *f = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  const char *who;

  g_assert_no_error (error);
  g_variant_get (reply, "(&s)", &who);
  g_string_append (f->answers, who);
  f->answered++;
}

static void
call (Fixture *f, guint n)
{
  for (guint i = 0; i < n; i++)
    g_dbus_connection_call (f->client, NAME, "/test", NAME, "Who", NULL, G_VARIANT_TYPE ("(s)"), G_DBUS_CALL_FLAGS_NONE,
                            DEADLINE_SEC * 1000, NULL, on_answer, f);
}

static void
wait_answers (Fixture *f, guint n)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, late, NULL);

  while (f->answered < n)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static void
on_frozen (gpointer user_data)
{
  ((Fixture *)user_data)->frozen = TRUE;
}

static HrBusFreeze *
freeze (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  HrBusFreeze *freeze = hr_bus_freeze_new (f->server, on_frozen, f, &error);

  g_assert_no_error (error);
  wait_until (&f->frozen);
  return freeze;
}

/* The bus has passed on what the client sent before this returns: it answers in order. */
static void
settle (Fixture *f)
{
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_sync (f->client, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);

  g_assert_nonnull (reply);
}

/* What came before is answered while it is frozen: it is read no more, but written. What comes after waits. */
static void
test_goes_on (Fixture *f, gconstpointer data)
{
  HrBusFreeze *frozen;

  call (f, CALLS);
  settle (f);
  frozen = freeze (f);
  wait_answers (f, CALLS);
  call (f, CALLS);
  settle (f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (f->answered, ==, CALLS);
  hr_bus_freeze_free (frozen);
  wait_answers (f, 2 * CALLS);

  /* Once more, and given up before it is frozen. */
  f->frozen = FALSE;
  hr_bus_freeze_free (freeze (f));
  hr_bus_freeze_free (hr_bus_freeze_new (f->server, on_frozen, f, NULL));
  call (f, 1);
  wait_answers (f, 2 * CALLS + 1);
}

/* For the bus it is the same client. */
static void
test_handed_over (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) next = NULL;
  g_autoptr (GDBusConnection) other = connect_to (f->dbus);
  HrBusFreeze *frozen;
  HrBusWatch *watch;

  call (f, CALLS);
  settle (f);
  frozen = freeze (f);
  wait_answers (f, CALLS);
  call (f, CALLS);
  next = hr_bus_connection_from_fd (fcntl (hr_bus_connection_get_fd (f->server), F_DUPFD_CLOEXEC, 3), &error);
  g_assert_no_error (error);
  serve (next, "b");
  g_dbus_connection_start_message_processing (next);
  wait_answers (f, 2 * CALLS);
  for (guint i = 0; i < 2 * CALLS; i++)
    g_assert_cmpint (f->answers->str[i], ==, i < CALLS ? 'a' : 'b');

  /* Who goes is heard of there, too. */
  watch = hr_bus_watch_new (next, g_dbus_connection_get_unique_name (other), FALSE, on_frozen, f, NULL);
  f->frozen = FALSE;
  g_dbus_connection_close_sync (other, NULL, NULL);
  wait_until (&f->frozen);
  hr_bus_watch_free (watch);
  /* Also of who has gone before. */
  f->frozen = FALSE;
  watch = hr_bus_watch_new (next, g_dbus_connection_get_unique_name (other), FALSE, on_frozen, f, NULL);
  wait_until (&f->frozen);
  hr_bus_watch_free (watch);
  g_dbus_connection_close_sync (next, NULL, NULL);
  hr_bus_freeze_free (frozen);
}

#define ADD(path, func) g_test_add ("/bus-freeze/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("goes-on", test_goes_on);
  ADD ("handed-over", test_handed_over);
  return g_test_run ();
}
