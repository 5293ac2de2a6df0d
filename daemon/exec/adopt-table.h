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

/* What listens beyond this is left to the program alone: the oldest is forgotten. A bit each in a word. */
#define ADOPT_TABLE_MAX 64

typedef struct {
  uint64_t cookie;  /* 0: unused */
  int non_blocking; /* whether the program wants accept() to return at once */
  int listens;      /* whether the program has called listen(), or was given what listens */
  int datagrams;    /* whether it receives and does not accept */
  int is_shut;      /* whether the program has called shutdown() */
  int family;       /* of the program's own socket in whose place this one is; 0: of this one */
} AdoptEntry;

uint64_t adopt_cookie (int fd);
int adopt_get_option (int fd, int level, int name);
AdoptEntry *adopt_table_find (int fd);
AdoptEntry *adopt_table_find_datagrams (int fd);
AdoptEntry *adopt_table_add (int fd, bool non_blocking, bool listens);
void adopt_table_set_non_blocking (AdoptEntry *entry, bool non_blocking);
void adopt_table_tell (void);
unsigned adopt_table_index (const AdoptEntry *entry);
bool adopt_table_any_waits (void);
void adopt_aliens_add (int fd);
bool adopt_aliens_find (int fd);
void adopt_free_ports_add (int fd);
bool adopt_free_ports_find (int fd);
