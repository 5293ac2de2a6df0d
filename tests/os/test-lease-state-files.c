/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-lease-state-files.c: what a program wrote becomes a snapshot, and snapshots are found again.
 */
#include "state-fixture.h"

static char *
read_text (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
test_state_is_stored_byte_for_byte (Fixture *f, gconstpointer data)
{
  const char *state = " {\"b\": 1.0, \"a\": 1e400, \"a\": 12345678901234567890, \"x\": \"\\u00e9\"}\n";
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autofree char *script =
      g_strdup_printf ("printf '%%s' '%s' > \"$HOTRELOAD_STATE_OUT.tmp\" && "
                       "mv \"$HOTRELOAD_STATE_OUT.tmp\" \"$HOTRELOAD_STATE_OUT\"; : > \"$HOTRELOAD_STATE_OUT.left\"",
                       state);
  g_autofree char *output = NULL, *file = NULL, *text = NULL;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (HrSnapshot) back = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (g_file_test (hr_state_offer_get_out_path (offer), G_FILE_TEST_EXISTS));
  output = end_program (start_program (offer, script));
  snapshot = collect (f->files, "i1", &error);
  g_assert_no_error (error);
  assert_data (snapshot, state);
  g_assert_cmpstr (snapshot->service, ==, "svc");
  g_assert_cmpuint (snapshot->release, ==, 7);
  g_assert_cmpuint (snapshot->version, ==, 2);

  file = g_strdup_printf ("%s/%s.json", f->snapshots, snapshot->id);
  text = read_text (file);
  g_assert_nonnull (strstr (text, state));
  back = load (f->files, NULL, &error);
  g_assert_no_error (error);
  assert_data (back, state);
  g_assert_cmpstr (back->id, ==, snapshot->id);
  /* With all that the program left beside it. */
  g_assert_cmpuint (count_files (f->exchange, ""), ==, 0);
}

static void
test_wrote_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) missing = make_offer (f, "i1", NULL);
  g_autoptr (HrStateOffer) empty = make_offer (f, "i2", NULL);
  g_autoptr (GError) error = NULL;

  write_text (hr_state_offer_get_out_path (empty), "");
  g_assert_null (collect (f->files, "i1", &error));
  g_assert_no_error (error);
  g_assert_null (collect (f->files, "i2", &error));
  g_assert_no_error (error);
  g_assert_null (collect (f->files, "never-offered", &error));
  g_assert_no_error (error);
  g_assert_null (load (f->files, NULL, &error));
  g_assert_no_error (error);
}

static void
test_invalid_state_is_set_aside (Fixture *f, gconstpointer data)
{
  static const char *const bad[] = { "hello", "{\"a\": 1", " ", "{} {}", "{\"a\": \"\xff\"}" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", (int)i);
      g_autofree char *aside = g_strdup_printf ("%s/%s.json.broken", f->snapshots, instance);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
      g_autofree char *kept = NULL;
      g_autoptr (GError) error = NULL;

      write_text (hr_state_offer_get_out_path (offer), bad[i]);
      g_assert_null (collect (f->files, instance, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, aside));
      kept = read_text (aside);
      g_assert_cmpstr (kept, ==, bad[i]);
    }
  g_assert_cmpuint (count_files (f->exchange, ""), ==, 0);
  g_assert_cmpuint (count_files (f->snapshots, ".json"), ==, 0);
}

static void
test_only_regular_files_are_state (Fixture *f, gconstpointer data)
{
  g_autofree char *secret = g_build_filename (f->dir, "secret", NULL);

  write_text (secret, "{\"secret\": 1}");
  for (int kind = 0; kind < 3; kind++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", kind);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
      const char *out = hr_state_offer_get_out_path (offer);
      g_autoptr (GError) error = NULL;

      if (kind == 0)
        g_assert_cmpint (symlink (secret, out), ==, 0);
      else if (kind == 1)
        g_assert_cmpint (mkfifo (out, 0600), ==, 0);
      else
        g_assert_cmpint (mkdir (out, 0700), ==, 0);
      g_assert_null (collect (f->files, instance, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
      g_test_message ("%s", error->message);
    }
  g_assert_cmpuint (count_files (f->snapshots, ".json"), ==, 0);
}

static void
test_too_large_state_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  const char *out = hr_state_offer_get_out_path (offer);
  g_autoptr (GError) error = NULL;

  write_text (out, "{}");
  g_assert_cmpint (truncate (out, (off_t)HR_STATE_SIZE_MAX + 1), ==, 0);
  g_assert_null (collect (f->files, "i1", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, "larger than"));
  g_assert_cmpuint (count_files (f->snapshots, ".broken"), ==, 1);
}

static void
test_large_and_deep_state_is_kept (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (64 * 1024 * 1024, 'x');
  g_autofree char *deep = g_strnfill (20000, '[');
  const char *states[] = { large, deep };

  large[0] = large[strlen (large) - 1] = '"';
  memset (deep + 10000, ']', 10000);
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", (int)i);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
      g_autoptr (HrSnapshot) snapshot = NULL;
      g_autoptr (HrSnapshot) back = NULL;
      g_autoptr (GError) error = NULL;

      write_text (hr_state_offer_get_out_path (offer), states[i]);
      snapshot = collect (f->files, instance, &error);
      g_assert_no_error (error);
      back = load (f->files, snapshot->id, &error);
      g_assert_no_error (error);
      assert_data (back, states[i]);
    }
}

