/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-unix-connections.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hr-fs.h"
#include "hr-socket-holder.h"

#define TABLE "/proc/net/unix"
/* As the kernel numbers them: SS_CONNECTED. */
#define STATE_CONNECTED 3

static guint64
match (const char *line, const char *const *names)
{
  unsigned state;
  guint64 inode;
  int end = 0;

  if (sscanf (line, "%*x: %*x %*x %*x %*x %x %" G_GUINT64_FORMAT " %n", &state, &inode, &end) != 2 || end == 0
      || state != STATE_CONNECTED)
    return 0;
  return g_strv_contains (names, line + end) ? inode : 0;
}

/**
 * hr_unix_connections_count:
 * @pid: a process
 * @names: (array zero-terminated=1): what listeners are bound to, an abstract one with '@' in front
 * @error: return location
 *
 * Blocks for as long as reading /proc takes: for worker threads.
 *
 * Returns: how many connections the process and its descendants have there, as far as that can be seen; -1 with a
 *   #GIOErrorEnum set when the kernel does not tell
 */
int
hr_unix_connections_count (GPid pid, const char *const *names, GError **error)
{
  g_autoptr (GArray) inodes = g_array_new (FALSE, FALSE, sizeof (guint64));
  char line[512];
  FILE *file;

  if (names[0] == NULL)
    return 0;
  file = fopen (TABLE, "re");
  if (file == NULL)
    {
      hr_fs_set_error (error, errno, "while reading " TABLE);
      return -1;
    }
  while (fgets (line, sizeof line, file) != NULL)
    {
      guint64 inode;

      line[strcspn (line, "\n")] = '\0';
      inode = match (line, names);
      if (inode != 0)
        g_array_append_val (inodes, inode);
    }
  fclose (file);
  return inodes->len == 0
             ? 0
             : (int)hr_socket_count_held (pid, (const guint64 *)(gpointer)inodes->data, inodes->len, inodes->len);
}
