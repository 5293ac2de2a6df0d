/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-kept-log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log-file.h"
#include "hr-log-keeper.h"
#include "hr-log-times.h"
#include "hr-log.h"

/* While other logs of the service are open there is nothing to do about them. */
#define ENDED_USEC G_USEC_PER_SEC

/**
 * hr_kept_service_new:
 * @name: of a service
 *
 * Returns: (transfer full): it, without logs and limit
 */
HrKeptService *
hr_kept_service_new (const char *name)
{
  HrKeptService *self = g_new0 (HrKeptService, 1);

  self->name = g_strdup (name);
  self->logs = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_kept_log_free);
  return self;
}

/**
 * hr_kept_service_free:
 * @self: (transfer full): a service, with its logs; the files stay
 */
void
hr_kept_service_free (HrKeptService *self)
{
  g_ptr_array_unref (self->logs);
  g_free (self->name);
  g_free (self);
}

/**
 * hr_kept_service_find:
 * @self: a service
 * @name: of a file
 *
 * Returns: (transfer none) (nullable): the log
 */
HrKeptLog *
hr_kept_service_find (HrKeptService *self, const char *name)
{
  for (guint i = 0; i < self->logs->len; i++)
    {
      HrKeptLog *log = g_ptr_array_index (self->logs, i);

      if (g_str_equal (log->name, name))
        return log;
    }
  return NULL;
}

