/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-last.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "adopt-clock.h"
#include "adopt-real.h"
#include "adopt-request.h"

/* As much may be on its way, such as an answer that says that another comes (1xx): each socket has more room. */
#define WAITING_MAX 1024
/* How long it is waited for room for the rest of the words, of which there always is enough. */
#define ROOM_USEC (1 * ADOPT_USEC_PER_SEC)

static const char words[] = "Connection: close\r\n";

/* What the line says of the connection; NULL: it is about something else. */
static const char *
get_connection (const char *line, size_t size)
{
  static const char name[] = "connection:";
  size_t at = strlen (name);

  if (size < at || strncasecmp (line, name, at) != 0)
    return NULL;
  while (at < size && (line[at] == ' ' || line[at] == '\t'))
    at++;
  return line + at;
}

static bool
keeps_alive (const char *value, size_t size)
{
  static const char keep_alive[] = "keep-alive";
  size_t at = strlen (keep_alive);

  if (size < at || strncasecmp (value, keep_alive, at) != 0)
    return false;
  while (at < size && (value[at] == ' ' || value[at] == '\t'))
    at++;
  return at == size;
}

/**
 * adopt_last_find_place:
 * @data: what begins with an answer
 * @size: how much
 * @begin: (out): where the words are to be put
 * @end: (out): where what follows them begins
 *
 * Returns: whether they can be: all the head is there, and says nothing else of its connection
 */
bool
adopt_last_find_place (const char *data, size_t size, size_t *begin, size_t *end)
{
  size_t limit = size < ADOPT_LAST_HEAD_MAX ? size : ADOPT_LAST_HEAD_MAX;
  bool found = false;

  if (!adopt_request_begins_answer (data, size))
    return false;
  for (size_t at = 0; at < limit;)
    {
      const char *line = data + at, *newline = memchr (line, '\n', limit - at), *value;
      size_t length = newline != NULL ? (size_t)(newline - line) : 0;

      if (length == 0 || line[--length] != '\r')
        return false;
      if (length == 0)
        {
          if (!found)
            *begin = *end = at;
          return at > 0;
        }
      value = get_connection (line, length);
      if (value != NULL && (found || !keeps_alive (value, (size_t)(line + length - value))))
        return false;
      if (value != NULL)
        {
          found = true;
          *begin = at;
          *end = at + length + 2;
        }
      at += length + 2;
    }
  return false;
}

/* Signals interrupt a wait, and must not prolong it. */
static bool
wait_for_room (int fd, int64_t until)
{
  struct pollfd writable = { .fd = fd, .events = POLLOUT };
  int result;

  do
    {
      int64_t left = until - adopt_clock_now ();

      result = REAL (poll) (&writable, 1, left > 0 ? (int)(left / 1000) : 0);
  } while (result < 0 && errno == EINTR);
  return result > 0;
}

/* What is half out must be out: the words are a dozen bytes, and the buffer was empty. */
static bool
send_rest (int fd, const char *data, size_t size)
{
  const int64_t until = adopt_clock_now () + ROOM_USEC;

  while (size > 0)
    {
      ssize_t sent = REAL (send) (fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (sent > 0)
        {
          data += sent;
          size -= (size_t)sent;
        }
      else if ((sent < 0 && errno != EAGAIN && errno != EINTR) || !wait_for_room (fd, until))
        return false;
    }
  return true;
}

/* How much of the program's own bytes is out, of all that is. */
static ssize_t
translate (int fd, size_t out, size_t begin, size_t end)
{
  const size_t length = strlen (words);

  if (out <= begin)
    return (ssize_t)out;
  if (out < begin + length)
    {
      /* Then the answer is cut off, which is better than one that means something else. */
      if (!send_rest (fd, words + (out - begin), begin + length - out))
        REAL (shutdown) (fd, SHUT_RDWR);
      out = begin + length;
    }
  return (ssize_t)(out - length + (end - begin));
}

/**
 * adopt_last_send:
 * @fd: a connection to which an answer is the next thing that is written
 * @parts: (array length=n_parts): what the program writes
 * @n_parts: how many
 * @flags: of sendmsg()
 * @done: (out): whether it was tried; else nothing has happened
 *
 * Returns: how many of the program's bytes were written, or -1 with errno set
 */
ssize_t
adopt_last_send (int fd, const struct iovec *parts, size_t n_parts, int flags, bool *done)
{
  struct iovec all[ADOPT_LAST_PARTS_MAX + 2];
  struct msghdr message = { .msg_iov = all, .msg_iovlen = n_parts + 2 };
  size_t begin, end;
  ssize_t result;
  int waiting = 0, saved = errno;
  char *data;

  *done = n_parts > 0 && n_parts <= ADOPT_LAST_PARTS_MAX && parts[0].iov_base != NULL
          && adopt_last_find_place (parts[0].iov_base, parts[0].iov_len, &begin, &end)
          && REAL (ioctl) (fd, SIOCOUTQ, &waiting) == 0 && waiting <= WAITING_MAX
          && REAL (ioctl) (fd, SIOCINQ, &waiting) == 0 && waiting == 0;
  errno = saved;
  if (!*done)
    return -1;
  data = parts[0].iov_base;
  all[0] = (struct iovec){ .iov_base = data, .iov_len = begin };
  all[1] = (struct iovec){ .iov_base = (char *)(uintptr_t)words, .iov_len = strlen (words) };
  all[2] = (struct iovec){ .iov_base = data + end, .iov_len = parts[0].iov_len - end };
  for (size_t i = 1; i < n_parts; i++)
    all[i + 2] = parts[i];
  result = REAL (sendmsg) (fd, &message, flags);
  return result < 0 ? result : translate (fd, (size_t)result, begin, end);
}
