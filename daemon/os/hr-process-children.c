/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-children.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hr-process-tree.h"

/* The kernel may leave out children while others end, see proc(5): a list counts that is the same twice. */
#define READINGS_MAX 8
/* How many processes are listed; with more of them to look at all is no worse. */
#define LIST_MAX 4096

static GMutex lock;
static GHashTable *leaders; /* GPid; NULL where there is none */

/**
 * hr_process_children_enter:
 * @leader: a process that was started for an instance
 *
 * It is not listed from now on, nor what is below it.
 */
void
hr_process_children_enter (GPid leader)
{
  g_mutex_lock (&lock);
  if (leaders == NULL)
    leaders = g_hash_table_new (NULL, NULL);
  g_hash_table_add (leaders, GINT_TO_POINTER (leader));
  g_mutex_unlock (&lock);
}

/**
 * hr_process_children_leave:
 * @leader: one that was entered, or not
 *
 * To be called before it is reaped: its number is another's afterwards.
 */
void
hr_process_children_leave (GPid leader)
{
  g_mutex_lock (&lock);
  if (leaders != NULL && g_hash_table_remove (leaders, GINT_TO_POINTER (leader)) && g_hash_table_size (leaders) == 0)
    g_clear_pointer (&leaders, g_hash_table_unref);
  g_mutex_unlock (&lock);
}

static gboolean
is_leader (GPid pid)
{
  gboolean is;

  g_mutex_lock (&lock);
  is = leaders != NULL && g_hash_table_contains (leaders, GINT_TO_POINTER (pid));
  g_mutex_unlock (&lock);
  return is;
}

/* Those that a thread of the process started, or was given as their reaper. One that has ended meanwhile has none. */
static void
read_thread (GPid pid, const char *thread, GArray *children)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%s/children", (int)pid, thread);
  g_autofree char *text = NULL;
  char *rest, *end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  rest = text;
  for (GPid child = (GPid)strtol (rest, &end, 10); end != rest; child = (GPid)strtol (rest, &end, 10))
    {
      g_array_append_val (children, child);
      rest = end;
    }
}

static GArray *
read_children (GPid pid)
{
  GArray *children = g_array_new (FALSE, FALSE, sizeof (GPid));
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int)pid);
  g_autoptr (GDir) tasks = g_dir_open (path, 0, NULL);
  const char *thread;

  while (tasks != NULL && (thread = g_dir_read_name (tasks)) != NULL)
    read_thread (pid, thread, children);
  return children;
}

/* Returns NULL where one reading never was as the one before. */
static GArray *
read_children_twice (GPid pid)
{
  g_autoptr (GArray) before = read_children (pid);

  for (guint i = 0; i < READINGS_MAX; i++)
    {
      g_autoptr (GArray) now = read_children (pid);

      if (now->len == before->len && (now->len == 0 || memcmp (now->data, before->data, now->len * sizeof (GPid)) == 0))
        return g_steal_pointer (&now);
      g_array_unref (before);
      before = g_steal_pointer (&now);
    }
  return NULL;
}

/* What a process that is listed has below it is listed behind it. */
static gboolean
add_below (GArray *list)
{
  for (guint i = 0; i < list->len; i++)
    {
      g_autoptr (GArray) children = read_children (g_array_index (list, HrProcess, i).pid);

      if (list->len + children->len > LIST_MAX)
        return FALSE;
      for (guint n = 0; n < children->len; n++)
        {
          HrProcess process;

          if (hr_process_read (g_array_index (children, GPid, n), &process))
            g_array_append_val (list, process);
        }
    }
  return TRUE;
}

/**
 * hr_process_children_list:
 *
 * Returns: (transfer full) (nullable) (element-type HrProcess): the children of this process and all that is below them,
 *   without the leaders that were entered; %NULL where it is no reaper of orphans, where the kernel does not tell, or
 *   where too much changes or runs there
 */
GArray *
hr_process_children_list (void)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (HrProcess));
  g_autoptr (GArray) children = NULL;
  int reaper = 0;

  if (prctl (PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0) < 0 || !reaper
      || access ("/proc/thread-self/children", R_OK) != 0)
    return NULL;
  children = read_children_twice (getpid ());
  if (children == NULL)
    return NULL;
  for (guint i = 0; i < children->len; i++)
    {
      GPid pid = g_array_index (children, GPid, i);
      HrProcess process;

      if (!is_leader (pid) && hr_process_read (pid, &process))
        g_array_append_val (list, process);
    }
  return add_below (list) ? g_steal_pointer (&list) : NULL;
}
