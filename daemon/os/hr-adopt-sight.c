/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-sight.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hr-elf-file.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-names.h"
#include "hr-socket-holder.h"
#include "hr-task-thread.h"
#include "hr-tcp-diag.h"

/* Launchers start launchers, but not without end. */
#define GENERATIONS_MAX 8
#define URING_LINK "anon_inode:[io_uring]"

typedef gboolean (*Matches) (GPid pid, gpointer data);

struct _HrAdoptSights {
  guint *running; /* threads; lives as long as any of them */
};

/* Of a thread. */
typedef struct {
  guint *running;
  GPid leader;
  HrAdoptSight sight;
} Look;

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

/* The inodes of all TCP sockets that listen, as the kernel tells them; %NULL where it does not. */
static GHashTable *
list_listeners (void)
{
  g_autoptr (GHashTable) inodes = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  return hr_tcp_diag_list_listeners (take_inode, inodes, NULL) ? g_steal_pointer (&inodes) : NULL;
}

/* Whether one of its processes listens on a socket of its own, which this process does not have, and the library is not
   in it or does not see its calls. Most have no listener at all: only where one has are the descriptors of this process
   looked through, of which there are some for each service. */
static gboolean
misses_listener (GPid leader)
{
  g_autoptr (GHashTable) all = list_listeners (), others = NULL;

  if (all == NULL || !any (leader, GENERATIONS_MAX, binds_unseen, all))
    return FALSE;
  others = list_listeners ();
  if (others == NULL)
    return FALSE;
  hr_socket_take_held ("self", others, G_MAXUINT);
  return any (leader, GENERATIONS_MAX, binds_unseen, others);
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

static void
look_free (gpointer data)
{
  Look *self = data;

  (*self->running)--;
  g_rc_box_release (self->running);
  g_free (self);
}

static gboolean
look (gpointer data, GCancellable *cancellable, GError **error)
{
  Look *self = data;

  self->sight = (HrAdoptSight){
    .sees = any (self->leader, GENERATIONS_MAX, is_seen, NULL),
    .misses_listener = misses_listener (self->leader),
    .uses_uring = any (self->leader, GENERATIONS_MAX, has_uring, NULL),
  };
  return TRUE;
}

/**
 * hr_adopt_sights_new:
 *
 * Returns: (transfer full): looks at one instance
 */
HrAdoptSights *
hr_adopt_sights_new (void)
{
  HrAdoptSights *self = g_new (HrAdoptSights, 1);

  self->running = g_rc_box_new0 (guint);
  return self;
}

/**
 * hr_adopt_sights_free:
 * @self: (transfer full) (nullable): looks, which may be under way
 */
void
hr_adopt_sights_free (HrAdoptSights *self)
{
  if (self == NULL)
    return;
  g_rc_box_release (self->running);
  g_free (self);
}

/**
 * hr_adopt_sights_look_async:
 * @self: looks
 * @leader: main process of the instance, not reaped yet
 * @callback: called when it was seen, or not in time
 * @user_data: for @callback
 *
 * Reads what the kernel says of the process and of what it started, and asks it for the TCP sockets that listen: one or
 * two milliseconds, where no process holds that up. A process can: its program may be on a file system that hangs.
 */
void
hr_adopt_sights_look_async (HrAdoptSights *self, GPid leader, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Look *data;

  g_task_set_source_tag (task, hr_adopt_sights_look_async);
  if (*self->running >= HR_ADOPT_SIGHTS_MAX)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                               "process %d is not looked at: %d looks that do not end are under way", (int)leader,
                               HR_ADOPT_SIGHTS_MAX);
      g_object_unref (task);
      return;
    }
  data = g_new0 (Look, 1);
  data->running = g_rc_box_acquire (self->running);
  (*data->running)++;
  data->leader = leader;
  g_task_set_task_data (task, data, look_free);
  hr_task_thread_run_within (task, look, HR_ADOPT_SIGHT_MSEC);
}

/**
 * hr_adopt_sights_look_finish:
 * @result: of hr_adopt_sights_look_async()
 * @sight: (out): what was seen; untouched on failure
 * @error: return location
 *
 * Returns: success; else %HR_ERROR_TIMED_OUT or %HR_ERROR_LIMIT_EXCEEDED
 */
gboolean
hr_adopt_sights_look_finish (GAsyncResult *result, HrAdoptSight *sight, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_adopt_sights_look_async), FALSE);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  *sight = ((const Look *)g_task_get_task_data (G_TASK (result)))->sight;
  return TRUE;
}
