/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What hrctl reads from files that the daemon only names: logs and snapshots.
 */
#include "hrctl-fixture.h"

#include <string.h>
#include <unistd.h>

#include "hr-names.h"

static void
test_a_snapshot_is_shown_byte_for_byte (HrctlFixture *f, gconstpointer data)
{
  const char *document = "{\"serviceName\": \"being-system\",  \"data\": {\"n\": 1.10000000000000000001e2}}\n";
  g_autoptr (HrctlResult) show = NULL;
  g_autoptr (HrctlResult) list = NULL;
  g_autoptr (HrctlResult) restore = NULL;

  hrctl_fixture_write (f, "20251005-1.json", document);
  show = hrctl_run (f, "snapshot", "show", "being-system", NULL);
  g_assert_cmpstr (show->out, ==, document);

  list = hrctl_run (f, "snapshot", "list", "being-system", NULL);
  g_assert_cmpstr (list->out, ==,
                   "ID          TAKEN             RELEASE  VERSION  SIZE\n"
                   "20251005-1  2025-10-05 14:30  7        1        17 bytes\n");

  restore = hrctl_run (f, "snapshot", "restore", "being-system", NULL);
  g_assert_cmpint (restore->code, ==, HR_EXIT_OK);
  g_assert_nonnull (strstr (fake_manager_get_calls (f->fake), "snapshot 20251005-1\n"));
}

static void
test_logs_print_the_end_of_the_output (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) nothing = hrctl_run (f, "logs", "being-system", NULL);
  g_autoptr (HrctlResult) two = NULL;
  g_autoptr (HrctlResult) all = NULL;
  g_autoptr (HrctlResult) json = NULL;
  g_autofree char *expected = NULL;

  g_assert_cmpstr (nothing->out, ==, "");
  g_assert_cmpint (nothing->code, ==, HR_EXIT_OK);

  hrctl_fixture_write (f, "being-system.log", "one\ntwo\nthree\nfo");
  two = hrctl_run (f, "logs", "being-system", "-n", "2", NULL);
  g_assert_cmpstr (two->out, ==, "three\nfo");
  all = hrctl_run (f, "logs", "being-system", NULL);
  g_assert_cmpstr (all->out, ==, "one\ntwo\nthree\nfo");

  json = hrctl_run (f, "logs", "being-system", "-n2", "--json", NULL);
  expected = g_strdup_printf (
      "{\"service\":\"being-system\",\"file\":\"%s/being-system.log\",\"files\":[\"%s/being-system.log\"],"
      "\"release\":null,\"lines\":[\"three\",\"fo\"]}",
      f->dir, f->dir);
  hrctl_assert_json (json, expected);
}

static void
test_logs_are_of_the_instance_that_runs (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *link = g_build_filename (f->dir, "being-system.log", NULL);
  g_autofree char *header = g_strdup_printf ("hotreload: log of release 6: %s/being-system.6-b.log\n", f->dir);
  g_autoptr (HrctlResult) running = NULL;
  g_autoptr (HrctlResult) newest = NULL;
  g_autoptr (HrctlResult) release = NULL;
  g_autoptr (HrctlResult) missing = NULL;
  g_autoptr (HrctlResult) json = NULL;
  g_autoptr (HrctlResult) both = NULL;

  hrctl_fixture_write (f, "being-system.5-z.log", "old\n");
  hrctl_fixture_write (f, "being-system.6-a.log", "before\n");
  hrctl_fixture_write (f, "being-system.6-b.log", "serves\n");
  hrctl_fixture_write (f, "being-system.x.6-c.log", "another service\n");
  hrctl_fixture_write (f, "being-system.7-d.log", "died\n");
  g_assert_cmpint (symlink ("being-system.7-d.log", link), ==, 0);
  fake_manager_set_instance_logs (f->fake, "being-system.6-b.log", NULL);

  running = hrctl_run (f, "logs", "being-system", NULL);
  g_assert_cmpstr (running->out, ==, "serves\n");
  g_assert_cmpstr (running->err, ==, header);
  newest = hrctl_run (f, "logs", "being-system", "--newest", NULL);
  g_assert_cmpstr (newest->out, ==, "died\n");
  g_assert_nonnull (strstr (newest->err, "log of release 7: "));
  release = hrctl_run (f, "logs", "being-system", "--release=6", NULL);
  g_assert_cmpstr (release->out, ==, "serves\n");
  missing = hrctl_run (f, "logs", "being-system", "--release=4", NULL);
  g_assert_cmpstr (missing->err, ==,
                   "hrctl: there is no log of release 4 of 'being-system'; there are those of 5, 6, 7\n");
  g_assert_cmpint (missing->code, ==, HR_EXIT_NOT_FOUND);
  json = hrctl_run (f, "logs", "being-system", "--json", NULL);
  g_assert_cmpstr (json->err, ==, "");
  g_assert_nonnull (strstr (json->out, "\"release\" : 6"));
  both = hrctl_run (f, "logs", "being-system", "--newest", "--release=6", NULL);
  g_assert_cmpint (both->code, ==, HR_EXIT_USAGE);
}

/* One after the other, each with its name before it. */
static void
test_logs_are_of_all_instances (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *header = g_strdup_printf ("hotreload: log of release 6: %s/being-system.6-a.log\n"
                                             "hotreload: log of release 6: %s/being-system.6-b.log\n",
                                             f->dir, f->dir);
  g_autofree char *expected = NULL;
  g_autoptr (HrctlResult) all = NULL;
  g_autoptr (HrctlResult) json = NULL;

  hrctl_fixture_write (f, "being-system.6-a.log", "a1\na2\na3\n");
  hrctl_fixture_write (f, "being-system.6-b.log", "b1\nb2\n");
  hrctl_fixture_write (f, "being-system.6-c.log", "not of one that runs\n");
  fake_manager_set_instance_logs (f->fake, "being-system.6-a.log", "being-system.6-b.log");

  all = hrctl_run (f, "logs", "being-system", "-n2", NULL);
  g_assert_cmpstr (all->out, ==, "a2\na3\nb1\nb2\n");
  g_assert_cmpstr (all->err, ==, header);
  json = hrctl_run (f, "logs", "being-system", "-n1", "--json", NULL);
  expected = g_strdup_printf ("{\"service\":\"being-system\",\"file\":\"%s/being-system.6-a.log\",\"files\":["
                              "\"%s/being-system.6-a.log\",\"%s/being-system.6-b.log\"],\"release\":6,"
                              "\"lines\":[\"a3\",\"b2\"]}",
                              f->dir, f->dir, f->dir);
  hrctl_assert_json (json, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl-files/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  ADD ("a-snapshot-is-shown-byte-for-byte", test_a_snapshot_is_shown_byte_for_byte);
  ADD ("logs-print-the-end-of-the-output", test_logs_print_the_end_of_the_output);
  ADD ("logs-are-of-all-instances", test_logs_are_of_all_instances);
  ADD ("logs-are-of-the-instance-that-runs", test_logs_are_of_the_instance_that_runs);

  return g_test_run ();
}
