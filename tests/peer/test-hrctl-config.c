/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hrctl add, remove and daemon-reload.
 */
#include "hrctl-fixture.h"

#include "hr-names.h"

#define JOB_DONE                                                                                                       \
  "{\"success\":true,\"service\":\"being-system\",\"message\":\"release 7 is live\",\"release\":7,"                    \
  "\"previousRelease\":6,\"statePreserved\":true,\"dependentsReloaded\":[],\"downtime\":\"0.2s\","                     \
  "\"downtimeUsec\":160000,\"durationUsec\":41230,\"queueWaitUsec\":12000,\"connectionsCut\":2,\"phases\":[{"          \
  "\"phase\":\"record\",\"usec\":"                                                                                     \
  "1230},{\"phase\":\"check\",\"usec\":40000}],\"phase\":null,\"error\":null,\"canary\":null}"

/* What is said of a reload. */
#define MOVED                                                                                                          \
  "being-system: release 7 is live\n        Took: 41 ms\n      Phases: record 1 ms, check 40 ms\n"                     \
  "     Checked: python3: 2 files\n    Downtime: 160 ms, longest wait in the queue 12 ms\n"                            \
  "     Go back: hrctl rollback being-system (to release 6)\n"

static void
test_add_keeps_the_meaning_of_relative_paths (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *expected = g_strdup_printf ("AddService shop\n# Source=x\n[Service]\nExec = ./run;a\n"
                                               "Source=%s/src\nEnvironmentFile=-%s/env;/etc/env\n[Watch]\nPaths=.\n",
                                               f->dir, f->dir);
  g_autoptr (HrctlResult) r = NULL;
  g_autoptr (HrctlResult) taken = NULL;

  hrctl_fixture_write (f, "shop.conf",
                       "# Source=x\n[Service]\nExec = ./run;a\nSource = src\nEnvironmentFile=-env; /etc/env\n"
                       "[Watch]\nPaths=.\n");
  r = hrctl_run (f, "add", "shop.conf", "--json", NULL);
  hrctl_assert_json (r, "{\"success\":true,\"service\":\"shop\",\"added\":[\"shop\"],\"changed\":[],\"removed\":[],"
                        "\"jobs\":[" JOB_DONE "],\"error\":null}");
  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==, expected);

  taken = hrctl_run (f, "add", "shop.conf", "--name=taken", NULL);
  g_assert_cmpint (taken->code, ==, HR_EXIT_USAGE);
}

static void
test_a_file_that_cannot_be_read_is_called_as_it_was_given (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) missing = hrctl_run (f, "add", "nope.conf", NULL);
  g_autoptr (HrctlResult) directory = hrctl_run (f, "add", "--name=shop", ".", NULL);

  g_assert_cmpstr (missing->err, ==, "hrctl: cannot read service file 'nope.conf': No such file or directory\n");
  g_assert_cmpint (missing->code, ==, HR_EXIT_FAILED);
  g_assert_cmpstr (directory->err, ==, "hrctl: cannot read service file '.': Is a directory\n");
}

static void
test_add_waits_for_the_start (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) good = NULL;
  g_autoptr (HrctlResult) bad = NULL;
  g_autoptr (HrctlResult) no_wait = NULL;

  hrctl_fixture_write (f, "shop.conf", "[Service]\nExec=x\n");
  good = hrctl_run (f, "add", "shop.conf", NULL);
  g_assert_cmpstr (good->out, ==, "shop: added\nbeing-system: release 7 is live\n     Checked: python3: 2 files\n");
  g_assert_cmpint (good->code, ==, HR_EXIT_OK);

  bad = hrctl_run (f, "add", "shop.conf", "--name=other", NULL);
  g_assert_cmpstr (bad->out, ==, "other: added\n");
  g_assert_nonnull (strstr (bad->err, "hrctl: broken: release 6 runs on (phase check)"));
  g_assert_cmpint (bad->code, ==, HR_EXIT_FAILED);

  no_wait = hrctl_run (f, "add", "shop.conf", "--name=other", "--no-wait", NULL);
  g_assert_cmpstr (no_wait->out, ==, "other: added\nbroken: /org/hotreload/job/3\n");
  g_assert_cmpint (no_wait->code, ==, HR_EXIT_OK);
}

