/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-table.h: which sockets of this process are shared with the daemon.
 *
 * A socket is known by the kernel's cookie, not by its descriptor: copies are the same socket, and a number that was
 * closed and given out again is not mistaken for it. Nothing here allocates or locks; it may be used in any thread, in
 * forked children and before main().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What listens beyond this is left to the program alone: the oldest is forgotten. */
#define ADOPT_TABLE_MAX 64

typedef struct {
  uint64_t cookie;  /* 0: unused */
  int non_blocking; /* whether the program wants accept() to return at once */
} AdoptEntry;

uint64_t adopt_cookie (int fd);
AdoptEntry *adopt_table_find (int fd);
void adopt_table_add (int fd, bool non_blocking);
void adopt_free_ports_add (int fd);
bool adopt_free_ports_find (int fd);
