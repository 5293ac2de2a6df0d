/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-call.c: what a status call costs through the bus, beside a call that the bus daemon answers itself.
 *
 * Usage: bench-call [RUNS], with the daemon on the session bus. Writes one line of JSON to standard output; times are
 * microseconds. Never fails on a time.
 */
#include <gio/gio.h>

#include "hr-names.h"

#define DEFAULT_RUNS 2000
#define N_WARM_UP 50

typedef struct {
  const char *what;
  const char *name;
  const char *path;
  const char *interface;
  const char *method;
} Call;

static const Call calls[] = {
  { "GetStatus", HR_BUS_NAME, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, "GetStatus" },
  { "ListServices", HR_BUS_NAME, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, "ListServices" },
  { "GetId", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId" },
};

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 first = *(const gint64 *)a, second = *(const gint64 *)b;

  return first < second ? -1 : first > second;
}

static void
call_once (GDBusConnection *bus, const Call *call)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_sync (bus, call->name, call->path, call->interface, call->method, NULL, NULL,
                                   G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, &error);

  if (reply == NULL)
    g_error ("%s: %s", call->method, error->message);
}

static void
measure (GDBusConnection *bus, const Call *call, guint runs, gboolean last)
{
  g_autofree gint64 *times = g_new (gint64, runs);

  for (guint i = 0; i < N_WARM_UP; i++)
    call_once (bus, call);
  for (guint i = 0; i < runs; i++)
    {
      gint64 start = g_get_monotonic_time ();

      call_once (bus, call);
      times[i] = g_get_monotonic_time () - start;
    }
  qsort (times, runs, sizeof *times, compare_times);
  g_print ("\"%s\": {\"runs\": %u, \"median\": %" G_GINT64_FORMAT ", \"worst\": %" G_GINT64_FORMAT "}%s", call->what,
           runs, times[runs / 2], times[runs - 1], last ? "}\n" : ", ");
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  guint64 runs = DEFAULT_RUNS;

  if (bus == NULL)
    g_error ("%s", error->message);
  if (argc > 1 && !g_ascii_string_to_unsigned (argv[1], 10, 1, 1000000, &runs, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  g_print ("{");
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    measure (bus, &calls[i], (guint)runs, i + 1 == G_N_ELEMENTS (calls));
  return 0;
}
