/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-kept-log.h"
#include "hr-log-file.h"
#include "hr-log-times.h"
#include "hr-log.h"

/* How long a log rests that could not be cut or watched, in microseconds. */
#define TROUBLE_USEC G_USEC_PER_SEC

/* When a log rests that nobody writes to any more: it is looked at once more, and then not again. */
#define REST_USEC G_USEC_PER_SEC

struct _HrLogKeeper {
  char *path;
  int dir;
  int inotify;
  int wake;
  GAsyncQueue *orders;
  GThread *thread;

  /* of the thread */
  GHashTable *services; /* name to HrKeptService */
  GHashTable *watched;  /* watch descriptor to HrKeptLog */
  GPtrArray *active;    /* HrKeptLog with a time to be looked at */
  gboolean cannot_cut;
  gboolean cannot_watch;
};

typedef enum { ORDER_LIMIT, ORDER_FOUND, ORDER_STARTS, ORDER_END } OrderKind;

typedef struct {
  OrderKind kind;
  char *service;
  char *name;
  guint64 max;
} Order;

static void
order_free (gpointer data)
{
  Order *order = data;

  g_free (order->service);
  g_free (order->name);
  g_free (order);
}

static HrKeptService *
service_of (HrLogKeeper *self, const char *name)
{
  HrKeptService *service = g_hash_table_lookup (self->services, name);

  if (service == NULL)
    {
      service = hr_kept_service_new (name);
      g_hash_table_insert (self->services, service->name, service);
    }
  return service;
}

static void
set_due (HrLogKeeper *self, HrKeptLog *log, gint64 due)
{
  if (log->due == 0 && due != 0)
    g_ptr_array_add (self->active, log);
  else if (log->due != 0 && due == 0)
    g_ptr_array_remove_fast (self->active, log);
  log->due = due;
}

static void
unwatch (HrLogKeeper *self, HrKeptLog *log)
{
  if (log->watch < 0)
    return;
  g_hash_table_remove (self->watched, GINT_TO_POINTER (log->watch));
  inotify_rm_watch (self->inotify, log->watch);
  log->watch = -1;
}

/* Returns FALSE where it must be looked at by the clock. */
static gboolean
watch (HrLogKeeper *self, HrKeptLog *log)
{
  /* Past the link of the descriptor, so that a directory that was moved is no matter. */
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d/%s", self->dir, log->name);

  if (log->watch >= 0)
    return TRUE;
  log->watch = inotify_add_watch (self->inotify, path, IN_MODIFY | IN_ONESHOT | IN_DONT_FOLLOW);
  if (log->watch >= 0)
    {
      g_hash_table_insert (self->watched, GINT_TO_POINTER (log->watch), log);
      return TRUE;
    }
  if (errno == ENOENT)
    return TRUE;
  if (!self->cannot_watch)
    hr_log_warning (
        log->service->name,
        "Cannot watch the logs in '%s' (%s; see fs.inotify.max_user_watches), looking once a second instead",
        self->path, g_strerror (errno));
  self->cannot_watch = TRUE;
  return FALSE;
}

static void
complain (HrLogKeeper *self, HrKeptLog *log, const GError *error)
{
  HrKeptService *service = log->service;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    {
      if (!self->cannot_cut)
        hr_log_warning (service->name,
                        "LogMax: the file system of '%s' cannot free the beginning of a file (%s): a log grows until "
                        "its instance ends",
                        self->path, error->message);
      self->cannot_cut = TRUE;
      return;
    }
  if (!service->complained)
    hr_log_warning (service->name, "LogMax: log '%s/%s' grows beyond its limit: %s", self->path, log->name,
                    error->message);
  service->complained = TRUE;
}

/* It is written to, or was a moment ago. */
static void
stir (HrKeptLog *log, gint64 now)
{
  log->rests = FALSE;
  log->rests_at = now + REST_USEC;
}

/* Looks at a log, keeps its limit, and decides when to look again. */
static void
look (HrLogKeeper *self, HrKeptLog *log)
{
  g_autoptr (GError) error = NULL;
  gint64 now = g_get_monotonic_time ();
  gboolean grown = hr_kept_log_look (log, self->dir);
  gboolean rested = !grown && log->watch >= 0 && !log->rests;
  gint64 due;

  /* Events are hints: the watch that was asked for while the log was being written to may be gone, and nothing else would
   * say that it is written to again. One that is asked for now is not. */
  if (rested && now >= log->rests_at)
    {
      unwatch (self, log);
      log->rests = TRUE;
    }
  if (!grown && watch (self, log))
    /* What was written before the watch was there does not fire it. */
    grown = hr_kept_log_look (log, self->dir);
  hr_kept_log_mark (log, self->dir, now);
  for (guint i = 0; !self->cannot_cut && i < HR_LOG_CUTS_AT_ONCE; i++)
    {
      guint64 head = log->head;

      if (!hr_kept_log_cut (log, self->dir, now, &error))
        {
          complain (self, log, error);
          break;
        }
      log->service->complained = FALSE;
      /* To free much takes time, in which much is written: that is seen at once. */
      if (log->head == head || !hr_kept_log_look (log, self->dir))
        break;
      grown = TRUE;
      now = g_get_monotonic_time ();
    }
  if (grown)
    {
      stir (log, now);
      due = error != NULL ? now + TROUBLE_USEC : hr_kept_log_next_look (log, now);
    }
  else if (log->watch >= 0)
    due = hr_kept_log_next_at_rest (log, now);
  else
    due = self->cannot_watch ? now + TROUBLE_USEC : 0;
  set_due (self, log, due);
}

