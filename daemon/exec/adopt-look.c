/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-look.h"

#include <stddef.h>

/* Shared sockets in sets of epoll(7) that are known; a program has few. */
#define WATCHED_MAX 64

/* epoll_wait() does not say which descriptor is ready, only what the program wrote beside it. */
typedef struct {
  int epoll; /* plus one; 0: unused */
  unsigned index;
  uint64_t data;
} Watched;

static Watched watched[WATCHED_MAX];
static unsigned next_watched;
/* Of this thread, since its last accept(): a bit for each socket of the table. */
static __thread uint64_t looked __attribute__ ((tls_model ("initial-exec")));

static void
note (unsigned index)
{
  looked |= UINT64_C (1) << index;
}

static void
note_fd (int fd)
{
  const AdoptEntry *entry = adopt_table_find (fd);

  if (entry != NULL)
    note (adopt_table_index (entry));
}

/**
 * adopt_look_polled:
 * @fds: what poll() has answered; only read
 * @n_fds: how many
 */
void
adopt_look_polled (struct pollfd *fds, nfds_t n_fds)
{
  if (!adopt_table_any_waits ())
    return;
  for (nfds_t i = 0; i < n_fds; i++)
    if ((fds[i].revents & POLLIN) != 0)
      note_fd (fds[i].fd);
}

/**
 * adopt_look_selected:
 * @n_fds: as select() has it
 * @readable: (nullable): what select() has answered; only read
 */
void
adopt_look_selected (int n_fds, fd_set *readable)
{
  if (readable == NULL || !adopt_table_any_waits ())
    return;
  for (int fd = 0; fd < n_fds && fd < FD_SETSIZE; fd++)
    if (FD_ISSET (fd, readable))
      note_fd (fd);
}

/**
 * adopt_look_watch:
 * @epoll: a set
 * @fd: a descriptor that is added to it, or changed in it
 * @event: (nullable): how
 *
 * Returns: whether its socket is shared
 */
bool
adopt_look_watch (int epoll, int fd, const struct epoll_event *event)
{
  const AdoptEntry *entry = epoll >= 0 && event != NULL ? adopt_table_find (fd) : NULL;
  Watched *free_one;
  unsigned index;

  if (entry == NULL)
    return false;
  index = adopt_table_index (entry);
  for (int i = 0; i < WATCHED_MAX; i++)
    if (__atomic_load_n (&watched[i].epoll, __ATOMIC_ACQUIRE) == epoll + 1 && watched[i].index == index)
      {
        __atomic_store_n (&watched[i].data, event->data.u64, __ATOMIC_RELEASE);
        return true;
      }
  free_one = &watched[__atomic_fetch_add (&next_watched, 1, __ATOMIC_ACQ_REL) % WATCHED_MAX];
  __atomic_store_n (&free_one->epoll, 0, __ATOMIC_RELEASE);
  free_one->index = index;
  __atomic_store_n (&free_one->data, event->data.u64, __ATOMIC_RELEASE);
  __atomic_store_n (&free_one->epoll, epoll + 1, __ATOMIC_RELEASE);
  return true;
}

/**
 * adopt_look_waited:
 * @epoll: a set
 * @events: what epoll_wait() has answered
 * @n_events: how many
 */
void
adopt_look_waited (int epoll, const struct epoll_event *events, int n_events)
{
  unsigned n = __atomic_load_n (&next_watched, __ATOMIC_ACQUIRE);

  if (n_events <= 0 || n == 0 || !adopt_table_any_waits ())
    return;
  for (unsigned i = 0; i < n && i < WATCHED_MAX; i++)
    if (__atomic_load_n (&watched[i].epoll, __ATOMIC_ACQUIRE) == epoll + 1)
      for (int j = 0; j < n_events; j++)
        if (events[j].data.u64 == __atomic_load_n (&watched[i].data, __ATOMIC_ACQUIRE))
          note (watched[i].index);
}

/**
 * adopt_look_take:
 * @entry: of the socket from which the thread accepts
 *
 * Returns: whether the thread was told that there is a connection, since it last asked here
 */
bool
adopt_look_take (const AdoptEntry *entry)
{
  uint64_t bit = UINT64_C (1) << adopt_table_index (entry);
  bool told = (looked & bit) != 0;

  looked &= ~bit;
  return told;
}
