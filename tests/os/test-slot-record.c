/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "hr-slot-record-file.h"

static const char *const paths[] = {
  "plain.txt",    "with space",   "-", "--dash", "new\nline", "tab\t", "back\\slash", "\\101literal",
  "\xff\xfe raw", "d/ä/\x01\x7f", " ", "end ",   NULL
};

static HrSlotRecord *
example (void)
{
  HrSlotRecord *record = hr_slot_record_new ();
  HrStamp stamp = { .size = G_MAXUINT64, .mtime = -1, .inode = 12345678901234 };

  record->release = 7;
  record->tree = g_strdup ("0123456789abcdef");
  record->placed_at = G_GINT64_CONSTANT (1700000000123456789);
  for (guint i = 0; paths[i] != NULL; i++)
    {
      hr_slot_record_place (record, paths[i], "fldsm"[i % 5], 0100644 | i, i % 2 == 0 ? paths[i] : NULL)->stamp = stamp;
      hr_slot_record_agree (record, paths[i], &stamp, i % 2 == 0);
    }
  return record;
}

static void
test_round_trip (void)
{
  g_autoptr (HrSlotRecord) record = example ();
  g_autoptr (GBytes) text = hr_slot_record_file_serialize (record);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSlotRecord) again =
      hr_slot_record_file_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text), &error);

  g_assert_no_error (error);
  g_assert_cmpuint (again->release, ==, 7);
  g_assert_cmpstr (again->tree, ==, record->tree);
  g_assert_cmpint (again->placed_at, ==, record->placed_at);
  g_assert_cmpuint (g_hash_table_size (again->placed), ==, g_strv_length ((char **)paths));
  g_assert_cmpuint (g_hash_table_size (again->agreed), ==, g_strv_length ((char **)paths));
  for (guint i = 0; paths[i] != NULL; i++)
    {
      const HrPlaced *placed = g_hash_table_lookup (again->placed, paths[i]);
      const HrAgreed *agreed = g_hash_table_lookup (again->agreed, paths[i]);

      g_assert_nonnull (placed);
      g_assert_cmpint (placed->kind, ==, "fldsm"[i % 5]);
      g_assert_cmpuint (placed->mode, ==, (0644 | i));
      g_assert_cmpstr (placed->id, ==, (i % 2 == 0 ? paths[i] : NULL));
      g_assert_cmpuint (placed->stamp.size, ==, G_MAXUINT64);
      g_assert_cmpint (placed->stamp.mtime, ==, -1);
      g_assert_cmpuint (placed->stamp.inode, ==, 12345678901234);
      g_assert_nonnull (agreed);
      g_assert_cmpint (agreed->kept, ==, (i % 2 == 0));
    }
}

static void
test_damage (void)
{
  g_autoptr (HrSlotRecord) record = example ();
  g_autoptr (GBytes) text = hr_slot_record_file_serialize (record);
  gsize size = g_bytes_get_size (text);
  g_autofree char *copy = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    {
      g_autoptr (GError) error = NULL;
      HrSlotRecord *cut = hr_slot_record_file_parse (g_bytes_get_data (text, NULL), i, &error);
      HrSlotRecord *flipped;

      g_assert_null (cut);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      memcpy (copy, g_bytes_get_data (text, NULL), size);
      copy[i] ^= 0x20;
      flipped = hr_slot_record_file_parse (copy, size, NULL);
      g_assert_null (flipped);
    }
}

/* What is well-formed and signed, but leads out of the slot. */
static void
test_paths_stay_inside (void)
{
  const char *const bad[] = { "../x", "a/../../x", "/etc/passwd", "a//b", ".", "a/.", NULL };

  for (guint i = 0; bad[i] != NULL; i++)
    {
      g_autoptr (HrSlotRecord) record = hr_slot_record_new ();
      g_autoptr (GBytes) text = NULL;
      g_autoptr (GError) error = NULL;
      HrSlotRecord *again;

      hr_slot_record_place (record, bad[i], HR_PLACED_FILE, 0644, "0");
      text = hr_slot_record_file_serialize (record);
      again = hr_slot_record_file_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text), &error);
      g_assert_null (again);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
}

static void
test_stamps (void)
{
  g_autoptr (HrSlotRecord) record = hr_slot_record_new ();
  struct stat info = { .st_mode = S_IFREG, .st_size = 5, .st_ino = 7, .st_mtim = { .tv_sec = 100, .tv_nsec = 5 } };
  struct stat other = info;
  HrStamp stamp = hr_stamp_of (&info);
  HrStamp none = { 0 };
  HrPlaced *placed = hr_slot_record_place (record, "x", HR_PLACED_FILE, 0644, "0");

  g_assert_true (hr_stamp_matches (&stamp, &info));
  other.st_mtim.tv_nsec = 6;
  g_assert_false (hr_stamp_matches (&stamp, &other));
  other = info;
  other.st_size = 6;
  g_assert_false (hr_stamp_matches (&stamp, &other));
  other = info;
  other.st_ino = 8;
  g_assert_false (hr_stamp_matches (&stamp, &other));
  memset (&other, 0, sizeof other);
  g_assert_false (hr_stamp_matches (&none, &other));

  /* Placed long before any program could run, or just then. */
  placed->stamp = stamp;
  record->placed_at = stamp.mtime + HR_STAMP_UNSURE_NSEC + 1;
  g_assert_true (hr_slot_record_sure (record, placed));
  record->placed_at = stamp.mtime + HR_STAMP_UNSURE_NSEC;
  g_assert_false (hr_slot_record_sure (record, placed));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/slot-record/round-trip", test_round_trip);
  g_test_add_func ("/slot-record/any-damage-is-found", test_damage);
  g_test_add_func ("/slot-record/paths-stay-inside", test_paths_stay_inside);
  g_test_add_func ("/slot-record/stamps", test_stamps);
  return g_test_run ();
}
