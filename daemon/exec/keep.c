/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * keep.c: the keeper's loop. It does nothing by itself: no timer while a daemon is there, no file but its socket, no
 * memory but the table.
 */
#include "keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "keep-close.h"
#include "keep-table.h"

/* Without a daemon, and when nothing runs any more whose descriptors it holds, it stays so long. */
#define KEEP_UNUSED_SEC 300
/* How often it looks for that while there is no daemon. */
#define LOOK_INTERVAL_MSEC 15000
/* A daemon that asks for the list and does not read it is let go of. */
#define SEND_DEADLINE_SEC 5

/* Of the last processes that are ended when memory is short, where that can be had: it holds what the others need. */
static void
become_last (void)
{
  static const char text[] = "-900";
  int fd = open ("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  if (write (fd, text, sizeof text - 1) < 0)
    errno = 0;
  close (fd);
}

static void
raise_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

/* The daemon's user, or root: nobody else gets a socket, or has one kept. */
static bool
may_speak (int fd)
{
  struct ucred peer;
  socklen_t length = sizeof peer;

  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid () || peer.uid == 0);
}

static int
accept_client (int listening)
{
  const struct timeval patience = { .tv_sec = SEND_DEADLINE_SEC };
  int fd = accept4 (listening, NULL, NULL, SOCK_CLOEXEC);

  if (fd >= 0 && may_speak (fd) && setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

/* There is room for more than the one that may come: what is received and not taken would stay open. */
static void
take_descriptors (struct cmsghdr *part, int *given)
{
  for (size_t i = 0; i < (part->cmsg_len - CMSG_LEN (0)) / sizeof (int); i++)
    {
      int fd;

      memcpy (&fd, CMSG_DATA (part) + i * sizeof (int), sizeof (int));
      if (*given < 0)
        *given = fd;
      else
        close (fd);
    }
}

/* Returns whether the message is one that can be acted on; *given: what came along, or -1. */
static bool
receive (int fd, HrKeepMessage *message, int *given, bool *gone)
{
  /* The kernel tells who sends, too: the socket was opened so. */
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int)) + CMSG_SPACE (sizeof (struct ucred))];
  } control;
  struct iovec data = { .iov_base = message, .iov_len = sizeof *message };
  struct msghdr header = {
    .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t length;

  *given = -1;
  do
    length = recvmsg (fd, &header, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  *gone = length <= 0;
  for (struct cmsghdr *part = length > 0 ? CMSG_FIRSTHDR (&header) : NULL; part != NULL;
       part = CMSG_NXTHDR (&header, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
      take_descriptors (part, given);
  return length == (ssize_t)sizeof *message && message->version == HR_KEEP_VERSION
         && memchr (message->key, '\0', sizeof message->key) != NULL
         && memchr (message->data, '\0', sizeof message->data) != NULL;
}

static bool
send_entry (int fd, HrKeepWhat what, const KeepEntry *entry)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  HrKeepMessage message = { .version = HR_KEEP_VERSION, .what = what };
  struct iovec data = { .iov_base = &message, .iov_len = sizeof message };
  struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };
  ssize_t sent;

  if (entry != NULL)
    {
      strncpy (message.key, entry->key, HR_KEEP_KEY_MAX);
      strncpy (message.data, entry->data, HR_KEEP_DATA_MAX);
      header.msg_control = &control;
      header.msg_controllen = sizeof control;
      CMSG_FIRSTHDR (&header)->cmsg_level = SOL_SOCKET;
      CMSG_FIRSTHDR (&header)->cmsg_type = SCM_RIGHTS;
      CMSG_FIRSTHDR (&header)->cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (CMSG_FIRSTHDR (&header)), &entry->fd, sizeof (int));
    }
  else
    snprintf (message.data, sizeof message.data, "%d", (int)getpid ());
  do
    sent = sendmsg (fd, &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)sizeof message;
}

static bool
send_all (int fd)
{
  const KeepEntry *entry;

  for (int i = 0; (entry = keep_table_get (i)) != NULL; i++)
    if (!send_entry (fd, HR_KEEP_ENTRY, entry))
      return false;
  return send_entry (fd, HR_KEEP_END, NULL);
}

/* Returns whether the daemon is still there. */
static bool
serve (int fd)
{
  HrKeepMessage message;
  bool gone, whole;
  int given;

  whole = receive (fd, &message, &given, &gone);
  if (whole && message.what == HR_KEEP_QUIT)
    exit (EXIT_SUCCESS);
  if (whole && message.what == HR_KEEP_STORE && keep_table_store (message.key, message.data, given))
    given = -1;
  if (whole && message.what == HR_KEEP_FORGET)
    keep_table_forget (message.key);
  if (given >= 0)
    keep_close (whole ? message.key : HR_KEEP_STORED_PREFIX, given);
  return !gone && (!whole || message.what != HR_KEEP_LIST || send_all (fd));
}

static time_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_BOOTTIME, &time);
  return time.tv_sec;
}

/* Waits for a daemon; ends where none comes and nothing that is held is of use to one. */
static int
await_client (int listening)
{
  time_t used = now ();

  for (;;)
    {
      struct pollfd connecting = { .fd = listening, .events = POLLIN };
      int ready = poll (&connecting, 1, LOOK_INTERVAL_MSEC);
      int fd = ready > 0 ? accept_client (listening) : -1;

      if (fd >= 0)
        return fd;
      if (keep_table_has_process ())
        used = now ();
      else if (now () - used >= KEEP_UNUSED_SEC)
        exit (EXIT_SUCCESS);
    }
}

/**
 * keep_run:
 * @listening: where daemons connect, one after the other
 *
 * Keeps what the daemon wants kept, and gives it to the next one that asks. Ends when it is told to, and when for five
 * minutes no daemon has come back and no process has run whose descriptor it holds.
 *
 * Returns: never but on success, an exit status
 */
int
keep_run (int listening)
{
  raise_limit ();
  become_last ();
  if (chdir ("/") < 0)
    return EXIT_FAILURE;
  for (;;)
    {
      int client = await_client (listening);

      while (serve (client))
        ;
      close (client);
    }
}
