/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-times.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-names.h"

/* Time and offset, two numbers of 16 digits, a blank and a newline. */
#define LINE_FORMAT "%016" PRIx64 " %016" PRIx64 "\n"

typedef struct {
  guint64 time;
  guint64 offset;
} Mark;

static char *
name_beside (const char *log, const char *suffix)
{
  gsize length = strlen (log);

  if (g_str_has_suffix (log, HR_LOG_SUFFIX))
    length -= strlen (HR_LOG_SUFFIX);
  return g_strdup_printf ("%.*s%s", (int)length, log, suffix);
}

static char *
name_of (const char *log)
{
  return name_beside (log, HR_LOG_TIMES_SUFFIX);
}

static gboolean
parse_mark (const char *line, Mark *mark)
{
  char text[HR_LOG_TIMES_LINE + 1];

  memcpy (text, line, HR_LOG_TIMES_LINE);
  text[HR_LOG_TIMES_LINE] = '\0';
  return sscanf (text, "%16" SCNx64 " %16" SCNx64 "\n", &mark->time, &mark->offset) == 2;
}

static GString *
write_marks (const GArray *marks, guint step)
{
  GString *text = g_string_new (NULL);

  for (guint i = step - 1; i < marks->len; i += step)
    {
      const Mark *mark = &g_array_index (marks, Mark, i);

      g_string_append_printf (text, LINE_FORMAT, mark->time, mark->offset);
    }
  return text;
}

/* The marks after @head, of old ones fewer. */
static GString *
thin (const char *text, gsize size, guint64 head, guint64 now)
{
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (Mark));
  guint64 last = 0;

  for (gsize at = 0; at + HR_LOG_TIMES_LINE <= size; at += HR_LOG_TIMES_LINE)
    {
      Mark mark;

      if (!parse_mark (text + at, &mark) || mark.offset <= head)
        continue;
      /* The clock may have been set back. */
      if (mark.time < now && mark.time >= last && (mark.time - last) < (now - mark.time) / HR_LOG_TIMES_PRECISION)
        continue;
      last = mark.time;
      g_array_append_val (marks, mark);
    }
  return write_marks (marks, marks->len > HR_LOG_TIMES_MAX / 4 * 3 ? 2 : 1);
}

static gboolean
replace (int dir, const char *name, const char *text, gsize size, GError **error)
{
  g_autofree char *temporary = g_strconcat (".", name, NULL);
  g_auto (HrFd) fd = openat (dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

  if (fd >= 0 && write (fd, text, size) == (ssize_t)size && renameat (dir, temporary, dir, name) == 0)
    return TRUE;
  hr_fs_set_error (error, errno, "while thinning out '%s'", name);
  unlinkat (dir, temporary, 0);
  return FALSE;
}

static gboolean
make_room (int dir, const char *name, int fd, gsize size, guint64 head, guint64 now, GError **error)
{
  g_autofree char *text = g_malloc (size);
  g_autoptr (GString) rest = NULL;
  ssize_t n = pread (fd, text, size, 0);

  if (n < 0)
    {
      hr_fs_set_error (error, errno, "while reading '%s'", name);
      return FALSE;
    }
  rest = thin (text, (gsize)n, head, now);
  return replace (dir, name, rest->str, rest->len, error);
}

/**
 * hr_log_times_add:
 * @dir: descriptor of the directory
 * @log: name of a log in it
 * @time: microseconds since 1970
 * @offset: what lies before it was written by @time
 * @head: what lies before it is no more
 * @error: return location
 *
 * Returns: whether it is noted
 */
gboolean
hr_log_times_add (int dir, const char *log, gint64 time, guint64 offset, guint64 head, GError **error)
{
  g_autofree char *name = name_of (log);
  g_auto (HrFd) fd = openat (dir, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  char line[HR_LOG_TIMES_LINE + 1];
  struct stat info;

  snprintf (line, sizeof line, LINE_FORMAT, (guint64)time, offset);
  if (fd < 0 || fstat (fd, &info) != 0)
    {
      hr_fs_set_error (error, errno, "while opening '%s'", name);
      return FALSE;
    }
  /* A line that the disk had no room for is left out, not left in part. */
  if (info.st_size % HR_LOG_TIMES_LINE != 0 && ftruncate (fd, info.st_size - info.st_size % HR_LOG_TIMES_LINE) != 0)
    {
      hr_fs_set_error (error, errno, "while writing '%s'", name);
      return FALSE;
    }
  if (write (fd, line, HR_LOG_TIMES_LINE) != HR_LOG_TIMES_LINE)
    {
      hr_fs_set_error (error, errno, "while writing '%s'", name);
      return FALSE;
    }
  return info.st_size < HR_LOG_TIMES_MAX * HR_LOG_TIMES_LINE
         || make_room (dir, name, fd, (gsize)info.st_size + HR_LOG_TIMES_LINE, head, (guint64)time, error);
}

/**
 * hr_log_times_last:
 * @dir: descriptor of the directory
 * @log: name of a log in it
 *
 * Returns: the offset of the last mark, 0: there is none
 */
guint64
hr_log_times_last (int dir, const char *log)
{
  g_autofree char *name = name_of (log);
  g_auto (HrFd) fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  char line[HR_LOG_TIMES_LINE];
  struct stat info;
  off_t end;
  Mark mark;

  if (fd < 0 || fstat (fd, &info) != 0)
    return 0;
  end = info.st_size - info.st_size % HR_LOG_TIMES_LINE;
  if (end == 0 || pread (fd, line, sizeof line, end - HR_LOG_TIMES_LINE) != sizeof line || !parse_mark (line, &mark))
    return 0;
  return mark.offset;
}

/**
 * hr_log_times_remove:
 * @dir: descriptor of the directory
 * @log: name of a log in it that begins anew, or is removed
 *
 * Also of what was passed on to the journal.
 */
void
hr_log_times_remove (int dir, const char *log)
{
  g_autofree char *name = name_of (log);
  g_autofree char *journal = name_beside (log, HR_LOG_JOURNAL_SUFFIX);

  unlinkat (dir, name, 0);
  unlinkat (dir, journal, 0);
}
