/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The fakes themselves: what the tests of the engine lean on.
 */
#include "hr-error.h"
#include "hr-fake-platform.h"
#include "hr-fake-state-offer.h"

static void
note (gpointer user_data)
{
  g_string_append_c (user_data, 'x');
}

static void
note_other (gpointer user_data)
{
  g_string_append_c (user_data, 'y');
}

static void
test_clock (void)
{
  g_autoptr (HrFakeClock) fake = hr_fake_clock_new ();
  HrClock *clock = HR_CLOCK (fake);
  g_autoptr (GString) text = g_string_new (NULL);
  gint64 before = hr_clock_now (clock);
  guint cancelled = hr_clock_after (clock, 5, note, text);

  hr_clock_after (clock, 20, note, text);
  hr_clock_after (clock, 10, note_other, text);
  hr_clock_cancel (clock, &cancelled);
  g_assert_cmpuint (cancelled, ==, 0);
  hr_fake_clock_advance (fake, 9);
  g_assert_cmpstr (text->str, ==, "");
  hr_fake_clock_advance (fake, 1);
  g_assert_cmpstr (text->str, ==, "y");
  hr_fake_clock_advance (fake, 100);
  g_assert_cmpstr (text->str, ==, "yx");
  g_assert_cmpint (hr_clock_now (clock) - before, ==, 110);
  g_assert_cmpuint (hr_fake_clock_n_timers (fake), ==, 0);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static void
test_gate (void)
{
  g_autoptr (HrFakeStore) fake = hr_fake_store_new ();
  HrReleaseStore *store = HR_RELEASE_STORE (fake);
  g_autoptr (GAsyncResult) held = NULL;
  g_autoptr (GAsyncResult) failed = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrScan) scan = NULL;

  hr_fake_gate_hold (&fake->scan);
  hr_release_store_scan_async (store, NULL, NULL, NULL, keep_result, &held);
  hr_fake_settle ();
  g_assert_null (held);
  hr_fake_gate_release (&fake->scan);
  hr_fake_settle ();
  scan = hr_release_store_scan_finish (store, held, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (scan->n_files, ==, 1);
  g_assert_cmpstr (scan->files[0], ==, "main");

  hr_fake_gate_fail_next (&fake->scan, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "full");
  hr_release_store_scan_async (store, NULL, NULL, NULL, keep_result, &failed);
  hr_fake_settle ();
  g_assert_null (hr_release_store_scan_finish (store, failed, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_cmpuint (fake->scan.calls, ==, 2);
}

static HrScan *
scan_now (HrFakeStore *fake, const char *hint)
{
  const char *const hints[] = { hint, NULL };
  g_autoptr (GAsyncResult) result = NULL;

  hr_release_store_scan_async (HR_RELEASE_STORE (fake), hint != NULL ? hints : NULL, NULL, NULL, keep_result, &result);
  hr_fake_settle ();
  return hr_release_store_scan_finish (HR_RELEASE_STORE (fake), result, NULL);
}

/* A hint that was lost must show, or a test of lost changes would pass for nothing. */
static void
test_store_reads_what_is_hinted (void)
{
  g_autoptr (HrFakeStore) fake = hr_fake_store_new ();
  g_autoptr (HrScan) first = scan_now (fake, NULL);
  g_autoptr (HrScan) blind = NULL;
  g_autoptr (HrScan) seeing = NULL;
  g_autoptr (HrScan) undone = NULL;

  hr_fake_store_write (fake, "main", "two");
  blind = scan_now (fake, "other");
  g_assert_cmpstr (blind->tree, ==, first->tree);
  seeing = scan_now (fake, "main");
  g_assert_cmpstr (seeing->tree, !=, first->tree);
  hr_fake_store_write (fake, "main", "one");
  undone = scan_now (fake, NULL);
  g_assert_cmpstr (undone->tree, ==, first->tree);
  g_assert_cmpuint (fake->full_scans, ==, 2);
}

static void
keep_text (const char *data, gpointer user_data)
{
  *(char **)user_data = g_strdup (data);
}

static void
count (gpointer instance, gpointer user_data)
{
  ++*(guint *)user_data;
}

static void
test_barrier (void)
{
  g_autoptr (GHashTable) written = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (HrFakeStateOffer) fake = hr_fake_state_offer_new ("x", NULL, TRUE, written);
  HrStateOffer *offer = HR_STATE_OFFER (fake);
  g_autoptr (GBytes) data = g_bytes_new_static ("{\"n\":1}", 7);
  g_autofree char *read = NULL;
  guint opened = 0;

  g_signal_connect (offer, "opened", G_CALLBACK (count), &opened);
  g_assert_true (hr_fake_state_offer_find (hr_state_offer_get_in_path (offer)) == fake);
  hr_fake_state_offer_open (fake, keep_text, &read);
  g_assert_cmpuint (opened, ==, 0);
  hr_fake_settle ();
  g_assert_cmpuint (opened, ==, 1);
  g_assert_null (read);
  g_assert_true (hr_state_offer_give (offer, data, NULL));
  g_assert_cmpstr (read, ==, "{\"n\":1}");
  hr_fake_state_offer_write (fake, "{}");
  g_assert_cmpstr (g_hash_table_lookup (written, "x"), ==, "{}");
}

typedef struct {
  guint said;
  guint exited;
  int status;
} Seen;

static void
see_said (HrInstance *instance, char **assignments, HrSentFds *sent, Seen *seen)
{
  seen->said++;
}

static void
see_exited (HrInstance *instance, int status, gboolean known, Seen *seen)
{
  seen->exited++;
  seen->status = status;
}

static void
test_instance (void)
{
  g_autoptr (HrFakeClock) clock = hr_fake_clock_new ();
  g_autoptr (HrFakeLauncher) launcher = hr_fake_launcher_new (HR_CLOCK (clock));
  const char *const argv[] = { "program", NULL };
  const char *const environment[] = { "HOTRELOAD_RELEASE=7", "HOTRELOAD_SLOT=a", NULL };
  const HrLaunch launch = { .service = "web", .id = "i1", .argv = argv, .environment = environment, .directory = "/" };
  const HrFakeProgram slow = { .ready_after = 300, .stop_takes = 200, .stop_code = 3 };
  g_autoptr (HrInstance) instance = NULL;
  Seen seen = { 0 };

  hr_fake_launcher_next (launcher, &slow);
  instance = hr_launcher_launch (HR_LAUNCHER (launcher), &launch, NULL);
  g_signal_connect (instance, "notify-socket", G_CALLBACK (see_said), &seen);
  g_signal_connect (instance, "exited", G_CALLBACK (see_exited), &seen);
  g_assert_cmpint (hr_instance_get_pid (instance), ==, HR_FAKE_FIRST_PID);
  g_assert_cmpuint (hr_fake_instance_release (hr_fake_launcher_last (launcher)), ==, 7);
  g_assert_true (hr_fake_launcher_uses (launcher, "web", "a"));
  hr_fake_clock_advance (clock, 299);
  g_assert_cmpuint (seen.said, ==, 0);
  hr_fake_clock_advance (clock, 1);
  g_assert_cmpuint (seen.said, ==, 1);
  hr_instance_stop (instance, 15);
  hr_fake_clock_advance (clock, 199);
  g_assert_cmpuint (hr_fake_launcher_n_alive (launcher, "web"), ==, 1);
  hr_fake_clock_advance (clock, 1);
  g_assert_cmpuint (seen.exited, ==, 1);
  g_assert_cmpint (seen.status, ==, 3 << 8);
  g_assert_cmpuint (hr_fake_launcher_n_alive (launcher, "web"), ==, 0);
}

static void
launch_three (void)
{
  g_autoptr (HrFakeClock) clock = hr_fake_clock_new ();
  g_autoptr (HrFakeLauncher) launcher = hr_fake_launcher_new (HR_CLOCK (clock));
  const char *const argv[] = { "program", NULL };
  const char *const environment[] = { NULL };
  const HrLaunch launch = { .service = "web", .id = "i1", .argv = argv, .environment = environment, .directory = "/" };

  for (int i = 0; i < 3; i++)
    g_object_unref (hr_launcher_launch (HR_LAUNCHER (launcher), &launch, NULL));
}

static void
test_third_instance (void)
{
  if (g_test_subprocess ())
    {
      launch_three ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*one instance of 'web' too many is started: 2 run*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fakes/clock-fires-in-order", test_clock);
  g_test_add_func ("/fakes/gate-holds-fails-and-answers", test_gate);
  g_test_add_func ("/fakes/store-reads-only-what-is-hinted", test_store_reads_what_is_hinted);
  g_test_add_func ("/fakes/open-of-state-waits", test_barrier);
  g_test_add_func ("/fakes/instance-follows-its-script", test_instance);
  g_test_add_func ("/fakes/third-instance-is-a-fault", test_third_instance);
  return g_test_run ();
}
