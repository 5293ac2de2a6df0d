/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A source of GLib's is asked in each turn of the main loop, and its descriptor handed to poll(2) each time: with some
 * thousands of them, of which none has anything to say, a turn takes a millisecond and more, and whatever a service needs
 * takes tens of turns. Here epoll(7) keeps them, and the loop has one descriptor to wait for.
 */
#include "hr-fd-watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How many are told of in one turn of the loop; the others follow in the next. */
#define EVENTS_MAX 64

typedef struct {
  guint id;
  int fd;
  GUnixFDSourceFunc func;
  gpointer user_data;
  guint source; /* of its own, where epoll does not take the descriptor; else 0 */
} Watch;

/* What waits in the default main context, which is the daemon's. */
static struct {
  int epoll_fd;
  guint source;
  GHashTable *watches; /* by id; NULL where there is none */
  guint last_id;
  gboolean telling;
} set = { .epoll_fd = -1 };

G_STATIC_ASSERT ((int)EPOLLIN == G_IO_IN && (int)EPOLLOUT == G_IO_OUT && (int)EPOLLHUP == G_IO_HUP
                 && (int)EPOLLERR == G_IO_ERR);

static void
close_set_if_unused (void)
{
  if (set.watches == NULL || set.telling || g_hash_table_size (set.watches) > 0)
    return;
  g_clear_pointer (&set.watches, g_hash_table_unref);
  g_clear_handle_id (&set.source, g_source_remove);
  if (set.epoll_fd >= 0)
    close (set.epoll_fd);
  set.epoll_fd = -1;
}

/* One may end any other, and itself: each is looked up again. */
static gboolean
on_events (gint fd, GIOCondition condition, gpointer user_data)
{
  struct epoll_event events[EVENTS_MAX];
  int n = epoll_wait (set.epoll_fd, events, EVENTS_MAX, 0);

  set.telling = TRUE;
  for (int i = 0; i < n; i++)
    {
      guint id = events[i].data.u32;
      const Watch *watch = g_hash_table_lookup (set.watches, GUINT_TO_POINTER (id));

      if (watch != NULL && !watch->func (watch->fd, (GIOCondition)events[i].events, watch->user_data))
        hr_fd_watch_remove (id);
    }
  set.telling = FALSE;
  close_set_if_unused ();
  return G_SOURCE_CONTINUE;
}

static gboolean
on_own_source (gint fd, GIOCondition condition, gpointer user_data)
{
  guint id = GPOINTER_TO_UINT (user_data);
  Watch *watch = g_hash_table_lookup (set.watches, user_data);

  if (watch->func (fd, condition, watch->user_data))
    return G_SOURCE_CONTINUE;
  /* It may have ended itself, with this source. */
  hr_fd_watch_remove (id);
  return G_SOURCE_REMOVE;
}

static void
open_set (void)
{
  set.watches = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  set.epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (set.epoll_fd >= 0)
    set.source = g_unix_fd_add (set.epoll_fd, G_IO_IN, on_events, NULL);
}

/**
 * hr_fd_watch_add:
 * @fd: a descriptor; stays the caller's, and open until the watch is removed
 * @condition: of which it is told; hang-up and error besides, as poll(2) does
 * @func: called from the main loop; returns %G_SOURCE_REMOVE where it is to be the last time
 * @user_data: for @func
 *
 * As g_unix_fd_add(), for what waits long while the service is at rest. What is told in one turn comes in the order in
 * which it happened. A descriptor is watched once; a second watch of it costs what a source of GLib's costs, and so does one
 * for which the kernel has no room.
 *
 * Returns: its id, never 0, for hr_fd_watch_remove()
 */
guint
hr_fd_watch_add (int fd, GIOCondition condition, GUnixFDSourceFunc func, gpointer user_data)
{
  Watch *watch = g_new0 (Watch, 1);
  struct epoll_event event = { .events = condition };

  if (set.watches == NULL)
    open_set ();
  do
    watch->id = ++set.last_id;
  while (watch->id == 0 || g_hash_table_contains (set.watches, GUINT_TO_POINTER (watch->id)));
  watch->fd = fd;
  watch->func = func;
  watch->user_data = user_data;
  event.data.u32 = watch->id;
  if (set.epoll_fd < 0 || epoll_ctl (set.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    watch->source = g_unix_fd_add (fd, condition, on_own_source, GUINT_TO_POINTER (watch->id));
  g_hash_table_insert (set.watches, GUINT_TO_POINTER (watch->id), watch);
  return watch->id;
}

/**
 * hr_fd_watch_remove:
 * @id: of a watch
 *
 * To be called before the descriptor is closed: epoll would go on to tell of one that another process still holds.
 *
 * Returns: whether there was one
 */
gboolean
hr_fd_watch_remove (guint id)
{
  Watch *watch = set.watches != NULL ? g_hash_table_lookup (set.watches, GUINT_TO_POINTER (id)) : NULL;

  if (watch == NULL)
    return FALSE;
  if (watch->source != 0)
    g_source_remove (watch->source);
  else if (epoll_ctl (set.epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) < 0)
    g_critical ("descriptor %d was closed while it was watched: %s", watch->fd, g_strerror (errno));
  g_hash_table_remove (set.watches, GUINT_TO_POINTER (id));
  close_set_if_unused ();
  return TRUE;
}
