/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-object-path.h"

#include <gio/gio.h>

static void
test_names_are_escaped_as_systemd_does (void)
{
  static const struct {
    const char *name;
    const char *path;
  } cases[] = {
    { "being", "/org/hotreload/service/being" },     { "being-system", "/org/hotreload/service/being_2dsystem" },
    { "9lives", "/org/hotreload/service/_39lives" }, { "a9", "/org/hotreload/service/a9" },
    { "a_b.c", "/org/hotreload/service/a_5fb_2ec" }, { "\xc3\xa4", "/org/hotreload/service/_c3_a4" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = hr_service_object_path (cases[i].name);

      g_assert_cmpstr (path, ==, cases[i].path);
      g_assert_true (g_variant_is_object_path (path));
    }
}

static void
test_jobs_are_numbered (void)
{
  g_autofree char *path = hr_job_object_path (G_MAXUINT64);

  g_assert_cmpstr (path, ==, "/org/hotreload/job/18446744073709551615");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/object-path/names-are-escaped-as-systemd-does", test_names_are_escaped_as_systemd_does);
  g_test_add_func ("/object-path/jobs-are-numbered", test_jobs_are_numbered);

  return g_test_run ();
}
