/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

/* Killed processes are gone within a millisecond; one that waits for a dead disk would be waited for in vain. */
#define KILL_DEADLINE_USEC (2 * G_USEC_PER_SEC)
/* Where one kill was not enough, the next comes after this. */
#define KILL_AGAIN_USEC (G_USEC_PER_SEC / 10)
/* So many processes are held by descriptors at a time. */
#define HELD_MAX 256
/* A program may make groups in its own; deeper ones are left to it. */
#define DEPTH_MAX 16
/* Longer than any of the files but cgroup.procs, which is read to its end. */
#define FILE_MAX 4096
/* More processes are not listed: the kernel's own limit. */
#define PROCS_MAX (64 * 1024 * 1024)

/* -1 with errno: it is not there, or is no control group. */
static int
open_group (const char *dir)
{
  g_auto (HrFd) fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  struct statfs info;

  if (fd < 0 || fstatfs (fd, &info) < 0)
    return -1;
  if (info.f_type != CGROUP2_SUPER_MAGIC)
    {
      errno = ENOTSUP;
      return -1;
    }
  return hr_fd_steal (&fd);
}

/* NULL: there is no such file, as its controller is missing. */
static char *
read_file (int group, const char *name, gsize most)
{
  g_auto (HrFd) fd = openat (group, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[FILE_MAX];
  ssize_t length;

  if (fd < 0)
    return NULL;
  while (text->len < most && (length = TEMP_FAILURE_RETRY (read (fd, buffer, sizeof buffer))) > 0)
    g_string_append_len (text, buffer, length);
  return g_strdup (text->str);
}

static gboolean
write_file (int group, const char *name, const char *value)
{
  g_auto (HrFd) fd = openat (group, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

  return fd >= 0 && TEMP_FAILURE_RETRY (write (fd, value, strlen (value))) == (ssize_t)strlen (value);
}

/* Of "KEY NUMBER" lines; -1 where there is none. */
static gint64
find_number (const char *text, const char *key)
{
  gsize length = strlen (key);

  for (const char *line = text; line != NULL && *line != '\0';)
    {
      const char *next = strchr (line, '\n');

      if (strncmp (line, key, length) == 0 && line[length] == ' ')
        return (gint64)g_ascii_strtoull (line + length + 1, NULL, 10);
      line = next != NULL ? next + 1 : NULL;
    }
  return -1;
}

static gint64
read_number (int group, const char *name)
{
  g_autofree char *text = read_file (group, name, FILE_MAX);

  return text != NULL ? (gint64)g_ascii_strtoull (text, NULL, 10) : -1;
}

/**
 * hr_cgroup_exists:
 * @dir: (nullable): a path
 *
 * Returns: whether it is a control group
 */
gboolean
hr_cgroup_exists (const char *dir)
{
  g_auto (HrFd) group = dir != NULL ? open_group (dir) : -1;

  return group >= 0;
}

/* The groups in it. */
static char **
list_children (int group)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  int copy = openat (group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = copy >= 0 ? fdopendir (copy) : NULL;

  if (dir == NULL && copy >= 0)
    close (copy);
  if (dir != NULL)
    {
      for (struct dirent *entry = readdir (dir); entry != NULL; entry = readdir (dir))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
          g_strv_builder_add (names, entry->d_name);
      closedir (dir);
    }
  return g_strv_builder_end (names);
}

static void
collect (int group, GArray *pids, guint depth)
{
  g_autofree char *procs = read_file (group, "cgroup.procs", PROCS_MAX);
  g_auto (GStrv) children = depth < DEPTH_MAX ? list_children (group) : NULL;

  for (char *at = procs; at != NULL && *at != '\0';)
    {
      GPid pid = (GPid)strtol (at, &at, 10);

      at += strcspn (at, "\n");
      at += *at == '\n' ? 1 : 0;
      /* 0 is one that this namespace of PIDs does not see. */
      if (pid > 0)
        g_array_append_val (pids, pid);
    }
  for (guint i = 0; children != NULL && children[i] != NULL; i++)
    {
      g_auto (HrFd) child = openat (group, children[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

      if (child >= 0)
        collect (child, pids, depth + 1);
    }
}

/**
 * hr_cgroup_list:
 * @dir: (nullable): a group
 *
 * Returns: (transfer full) (element-type GPid): the processes in it and in groups that were made in it
 */
GArray *
hr_cgroup_list (const char *dir)
{
  GArray *pids = g_array_new (FALSE, FALSE, sizeof (GPid));
  g_auto (HrFd) group = dir != NULL ? open_group (dir) : -1;

  if (group >= 0)
    collect (group, pids, 0);
  return pids;
}

/**
 * hr_cgroup_read_usage:
 * @dir: (nullable): a group
 * @usage: (out caller-allocates): what all in it use together
 */
void
hr_cgroup_read_usage (const char *dir, HrCgroupUsage *usage)
{
  g_auto (HrFd) group = dir != NULL ? open_group (dir) : -1;
  g_autofree char *cpu = group >= 0 ? read_file (group, "cpu.stat", FILE_MAX) : NULL;

  usage->memory = group >= 0 ? read_number (group, "memory.current") : -1;
  usage->cpu_usec = find_number (cpu, "usage_usec");
  usage->tasks = group >= 0 ? read_number (group, "pids.current") : -1;
}

/**
 * hr_cgroup_read_oom:
 * @dir: (nullable): a group
 * @oom: (out caller-allocates): what became of those in it for want of memory; without the controller nothing is known
 */
void
hr_cgroup_read_oom (const char *dir, HrCgroupOom *oom)
{
  g_auto (HrFd) group = dir != NULL ? open_group (dir) : -1;
  g_autofree char *events = group >= 0 ? read_file (group, "memory.events", FILE_MAX) : NULL;

  oom->limit = (guint64)MAX (find_number (events, "oom"), 0);
  oom->kills = (guint64)MAX (find_number (events, "oom_kill"), 0);
}

/**
 * hr_cgroup_write:
 * @dir: a group
 * @file: of it
 * @value: for it
 * @error: return location
 *
 * Returns: success; else a #GIOErrorEnum that names both
 */
gboolean
hr_cgroup_write (const char *dir, const char *file, const char *value, GError **error)
{
  g_auto (HrFd) group = open_group (dir);

  if (group >= 0 && write_file (group, file, value))
    return TRUE;
  hr_fs_set_error (error, errno, "while writing '%s' to '%s/%s'", value, dir, file);
  return FALSE;
}

static void
close_pidfd (gpointer pidfd)
{
  close (GPOINTER_TO_INT (pidfd));
}

/* By PID, each that is in the group. Asked again after a descriptor is open: from then on it cannot be another's. */
static GHashTable *
hold_processes (const char *dir)
{
  GHashTable *held = g_hash_table_new_full (NULL, NULL, NULL, close_pidfd);
  g_autoptr (GHashTable) open = g_hash_table_new_full (NULL, NULL, NULL, close_pidfd);
  g_autoptr (GArray) before = hr_cgroup_list (dir);
  g_autoptr (GArray) pids = NULL;

  for (guint i = 0; i < MIN (before->len, HELD_MAX); i++)
    {
      int pidfd = pidfd_open (g_array_index (before, GPid, i), 0);

      if (pidfd >= 0)
        g_hash_table_insert (open, GINT_TO_POINTER (g_array_index (before, GPid, i)), GINT_TO_POINTER (pidfd));
    }
  pids = hr_cgroup_list (dir);
  for (guint i = 0; i < pids->len; i++)
    {
      gpointer pid = GINT_TO_POINTER (g_array_index (pids, GPid, i));
      gpointer pidfd;

      if (g_hash_table_steal_extended (open, pid, NULL, &pidfd))
        g_hash_table_insert (held, pid, pidfd);
    }
  return held;
}

/**
 * hr_cgroup_kill_each:
 * @dir: a group
 *
 * SIGKILL to those that are in it now, as kernels before 5.14 need it. Where the group cannot be frozen, one may be
 * starting another meanwhile; of very many some are left, too. So it is to be repeated until the group is empty.
 */
void
hr_cgroup_kill_each (const char *dir)
{
  g_autoptr (GHashTable) held = NULL;
  GHashTableIter iter;
  gpointer pidfd;

  hr_cgroup_write (dir, "cgroup.freeze", "1", NULL);
  held = hold_processes (dir);
  g_hash_table_iter_init (&iter, held);
  while (g_hash_table_iter_next (&iter, NULL, &pidfd))
    pidfd_send_signal (GPOINTER_TO_INT (pidfd), SIGKILL, NULL, 0);
  hr_cgroup_write (dir, "cgroup.freeze", "0", NULL);
}

/**
 * hr_cgroup_kill:
 * @dir: a group
 *
 * SIGKILL to all that is in it, whatever it starts meanwhile. Does not wait for their end.
 */
void
hr_cgroup_kill (const char *dir)
{
  g_auto (HrFd) group = open_group (dir);

  if (group >= 0 && !write_file (group, "cgroup.kill", "1") && errno == ENOENT)
    hr_cgroup_kill_each (dir);
}

/* The kernel raises POLLPRI when that changes; what was read last is what it compares with. */
static gboolean
await_empty (int group, gint64 deadline)
{
  g_auto (HrFd) events = openat (group, "cgroup.events", O_RDONLY | O_CLOEXEC);

  while (events >= 0)
    {
      struct pollfd change = { .fd = events, .events = POLLPRI };
      gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
      char text[256];
      ssize_t length = pread (events, text, sizeof text - 1, 0);

      if (length <= 0)
        return length < 0 && errno == ENODEV;
      text[length] = '\0';
      if (find_number (text, "populated") == 0)
        return TRUE;
      if (left <= 0)
        return FALSE;
      TEMP_FAILURE_RETRY (poll (&change, 1, (int)left));
    }
  return errno == ENOENT;
}

/* Those in it come first. */
static gboolean
remove_group (int parent, const char *name, guint depth)
{
  g_auto (HrFd) group = openat (parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  g_auto (GStrv) children = group >= 0 && depth < DEPTH_MAX ? list_children (group) : NULL;

  for (guint i = 0; children != NULL && children[i] != NULL; i++)
    remove_group (group, children[i], depth + 1);
  return unlinkat (parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* Those that became children of this process are nobody else's to wait for. */
static void
reap (GHashTable *held)
{
  GHashTableIter iter;
  gpointer pidfd;

  g_hash_table_iter_init (&iter, held);
  while (g_hash_table_iter_next (&iter, NULL, &pidfd))
    {
      siginfo_t info;

      waitid (P_PIDFD, (id_t)GPOINTER_TO_INT (pidfd), &info, WEXITED | WNOHANG);
    }
}

/**
 * hr_cgroup_end:
 * @dir: (nullable): a group whose main process has ended
 *
 * Kills all that is in it, waits until the kernel says that nothing is, for 2 s at most, and removes it. For a worker
 * thread.
 *
 * Returns: whether nothing is left
 */
gboolean
hr_cgroup_end (const char *dir)
{
  gint64 deadline = g_get_monotonic_time () + KILL_DEADLINE_USEC;
  g_auto (HrFd) group = dir != NULL ? open_group (dir) : -1;
  g_autoptr (GHashTable) held = NULL;
  gboolean empty;

  if (group < 0)
    return TRUE;
  held = hold_processes (dir);
  do
    {
      gint64 now = g_get_monotonic_time ();

      hr_cgroup_kill (dir);
      empty = await_empty (group, MIN (deadline, now + KILL_AGAIN_USEC));
  } while (!empty && g_get_monotonic_time () < deadline);
  reap (held);
  return remove_group (AT_FDCWD, dir, 0) && empty;
}
