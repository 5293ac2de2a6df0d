/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-poll.c: what of the adopt library stands before poll(), select() and epoll.
 *
 * A program that asks whether there is a connection is ready, and one that was told so must not be held in accept().
 */
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

#include "adopt-datagram.h"
#include "adopt-gate.h"
#include "adopt-look.h"
#include "adopt-real.h"
#include "adopt-report.h"

/* Only reads; not const, because glibc says of poll() that it does not read what it is given. */
static void
report_polled (struct pollfd *fds, nfds_t n_fds)
{
  adopt_datagram_polled (fds, n_fds);
  if (adopt_has_reported ())
    return;
  for (nfds_t i = 0; i < n_fds; i++)
    if ((fds[i].events & POLLIN) != 0)
      adopt_report_if_shared (fds[i].fd);
}

static void
report_selected (int n_fds, fd_set *readable)
{
  adopt_datagram_selected (n_fds, readable);
  if (adopt_has_reported () || readable == NULL)
    return;
  for (int fd = 0; fd < n_fds && fd < FD_SETSIZE; fd++)
    if (FD_ISSET (fd, readable))
      adopt_report_if_shared (fd);
}

static int
note_polled (struct pollfd *fds, nfds_t n_fds, int result)
{
  if (result > 0)
    adopt_look_polled (fds, n_fds);
  return result;
}

static int
note_selected (int n_fds, fd_set *readable, int result)
{
  if (result > 0)
    adopt_look_selected (n_fds, readable);
  return result;
}

static int
note_waited (int epoll, const struct epoll_event *events, int result)
{
  adopt_look_waited (epoll, events, result);
  return result;
}

EXPORT int
poll (struct pollfd *fds, nfds_t n_fds, int timeout)
{
  report_polled (fds, n_fds);
  return note_polled (fds, n_fds, REAL (poll) (fds, n_fds, timeout));
}

EXPORT int
ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask)
{
  report_polled (fds, n_fds);
  return note_polled (fds, n_fds, REAL (ppoll) (fds, n_fds, timeout, mask));
}

/* What poll() and ppoll() become in programs that are built with _FORTIFY_SOURCE. */
int __poll_chk (struct pollfd *fds, nfds_t n_fds, int timeout, size_t size);
int __ppoll_chk (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask, size_t size);

EXPORT int
__poll_chk (struct pollfd *fds, nfds_t n_fds, int timeout, size_t size)
{
  if (size / sizeof *fds >= n_fds)
    report_polled (fds, n_fds);
  return note_polled (fds, n_fds, REAL (__poll_chk) (fds, n_fds, timeout, size));
}

EXPORT int
__ppoll_chk (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask, size_t size)
{
  if (size / sizeof *fds >= n_fds)
    report_polled (fds, n_fds);
  return note_polled (fds, n_fds, REAL (__ppoll_chk) (fds, n_fds, timeout, mask, size));
}

EXPORT int
select (int n_fds, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict other,
        struct timeval *restrict timeout)
{
  report_selected (n_fds, readable);
  return note_selected (n_fds, readable, REAL (select) (n_fds, readable, writable, other, timeout));
}

EXPORT int
pselect (int n_fds, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict other,
         const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
  report_selected (n_fds, readable);
  return note_selected (n_fds, readable, REAL (pselect) (n_fds, readable, writable, other, timeout, mask));
}

EXPORT int
epoll_ctl (int epoll, int operation, int fd, struct epoll_event *event)
{
  struct epoll_event everybody;

  if (operation == EPOLL_CTL_ADD)
    adopt_report_if_shared (fd);
  if (operation == EPOLL_CTL_DEL || !adopt_look_watch (epoll, fd, event) || (event->events & EPOLLEXCLUSIVE) == 0)
    return REAL (epoll_ctl) (epoll, operation, fd, event);
  /* The one that the kernel wakes may be of the old instance, which leaves the connection alone. */
  everybody = *event;
  everybody.events &= ~(uint32_t)EPOLLEXCLUSIVE;
  return REAL (epoll_ctl) (epoll, operation, fd, &everybody);
}

EXPORT int
epoll_wait (int epoll, struct epoll_event *events, int n_events, int timeout)
{
  adopt_gate_end_handling ();
  return note_waited (epoll, events, REAL (epoll_wait) (epoll, events, n_events, timeout));
}

EXPORT int
epoll_pwait (int epoll, struct epoll_event *events, int n_events, int timeout, const sigset_t *mask)
{
  adopt_gate_end_handling ();
  return note_waited (epoll, events, REAL (epoll_pwait) (epoll, events, n_events, timeout, mask));
}

EXPORT int
epoll_pwait2 (int epoll, struct epoll_event *events, int n_events, const struct timespec *timeout, const sigset_t *mask)
{
  adopt_gate_end_handling ();
  return note_waited (epoll, events, REAL (epoll_pwait2) (epoll, events, n_events, timeout, mask));
}
