/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-state-lock.h"

typedef struct {
  char *root;
  char *dir;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->root = g_dir_make_tmp ("hr-lock-XXXXXX", NULL);
  g_assert_nonnull (f->root);
  f->dir = g_build_filename (f->root, "state", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_true (hr_fs_remove_tree (f->root, NULL));
  g_free (f->root);
  g_free (f->dir);
}

static void
prepare (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_state_dir_prepare (f->dir, "--state-dir", &error));
  g_assert_no_error (error);
}

#define assert_says(error, words)                                                                                      \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_assert_nonnull (error);                                                                                          \
    if (strstr ((error)->message, words) == NULL)                                                                      \
      g_error ("'%s' is not in: %s", words, (error)->message);                                                         \
  }                                                                                                                    \
  G_STMT_END

static void
test_directory_is_made_for_its_owner_alone (Fixture *f, gconstpointer data)
{
  struct stat info;

  prepare (f);
  prepare (f);
  g_assert_cmpint (stat (f->dir, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
}

static void
test_directory_of_another_user_is_refused (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  if (geteuid () == 0)
    {
      prepare (f);
      g_assert_cmpint (chown (f->dir, 65534, 65534), ==, 0);
      g_assert_false (hr_state_dir_prepare (f->dir, "--state-dir", &error));
    }
  else
    g_assert_false (hr_state_dir_prepare ("/", "--state-dir", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  assert_says (error, "belongs to user ");
  assert_says (error, "--state-dir");
}

static void
test_second_daemon_waits_then_names_the_holder (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *holder = g_strdup_printf ("PID %d:", (int)getpid ());
  g_auto (HrFd) first = -1;
  gint64 begin;

  prepare (f);
  first = hr_state_lock_take (f->dir, &error);
  g_assert_no_error (error);
  g_assert_cmpint (first, >=, 3);
  begin = g_get_monotonic_time ();
  g_assert_cmpint (hr_state_lock_take (f->dir, &error), ==, -1);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, HR_STATE_LOCK_WAIT_USEC);
  g_assert_error (error, HR_ERROR, HR_ERROR_BUSY);
  assert_says (error, holder);
  assert_says (error, f->dir);
}

static gpointer
take_in_thread (gpointer data)
{
  Fixture *f = data;

  return GINT_TO_POINTER (hr_state_lock_take (f->dir, NULL));
}

static void
test_lock_passes_on_when_the_holder_ends (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) first = -1;
  g_auto (HrFd) second = -1;
  GThread *thread;

  prepare (f);
  first = hr_state_lock_take (f->dir, NULL);
  g_assert_cmpint (first, >=, 0);
  thread = g_thread_new ("second", take_in_thread, f);
  hr_fd_clear (&first);
  second = GPOINTER_TO_INT (g_thread_join (thread));
  g_assert_cmpint (second, >=, 0);
}

/* A file system of its own for this process, gone with it; needs root. */
static gboolean
mount_tmpfs (Fixture *f, unsigned long flags, const char *options)
{
  if (unshare (CLONE_NEWNS) == 0 && mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0
      && mount ("tmpfs", f->dir, "tmpfs", flags, options) == 0)
    return TRUE;
  g_test_skip_printf ("not run here: cannot mount a file system: %s", g_strerror (errno));
  return FALSE;
}

static void
test_read_only_state_directory_names_path_and_remedy (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  prepare (f);
  if (geteuid () != 0)
    g_assert_cmpint (g_chmod (f->dir, 0500), ==, 0);
  else if (!mount_tmpfs (f, MS_RDONLY, "mode=0700"))
    return;
  g_assert_cmpint (hr_state_lock_take (f->dir, &error), ==, -1);
  assert_says (error, f->dir);
  assert_says (error, "make it writable or choose another one with --state-dir");
  if (geteuid () == 0)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_READ_ONLY);
      g_assert_cmpint (umount (f->dir), ==, 0);
    }
}

static void
test_state_directory_below_a_read_only_one_is_said (Fixture *f, gconstpointer data)
{
  g_autofree char *below = g_build_filename (f->dir, "a/b", NULL);
  g_autoptr (GError) error = NULL;

  prepare (f);
  if (geteuid () != 0)
    g_assert_cmpint (g_chmod (f->dir, 0500), ==, 0);
  else if (!mount_tmpfs (f, MS_RDONLY, "mode=0700"))
    return;
  g_assert_false (hr_state_dir_prepare (below, "--state-dir", &error));
  assert_says (error, below);
  assert_says (error, "choose another directory with --state-dir");
  if (geteuid () == 0)
    g_assert_cmpint (umount (f->dir), ==, 0);
}

static void
test_full_state_directory_names_path_and_remedy (Fixture *f, gconstpointer data)
{
  g_autofree char *filler = g_build_filename (f->dir, "filler", NULL);
  g_autofree char *content = g_malloc0 (96 * 1024);
  g_autoptr (GError) error = NULL;

  prepare (f);
  if (!mount_tmpfs (f, 0, "mode=0700,size=128k"))
    return;
  g_assert_true (hr_state_dir_check_space (f->dir, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (filler, content, 96 * 1024, NULL));
  g_assert_false (hr_state_dir_check_space (f->dir, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  assert_says (error, f->dir);
  assert_says (error, "is full: make room there");
  g_assert_cmpint (umount (f->dir), ==, 0);
}

static void
test_asking_for_space_leaves_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (GDir) dir = NULL;

  prepare (f);
  g_assert_true (hr_state_dir_check_space (f->dir, NULL));
  dir = g_dir_open (f->dir, 0, NULL);
  g_assert_cmpstr (g_dir_read_name (dir), ==, NULL);
}

#define add(name, function) g_test_add ("/state-lock/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("directory-is-made-for-its-owner-alone", test_directory_is_made_for_its_owner_alone);
  add ("directory-of-another-user-is-refused", test_directory_of_another_user_is_refused);
  add ("second-daemon-waits-then-names-the-holder", test_second_daemon_waits_then_names_the_holder);
  add ("lock-passes-on-when-the-holder-ends", test_lock_passes_on_when_the_holder_ends);
  add ("read-only-state-directory-names-path-and-remedy", test_read_only_state_directory_names_path_and_remedy);
  add ("state-directory-below-a-read-only-one-is-said", test_state_directory_below_a_read_only_one_is_said);
  add ("full-state-directory-names-path-and-remedy", test_full_state_directory_names_path_and_remedy);
  add ("asking-for-space-leaves-nothing", test_asking_for_space_leaves_nothing);
  return g_test_run ();
}
