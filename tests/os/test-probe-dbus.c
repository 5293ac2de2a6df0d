/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "hr-names.h"
#include "probe-fixture.h"

static GDBusConnection *
connect_to (GTestDBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (bus),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL,
      &error);

  g_assert_no_error (error);
  return connection;
}

static guint
request_name (GDBusConnection *connection, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "RequestName", g_variant_new ("(su)", name, 0), NULL, 0, -1, NULL, &error);
  guint how;

  g_assert_no_error (error);
  g_variant_get (reply, "(u)", &how);
  return how;
}

/* A process of its own that owns the name, or waits for it, until its standard input ends. */
static GSubprocess *
start_owner (GTestDBus *bus, const char *service, const char *instance)
{
  static const char program[] = "import sys, ctypes\n"
                                "gio = ctypes.CDLL('libgio-2.0.so.0')\n"
                                "gio.g_bus_own_name.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int] + "
                                "[ctypes.c_void_p] * 5\n"
                                "gio.g_bus_own_name(2, b'org.example.App', 0, None, None, None, None, None)\n"
                                "glib = ctypes.CDLL('libglib-2.0.so.0')\n"
                                "glib.g_main_loop_new.restype = ctypes.c_void_p\n"
                                "glib.g_main_loop_run.argtypes = [ctypes.c_void_p]\n"
                                "glib.g_main_loop_run(glib.g_main_loop_new(None, 0))\n";
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS", g_test_dbus_get_bus_address (bus), TRUE);
  g_subprocess_launcher_setenv (launcher, HR_ENV_SERVICE, service, TRUE);
  g_subprocess_launcher_setenv (launcher, HR_ENV_INSTANCE, instance, TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, "/usr/bin/python3", "-c", program, NULL);
  g_assert_no_error (error);
  return process;
}

static void
await_owners (GDBusConnection *connection, guint n)
{
  gint64 deadline = g_get_monotonic_time () + PROBE_LONG;

  for (guint found = 0; found != n;)
    {
      g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
          connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListQueuedOwners",
          g_variant_new ("(s)", "org.example.App"), NULL, 0, -1, NULL, NULL);
      g_autoptr (GVariant) list = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

      found = list != NULL ? (guint)g_variant_n_children (list) : 0;
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (found != n)
        g_usleep (5000);
    }
}

static void
end_owner (GSubprocess *process)
{
  g_subprocess_force_exit (process);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  g_object_unref (process);
}

static void
test_dbus (ProbeFixture *f, gconstpointer data)
{
  static const char probe_text[] = "dbus:org.example.App";
  g_autoptr (GTestDBus) bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GDBusConnection) stranger = NULL;
  GSubprocess *old, *new;

  probe_expect_ill (f, probe_text, "there is no bus to ask");
  g_test_dbus_up (bus);
  connection = connect_to (bus);
  hr_local_prober_set_bus (HR_LOCAL_PROBER (f->prober), connection);
  probe_expect_ill (f, probe_text, "nobody owns the name");

  /* Whoever owns it, this instance does not. */
  stranger = connect_to (bus);
  g_assert_cmpuint (request_name (stranger, "org.example.App"), ==, 1);
  f->request.pid = 1;
  probe_expect_ill (f, probe_text, "which is not of this service");
  new = start_owner (bus, "web", "new");
  await_owners (connection, 2);
  f->request.instance = "new";
  f->request.pid = atoi (g_subprocess_get_identifier (new));
  probe_expect_ill (f, probe_text, "which is not of this service");
  g_dbus_connection_close_sync (stranger, NULL, NULL);
  await_owners (connection, 1);
  probe_expect_well (f, probe_text);
  end_owner (new);
  await_owners (connection, 0);

  /* In overlap the old instance has it, and the new one comes next. */
  old = start_owner (bus, "web", "old");
  await_owners (connection, 1);
  f->request.instance = "new";
  f->request.pid = 1;
  probe_expect_ill (f, probe_text, "another instance owns the name, and this one does not wait for it");
  new = start_owner (bus, "web", "new");
  await_owners (connection, 2);
  f->request.pid = atoi (g_subprocess_get_identifier (new));
  probe_expect_well (f, probe_text);
  end_owner (old);
  probe_expect_well (f, probe_text);
  end_owner (new);

  hr_local_prober_set_bus (HR_LOCAL_PROBER (f->prober), NULL);
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_test_dbus_down (bus);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/probe-dbus/name-of-the-instance", ProbeFixture, NULL, probe_set_up, test_dbus, probe_tear_down);
  return g_test_run ();
}