static void
forget (HrLogKeeper *self, HrKeptLog *log)
{
  unwatch (self, log);
  set_due (self, log, 0);
  g_ptr_array_remove (log->service->logs, log);
}

/* Those of instances that ended need no watch. */
static void
let_ended_go (HrLogKeeper *self, HrKeptService *service)
{
  for (guint i = 0; i < service->logs->len; i++)
    {
      HrKeptLog *log = g_ptr_array_index (service->logs, i);

      if ((log->watch < 0 && log->due == 0) || hr_log_file_is_open (self->dir, log->name))
        continue;
      unwatch (self, log);
      set_due (self, log, 0);
      hr_kept_log_look (log, self->dir);
      hr_kept_log_mark (log, self->dir, g_get_monotonic_time ());
    }
}

static void
remove_log (HrLogKeeper *self, HrKeptLog *log)
{
  if (unlinkat (self->dir, log->name, 0) != 0 && errno != ENOENT)
    hr_log_debug (log->service->name, "Cannot remove log file '%s/%s': %s", self->path, log->name, g_strerror (errno));
  hr_log_times_remove (self->dir, log->name);
  forget (self, log);
}

/* Those in which nothing is left, and then as many as make room for one more. */
static void
remove_old (HrLogKeeper *self, HrKeptService *service)
{
  HrKeptLog *log;

  for (guint i = service->logs->len; i > 0; i--)
    {
      log = g_ptr_array_index (service->logs, i - 1);
      if (hr_kept_log_is_spent (log) && !hr_log_file_is_open (self->dir, log->name))
        remove_log (self, log);
    }
  while (service->logs->len >= HR_LOG_FILES_MAX
         && (log = hr_kept_service_most_dispensable (service, self->dir)) != NULL)
    remove_log (self, log);
}

