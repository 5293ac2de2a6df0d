/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hotreload-journal: passes on to the journal what services have written to their logs, line by line, with fields.
 *
 * The logs stay what they are: this reads them as they grow, as anybody may, and is in nobody's way. That is why it is a
 * process of its own: what it costs is not the daemon's, and when the journal is slow it waits and nobody else. The
 * stream socket of the journal would take output directly, but knows no fields, and a program whose journal does not
 * read would wait.
 *
 * Which logs, the daemon writes to standard input: lines "SERVICE FILE new" or "SERVICE FILE found". How far each was
 * passed on is kept beside it, so that a next process loses nothing, and says nothing twice but what this one had not
 * noted yet when it was killed. At the end of its input it passes on what is there and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hr-names.h"
#include "journal-socket.h"

#define CHUNK (64 * 1024)
/* A longer line is passed on in pieces. */
#define LINE_MAX_SIZE (48 * 1024)
/* So much of one log is read before it is another's turn. */
#define TURN_BYTES (1024 * 1024)
/* While something is written it looks so often; and so often when the journal cannot be reached. */
#define LOOK_MSEC 20
#define RETRY_MSEC 1000
/* So many lines of a log in so many seconds; of more the rest is left out, and that is said. */
#define RATE_LINES 10000
#define RATE_SEC 30
#define COMMAND_MAX 1024

typedef struct Log Log;

struct Log {
  Log *next;
  char *name;
  JournalOrigin origin;
  int watch;
  off_t position;
  off_t saved;
  bool dirty;
  bool stuck;       /* the journal could not be reached */
  time_t window;    /* since when lines are counted */
  unsigned lines;   /* in the window */
  off_t muted_from; /* where it was when there were too many, -1: there are not */
};

static Log *logs;
static int directory;
static const char *directory_path;
static int watches;
static int journal = -1;

static time_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

static bool
send_line (const Log *log, const char *text, size_t length)
{
  return journal_socket_send_line (journal, &log->origin, text, length);
}

static bool
send_left_out (const Log *log, off_t bytes, const char *why)
{
  char text[512];
  int n = snprintf (text, sizeof text, "%jd bytes of output are not in the journal, %s: %s/%s", (intmax_t)bytes, why,
                    directory_path, log->name);

  return journal_socket_send (journal, &log->origin, JOURNAL_WARNING, text,
                              n > 0 && (size_t)n < sizeof text ? (size_t)n : 0);
}

static void
position_name (const Log *log, char *name, size_t size)
{
  snprintf (name, size, "%.*s%s", (int)(strlen (log->name) - strlen (HR_LOG_SUFFIX)), log->name, HR_LOG_JOURNAL_SUFFIX);
}

static void
save_position (Log *log)
{
  char name[512], text[32];
  int fd, n;

  if (log->position == log->saved)
    return;
  position_name (log, name, sizeof name);
  fd = openat (directory, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0)
    return;
  n = snprintf (text, sizeof text, "%020jd\n", (intmax_t)log->position);
  if (pwrite (fd, text, (size_t)n, 0) == n)
    log->saved = log->position;
  close (fd);
}

