/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* TCP_LISTEN as /proc/net/tcp writes it. */
#define STATE_LISTEN 0x0a

/* The inode of a socket that listens on the port, 0 when there is none in the table. */
static unsigned long
find_inode (const char *table, guint16 port)
{
  FILE *file = fopen (table, "re");
  char line[512];
  unsigned long found = 0;

  if (file == NULL)
    return 0;
  while (found == 0 && fgets (line, sizeof line, file) != NULL)
    {
      unsigned local, state;
      unsigned long inode;

      if (sscanf (line, "%*u: %*[^:]:%x %*[^:]:%*x %x %*s %*s %*s %*u %*u %lu", &local, &state, &inode) == 3
          && local == port && state == STATE_LISTEN)
        found = inode;
    }
  fclose (file);
  return found;
}

static gboolean
holds (const char *pid, const guint64 *inodes, guint n_inodes)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/fd", pid);
  DIR *dir = opendir (path);
  struct dirent *entry;
  gboolean found = FALSE;

  if (dir == NULL)
    return FALSE;
  while (!found && (entry = readdir (dir)) != NULL)
    {
      char link[64];
      ssize_t length = readlinkat (dirfd (dir), entry->d_name, link, sizeof link - 1);
      guint64 inode;

      if (length <= 0)
        continue;
      link[length] = '\0';
      if (sscanf (link, "socket:[%" G_GUINT64_FORMAT "]", &inode) != 1)
        continue;
      for (guint i = 0; i < n_inodes && !found; i++)
        found = inodes[i] == inode;
    }
  closedir (dir);
  return found;
}

static char *
describe (const char *pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/comm", pid);
  g_autofree char *name = NULL;

  if (!g_file_get_contents (path, &name, NULL, NULL))
    return g_strdup_printf ("process %s", pid);
  return g_strdup_printf ("process %s (%s)", pid, g_strchomp (name));
}

/**
 * hr_socket_holder:
 * @port: a TCP port that somebody listens on
 *
 * Reads much of /proc: only for an error that is about to be reported.
 *
 * Returns: (transfer full) (nullable): for people, "process 4711 (node)"; %NULL when it cannot be found out
 */
char *
hr_socket_holder (guint16 port)
{
  unsigned long inode = find_inode ("/proc/net/tcp", port);
  guint64 wanted;
  char *holder = NULL;
  struct dirent *entry;
  DIR *dir;

  if (inode == 0)
    inode = find_inode ("/proc/net/tcp6", port);
  dir = inode != 0 ? opendir ("/proc") : NULL;
  if (dir == NULL)
    return NULL;
  wanted = inode;
  while (holder == NULL && (entry = readdir (dir)) != NULL)
    if (g_ascii_isdigit (entry->d_name[0]) && holds (entry->d_name, &wanted, 1))
      holder = describe (entry->d_name);
  closedir (dir);
  return holder;
}

/**
 * hr_socket_is_held:
 * @pid: a process
 * @inodes: (array length=n_inodes): of sockets
 * @n_inodes: how many
 *
 * Returns: whether the process or one of its descendants has one of them open, as far as that can be seen
 */
gboolean
hr_socket_is_held (GPid pid, const guint64 *inodes, guint n_inodes)
{
  g_autofree char *name = g_strdup_printf ("%d", (int)pid);
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%d/children", (int)pid, (int)pid);
  g_autofree char *children = NULL;
  g_auto (GStrv) pids = NULL;

  if (holds (name, inodes, n_inodes))
    return TRUE;
  /* Children of the first thread: a launcher such as npm starts its program from there. */
  if (!g_file_get_contents (path, &children, NULL, NULL))
    return FALSE;
  pids = g_strsplit (g_strstrip (children), " ", -1);
  for (guint i = 0; pids[i] != NULL; i++)
    if (pids[i][0] != '\0' && hr_socket_is_held (atoi (pids[i]), inodes, n_inodes))
      return TRUE;
  return FALSE;
}
