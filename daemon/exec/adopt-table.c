/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-table.h"

#include <asm/socket.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "adopt-gate.h"
#include "adopt-real.h"

/* Of those below: most sockets that are bound to a port of the kernel's choice will connect, a few will listen; few
   programs accept from sockets that are not shared. */
#define RING_MAX 16

/* Cookies, the oldest overwritten by the newest. */
typedef struct {
  uint64_t cookies[RING_MAX];
  unsigned next;
} Ring;

static AdoptEntry entries[ADOPT_TABLE_MAX];
static unsigned next_entry;
static int has_datagrams;
static Ring free_ports, aliens;

/**
 * adopt_cookie:
 * @fd: a descriptor
 *
 * Keeps errno.
 *
 * Returns: the kernel's name for the socket, 0 when it is none
 */
uint64_t
adopt_cookie (int fd)
{
  int saved = errno;
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;

  if (REAL (getsockopt) (fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0)
    cookie = 0;
  errno = saved;
  return cookie;
}

/**
 * adopt_get_option:
 * @fd: a descriptor
 * @level: as getsockopt() has it
 * @name: of an option that is an int
 *
 * Keeps errno.
 *
 * Returns: what the kernel says, -1 when it does not
 */
int
adopt_get_option (int fd, int level, int name)
{
  int value = -1;
  socklen_t length = sizeof value;
  int saved = errno;

  if (REAL (getsockopt) (fd, level, name, &value, &length) < 0)
    value = -1;
  errno = saved;
  return value;
}

static AdoptEntry *
find_cookie (uint64_t cookie)
{
  for (int i = 0; cookie != 0 && i < ADOPT_TABLE_MAX; i++)
    if (__atomic_load_n (&entries[i].cookie, __ATOMIC_ACQUIRE) == cookie)
      return &entries[i];
  return NULL;
}

/**
 * adopt_table_find:
 * @fd: a descriptor
 *
 * Returns: (nullable): what is known of its socket; %NULL when it is not shared
 */
AdoptEntry *
adopt_table_find (int fd)
{
  /* Programs without any shared socket must not pay for a system call. */
  if (__atomic_load_n (&next_entry, __ATOMIC_ACQUIRE) == 0)
    return NULL;
  return find_cookie (adopt_cookie (fd));
}

/**
 * adopt_table_find_datagrams:
 * @fd: a descriptor
 *
 * Returns: (nullable): what is known of its socket; %NULL when it is not shared or a stream
 */
AdoptEntry *
adopt_table_find_datagrams (int fd)
{
  AdoptEntry *entry;

  /* This is asked at every read(). */
  if (!__atomic_load_n (&has_datagrams, __ATOMIC_ACQUIRE))
    return NULL;
  entry = adopt_table_find (fd);
  return entry != NULL && __atomic_load_n (&entry->datagrams, __ATOMIC_ACQUIRE) ? entry : NULL;
}

/**
 * adopt_table_add:
 * @fd: a descriptor of a socket that is shared now
 * @non_blocking: whether the program wants accept() to return at once
 * @listens: whether the program has called listen(), or was given what listens
 *
 * Returns: (nullable): what is known of it, begun anew; %NULL when it is no socket
 */
AdoptEntry *
adopt_table_add (int fd, bool non_blocking, bool listens)
{
  uint64_t cookie = adopt_cookie (fd);
  AdoptEntry *entry = find_cookie (cookie);
  bool datagrams = adopt_get_option (fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;

  if (cookie == 0)
    return NULL;
  if (entry == NULL)
    entry = &entries[__atomic_fetch_add (&next_entry, 1, __ATOMIC_ACQ_REL) % ADOPT_TABLE_MAX];
  __atomic_store_n (&entry->non_blocking, non_blocking, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->listens, listens, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->datagrams, datagrams, __ATOMIC_RELEASE);
  if (datagrams)
    __atomic_store_n (&has_datagrams, 1, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->is_shut, 0, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->family, 0, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->cookie, cookie, __ATOMIC_RELEASE);
  adopt_gate_tell (cookie, non_blocking);
  return entry;
}

/**
 * adopt_table_set_non_blocking:
 * @entry: of the table
 * @non_blocking: whether the program wants accept() to return at once, from now on
 */
void
adopt_table_set_non_blocking (AdoptEntry *entry, bool non_blocking)
{
  __atomic_store_n (&entry->non_blocking, non_blocking, __ATOMIC_RELEASE);
  adopt_gate_tell (__atomic_load_n (&entry->cookie, __ATOMIC_ACQUIRE), non_blocking);
}

/**
 * adopt_table_tell:
 *
 * Tells the other processes of the instance what this one wants of its sockets, now that the gate is open.
 */
void
adopt_table_tell (void)
{
  unsigned n = __atomic_load_n (&next_entry, __ATOMIC_ACQUIRE);

  for (unsigned i = 0; i < n && i < ADOPT_TABLE_MAX; i++)
    adopt_gate_tell (__atomic_load_n (&entries[i].cookie, __ATOMIC_ACQUIRE),
                     __atomic_load_n (&entries[i].non_blocking, __ATOMIC_ACQUIRE));
}

/**
 * adopt_table_index:
 * @entry: of the table
 *
 * Returns: its place, below %ADOPT_TABLE_MAX
 */
unsigned
adopt_table_index (const AdoptEntry *entry)
{
  return (unsigned)(entry - entries);
}

/**
 * adopt_table_any_waits:
 *
 * Returns: whether there is a shared socket on which the program means accept() to wait
 */
bool
adopt_table_any_waits (void)
{
  unsigned n = __atomic_load_n (&next_entry, __ATOMIC_ACQUIRE);

  for (unsigned i = 0; i < n && i < ADOPT_TABLE_MAX; i++)
    if (!__atomic_load_n (&entries[i].non_blocking, __ATOMIC_ACQUIRE))
      return true;
  return false;
}

static void
ring_add (Ring *ring, int fd)
{
  unsigned next = __atomic_fetch_add (&ring->next, 1, __ATOMIC_ACQ_REL);

  __atomic_store_n (&ring->cookies[next % RING_MAX], adopt_cookie (fd), __ATOMIC_RELEASE);
}

static bool
ring_find (const Ring *ring, int fd)
{
  uint64_t cookie = adopt_cookie (fd);

  for (int i = 0; cookie != 0 && i < RING_MAX; i++)
    if (__atomic_load_n (&ring->cookies[i], __ATOMIC_ACQUIRE) == cookie)
      return true;
  return false;
}

/**
 * adopt_aliens_add:
 * @fd: a descriptor of a socket of which the daemon does not know
 */
void
adopt_aliens_add (int fd)
{
  ring_add (&aliens, fd);
}

/**
 * adopt_aliens_find:
 * @fd: a descriptor
 *
 * Returns: whether the daemon does not know of its socket
 */
bool
adopt_aliens_find (int fd)
{
  return ring_find (&aliens, fd);
}

/**
 * adopt_free_ports_add:
 * @fd: a descriptor of a socket that was bound to a port of the kernel's choice
 */
void
adopt_free_ports_add (int fd)
{
  ring_add (&free_ports, fd);
}

/**
 * adopt_free_ports_find:
 * @fd: a descriptor
 *
 * Returns: whether its socket was bound to a port of the kernel's choice, a short while ago
 */
bool
adopt_free_ports_find (int fd)
{
  return ring_find (&free_ports, fd);
}
