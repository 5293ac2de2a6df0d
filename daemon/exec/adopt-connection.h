/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-connection.h: what is known of the connections that came in: where the program is with their requests.
 *
 * A connection is known from its accept() on, or from when another process gave it to this one (adopt-given.h), by its
 * descriptor, which is checked by the kernel's name for the socket. What the program reads and writes by way of libc is followed (AdoptRequest). Nothing here allocates or waits: threads that read or write one connection at the same time,
 * which no server of HTTP/1 does, make it one of which nothing is known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "adopt-request.h"

/* Connections with a higher descriptor are not looked at. */
#define ADOPT_CONNECTIONS_MAX 16384

/**
 * AdoptConnection:
 * @cookie: the kernel's name for it; 0: nothing is known of it
 * @heads: how many requests have begun, of which all the head was read
 * @begun: to how many of them an answer has begun
 * @ended: how many of those were written whole
 * @between: whether each request that was begun was read whole
 * @is_late: whether an answer has begun since the successor serves
 * @reads: whether somebody is busy with @request
 * @writes: whether somebody is busy with @answer
 * @request: where the reading is, only for who reads
 * @answer: where the writing is, only for who writes
 */
typedef struct {
  uint64_t cookie;
  uint32_t heads;
  uint32_t begun;
  uint32_t ended;
  uint32_t between;
  uint32_t is_late;
  uint32_t reads;
  uint32_t writes;
  AdoptRequest request;
  AdoptRequest answer;
} AdoptConnection;

void adopt_connection_begin (int fd);
AdoptConnection *adopt_connection_find (int fd);
AdoptConnection *adopt_connection_begin_unseen (int fd);
void adopt_connection_note_received (AdoptConnection *self, const struct iovec *parts, size_t n_parts, size_t size);
void adopt_connection_note_sent (AdoptConnection *self, const struct iovec *parts, size_t n_parts, size_t size,
                                 bool retired);
bool adopt_connection_is_answered (const AdoptConnection *self);
bool adopt_connection_is_busy (const AdoptConnection *self);
bool adopt_connection_awaits_answer (const AdoptConnection *self);
