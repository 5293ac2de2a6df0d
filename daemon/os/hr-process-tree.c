/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-cgroup-find.h"
#include "hr-fd.h"
#include "hr-names.h"
#include "hr-process-children.h"

/* Killed processes are gone within a millisecond; one that waits for a dead disk would be waited for in vain. */
#define KILL_DEADLINE_USEC (2 * G_USEC_PER_SEC)
/* How far up a sender's ancestors are followed. */
#define ANCESTORS_MAX 64
/* The longest environment that is searched; the kernel's own limit is about this. */
#define ENVIRONMENT_MAX (6 * 1024 * 1024)
/* Fields of /proc/PID/stat after the name, which may hold anything; the third field is the first here. */
enum {
  STAT_STATE,
  STAT_PARENT,
  STAT_GROUP,
  STAT_SESSION,
  STAT_USER_TIME = 11,
  STAT_CHILDREN_TIME = 14,
  STAT_THREADS = 17,
  STAT_START = 19,
  STAT_FIELDS
};

static gssize
read_proc (GPid pid, const char *name, char *buffer, gsize size)
{
  g_auto (HrFd) fd = -1;
  char path[64];
  gsize total = 0;
  ssize_t length;

  g_snprintf (path, sizeof path, "/proc/%d/%s", (int)pid, name);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  while (total < size && (length = read (fd, buffer + total, size - total)) > 0)
    total += (gsize)length;
  return (gssize)total;
}

/**
 * hr_process_read:
 * @pid: a PID
 * @process: (out caller-allocates): what is known of it
 *
 * Returns: whether there is such a process, maybe a zombie
 */
gboolean
hr_process_read (GPid pid, HrProcess *process)
{
  char stat[1024];
  gssize length = read_proc (pid, "stat", stat, sizeof stat - 1);
  g_auto (GStrv) fields = NULL;
  const char *name_end;

  if (length <= 0)
    return FALSE;
  stat[length] = '\0';
  name_end = strrchr (stat, ')');
  if (name_end == NULL || name_end[1] != ' ')
    return FALSE;
  fields = g_strsplit (name_end + 2, " ", STAT_FIELDS + 1);
  if (g_strv_length (fields) < STAT_FIELDS)
    return FALSE;
  process->pid = pid;
  process->state = fields[STAT_STATE][0];
  process->parent = (GPid)g_ascii_strtoll (fields[STAT_PARENT], NULL, 10);
  process->session = (GPid)g_ascii_strtoll (fields[STAT_SESSION], NULL, 10);
  process->start = g_ascii_strtoull (fields[STAT_START], NULL, 10);
  process->threads = (guint)g_ascii_strtoull (fields[STAT_THREADS], NULL, 10);
  process->cpu = 0;
  for (int i = STAT_USER_TIME; i <= STAT_CHILDREN_TIME; i++)
    process->cpu += g_ascii_strtoull (fields[i], NULL, 10);
  return TRUE;
}

/**
 * hr_process_list:
 *
 * Returns: (transfer full) (element-type HrProcess): all processes that can be seen
 */
GArray *
hr_process_list (void)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (HrProcess));
  DIR *dir = opendir ("/proc");
  struct dirent *entry;

  if (dir == NULL)
    return list;
  while ((entry = readdir (dir)) != NULL)
    {
      HrProcess process;

      if (g_ascii_isdigit (entry->d_name[0]) && hr_process_read (atoi (entry->d_name), &process))
        g_array_append_val (list, process);
    }
  closedir (dir);
  return list;
}

/**
 * hr_process_get_variable:
 * @pid: a process
 * @name: of a variable
 *
 * Returns: (transfer full) (nullable): its value in the environment that the process was started with; %NULL where there
 *   is none, or nobody may look
 */
char *
hr_process_get_variable (GPid pid, const char *name)
{
  gsize size = 16 * 1024, name_length = strlen (name);
  g_autofree char *environment = NULL;
  gssize length;

  do
    {
      size *= 4;
      g_free (environment);
      environment = g_malloc (size + 1);
      length = read_proc (pid, "environ", environment, size);
  } while (length == (gssize)size && size < ENVIRONMENT_MAX);
  if (length <= 0)
    return NULL;
  environment[length] = '\0';
  for (const char *entry = environment; entry < environment + length; entry += strlen (entry) + 1)
    if (strncmp (entry, name, name_length) == 0 && entry[name_length] == '=')
      return g_strdup (entry + name_length + 1);
  return NULL;
}

/**
 * hr_process_has_variable:
 * @pid: a process
 * @name: of a variable
 * @value: of it
 *
 * Returns: whether the environment that the process was started with has it so; %FALSE where nobody may look
 */
