/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "adopt-real.h"

/* Threads that can be woken at once when they wait; more look for themselves now and then. */
#define WAITERS_MAX 64
#define UNWOKEN_LOOK_MSEC 200

enum { WAITER_FREE, WAITER_TAKEN, WAITER_WAITS, WAITER_IS_WOKEN };

typedef struct {
  int state;
  int bell; /* eventfd that lives as long as the wait */
  const AdoptEntry *entry;
} Waiter;

static Waiter waiters[WAITERS_MAX];

/* Children begin with none: those who wait are threads of the parent. Their descriptors are closed by nobody, which a
   program that forks while its threads wait has with all of its descriptors. */
static pid_t owner;

static void
forget_those_of_parent (void)
{
  pid_t self = getpid (), before = __atomic_load_n (&owner, __ATOMIC_ACQUIRE);

  if (before != self && __atomic_compare_exchange_n (&owner, &before, self, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    for (int i = 0; i < WAITERS_MAX; i++)
      __atomic_store_n (&waiters[i].state, WAITER_FREE, __ATOMIC_RELEASE);
}

static Waiter *
waiter_new (const AdoptEntry *entry)
{
  forget_those_of_parent ();
  for (int i = 0; i < WAITERS_MAX; i++)
    {
      int expected = WAITER_FREE;

      if (!__atomic_compare_exchange_n (&waiters[i].state, &expected, WAITER_TAKEN, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
        continue;
      waiters[i].bell = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      waiters[i].entry = entry;
      __atomic_store_n (&waiters[i].state, waiters[i].bell < 0 ? WAITER_FREE : WAITER_WAITS, __ATOMIC_SEQ_CST);
      return waiters[i].bell < 0 ? NULL : &waiters[i];
    }
  return NULL;
}

/* The bell's number must be nobody else's while somebody rings it. */
static void
waiter_free (Waiter *waiter)
{
  int expected = WAITER_WAITS;

  while (
      !__atomic_compare_exchange_n (&waiter->state, &expected, WAITER_TAKEN, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
      expected = WAITER_WAITS;
      sched_yield ();
    }
  close (waiter->bell);
  __atomic_store_n (&waiter->state, WAITER_FREE, __ATOMIC_RELEASE);
}

/* Whether a call that a signal interrupts is to go on by itself: all handlers of the program say so. */
static bool
handlers_restart (void)
{
  struct sigaction action;

  for (int number = 1; number < NSIG; number++)
    if (sigaction (number, NULL, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN
        && (action.sa_flags & SA_RESTART) == 0)
      return false;
  return true;
}

/**
 * adopt_wait_milliseconds:
 * @limit: of a socket option: 0 is no limit
 *
 * Returns: as poll() wants it: rounded up, -1 for ever; what is longer than it can say becomes the longest it can
 */
int
adopt_wait_milliseconds (const struct timeval *limit)
{
  int64_t milliseconds = (limit->tv_usec + 999) / 1000;

  if (limit->tv_sec == 0 && limit->tv_usec == 0)
    return -1;
  if (limit->tv_sec > INT_MAX / 1000 || limit->tv_sec * INT64_C (1000) + milliseconds > INT_MAX)
    return INT_MAX;
  return (int)(limit->tv_sec * INT64_C (1000) + milliseconds);
}

static int
patience_of (int fd)
{
  struct timeval limit = { 0 };
  socklen_t length = sizeof limit;

  return REAL (getsockopt) (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &length) == 0 ? adopt_wait_milliseconds (&limit) : -1;
}

/* Returns what poll() does; above zero also when it is time to look again. */
static int
wait_with (int fd, Waiter *waiter, int milliseconds)
{
  struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
                          { .fd = waiter != NULL ? waiter->bell : -1, .events = POLLIN } };
  bool looks = waiter == NULL && milliseconds < 0;
  int result = REAL (poll) (fds, 2, looks ? UNWOKEN_LOOK_MSEC : milliseconds);

  return result == 0 && looks ? 1 : result;
}

/**
 * adopt_wait:
 * @fd: a shared socket
 * @entry: what is known of it
 * @will_come: whether a connection can come; else only the rest is waited for
 *
 * Returns: whether to try again; else errno says with what accept() is to fail
 */
bool
adopt_wait (int fd, const AdoptEntry *entry, bool will_come)
{
  int milliseconds = patience_of (fd), result, saved;
  Waiter *waiter = waiter_new (entry);

  /* Before the bell was there it could not be rung. */
  if (__atomic_load_n (&entry->is_shut, __ATOMIC_SEQ_CST))
    result = 1;
  else
    result = wait_with (will_come ? fd : -1, waiter, milliseconds);
  saved = errno;
  if (waiter != NULL)
    waiter_free (waiter);
  errno = saved;
  if (result == 0)
    errno = EAGAIN;
  return result > 0 || (result < 0 && errno == EINTR && milliseconds < 0 && handlers_restart ());
}

/**
 * adopt_wait_wake:
 * @entry: of a socket that was shut down
 *
 * Lets all who wait for a connection on it try again. May be called by a signal's handler. Keeps errno.
 */
void
adopt_wait_wake (const AdoptEntry *entry)
{
  static const uint64_t once = 1;
  int saved = errno;

  for (int i = 0; i < WAITERS_MAX; i++)
    {
      int expected = WAITER_WAITS;

      if (waiters[i].entry != entry
          || !__atomic_compare_exchange_n (&waiters[i].state, &expected, WAITER_IS_WOKEN, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_ACQUIRE))
        continue;
      if (waiters[i].entry == entry && write (waiters[i].bell, &once, sizeof once) < 0)
        errno = saved;
      __atomic_store_n (&waiters[i].state, WAITER_WAITS, __ATOMIC_SEQ_CST);
    }
  errno = saved;
}
