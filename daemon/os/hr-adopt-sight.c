/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-sight.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hr-elf-file.h"
#include "hr-fd.h"
#include "hr-names.h"
#include "hr-socket-holder.h"
#include "hr-tcp-diag.h"

/* Launchers start launchers, but not without end. */
#define GENERATIONS_MAX 8
#define URING_LINK "anon_inode:[io_uring]"

typedef gboolean (*Matches) (GPid pid, gpointer data);

static gboolean
has_library (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/maps", (int)pid);
  g_autofree char *maps = NULL;

  return g_file_get_contents (path, &maps, NULL, NULL) && strstr (maps, "/" HR_ADOPT_LIBRARY) != NULL;
}

static gboolean
is_go (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/exe", (int)pid);
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC);
  HrElfFile file;

  return fd >= 0 && hr_elf_file_read (fd, &file) && file.is_go;
}

/* Whether it holds for the process or what it started. */
static gboolean
any (GPid pid, int generations, Matches matches, gpointer data)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int)pid);
  g_autoptr (GDir) threads = NULL;
  const char *thread;

  if (matches (pid, data))
    return TRUE;
  threads = generations > 0 ? g_dir_open (path, 0, NULL) : NULL;
  while (threads != NULL && (thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *list = g_build_filename (path, thread, "children", NULL);
      g_autofree char *children = NULL;
      g_auto (GStrv) pids = NULL;

      if (!g_file_get_contents (list, &children, NULL, NULL))
        continue;
      pids = g_strsplit (g_strstrip (children), " ", -1);
      for (guint i = 0; pids[i] != NULL; i++)
        if (pids[i][0] != '\0' && any (atoi (pids[i]), generations - 1, matches, data))
          return TRUE;
    }
  return FALSE;
}

static gboolean
is_seen (GPid pid, gpointer data)
{
  return has_library (pid) && !is_go (pid);
}

/**
 * hr_adopt_sees:
 * @leader: main process of an instance, not reaped yet
 *
 * Reads what the kernel says of it and of what it started: some hundred microseconds.
 *
 * Returns: whether the library is in one of them and sees its calls
 */
gboolean
hr_adopt_sees (GPid leader)
{
  return leader > 0 && any (leader, GENERATIONS_MAX, is_seen, NULL);
}

static void
take_inode (const struct inet_diag_msg *socket, const struct tcp_info *info, gpointer user_data)
{
  guint64 inode = socket->idiag_inode;

  if (inode != 0)
    g_hash_table_add (user_data, g_memdup2 (&inode, sizeof inode));
}

static gboolean
binds_unseen (GPid pid, gpointer data)
{
  g_autofree char *name = g_strdup_printf ("%d", (int)pid);

  return hr_socket_take_held (name, data, 1) > 0 && !is_seen (pid, NULL);
}

/**
 * hr_adopt_misses_listener:
 * @leader: main process of an instance, not reaped yet
 *
 * Asks the kernel for the TCP sockets that listen and who has them: about a millisecond.
 *
 * Returns: whether one of its processes listens on a socket of its own, which this process does not have, and the
 *   library is not in it or does not see its calls
 */
gboolean
hr_adopt_misses_listener (GPid leader)
{
  g_autoptr (GHashTable) inodes = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  if (leader <= 0 || !hr_tcp_diag_list_listeners (take_inode, inodes, NULL))
    return FALSE;
  hr_socket_take_held ("self", inodes, G_MAXUINT);
  return g_hash_table_size (inodes) > 0 && any (leader, GENERATIONS_MAX, binds_unseen, inodes);
}

static gboolean
has_uring (GPid pid, gpointer data)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int)pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename (path, name, NULL);
      g_autofree char *target = g_file_read_link (link, NULL);

      if (g_strcmp0 (target, URING_LINK) == 0)
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_adopt_finds_uring:
 * @leader: main process of an instance, not reaped yet
 *
 * Returns: whether one of its processes uses io_uring, by which a connection can be accepted past the library
 */
gboolean
hr_adopt_finds_uring (GPid leader)
{
  return leader > 0 && any (leader, GENERATIONS_MAX, has_uring, NULL);
}