static bool
load_position (Log *log)
{
  char name[512], text[32] = "";
  ssize_t n;
  int fd;

  position_name (log, name, sizeof name);
  fd = openat (directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return false;
  n = pread (fd, text, sizeof text - 1, 0);
  close (fd);
  if (n != 21)
    return false;
  log->position = log->saved = (off_t)strtoimax (text, NULL, 10);
  return true;
}

/* Passes over what was freed. Returns false when the journal cannot be reached. */
static bool
pass_hole (Log *log, int fd)
{
  off_t data = lseek (fd, log->position, SEEK_DATA);
  char buffer[4096];
  ssize_t n;

  if (data < 0 || data <= log->position)
    return true;
  /* The rest of the block in which the content begins. */
  while ((n = pread (fd, buffer, sizeof buffer, data)) > 0)
    {
      ssize_t zeros = 0;

      while (zeros < n && buffer[zeros] == '\0')
        zeros++;
      data += zeros;
      if (zeros < n)
        break;
    }
  if (!send_left_out (log, data - log->position, "it came more quickly than the journal took it"))
    return false;
  log->position = data;
  return true;
}

/* Returns how much of the text is dealt with. */
static size_t
send_lines (Log *log, const char *text, size_t length, bool last)
{
  size_t done = 0;

  while (done < length && log->lines < RATE_LINES)
    {
      const char *newline = memchr (text + done, '\n', length - done);
      size_t n = newline != NULL ? (size_t)(newline - text) - done : length - done;
      bool whole = newline != NULL;

      if (n > LINE_MAX_SIZE)
        {
          n = LINE_MAX_SIZE;
          whole = false;
        }
      else if (!whole && !last)
        break;
      if (n > 0 && !send_line (log, text + done, n))
        {
          log->stuck = true;
          break;
        }
      log->lines++;
      done += n + (whole ? 1 : 0);
    }
  return done;
}

/* Of too many lines the rest is left out until the time is over. */
static bool
end_silence (Log *log, int fd)
{
  char buffer[CHUNK];
  off_t size = lseek (fd, 0, SEEK_END);
  off_t begin = size > CHUNK ? size - CHUNK : 0;
  ssize_t n;
  const char *newline;

  if (begin < log->muted_from)
    begin = log->muted_from;
  n = pread (fd, buffer, (size_t)(size - begin), begin);
  newline = n > 0 ? memrchr (buffer, '\n', (size_t)n) : NULL;
  if (newline != NULL)
    size = begin + (newline - buffer) + 1;
  else if (begin == log->muted_from)
    size = begin;
  if (size > log->muted_from && !send_left_out (log, size - log->muted_from, "they were too many at once"))
    return false;
  log->position = size;
  log->muted_from = -1;
  log->window = now ();
  log->lines = 0;
  return true;
}

static void
read_log (Log *log, int fd, bool last)
{
  char buffer[CHUNK];

  for (size_t turn = 0; turn < TURN_BYTES; turn += CHUNK)
    {
      ssize_t n;
      size_t done;

      if (!pass_hole (log, fd))
        {
          log->stuck = true;
          return;
        }
      n = pread (fd, buffer, sizeof buffer, log->position);
      if (n <= 0)
        {
          log->dirty = false;
          return;
        }
      done = send_lines (log, buffer, (size_t)n, last && n < CHUNK);
      log->position += (off_t)done;
      if (log->stuck)
        return;
      if (log->lines >= RATE_LINES)
        {
          log->muted_from = log->position;
          return;
        }
      if (done < (size_t)n && n < CHUNK)
        {
          log->dirty = false;
          return;
        }
    }
}

static void
pass_on (Log *log, bool last)
{
  struct stat info;
  int fd;

  if (log->muted_from >= 0 && now () - log->window < RATE_SEC && !last)
    return;
  fd = openat (directory, log->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    {
      log->dirty = false;
      return;
    }
  log->stuck = false;
  if (fstat (fd, &info) == 0 && info.st_size < log->position)
    log->position = 0;
  if (log->muted_from < 0 && now () - log->window >= RATE_SEC)
    {
      log->window = now ();
      log->lines = 0;
    }
  if (log->muted_from >= 0 && !end_silence (log, fd))
    log->stuck = true;
  else
    read_log (log, fd, last);
  close (fd);
  save_position (log);
}

/* "SERVICE FILE new": FILE is SERVICE.RELEASE-INSTANCE.log. */
static void
follow (char *command)
{
  char *service = strtok (command, " "), *name = strtok (NULL, " "), *kind = strtok (NULL, " ");
  size_t prefix = service != NULL ? strlen (service) + 1 : 0;
  char path[64 + 256];
  struct stat info;
  char *dash;
  Log *log;

  if (kind == NULL || strlen (name) > 255 || strlen (name) <= prefix + strlen (HR_LOG_SUFFIX)
      || strchr (name, '/') != NULL)
    return;
  for (log = logs; log != NULL; log = log->next)
    if (strcmp (log->name, name) == 0)
      return;
  log = calloc (1, sizeof *log);
  if (log == NULL)
    return;
  log->origin.service = strdup (service);
  log->name = strdup (name);
  log->origin.release = strndup (name + prefix, strlen (name) - prefix - strlen (HR_LOG_SUFFIX));
  dash = log->origin.release != NULL ? strchr (log->origin.release, '-') : NULL;
  if (log->origin.service == NULL || log->name == NULL || dash == NULL)
    {
      free (log);
      return;
    }
  *dash = '\0';
  log->origin.instance = dash + 1;
  log->muted_from = -1;
  log->dirty = true;
  log->window = now ();
  log->saved = -1;
  /* As hotreload-exec does it, which may be later: only a file can be watched. */
  if (strcmp (kind, "new") == 0)
    close (openat (directory, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!load_position (log) && strcmp (kind, "found") == 0 && fstatat (directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0)
    /* What was said before anybody passed it on stays where it is. */
    log->position = info.st_size;
  snprintf (path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
  log->watch = inotify_add_watch (watches, path, IN_MODIFY | IN_DELETE_SELF);
  log->next = logs;
  logs = log;
}

static void
forget (Log *log)
{
  for (Log **at = &logs; *at != NULL; at = &(*at)->next)
    if (*at == log)
      {
        *at = log->next;
        break;
      }
  free (log->origin.service);
  free (log->name);
  free (log->origin.release);
  free (log);
}

static Log *
find_watch (int watch)
{
  Log *log = logs;

  while (log != NULL && log->watch != watch)
    log = log->next;
  return log;
}

static void
read_events (void)
{
  char buffer[4096] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  ssize_t n = read (watches, buffer, sizeof buffer);

  for (ssize_t at = 0; at < n;)
    {
      const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
      Log *log = find_watch (event->wd);

      at += (ssize_t)(sizeof *event + event->len);
      if (event->wd < 0)
        for (log = logs; log != NULL; log = log->next)
          log->dirty = true;
      else if (log != NULL && (event->mask & (IN_DELETE_SELF | IN_IGNORED)) != 0)
        forget (log);
      else if (log != NULL)
        log->dirty = true;
    }
}

/* Returns false at the end of the input. */
static bool
read_commands (void)
{
  static char text[COMMAND_MAX];
  static size_t length;
  ssize_t n = read (STDIN_FILENO, text + length, sizeof text - 1 - length);
  char *newline;

  if (n <= 0)
    return n < 0 && (errno == EINTR || errno == EAGAIN);
  length += (size_t)n;
  text[length] = '\0';
  while ((newline = strchr (text, '\n')) != NULL)
    {
      size_t used = (size_t)(newline - text) + 1;

      *newline = '\0';
      follow (text);
      memmove (text, text + used, length - used + 1);
      length -= used;
    }
  /* No name is so long. */
  if (length == sizeof text - 1)
    length = 0;
  return true;
}

/* Until when nothing need be done. */
static int
timeout (void)
{
  int msec = -1;

  for (const Log *log = logs; log != NULL; log = log->next)
    {
      int wait = log->stuck ? RETRY_MSEC : LOOK_MSEC;

      if (log->muted_from >= 0)
        wait = (int)(RATE_SEC - (now () - log->window) > 0 ? RATE_SEC - (now () - log->window) : 0) * 1000 + LOOK_MSEC;
      else if (!log->dirty)
        continue;
      if (msec < 0 || wait < msec)
        msec = wait;
    }
  return msec;
}

static bool
set_up (const char *path, const char *socket_path)
{
  int lock;

  directory_path = path;
  directory = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  watches = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  journal = journal_socket_open (socket_path);
  if (directory < 0 || watches < 0 || journal < 0)
    return false;
  /* The one of a daemon that ended may have something to pass on yet. */
  lock = openat (directory, ".journal.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  return lock >= 0 && flock (lock, LOCK_EX) == 0;
}

int
main (int argc, char **argv)
{
  bool more = true;

  if (argc != 3 || !set_up (argv[1], argv[2]))
    {
      fprintf (stderr, "hotreload-journal: nothing is passed on to the journal: %s\n",
               argc != 3 ? "usage: hotreload-journal DIRECTORY SOCKET" : strerror (errno));
      return EXIT_FAILURE;
    }
  /* From the terminal of the daemon, which ends in good order first. */
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  while (more)
    {
      struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = watches, .events = POLLIN } };
      int wait = timeout ();

      /* What is written one after the other is read together. */
      if (wait == LOOK_MSEC)
        poll (NULL, 0, LOOK_MSEC);
      if (poll (fds, 2, wait == LOOK_MSEC ? 0 : wait) < 0)
        continue;
      if (fds[1].revents != 0)
        read_events ();
      if (fds[0].revents != 0)
        more = read_commands ();
      for (Log *log = logs; log != NULL; log = log->next)
        if (log->dirty || log->muted_from >= 0)
          pass_on (log, !more);
    }
  return EXIT_SUCCESS;
}
