/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of rights, held against the introspection data that callers see.
 */
#include "hr-bus-auth.h"
#include "hr-dbus-generated.h"
#include "hr-names.h"

static void
test_every_method (void)
{
  GDBusInterfaceInfo *const interfaces[] = { hr_dbus_manager_interface_info (), hr_dbus_service_interface_info (),
                                             hr_dbus_job_interface_info () };
  guint count = 0;

  for (guint i = 0; i < G_N_ELEMENTS (interfaces); i++)
    for (guint j = 0; interfaces[i]->methods != NULL && interfaces[i]->methods[j] != NULL; j++)
      {
        const char *method = interfaces[i]->methods[j]->name;

        if (hr_bus_auth_right (interfaces[i]->name, method) == HR_BUS_DENIED)
          g_error ("%s.%s is not in the table", interfaces[i]->name, method);
        count++;
      }
  g_assert_cmpuint (count, >, 30);
}

static void
test_unknown (void)
{
  g_assert_cmpint (hr_bus_auth_right (HR_MANAGER_INTERFACE, "NoSuchMethod"), ==, HR_BUS_DENIED);
  g_assert_cmpint (hr_bus_auth_right (HR_MANAGER_INTERFACE, "reload"), ==, HR_BUS_DENIED);
  g_assert_cmpint (hr_bus_auth_right (HR_JOB_INTERFACE, "Reload"), ==, HR_BUS_DENIED);
  g_assert_cmpint (hr_bus_auth_right ("org.example.Other", "Reload"), ==, HR_BUS_DENIED);
  g_assert_cmpint (hr_bus_auth_right ("", ""), ==, HR_BUS_DENIED);
}

/* What changes something, or shows code or state, is not for everybody who reaches the bus. */
static void
test_for_everybody (void)
{
  const char *const for_everybody[] = { "GetProcesses", "GetStatus", "GetUsage", "ListServices", NULL };
  GDBusInterfaceInfo *manager = hr_dbus_manager_interface_info ();

  for (guint i = 0; manager->methods[i] != NULL; i++)
    {
      const char *method = manager->methods[i]->name;
      gboolean is_for_everybody = hr_bus_auth_right (HR_MANAGER_INTERFACE, method) != HR_BUS_READ
                                  && hr_bus_auth_right (HR_MANAGER_INTERFACE, method) != HR_BUS_CHANGE;

      g_test_message ("%s", method);
      g_assert_cmpint (is_for_everybody, ==, g_strv_contains (for_everybody, method));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus-auth/every-method-is-in-the-table", test_every_method);
  g_test_add_func ("/bus-auth/what-is-not-in-the-table-is-denied", test_unknown);
  g_test_add_func ("/bus-auth/only-names-states-and-figures-are-for-everybody", test_for_everybody);
  return g_test_run ();
}
