/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-files.c: the file of a process's Unix socket, where the process decides what is on the way to it.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "hanging-mount.h"
#include "hr-adopt-files.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"

typedef struct {
  char *dir;
  HrAdoptFiles *files;
  HrAdoptRequest request;
  guint n_ended;
  GError *error;      /* of the last */
  HrSocketFile *file; /* the same */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  f->files = hr_adopt_files_new ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_error (&f->error);
  g_clear_pointer (&f->file, hr_socket_file_free);
  hr_adopt_files_free (f->files);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  g_clear_error (&f->error);
  g_clear_pointer (&f->file, hr_socket_file_free);
  f->file = hr_adopt_files_find_finish (result, &f->error);
  f->n_ended++;
}

static void
find (Fixture *f, pid_t pid, const char *path, GCancellable *cancellable)
{
  const struct ucred sender = { .pid = pid, .uid = geteuid () };

  hr_adopt_files_find_async (f->files, &f->request, path, &sender, cancellable, on_found, f);
}

static void
find_and_wait (Fixture *f, pid_t pid, const char *path)
{
  guint before = f->n_ended;

  find (f, pid, path, NULL);
  ADOPT_WAIT_FOR (f->n_ended > before);
}

/* A socket in the fixture's directory, for which the request asks. */
static void
make_socket (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_auto (HrFd) fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct stat info;

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (stat (path, &info), ==, 0);
  f->request.device = info.st_dev;
  f->request.inode = info.st_ino;
}

static void
make_dir (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);

  g_assert_cmpint (mkdir (path, 0700), ==, 0);
}

static void
make_link (Fixture *f, const char *name, const char *target)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);

  g_assert_cmpint (symlink (target, path), ==, 0);
}

/* A process for which the fixture's directory is the root; -1 where it may not be. */
static pid_t
spawn_in_root (Fixture *f)
{
  int ends[2];
  char byte = 0;
  pid_t pid;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (chroot (f->dir) == 0 && write (ends[1], &byte, 1) == 1)
        pause ();
      _exit (1);
    }
  close (ends[1]);
  if (TEMP_FAILURE_RETRY (read (ends[0], &byte, 1)) != 1)
    {
      g_test_skip ("not run here: only root may change the root of a process");
      hanging_mount_free (pid);
      pid = -1;
    }
  close (ends[0]);
  return pid;
}

/* Symbolic links mean to the daemon what they mean to the process. */
static void
test_in_root (Fixture *f, gconstpointer data)
{
  static const char *const good[] = { "/real/it.sock", "/absolute/it.sock", "/up/it.sock", "/../../real/it.sock" };
  g_autofree char *outside = g_strconcat (f->dir, "/real", NULL);
  pid_t pid;

  make_dir (f, "real");
  make_socket (f, "real/it.sock");
  make_link (f, "absolute", "/real");
  make_link (f, "up", "../../../../../../real");
  make_link (f, "outside", outside);
  make_link (f, "magic", "/proc/self/root");
  pid = spawn_in_root (f);
  if (pid < 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      find_and_wait (f, pid, good[i]);
      g_assert_no_error (f->error);
      g_assert_nonnull (f->file);
    }
  /* It is there for the daemon alone. */
  find_and_wait (f, pid, "/outside/it.sock");
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  find_and_wait (f, pid, "/magic/it.sock");
  g_assert_nonnull (f->error);
  hanging_mount_free (pid);
}

static void
test_others (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "it.sock", NULL);

  make_socket (f, "it.sock");
  find_and_wait (f, getpid (), path);
  g_assert_no_error (f->error);
  f->request.inode++;
  find_and_wait (f, getpid (), path);
  g_assert_error (f->error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
}

static pid_t
hang (Fixture *f, char **path)
{
  g_autofree char *dir = g_build_filename (f->dir, "mnt", NULL);

  make_dir (f, "mnt");
  *path = g_build_filename (dir, "sub", "it.sock", NULL);
  return hanging_mount_new (dir, NULL, NULL);
}

/* The deadline counts, and what hangs beyond it is counted: then no more threads are begun. */
static void
test_limits (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autofree char *here = g_build_filename (f->dir, "here.sock", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gint64 began = g_get_monotonic_time ();
  pid_t pid = hang (f, &path);

  if (pid < 0)
    return;
  make_socket (f, "here.sock");
  find_and_wait (f, pid, path);
  g_assert_error (f->error, HR_ERROR, HR_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 2 * HR_ADOPT_FILES_MSEC * 1000);
  /* Others do not wait for it. */
  find_and_wait (f, getpid (), here);
  g_assert_no_error (f->error);
  for (guint i = 1; i < HR_ADOPT_FILES_MAX; i++)
    find (f, pid, path, cancellable);
  f->n_ended = 0;
  find_and_wait (f, getpid (), here);
  g_assert_error (f->error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_cmpuint (f->n_ended, ==, 1);
  g_cancellable_cancel (cancellable);
  ADOPT_WAIT_FOR (f->n_ended == HR_ADOPT_FILES_MAX);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  /* They still hang, until the mount ends. */
  find_and_wait (f, getpid (), here);
  g_assert_error (f->error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  hanging_mount_free (pid);
  do
    find_and_wait (f, getpid (), here);
  while (f->error != NULL);
  g_assert_nonnull (f->file);
}

/* Who owns the look-ups may go before they end. */
static void
test_freed (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  pid_t pid = hang (f, &path);

  if (pid < 0)
    return;
  find (f, pid, path, cancellable);
  g_cancellable_cancel (cancellable);
  ADOPT_WAIT_FOR (f->n_ended == 1);
  hr_adopt_files_free (g_steal_pointer (&f->files));
  hanging_mount_free (pid);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/adopt-files/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("path-is-resolved-as-the-process-does", test_in_root);
  ADD ("another-file-is-not-taken", test_others);
  ADD ("mount-that-hangs-holds-up-a-few-threads", test_limits);
  ADD ("freed-while-one-hangs", test_freed);
  return g_test_run ();
}