gboolean
hr_process_has_variable (GPid pid, const char *name, const char *value)
{
  g_autofree char *found = hr_process_get_variable (pid, name);

  return g_strcmp0 (found, value) == 0;
}

/* Whether the environment the process was started with holds the instance's id. */
static gboolean
has_instance (GPid pid, const char *instance)
{
  return hr_process_has_variable (pid, HR_ENV_INSTANCE, instance);
}

/**
 * hr_process_belongs:
 * @pid: a process that said something
 * @leader: main process of an instance, not reaped yet
 * @instance: its id
 *
 * Returns: whether the process is one of the instance
 */
gboolean
hr_process_belongs (GPid pid, GPid leader, const char *instance)
{
  HrProcess process;

  if (pid <= 1)
    return FALSE;
  if (pid == leader)
    return TRUE;
  if (!hr_process_read (pid, &process))
    return FALSE;
  if (process.session == leader || has_instance (pid, instance))
    return TRUE;
  for (int i = 0; i < ANCESTORS_MAX && process.parent > 1; i++)
    {
      if (process.parent == leader)
        return TRUE;
      if (process.parent == getpid () || !hr_process_read (process.parent, &process))
        break;
    }
  return hr_cgroup_has_process (instance, pid);
}

/**
 * hr_process_reap:
 * @pid: a process that has ended
 * @pidfd: of it
 * @wait_status: (out): as of waitpid(2)
 *
 * Returns: whether it was a child of this process that nobody had waited for
 */
