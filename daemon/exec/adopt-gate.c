/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-gate.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adopt-client.h"
#include "adopt-clock.h"

/* Who is given connections by a process that the library does not see accept would ask for each of them. */
#define JOIN_AGAIN_USEC (10 * ADOPT_USEC_PER_SEC)

static HrAdoptPage *shared;
/* The process in which this thread received a datagram that it may not have answered: a forked child has a copy. */
static __thread pid_t handler __attribute__ ((tls_model ("initial-exec")));

static void
get_page (HrAdoptQuestion question)
{
  HrAdoptPage *expected = NULL, *page;
  int saved = errno, fd = adopt_client_ask (question, NULL, 0, -1);

  if (fd < 0)
    return;
  page = mmap (NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close (fd);
  if (page != MAP_FAILED
      && !__atomic_compare_exchange_n (&shared, &expected, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    munmap (page, sizeof *page);
  errno = saved;
}

/**
 * adopt_gate_open:
 *
 * Gets the memory from the daemon, once. To be called when the program is about to accept, not before: what only passes
 * a socket on (a shell) must not promise for the program that it will become. Without it nothing is held back. Keeps
 * errno.
 */
void
adopt_gate_open (void)
{
  if (__atomic_load_n (&shared, __ATOMIC_ACQUIRE) == NULL)
    get_page (HR_ADOPT_GATE);
}

/**
 * adopt_gate_join:
 *
 * Gets the memory, where another process of the instance has opened the gate, which is the one that accepts. Promises
 * nothing for this one. Where there is none, the daemon is asked again after %JOIN_AGAIN_USEC. Keeps errno.
 */
void
adopt_gate_join (void)
{
  static int64_t not_before;

  if (__atomic_load_n (&shared, __ATOMIC_ACQUIRE) != NULL
      || adopt_clock_now () < __atomic_load_n (&not_before, __ATOMIC_RELAXED))
    return;
  get_page (HR_ADOPT_JOIN);
  if (__atomic_load_n (&shared, __ATOMIC_ACQUIRE) == NULL)
    __atomic_store_n (&not_before, adopt_clock_now () + JOIN_AGAIN_USEC, __ATOMIC_RELAXED);
}

/**
 * adopt_gate_page:
 *
 * Returns: (nullable): the memory, where it was got; %NULL before
 */
HrAdoptPage *
adopt_gate_page (void)
{
  return __atomic_load_n (&shared, __ATOMIC_ACQUIRE);
}

/**
 * adopt_gate_enter:
 * @page: (out): for adopt_gate_leave()
 *
 * Returns: whether a connection may be accepted now; then adopt_gate_leave() must follow
 */
bool
adopt_gate_enter (HrAdoptPage **page)
{
  *page = __atomic_load_n (&shared, __ATOMIC_ACQUIRE);
  if (*page == NULL)
    return true;
  __atomic_add_fetch (&(*page)->accepting, 1, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n (&(*page)->retired, __ATOMIC_SEQ_CST))
    return true;
  adopt_gate_leave (*page, false);
  return false;
}

/**
 * adopt_gate_leave:
 * @page: (nullable): of adopt_gate_enter()
 * @accepted: whether there was a connection
 *
 * The accept() is over.
 */
void
adopt_gate_leave (HrAdoptPage *page, bool accepted)
{
  if (page == NULL)
    return;
  if (accepted && !__atomic_load_n (&page->accepted, __ATOMIC_RELAXED))
    __atomic_store_n (&page->accepted, 1, __ATOMIC_RELAXED);
  __atomic_sub_fetch (&page->accepting, 1, __ATOMIC_SEQ_CST);
}

/* The one of a socket; with @makes, one that is free. */
static HrAdoptWish *
find_wish (HrAdoptPage *page, uint64_t cookie, bool makes)
{
  for (int i = 0; i < HR_ADOPT_WISHES_MAX; i++)
    {
      uint64_t expected = 0;

      if (__atomic_load_n (&page->wishes[i].cookie, __ATOMIC_ACQUIRE) == cookie
          || (makes
              && __atomic_compare_exchange_n (&page->wishes[i].cookie, &expected, cookie, false, __ATOMIC_ACQ_REL,
                                              __ATOMIC_ACQUIRE)))
        return &page->wishes[i];
    }
  return NULL;
}

/**
 * adopt_gate_tell:
 * @cookie: of a shared socket
 * @non_blocking: whether the program wants accept() on it to return at once
 *
 * Tells the other processes of the instance, once the gate is open.
 */
void
adopt_gate_tell (uint64_t cookie, bool non_blocking)
{
  HrAdoptPage *page = __atomic_load_n (&shared, __ATOMIC_ACQUIRE);
  HrAdoptWish *wish = page != NULL && cookie != 0 ? find_wish (page, cookie, true) : NULL;

  if (wish != NULL)
    __atomic_store_n (&wish->non_blocking, non_blocking, __ATOMIC_RELEASE);
}

/**
 * adopt_gate_recall:
 * @cookie: of a shared socket
 * @otherwise: what to return where no process of the instance has told
 *
 * Returns: whether the program wants accept() on it to return at once
 */
bool
adopt_gate_recall (uint64_t cookie, bool otherwise)
{
  HrAdoptPage *page = __atomic_load_n (&shared, __ATOMIC_ACQUIRE);
  HrAdoptWish *wish = page != NULL && cookie != 0 ? find_wish (page, cookie, false) : NULL;

  return wish != NULL ? __atomic_load_n (&wish->non_blocking, __ATOMIC_ACQUIRE) != 0 : otherwise;
}

/**
 * adopt_gate_begin_handling:
 * @page: (nullable): of adopt_gate_enter()
 *
 * This thread has received a datagram.
 */
void
adopt_gate_begin_handling (HrAdoptPage *page)
{
  if (page == NULL || handler != 0)
    return;
  handler = getpid ();
  __atomic_add_fetch (&page->handling, 1, __ATOMIC_SEQ_CST);
}

/**
 * adopt_gate_is_handling:
 *
 * Returns: whether this thread has received a datagram, and not come back for more
 */
bool
adopt_gate_is_handling (void)
{
  return handler != 0;
}

/**
 * adopt_gate_end_handling:
 *
 * This thread comes back for more.
 */
void
adopt_gate_end_handling (void)
{
  HrAdoptPage *page = handler != 0 ? __atomic_load_n (&shared, __ATOMIC_ACQUIRE) : NULL;

  if (page != NULL && handler == getpid ())
    __atomic_sub_fetch (&page->handling, 1, __ATOMIC_SEQ_CST);
  handler = 0;
}