static void
test_list_is_newest_first_and_oldest_go (Fixture *f, gconstpointer data)
{
  g_autofree char *ids[5] = { 0 };
  g_autoptr (GPtrArray) list = NULL;

  for (int i = 0; i < 5; i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"n\": %d}", i);
      ids[i] = collect_text (f, "i1", text);
      if (i > 0)
        g_assert_cmpstr (ids[i - 1], <, ids[i]);
    }
  list = hr_state_files_list (f->files);
  g_assert_cmpuint (list->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      HrSnapshot *snapshot = list->pdata[i];

      g_assert_cmpstr (snapshot->id, ==, ids[4 - i]);
      g_assert_null (snapshot->data);
      g_assert_cmpuint (snapshot->size, ==, 8);
      g_assert_cmpuint (snapshot->release, ==, 7);
    }
  g_assert_cmpuint (count_files (f->snapshots, ""), ==, 3);
  for (int i = 0; i < 5; i++)
    g_free (g_steal_pointer (&ids[i]));
}

static void
test_newest_is_newest_after_the_clock_was_set_back (Fixture *f, gconstpointer data)
{
  g_autofree char *first = collect_text (f, "i1", "[1]");
  g_autofree char *from = g_strdup_printf ("%s/%s.json", f->snapshots, first);
  g_autofree char *to = g_strdup_printf ("%s/20990101T000000Z-000000-r9.json", f->snapshots);
  g_autofree char *second = NULL;
  g_autoptr (HrSnapshot) newest = NULL;

  g_assert_cmpint (g_rename (from, to), ==, 0);
  second = collect_text (f, "i2", "[2]");
  g_assert_cmpstr (second, ==, "20990101T000000Z-000001-r7");
  newest = load (f->files, NULL, NULL);
  assert_data (newest, "[2]");
}

static void
test_load_by_id (Fixture *f, gconstpointer data)
{
  static const char *const wrong[] = { "20200101T000000Z-000000-r1", "", "x", "../svc/x", "/etc/passwd" };
  g_autofree char *first = collect_text (f, "i1", "[1]");
  g_autofree char *second = collect_text (f, "i2", "[2]");
  g_autoptr (HrSnapshot) snapshot = load (f->files, first, NULL);

  g_assert_cmpstr (first, !=, second);
  assert_data (snapshot, "[1]");
  g_assert_cmpstr (snapshot->id, ==, first);
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load (f->files, wrong[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT);
    }
}

/* Damages the newest of two snapshots and expects the older one, with a warning and the damaged file kept. */
static void
check_damaged (Fixture *f, const char *text)
{
  g_autofree char *older = collect_text (f, "i1", "[1]");
  g_autofree char *newer = collect_text (f, "i2", "[2]");
  g_autofree char *file = g_strdup_printf ("%s/%s.json", f->snapshots, newer);
  g_autofree char *aside = g_strconcat (file, ".broken", NULL);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  if (text != NULL)
    write_text (file, text);
  else
    g_assert_cmpint (truncate (file, 150), ==, 0);
  snapshot = load (f->files, NULL, &error);
  warnings_expect ("*set aside as*");
  g_assert_no_error (error);
  assert_data (snapshot, "[1]");
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (file, G_FILE_TEST_EXISTS));
}

static void
test_truncated_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  check_damaged (f, NULL);
}

static void
test_binary_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  check_damaged (f, "\x7f"
                    "ELF\x01\x02\x03");
}

