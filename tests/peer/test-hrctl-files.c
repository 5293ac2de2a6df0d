/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What hrctl reads from files that the daemon only names: snapshots.
 */
#include "hrctl-fixture.h"

#include <string.h>

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl-files/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  ADD ("a-snapshot-is-shown-byte-for-byte", test_a_snapshot_is_shown_byte_for_byte);

  return g_test_run ();
}