static void
start (HrLogKeeper *self, HrKeptService *service, const char *name)
{
  HrKeptLog *log = hr_kept_service_find (service, name);
  /* As hotreload-exec does it, which may be earlier or later. */
  g_auto (HrFd) fd = openat (self->dir, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

  let_ended_go (self, service);
  if (log == NULL)
    remove_old (self, service);
  if (log == NULL)
    log = hr_kept_log_new (service, self->dir, name);
  look (self, log);
}

/* Returns FALSE at the end. */
static gboolean
obey (HrLogKeeper *self, const Order *order)
{
  HrKeptService *service = order->kind != ORDER_END ? service_of (self, order->service) : NULL;
  HrKeptLog *log = order->name != NULL ? hr_kept_service_find (service, order->name) : NULL;

  switch (order->kind)
    {
    case ORDER_LIMIT:
      service->max = order->max;
      for (guint i = 0; i < service->logs->len; i++)
        {
          log = g_ptr_array_index (service->logs, i);
          if (log->watch >= 0 || log->due != 0)
            look (self, log);
        }
      return TRUE;
    case ORDER_FOUND:
      if (log == NULL)
        log = hr_kept_log_new (service, self->dir, order->name);
      if (hr_log_file_is_open (self->dir, log->name))
        look (self, log);
      return TRUE;
    case ORDER_STARTS:
      start (self, service, order->name);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
obey_all (HrLogKeeper *self)
{
  eventfd_t count;
  gpointer order;

  eventfd_read (self->wake, &count);
  while ((order = g_async_queue_try_pop (self->orders)) != NULL)
    {
      gboolean goes_on = obey (self, order);

      order_free (order);
      if (!goes_on)
        return FALSE;
    }
  return TRUE;
}

static void
read_events (HrLogKeeper *self)
{
  char buffer[4096] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  ssize_t n;

  while ((n = read (self->inotify, buffer, sizeof buffer)) > 0)
    for (ssize_t at = 0; at < n;)
      {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
        HrKeptLog *log = g_hash_table_lookup (self->watched, GINT_TO_POINTER (event->wd));

        at += (ssize_t)(sizeof *event + event->len);
        if (log == NULL)
          continue;
        /* It has fired, or its file is gone: either way the kernel has let go of it, and says so (IN_IGNORED). It tells
         * before it lets go: one that was asked for in between goes with the one that has fired, so that this is looked
         * at as well. */
        g_hash_table_remove (self->watched, GINT_TO_POINTER (event->wd));
        log->watch = -1;
        stir (log, g_get_monotonic_time ());
        look (self, log);
      }
}

/* Looks at those whose time has come. Returns how long nothing need be done, in nanoseconds; -1: until something
   happens. */
static gint64
look_at_active (HrLogKeeper *self)
{
  gint64 now = g_get_monotonic_time ();
  gint64 next = 0;

  for (guint i = self->active->len; i > 0; i--)
    {
      HrKeptLog *log = g_ptr_array_index (self->active, i - 1);

      if (log->due <= now)
        look (self, log);
    }
  for (guint i = 0; i < self->active->len; i++)
    {
      const HrKeptLog *log = g_ptr_array_index (self->active, i);

      next = next == 0 ? log->due : MIN (next, log->due);
    }
  return next == 0 ? -1 : MAX (next - g_get_monotonic_time (), 0) * 1000;
}

static gpointer
run (gpointer data)
{
  HrLogKeeper *self = data;

  for (;;)
    {
      gint64 wait = look_at_active (self);
      struct timespec timeout = { .tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000 };
      struct pollfd fds[] = { { .fd = self->wake, .events = POLLIN }, { .fd = self->inotify, .events = POLLIN } };

      if (ppoll (fds, G_N_ELEMENTS (fds), wait >= 0 ? &timeout : NULL, NULL) <= 0)
        continue;
      if (fds[1].revents != 0)
        read_events (self);
      if (fds[0].revents != 0 && !obey_all (self))
        return NULL;
    }
}

static void
give_order (HrLogKeeper *self, OrderKind kind, const char *service, const char *name, guint64 max)
{
  Order *order = g_new0 (Order, 1);

  order->kind = kind;
  order->service = g_strdup (service);
  order->name = g_strdup (name);
  order->max = max;
  g_async_queue_push (self->orders, order);
  eventfd_write (self->wake, 1);
}

/**
 * hr_log_keeper_new:
 * @dir: an existing directory
 *
 * Returns: (transfer full): a keeper of the logs in it, which knows none
 */
HrLogKeeper *
hr_log_keeper_new (const char *dir)
{
  HrLogKeeper *self;

  g_return_val_if_fail (dir != NULL, NULL);

  self = g_new0 (HrLogKeeper, 1);
  self->path = g_strdup (dir);
  self->dir = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  self->inotify = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  self->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (self->inotify < 0)
    hr_log_warning (NULL, "Cannot watch the logs in '%s' (%s), looking once a second instead", dir, g_strerror (errno));
  self->cannot_watch = self->inotify < 0;
  self->orders = g_async_queue_new_full (order_free);
  self->services = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hr_kept_service_free);
  self->watched = g_hash_table_new (NULL, NULL);
  self->active = g_ptr_array_new ();
  if (self->dir >= 0 && self->wake >= 0)
    self->thread = g_thread_new ("hr-logs", run, self);
  else
    hr_log_warning (NULL, "LogMax: cannot look at the logs in '%s' (%s), ignoring", dir, g_strerror (errno));
  return self;
}

/**
 * hr_log_keeper_free:
 * @self: (transfer full) (nullable): a keeper; the logs stay
 *
 * Waits for its thread, which waits for the disk at most.
 */
void
hr_log_keeper_free (HrLogKeeper *self)
{
  if (self == NULL)
    return;
  if (self->thread != NULL)
    {
      give_order (self, ORDER_END, NULL, NULL, 0);
      g_thread_join (self->thread);
    }
  g_async_queue_unref (self->orders);
  g_ptr_array_unref (self->active);
  g_hash_table_unref (self->watched);
  g_hash_table_unref (self->services);
  hr_fd_clear (&self->wake);
  hr_fd_clear (&self->inotify);
  hr_fd_clear (&self->dir);
  g_free (self->path);
  g_free (self);
}

/**
 * hr_log_keeper_limit:
 * @self: a keeper
 * @service: name
 * @max: its LogMax, 0: none
 *
 * Sets its limit, for what is there, too.
 */
void
hr_log_keeper_limit (HrLogKeeper *self, const char *service, guint64 max)
{
  g_return_if_fail (self != NULL && service != NULL);
  give_order (self, ORDER_LIMIT, service, NULL, max);
}

/**
 * hr_log_keeper_found:
 * @self: a keeper
 * @service: name
 * @name: of a log of an earlier daemon, whose instance may run on; the oldest first
 */
void
hr_log_keeper_found (HrLogKeeper *self, const char *service, const char *name)
{
  g_return_if_fail (self != NULL && service != NULL && name != NULL);
  give_order (self, ORDER_FOUND, service, name, 0);
}

/**
 * hr_log_keeper_starts:
 * @self: a keeper
 * @service: name
 * @name: of the log of an instance that is about to start
 *
 * The file is made where it is not there yet, since only a file can be watched. Old ones are removed.
 */
void
hr_log_keeper_starts (HrLogKeeper *self, const char *service, const char *name)
{
  g_return_if_fail (self != NULL && service != NULL && name != NULL);
  give_order (self, ORDER_STARTS, service, name, 0);
}
