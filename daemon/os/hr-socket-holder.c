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
holds (const char *pid, const char *wanted)
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

      if (length <= 0)
        continue;
      link[length] = '\0';
      found = g_str_equal (link, wanted);
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
  g_autofree char *wanted = NULL;
  char *holder = NULL;
  struct dirent *entry;
  DIR *dir;

  if (inode == 0)
    inode = find_inode ("/proc/net/tcp6", port);
  dir = inode != 0 ? opendir ("/proc") : NULL;
  if (dir == NULL)
    return NULL;
  wanted = g_strdup_printf ("socket:[%lu]", inode);
  while (holder == NULL && (entry = readdir (dir)) != NULL)
    if (g_ascii_isdigit (entry->d_name[0]) && holds (entry->d_name, wanted))
      holder = describe (entry->d_name);
  closedir (dir);
  return holder;
}
