/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-move-watch.h"

#include <glib-unix.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hr-fd.h"

struct _HrMoveWatch {
  int wd;
  HrMoveFunc func;
  gpointer user_data;
};

/* All of one thread, that of the watches. */
static struct {
  int fd;
  GSource *source;
  GPtrArray *watches; /* NULL: none, and nothing is open */
} shared;

/* A directory that is moved within a file system keeps its watch. @wd -1: the queue overflowed, it may be anyone. */
static void
tell (int wd)
{
  g_autoptr (GPtrArray) told = g_ptr_array_new ();

  for (guint i = 0; i < shared.watches->len; i++)
    {
      HrMoveWatch *watch = shared.watches->pdata[i];

      if (wd < 0 || watch->wd == wd)
        g_ptr_array_add (told, watch);
    }
  for (guint i = 0; i < told->len; i++)
    {
      HrMoveWatch *watch = told->pdata[i];

      watch->func (watch->user_data);
    }
}

static gboolean
readable (int fd, GIOCondition condition, gpointer user_data)
{
  union {
    struct inotify_event event;
    char bytes[16 * 1024];
  } buffer;
  gssize size = read (fd, &buffer, sizeof buffer);

  for (gssize offset = 0; offset < size;)
    {
      const struct inotify_event *event = (const struct inotify_event *)(buffer.bytes + offset);

      tell (event->wd);
      offset += (gssize)(sizeof *event + event->len);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
open_shared (void)
{
  if (shared.watches != NULL)
    return TRUE;
  shared.fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  if (shared.fd < 0)
    return FALSE;
  shared.watches = g_ptr_array_new ();
  shared.source = g_unix_fd_source_new (shared.fd, G_IO_IN);
  g_source_set_callback (shared.source, G_SOURCE_FUNC (readable), NULL, NULL);
  g_source_attach (shared.source, g_main_context_get_thread_default ());
  return TRUE;
}

static void
close_shared (void)
{
  if (shared.watches->len > 0)
    return;
  g_source_destroy (shared.source);
  g_clear_pointer (&shared.source, g_source_unref);
  g_clear_pointer (&shared.watches, g_ptr_array_unref);
  hr_fd_clear (&shared.fd);
}

static gboolean
is_watched (int wd)
{
  for (guint i = 0; i < shared.watches->len; i++)
    if (((const HrMoveWatch *)shared.watches->pdata[i])->wd == wd)
      return TRUE;
  return FALSE;
}

/**
 * hr_move_watch_new:
 * @dir: a directory, by a path without links
 * @func: called whenever it was moved or removed, in the thread-default main context; must not free any watch
 * @user_data: for @func
 *
 * Returns: (transfer full) (nullable): a watch; %NULL when @dir cannot be watched
 */
HrMoveWatch *
hr_move_watch_new (const char *dir, HrMoveFunc func, gpointer user_data)
{
  HrMoveWatch *self;
  int wd;

  if (!open_shared ())
    return NULL;
  wd = inotify_add_watch (shared.fd, dir, IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW);
  if (wd < 0)
    {
      close_shared ();
      return NULL;
    }
  self = g_new (HrMoveWatch, 1);
  *self = (HrMoveWatch){ .wd = wd, .func = func, .user_data = user_data };
  g_ptr_array_add (shared.watches, self);
  return self;
}

/**
 * hr_move_watch_free:
 * @self: (transfer full): a watch
 */
void
hr_move_watch_free (HrMoveWatch *self)
{
  g_ptr_array_remove_fast (shared.watches, self);
  /* Fails for a directory that is gone: its watch went with it. */
  if (!is_watched (self->wd))
    inotify_rm_watch (shared.fd, self->wd);
  g_free (self);
  close_shared ();
}
