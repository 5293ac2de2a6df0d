/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-table.h"

#include <asm/socket.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

/* Sockets that were bound to a port of the kernel's choice: most will connect, a few will listen. */
#define FREE_PORTS_MAX 16

static AdoptEntry entries[ADOPT_TABLE_MAX];
static unsigned next_entry;
static uint64_t free_ports[FREE_PORTS_MAX];
static unsigned next_free_port;

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

  if (getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0)
    cookie = 0;
  errno = saved;
  return cookie;
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
 * adopt_table_add:
 * @fd: a descriptor of a socket that is shared now
 * @non_blocking: whether the program wants accept() to return at once
 */
void
adopt_table_add (int fd, bool non_blocking)
{
  uint64_t cookie = adopt_cookie (fd);
  AdoptEntry *entry = find_cookie (cookie);

  if (cookie == 0)
    return;
  if (entry == NULL)
    entry = &entries[__atomic_fetch_add (&next_entry, 1, __ATOMIC_ACQ_REL) % ADOPT_TABLE_MAX];
  __atomic_store_n (&entry->non_blocking, non_blocking, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->cookie, cookie, __ATOMIC_RELEASE);
}

/**
 * adopt_free_ports_add:
 * @fd: a descriptor of a socket that was bound to a port of the kernel's choice
 */
void
adopt_free_ports_add (int fd)
{
  unsigned next = __atomic_fetch_add (&next_free_port, 1, __ATOMIC_ACQ_REL);

  __atomic_store_n (&free_ports[next % FREE_PORTS_MAX], adopt_cookie (fd), __ATOMIC_RELEASE);
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
  uint64_t cookie = adopt_cookie (fd);

  for (int i = 0; cookie != 0 && i < FREE_PORTS_MAX; i++)
    if (__atomic_load_n (&free_ports[i], __ATOMIC_ACQUIRE) == cookie)
      return true;
  return false;
}
