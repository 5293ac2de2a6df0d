/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "adopt-look.h"
#include "adopt-real.h"
#include "adopt-table.h"

/* Descriptors of the process that are looked at, the lowest first: those of a program that binds while it has thousands
   of connections come after what it began with. */
#define LOOKED_AT_MAX 16384
/* What a program has made of a socket that it has not bound yet is one or two of each. */
#define COPIES_MAX 16
#define REGISTRATIONS_MAX 32

/* Of its own threads' descriptors, also when the first thread has ended. */
#define DESCRIPTORS "/proc/thread-self/fd"
#define DESCRIPTORS_INFO "/proc/thread-self/fdinfo"
#define EPOLL_NAME "anon_inode:[eventpoll]"

typedef struct {
  int epoll, fd;
  struct epoll_event event;
} Registration;

typedef struct {
  uint64_t cookie, inode, device; /* of the program's socket */
  int fd;                         /* which it binds */
  int copies[COPIES_MAX];         /* other descriptors */
  unsigned n_copies;
  Registration registrations[REGISTRATIONS_MAX];
  unsigned n_registrations;
} Places;

/* Looks for a name and reads the number behind it, and goes on from there. */
static bool
read_number (char **text, const char *name, int base, uint64_t *number)
{
  char *found = strstr (*text, name), *end;

  if (found == NULL)
    return false;
  found += strlen (name);
  *number = strtoull (found, &end, base);
  *text = end;
  return end != found;
}

/* A line of what the kernel says of a set; there are others than those of what is in it. */
static void
read_line (Places *places, int epoll, char *line)
{
  uint64_t fd, events, data, inode, device;
  Registration *registration = &places->registrations[places->n_registrations];

  if (places->n_registrations == REGISTRATIONS_MAX || !read_number (&line, "tfd:", 10, &fd)
      || !read_number (&line, "events:", 16, &events) || !read_number (&line, "data:", 16, &data)
      || !read_number (&line, "ino:", 16, &inode) || !read_number (&line, "sdev:", 16, &device)
      || inode != places->inode || device != places->device)
    return;
  registration->epoll = epoll;
  /* The number by which it was added may be another file's by now. */
  registration->fd = adopt_cookie ((int)fd) == places->cookie ? (int)fd : places->fd;
  /* As in epoll_ctl(): the one that the kernel would wake may be of the old instance. */
  registration->event.events = (uint32_t)events & ~(uint32_t)EPOLLEXCLUSIVE;
  registration->event.data.u64 = data;
  places->n_registrations++;
}

static void
read_set (Places *places, int epoll, int info)
{
  char text[1024];
  size_t used = 0;
  ssize_t length;

  while ((length = REAL (read) (info, text + used, sizeof text - 1 - used)) > 0)
    {
      char *line = text, *end;

      used += (size_t)length;
      text[used] = '\0';
      for (; (end = strchr (line, '\n')) != NULL; line = end + 1)
        {
          *end = '\0';
          read_line (places, epoll, line);
        }
      used = (size_t)(text + used - line);
      memmove (text, line, used);
    }
}

static void
look_at (Places *places, int descriptors, int infos, const char *name)
{
  int fd = atoi (name), info;
  uint64_t cookie = adopt_cookie (fd);
  char kind[sizeof EPOLL_NAME];
  ssize_t length;

  if (cookie != 0)
    {
      if (cookie == places->cookie && fd != places->fd && places->n_copies < COPIES_MAX)
        places->copies[places->n_copies++] = fd;
      return;
    }
  length = readlinkat (descriptors, name, kind, sizeof kind);
  if (length != sizeof kind - 1 || memcmp (kind, EPOLL_NAME, sizeof kind - 1) != 0)
    return;
  info = openat (infos, name, O_RDONLY | O_CLOEXEC);
  if (info < 0)
    return;
  read_set (places, fd, info);
  close (info);
}

static void
look_at_all (Places *places, int descriptors, int infos)
{
  char space[1024] __attribute__ ((aligned (__alignof__(struct dirent64))));
  unsigned n_looked_at = 0;
  ssize_t length;

  while (n_looked_at < LOOKED_AT_MAX && (length = getdents64 (descriptors, space, sizeof space)) > 0)
    for (ssize_t i = 0; i < length;)
      {
        const struct dirent64 *entry = (const void *)(space + i);

        if (entry->d_name[0] != '.')
          look_at (places, descriptors, infos, entry->d_name);
        n_looked_at++;
        i += entry->d_reclen;
      }
}

/* Where the program's socket is beside the descriptor. Without /proc nothing is found. */
static void
find_places (Places *places, int fd)
{
  struct stat info;
  int descriptors, infos;

  places->fd = fd;
  places->n_copies = places->n_registrations = 0;
  places->cookie = adopt_cookie (fd);
  if (places->cookie == 0 || fstat (fd, &info) < 0)
    return;
  places->inode = info.st_ino;
  /* As the kernel has it. */
  places->device = (uint64_t)major (info.st_dev) << 20 | minor (info.st_dev);
  descriptors = open (DESCRIPTORS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  infos = open (DESCRIPTORS_INFO, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptors >= 0 && infos >= 0)
    look_at_all (places, descriptors, infos);
  if (descriptors >= 0)
    close (descriptors);
  if (infos >= 0)
    close (infos);
}

static int
replace (int fd, int held)
{
  int flags = REAL (fcntl) (fd, F_GETFD);

  return dup3 (held, fd, flags >= 0 && (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
}

/**
 * adopt_place:
 * @fd: a socket of the program
 * @held: one of the table, which takes the place of @fd, of its copies in this process and in the sets of epoll(7) of
 *   this process; stays open
 *
 * The program's socket leaves the sets first: while another process has a copy of it, it would stay there, and of
 * itself say that it is not connected.
 *
 * Returns: 0, or -1 with errno set when everything is as it was
 */
int
adopt_place (int fd, int held)
{
  int saved = errno, result;
  Places places;

  find_places (&places, fd);
  for (unsigned i = 0; i < places.n_registrations; i++)
    {
      const Registration *before = &places.registrations[i];

      REAL (epoll_ctl) (before->epoll, EPOLL_CTL_DEL, before->fd, NULL);
    }
  errno = saved;
  result = replace (fd, held);
  saved = errno;
  for (unsigned i = 0; result >= 0 && i < places.n_copies; i++)
    if (adopt_cookie (places.copies[i]) == places.cookie)
      replace (places.copies[i], held);
  for (unsigned i = 0; i < places.n_registrations; i++)
    {
      Registration *again = &places.registrations[i];

      adopt_look_watch (again->epoll, again->fd, &again->event);
      REAL (epoll_ctl) (again->epoll, EPOLL_CTL_ADD, again->fd, &again->event);
    }
  errno = saved;
  return result < 0 ? -1 : 0;
}