/* When it was written last, in seconds since 1970. */
static double
last_written (const HrKeptLog *self, int dir)
{
  struct stat info;

  if (fstatat (dir, self->name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return 0;
  return (double)info.st_mtim.tv_sec + (double)info.st_mtim.tv_nsec / 1e9;
}

/**
 * hr_kept_service_most_dispensable:
 * @self: a service
 * @dir: descriptor of the directory
 *
 * Of what ended instances left, that which leaves the least gap, measured by its age: one in the midst of a crash loop
 * rather than the one before the loop, which tells why, and of what is long ago fewer than of late. The oldest is none: it
 * goes by LogMax.
 *
 * Returns: (transfer none) (nullable): the log that can be spared first; %NULL where none can
 */
HrKeptLog *
hr_kept_service_most_dispensable (HrKeptService *self, int dir)
{
  g_autofree double *written = g_new0 (double, self->logs->len + 1);
  double now = (double)g_get_real_time () / G_USEC_PER_SEC;
  double least = 0;
  HrKeptLog *found = NULL;

  for (guint i = 0; i < self->logs->len; i++)
    written[i] = last_written (g_ptr_array_index (self->logs, i), dir);
  written[self->logs->len] = now;
  for (guint i = 1; i < self->logs->len; i++)
    {
      HrKeptLog *log = g_ptr_array_index (self->logs, i);
      /* Clocks are set, and an old instance may write longer than one after it. */
      double gap = MAX (written[i + 1] - written[i - 1], 0) / MAX (now - written[i], 0.001);

      if ((found != NULL && gap >= least) || hr_log_file_is_open (dir, log->name))
        continue;
      least = gap;
      found = log;
    }
  return found;
}

/**
 * hr_kept_log_new:
 * @service: whose it is
 * @dir: descriptor of the directory
 * @name: of the file, which may be there, from an earlier daemon
 *
 * Returns: (transfer none): the log, the newest of the service
 */
HrKeptLog *
hr_kept_log_new (HrKeptService *service, int dir, const char *name)
{
  HrKeptLog *self = g_new0 (HrKeptLog, 1);
  g_auto (HrFd) fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat info;

  self->service = service;
  self->name = g_strdup (name);
  self->watch = -1;
  self->marks = HR_LOG_MARKS_AT_ONCE;
  self->rests = TRUE;
  self->grown_at = g_get_real_time ();
  if (fd >= 0 && fstat (fd, &info) == 0 && S_ISREG (info.st_mode))
    {
      self->size = (guint64)info.st_size;
      self->head = hr_log_file_head (fd, self->size);
      self->marked = hr_log_times_last (dir, name);
    }
  g_ptr_array_add (service->logs, self);
  return self;
}

/**
 * hr_kept_log_free:
 * @self: (transfer full): a log; its file stays
 */
void
hr_kept_log_free (HrKeptLog *self)
{
  g_free (self->name);
  g_free (self);
}

/**
 * hr_kept_log_is_spent:
 * @self: a log
 *
 * Returns: whether something was written to it and all of that was freed
 */
gboolean
hr_kept_log_is_spent (const HrKeptLog *self)
{
  return self->size > 0 && self->head >= self->size;
}

static void
find_head (HrKeptLog *self, int dir)
{
  g_auto (HrFd) fd = openat (dir, self->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  guint64 head = fd >= 0 ? hr_log_file_head (fd, self->size) : self->head;

  /* Of the first block a part may be gone. */
  if (head + HR_LOG_LINE_MAX < self->head)
    self->head = head;
}

/**
 * hr_kept_log_look:
 * @self: a log
 * @dir: descriptor of the directory
 *
 * Returns: whether it was written to since the last look
 */
gboolean
hr_kept_log_look (HrKeptLog *self, int dir)
{
  struct stat info;
  guint64 before = self->size;

  if (fstatat (dir, self->name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG (info.st_mode))
    return FALSE;
  self->size = (guint64)info.st_size;
  self->grown = self->size - MIN (before, self->size);
  if (self->size == before)
    return FALSE;
  if (self->size < before)
    {
      /* The program, or somebody, emptied it. */
      self->head = 0;
      self->marked = 0;
      hr_log_times_remove (dir, self->name);
    }
  else if (self->head > 0 && (guint64)info.st_blocks * 512 > self->size - self->head + HR_LOG_LINE_MAX)
    /* So may this be, when it was written full again before anybody looked. */
    find_head (self, dir);
  self->grown_at = g_get_real_time ();
  return TRUE;
}

/**
 * hr_kept_log_mark:
 * @self: a log
 * @dir: descriptor of the directory
 * @now: the moment
 *
 * Notes when it had grown to its size, where that is not noted yet and not too much was noted lately.
 */
void
hr_kept_log_mark (HrKeptLog *self, int dir, gint64 now)
{
  g_autoptr (GError) error = NULL;
  gint64 more = (now - self->marks_at) / HR_LOG_MARK_USEC;

  if (more > 0)
    {
      self->marks = (guint)MIN (self->marks + more, HR_LOG_MARKS_AT_ONCE);
      self->marks_at = now;
    }
  if (self->marked == self->size || self->marks == 0)
    return;
  self->marks--;
  self->marked = self->size;
  if (!hr_log_times_add (dir, self->name, self->grown_at, self->size, self->head, &error))
    hr_log_debug (self->service->name, "The times of a log are not noted, ignoring: %s", error->message);
}

static guint64
content (const HrKeptLog *self)
{
  return self->size - MIN (self->head, self->size);
}

static gboolean
cut_to (HrKeptLog *self, int dir, guint64 keep, GError **error)
{
  g_auto (HrFd) fd = openat (dir, self->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0)
    return hr_fs_set_error (error, errno, "while opening '%s'", self->name);
  return hr_log_file_cut (fd, self->size, keep, &self->head, error);
}

/* Its time stays that of its last line: files are told apart by it. */
static gboolean
cut_ended_to (HrKeptLog *self, int dir, guint64 keep, GError **error)
{
  struct stat info;
  gboolean known = fstatat (dir, self->name, &info, AT_SYMLINK_NOFOLLOW) == 0;
  struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

  if (!cut_to (self, dir, keep, error))
    return FALSE;
  if (known)
    times[1] = info.st_mtim;
  utimensat (dir, self->name, times, AT_SYMLINK_NOFOLLOW);
  return TRUE;
}

/* What ended instances left goes before what this one says. */
static gboolean
cut_ended (HrKeptLog *self, int dir, gint64 now, GError **error)
{
  HrKeptService *service = self->service;
  guint64 most = 2 * service->max;
  guint64 ended = 0;
  guint64 allowed;

  for (guint i = 0; i < service->logs->len; i++)
    {
      const HrKeptLog *log = g_ptr_array_index (service->logs, i);

      if (log != self && content (log) > 0 && !hr_log_file_is_open (dir, log->name))
        ended += content (log);
    }
  if (ended + content (self) <= most)
    {
      service->ended_due = now + ENDED_USEC;
      return TRUE;
    }
  allowed = service->max - MIN (service->max, content (self));
  for (guint i = 0; i < service->logs->len && ended > allowed; i++)
    {
      HrKeptLog *log = g_ptr_array_index (service->logs, i);
      guint64 before = content (log);

      if (log == self || before == 0 || hr_log_file_is_open (dir, log->name))
        continue;
      if (!cut_ended_to (log, dir, before - MIN (before, ended - allowed), error))
        return FALSE;
      ended -= before - content (log);
    }
  return TRUE;
}

/**
 * hr_kept_log_cut:
 * @self: a log that was looked at
 * @dir: descriptor of the directory
 * @now: the moment
 * @error: return location
 *
 * Where the service has more than twice its limit: frees what others left, and then what this one began with.
 *
 * Returns: whether the limit is kept
 */
gboolean
hr_kept_log_cut (HrKeptLog *self, int dir, gint64 now, GError **error)
{
  const HrKeptService *service = self->service;
  guint64 all = 0;

  if (service->max == 0)
    return TRUE;
  for (guint i = 0; i < service->logs->len; i++)
    all += content (g_ptr_array_index (service->logs, i));
  if (all > 2 * service->max && all > content (self) && now >= service->ended_due && !cut_ended (self, dir, now, error))
    return FALSE;
  /* It goes on as it does: better too early than too late. */
  return content (self) + MIN (self->grown, service->max / 2) <= 2 * service->max
         || cut_to (self, dir, service->max, error);
}

/**
 * hr_kept_log_next_look:
 * @self: a log that is written to
 * @now: the moment
 *
 * Returns: when it could have come half the way to twice its limit; the other half is for a machine that is busy
 */
gint64
hr_kept_log_next_look (const HrKeptLog *self, gint64 now)
{
  guint64 most = 2 * self->service->max;
  guint64 left = most - MIN (most, content (self));
  gint64 usec = (gint64)(left / 2 / (HR_LOG_RATE_MAX / G_USEC_PER_SEC));

  if (self->service->max == 0)
    usec = HR_LOG_LOOK_MAX_USEC;
  return now + CLAMP (usec, HR_LOG_LOOK_MIN_USEC, HR_LOG_LOOK_MAX_USEC);
}

/**
 * hr_kept_log_next_at_rest:
 * @self: a log that nobody writes to
 * @now: the moment
 *
 * Returns: when its time can be noted, or it has rested for long enough that its watch is asked for anew; 0: neither is to
 *   be done
 */
gint64
hr_kept_log_next_at_rest (const HrKeptLog *self, gint64 now)
{
  gint64 mark = self->marked != self->size ? self->marks_at + HR_LOG_MARK_USEC : 0;
  gint64 rest = self->rests ? 0 : MAX (self->rests_at, now);

  return mark != 0 && rest != 0 ? MIN (mark, rest) : MAX (mark, rest);
}