static void
test_remove (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) removed = hrctl_run (f, "remove", "being-system", NULL);

  g_assert_cmpstr (removed->out, ==, "being-system: removed\n");
  g_assert_cmpint (removed->code, ==, HR_EXIT_OK);
}

static void
test_daemon_reload_says_what_changed_and_waits (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) same = hrctl_run (f, "daemon-reload", NULL);
  g_autoptr (HrctlResult) good = NULL;
  g_autoptr (HrctlResult) json = NULL;
  g_autoptr (HrctlResult) bad = NULL;
  g_autoptr (HrctlResult) late = NULL;

  g_assert_cmpstr (same->out, ==, "The configuration was read again; nothing has changed.\n");
  g_assert_cmpint (same->code, ==, HR_EXIT_OK);

  fake_manager_set_configuration (f->fake, "being-system", FALSE);
  good = hrctl_run (f, "daemon-reload", NULL);
  g_assert_cmpstr (good->out, ==, "being-system: changed\nold: removed\n" MOVED);
  g_assert_cmpint (good->code, ==, HR_EXIT_OK);
  json = hrctl_run (f, "daemon-reload", "--json", NULL);
  hrctl_assert_json (json, "{\"success\":true,\"service\":null,\"added\":[],\"changed\":[\"being-system\"],"
                           "\"removed\":[\"old\"],\"jobs\":[" JOB_DONE "],\"error\":null}");

  fake_manager_set_configuration (f->fake, "broken", FALSE);
  bad = hrctl_run (f, "daemon-reload", NULL);
  g_assert_nonnull (strstr (bad->err, "hrctl: broken: release 6 runs on (phase check)"));
  g_assert_cmpint (bad->code, ==, HR_EXIT_FAILED);

  fake_manager_set_configuration (f->fake, "hang", FALSE);
  late = hrctl_run (f, "daemon-reload", "--timeout=0.2", NULL);
  g_assert_nonnull (strstr (late->err, "it takes longer than --timeout, and goes on"));
  g_assert_cmpint (late->code, ==, HR_EXIT_TIMEOUT);
}

static void
test_daemon_reload_with_a_broken_file_is_1_and_applies_the_rest (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = NULL;
  g_autoptr (HrctlResult) json = NULL;

  fake_manager_set_configuration (f->fake, "being-system", TRUE);
  r = hrctl_run (f, "daemon-reload", NULL);
  g_assert_cmpstr (r->out, ==, "being-system: changed\nold: removed\n" MOVED);
  g_assert_cmpstr (r->err, ==,
                   "hrctl: a service file does not load; the others were applied\n"
                   "/c/bad.conf: group 'Service': there is no key 'Exce'\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);

  json = hrctl_run (f, "daemon-reload", "--json", NULL);
  hrctl_assert_json (json, "{\"success\":false,\"service\":null,\"added\":[],\"changed\":[\"being-system\"],"
                           "\"removed\":[\"old\"],\"jobs\":[" JOB_DONE "],"
                           "\"error\":\"a service file does not load; the others were applied\\n"
                           "/c/bad.conf: group 'Service': there is no key 'Exce'\"}");
  g_assert_cmpint (json->code, ==, HR_EXIT_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl-config/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  ADD ("add-keeps-the-meaning-of-relative-paths", test_add_keeps_the_meaning_of_relative_paths);
  ADD ("a-file-that-cannot-be-read-is-called-as-it-was-given",
       test_a_file_that_cannot_be_read_is_called_as_it_was_given);
  ADD ("add-waits-for-the-start", test_add_waits_for_the_start);
  ADD ("remove", test_remove);
  ADD ("daemon-reload-says-what-changed-and-waits", test_daemon_reload_says_what_changed_and_waits);
  ADD ("daemon-reload-with-a-broken-file-is-1-and-applies-the-rest",
       test_daemon_reload_with_a_broken_file_is_1_and_applies_the_rest);

  return g_test_run ();
}