static void
test_another_services_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  check_damaged (f, "{\"serviceName\": \"other\", \"timestamp\": 1, \"release\": 1, \"version\": 1, \"checksum\": "
                    "\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\", \"data\":{}}");
}

static void
test_unreadable_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *older = collect_text (f, "i1", "[1]");
  g_autofree char *newer = collect_text (f, "i2", "[2]");
  g_autofree char *file = g_strdup_printf ("%s/%s.json", f->snapshots, newer);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  if (getuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  g_assert_cmpint (chmod (file, 0), ==, 0);
  snapshot = load (f->files, NULL, &error);
  warnings_expect ("*set aside as*");
  g_assert_no_error (error);
  assert_data (snapshot, "[1]");
}

static void
test_directory_that_cannot_be_listed_is_an_error (Fixture *f, gconstpointer data)
{
  g_autofree char *parent = g_path_get_dirname (f->snapshots);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  write_text (f->snapshots, "no directory");
  g_assert_null (load (f->files, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, f->snapshots));
}

static void
test_list_reads_other_layouts_and_skips_damage (Fixture *f, gconstpointer data)
{
  g_autofree char *other = g_strdup_printf ("%s/20200101T000000Z-000000-r4.json", f->snapshots);
  g_autofree char *damaged = g_strdup_printf ("%s/20200101T000001Z-000000-r4.json", f->snapshots);
  g_autofree char *foreign = g_strdup_printf ("%s/notes.json", f->snapshots);
  g_autofree char *id = collect_text (f, "i1", "[1]");
  g_autoptr (GPtrArray) list = NULL;
  HrSnapshot *last;

  write_text (other, "{\"data\": {}, \"serviceName\": \"svc\", \"timestamp\": 5, \"release\": 4, \"version\": 1, "
                     "\"checksum\": \"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}");
  write_text (damaged, "{\"serviceName\": \"svc\"");
  write_text (foreign, "{}");
  list = hr_state_files_list (f->files);
  g_assert_cmpuint (list->len, ==, 2);
  last = list->pdata[1];
  g_assert_cmpint (last->time_sec, ==, 5);
  g_assert_cmpuint (last->size, ==, 2);
}

static void
test_state_stays_when_it_cannot_be_stored (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autofree char *out = g_strdup (hr_state_offer_get_out_path (offer));
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  struct rlimit old, small;
  g_autofree char *kept = NULL;

  write_text (out, "{\"n\": 1}");
  /* Stands for a full disk: no file can grow beyond a few bytes. */
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 10;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  snapshot = collect (f->files, "i1", &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_null (snapshot);
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, out));
  kept = read_text (out);
  g_assert_cmpstr (kept, ==, "{\"n\": 1}");
  g_assert_cmpuint (count_files (f->snapshots, ""), ==, 0);

  snapshot = collect (f->files, "i1", &later);
  g_assert_no_error (later);
  assert_data (snapshot, "{\"n\": 1}");
}

#define ADD(path, func) g_test_add ("/lease-state-files/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("state-is-stored-byte-for-byte", test_state_is_stored_byte_for_byte);
  ADD ("wrote-nothing", test_wrote_nothing);
  ADD ("invalid-state-is-set-aside", test_invalid_state_is_set_aside);
  ADD ("only-regular-files-are-state", test_only_regular_files_are_state);
  ADD ("too-large-state-is-set-aside", test_too_large_state_is_set_aside);
  ADD ("large-and-deep-state-is-kept", test_large_and_deep_state_is_kept);
  ADD ("list-is-newest-first-and-oldest-go", test_list_is_newest_first_and_oldest_go);
  ADD ("newest-is-newest-after-the-clock-was-set-back", test_newest_is_newest_after_the_clock_was_set_back);
  ADD ("load-by-id", test_load_by_id);
  ADD ("truncated-snapshot-is-set-aside", test_truncated_snapshot_is_set_aside);
  ADD ("binary-snapshot-is-set-aside", test_binary_snapshot_is_set_aside);
  ADD ("another-services-snapshot-is-set-aside", test_another_services_snapshot_is_set_aside);
  ADD ("unreadable-snapshot-is-set-aside", test_unreadable_snapshot_is_set_aside);
  ADD ("directory-that-cannot-be-listed-is-an-error", test_directory_that_cannot_be_listed_is_an_error);
  ADD ("list-reads-other-layouts-and-skips-damage", test_list_reads_other_layouts_and_skips_damage);
  ADD ("state-stays-when-it-cannot-be-stored", test_state_stays_when_it_cannot_be_stored);
  return g_test_run ();
}
