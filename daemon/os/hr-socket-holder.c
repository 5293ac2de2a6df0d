/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-holder.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-names.h"
#include "hr-process-tree.h"

/* TCP_LISTEN as /proc/net/tcp writes it, and the flag of a Unix socket that listens. */
#define STATE_LISTEN 0x0a
#define FLAG_LISTENS 0x10000

/* The inode of the socket in the line of /proc/net/tcp or udp, 0 when it is not one that holds the port. */
static guint64
match_port (const char *line, const HrSocketAddress *address)
{
  unsigned local, state;
  guint64 inode;

  if (sscanf (line, "%*u: %*[^:]:%x %*[^:]:%*x %x %*s %*s %*s %*u %*u %" G_GUINT64_FORMAT, &local, &state, &inode) != 3
      || local != hr_socket_address_port (address) || (address->kind == HR_LISTEN_TCP && state != STATE_LISTEN))
    return 0;
  return inode;
}

/* The same in the line of /proc/net/unix. */
static guint64
match_name (const char *line, const char *name)
{
  unsigned flags;
  guint64 inode;
  int end = 0;

  if (sscanf (line, "%*x: %*x %*x %x %*x %*x %" G_GUINT64_FORMAT " %n", &flags, &inode, &end) != 2 || end == 0)
    return 0;
  return g_str_equal (line + end, name) && (flags & FLAG_LISTENS) != 0 ? inode : 0;
}

/* The inode of a socket that holds the address, 0 when there is none in the table. */
static guint64
find_inode (const char *table, const HrSocketAddress *address)
{
  g_autofree char *text = hr_socket_address_to_string (address);
  const char *name = strchr (text, ':') + 1;
  FILE *file = fopen (table, "re");
  char line[512];
  guint64 found = 0;

  while (file != NULL && found == 0 && fgets (line, sizeof line, file) != NULL)
    {
      line[strcspn (line, "\n")] = '\0';
      found = address->kind == HR_LISTEN_UNIX ? match_name (line, name) : match_port (line, address);
    }
  if (file != NULL)
    fclose (file);
  return found;
}

/**
 * hr_socket_take_held:
 * @pid: a process, as /proc names it: also "self"
 * @inodes: (element-type guint64): of sockets: those that it has open are taken out, none any more once @most were found
 * @most: where to stop
 *
 * Returns: how many were taken out
 */
guint
hr_socket_take_held (const char *pid, GHashTable *inodes, guint most)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/fd", pid);
  DIR *dir = opendir (path);
  struct dirent *entry;
  guint found = 0;

  if (dir == NULL)
    return 0;
  while (found < most && (entry = readdir (dir)) != NULL)
    {
      char link[64];
      ssize_t length = readlinkat (dirfd (dir), entry->d_name, link, sizeof link - 1);
      guint64 inode;

      if (length <= 0)
        continue;
      link[length] = '\0';
      if (sscanf (link, "socket:[%" G_GUINT64_FORMAT "]", &inode) == 1 && g_hash_table_remove (inodes, &inode))
        found++;
    }
  closedir (dir);
  return found;
}

static GHashTable *
to_set (const guint64 *inodes, guint n_inodes)
{
  GHashTable *set = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  for (guint i = 0; i < n_inodes; i++)
    g_hash_table_add (set, g_memdup2 (&inodes[i], sizeof *inodes));
  return set;
}

static char *
describe (const char *pid, const char *service)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/comm", pid);
  g_autofree char *of = service != NULL ? g_strdup_printf ("service '%s', ", service) : g_strdup ("");
  g_autofree char *name = NULL;

  if (!g_file_get_contents (path, &name, NULL, NULL))
    return g_strdup_printf ("%sprocess %s", of, pid);
  return g_strdup_printf ("%sprocess %s (%s)", of, pid, g_strchomp (name));
}

/**
 * hr_socket_holder:
 * @address: what somebody else is bound to
 *
 * Of a service's socket a daemon and its keeper have copies: a process that belongs to a service comes first. Reads much
 * of /proc: only for an error that is about to be reported.
 *
 * Returns: (transfer full) (nullable): for people, "process 4711 (node)" or "service 'shop', process 4711 (node)"; %NULL
 *   when it cannot be found out
 */
char *
hr_socket_holder (const HrSocketAddress *address)
{
  static const char *const tables[][2] = {
    [HR_LISTEN_TCP] = { "/proc/net/tcp", "/proc/net/tcp6" },
    [HR_LISTEN_UDP] = { "/proc/net/udp", "/proc/net/udp6" },
    [HR_LISTEN_UNIX] = { "/proc/net/unix", NULL },
  };
  guint64 inode = find_inode (tables[address->kind][0], address);
  g_autofree char *service = NULL;
  char *holder = NULL;
  struct dirent *entry;
  DIR *dir;

  if (inode == 0 && tables[address->kind][1] != NULL)
    inode = find_inode (tables[address->kind][1], address);
  dir = inode != 0 ? opendir ("/proc") : NULL;
  if (dir == NULL)
    return NULL;
  while (service == NULL && (entry = readdir (dir)) != NULL)
    {
      g_autoptr (GHashTable) wanted = to_set (&inode, 1);

      if (!g_ascii_isdigit (entry->d_name[0]) || hr_socket_take_held (entry->d_name, wanted, 1) == 0)
        continue;
      service = hr_process_get_variable ((GPid)g_ascii_strtoll (entry->d_name, NULL, 10), HR_ENV_SERVICE);
      if (holder != NULL && service == NULL)
        continue;
      g_free (holder);
      holder = describe (entry->d_name, service);
    }
  closedir (dir);
  return holder;
}

static guint
take_held_by_tree (const char *pid, GHashTable *inodes, guint most)
{
  g_autofree char *tasks = g_strdup_printf ("/proc/%s/task", pid);
  guint found = hr_socket_take_held (pid, inodes, most);
  DIR *dir = found < most ? opendir (tasks) : NULL;
  struct dirent *entry;

  /* A child belongs to the thread that started it. */
  while (dir != NULL && found < most && (entry = readdir (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("%s/%s/children", tasks, entry->d_name);
      g_autofree char *children = NULL;
      g_auto (GStrv) pids = NULL;

      if (entry->d_name[0] == '.' || !g_file_get_contents (path, &children, NULL, NULL))
        continue;
      pids = g_strsplit (g_strstrip (children), " ", -1);
      for (guint i = 0; pids[i] != NULL && found < most; i++)
        if (pids[i][0] != '\0')
          found += take_held_by_tree (pids[i], inodes, most - found);
    }
  if (dir != NULL)
    closedir (dir);
  return found;
}

/**
 * hr_socket_count_held:
 * @pid: a process
 * @inodes: (array length=n_inodes): of sockets
 * @n_inodes: how many
 * @most: where to stop counting
 *
 * Returns: how many of them the process and its descendants have open, as far as that can be seen
 */
guint
hr_socket_count_held (GPid pid, const guint64 *inodes, guint n_inodes, guint most)
{
  g_autofree char *name = g_strdup_printf ("%d", (int)pid);
  g_autoptr (GHashTable) wanted = to_set (inodes, n_inodes);

  return take_held_by_tree (name, wanted, most);
}