gboolean
hr_process_reap (GPid pid, int pidfd, int *wait_status)
{
  siginfo_t info = { 0 };

  if (waitid (P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid != pid)
    return FALSE;
  if (info.si_code == CLD_EXITED)
    *wait_status = W_EXITCODE (info.si_status, 0);
  else
    *wait_status = W_EXITCODE (0, info.si_status) | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
  return TRUE;
}

/* Whether its standard output or error is the log of the instance, which nobody else is given. Only of children of this
 * process, which became so when they lost their parents: what else has the log open may be anybody's. */
static gboolean
writes_log (const HrProcess *process, const char *instance)
{
  g_autofree char *suffix = g_strdup_printf ("-%s" HR_LOG_SUFFIX, instance);

  for (int fd = STDOUT_FILENO; process->parent == getpid () && fd <= STDERR_FILENO; fd++)
    {
      char path[64], target[PATH_MAX];
      ssize_t length;

      g_snprintf (path, sizeof path, "/proc/%d/fd/%d", (int)process->pid, fd);
      length = readlink (path, target, sizeof target - 1);
      if (length <= 0)
        continue;
      target[length] = '\0';
      if (g_str_has_suffix (target, suffix))
        return TRUE;
    }
  return FALSE;
}

/* The processes of the instance that run, without its leader. */
static GHashTable *
find_members (GArray *list, GPid leader, const char *instance)
{
  GHashTable *members = g_hash_table_new (NULL, NULL);
  gboolean found;

  for (guint i = 0; i < list->len; i++)
    {
      HrProcess *process = &g_array_index (list, HrProcess, i);

      if (process->pid == leader || process->pid == getpid () || strchr ("ZX", process->state) != NULL)
        continue;
      if (process->session == leader || has_instance (process->pid, instance) || writes_log (process, instance))
        g_hash_table_insert (members, GINT_TO_POINTER (process->pid), process);
    }
  do
    {
      found = FALSE;
      for (guint i = 0; i < list->len; i++)
        {
          HrProcess *process = &g_array_index (list, HrProcess, i);

          if (g_hash_table_contains (members, GINT_TO_POINTER (process->parent)) && process->pid != getpid ()
              && strchr ("ZX", process->state) == NULL
              && g_hash_table_insert (members, GINT_TO_POINTER (process->pid), process))
            found = TRUE;
        }
  } while (found);
  return members;
}

/* Of an instance whose leader this process started, all that is left is below this process. */
static GArray *
list_around (GPid leader)
{
  HrProcess process;
  GArray *list = NULL;

  if (hr_process_read (leader, &process) && process.parent == getpid ())
    list = hr_process_children_list ();
  return list != NULL ? list : hr_process_list ();
}

/* Kills exactly that process. Returns its pidfd, -1 when it is gone. */
static int
kill_process (const HrProcess *process)
{
  g_auto (HrFd) pidfd = pidfd_open (process->pid, 0);
  HrProcess now;

  /* Compared after the descriptor is open: from here on it cannot become another process. */
  if (pidfd < 0 || !hr_process_read (process->pid, &now) || now.start != process->start)
    return -1;
  pidfd_send_signal (pidfd, SIGKILL, NULL, 0);
  return hr_fd_steal (&pidfd);
}

/* Waits for their end and takes those that became children of this process. */
static void
await_end (GArray *pidfds, gint64 deadline)
{
  for (guint i = 0; i < pidfds->len; i++)
    {
      int pidfd = g_array_index (pidfds, int, i);
      struct pollfd ended = { .fd = pidfd, .events = POLLIN };
      gint64 left = MAX (deadline - g_get_monotonic_time (), 0) / 1000;
      siginfo_t info;

      TEMP_FAILURE_RETRY (poll (&ended, 1, (int)left));
      waitid (P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
    }
}

static void
close_pidfds (GArray *pidfds)
{
  for (guint i = 0; i < pidfds->len; i++)
    close (g_array_index (pidfds, int, i));
  g_array_unref (pidfds);
}

/**
 * hr_process_tree_kill:
 * @leader: main process of an instance: ended, but not reaped, so that no other session can have its number
 * @instance: the instance's id
 *
 * SIGKILL to every other process of the instance, again and again until none is left: one may be starting another.
 * Blocks until they are gone, at most 2 s; for a worker thread.
 *
 * Returns: whether none is left
 */
gboolean
hr_process_tree_kill (GPid leader, const char *instance)
{
  gint64 deadline = g_get_monotonic_time () + KILL_DEADLINE_USEC;
  GArray *pidfds = g_array_new (FALSE, FALSE, sizeof (int));
  guint left;

  g_return_val_if_fail (leader > 1 && instance != NULL && *instance != '\0', FALSE);
  do
    {
      g_autoptr (GArray) list = list_around (leader);
      g_autoptr (GHashTable) members = find_members (list, leader, instance);
      GHashTableIter iter;
      gpointer process;

      left = g_hash_table_size (members);
      g_hash_table_iter_init (&iter, members);
      while (g_hash_table_iter_next (&iter, NULL, &process))
        {
          int pidfd = kill_process (process);

          if (pidfd >= 0)
            g_array_append_val (pidfds, pidfd);
        }
      await_end (pidfds, deadline);
  } while (left > 0 && g_get_monotonic_time () < deadline);
  close_pidfds (pidfds);
  return left == 0;
}

/**
 * hr_process_reap_strays:
 * @keep: (element-type GPid): main processes that are waited for elsewhere
 * @seen: (element-type GPid guint64): zombies that were there the last time, with their start times; updated
 *
 * Reaps processes that became children of this one because their parents ended. Nobody else waits for them; but for
 * the ended children of GLib somebody does, at once. So only a zombie that was one already at the last call is reaped:
 * leave some seconds between two calls.
 */
void
hr_process_reap_strays (GHashTable *keep, GHashTable *seen)
{
  g_autoptr (GHashTable) before = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GArray) list = NULL;
  GHashTableIter iter;
  gpointer pid, start;
  siginfo_t info = { 0 };

  g_hash_table_iter_init (&iter, seen);
  while (g_hash_table_iter_next (&iter, &pid, &start))
    {
      g_hash_table_iter_steal (&iter);
      g_hash_table_insert (before, pid, start);
    }
  /* One call tells that there is nothing to do, which is nearly always so. */
  if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
    return;
  list = hr_process_children_list ();
  if (list == NULL)
    list = hr_process_list ();
  for (guint i = 0; i < list->len; i++)
    {
      HrProcess *process = &g_array_index (list, HrProcess, i);
      guint64 *known = g_hash_table_lookup (before, GINT_TO_POINTER (process->pid));

      if (process->parent != getpid () || process->state != 'Z'
          || g_hash_table_contains (keep, GINT_TO_POINTER (process->pid)))
        continue;
      if (known != NULL && *known == process->start)
        waitid (P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG);
      else
        g_hash_table_insert (seen, GINT_TO_POINTER (process->pid), g_memdup2 (&process->start, sizeof (guint64)));
    }
}

/**
 * hr_process_memory:
 * @pid: a process
 *
 * Returns: its resident memory in bytes, -1 when it is not known
 */
gint64
hr_process_memory (GPid pid)
{
  char text[128];
  gssize length = read_proc (pid, "statm", text, sizeof text - 1);
  guint64 pages;
  const char *resident;

  if (length <= 0)
    return -1;
  text[length] = '\0';
  resident = strchr (text, ' ');
  if (resident == NULL)
    return -1;
  pages = g_ascii_strtoull (resident + 1, NULL, 10);
  return (gint64)(pages * (guint64)sysconf (_SC_PAGESIZE));
}
