/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-last.h: an answer says that it is the last one of its connection.
 *
 * From when the successor serves, the head of an answer of HTTP/1 gets "Connection: close" (RFC 9112, 9.6), in the place
 * of "Connection: keep-alive" or beside the other fields, so that the client sends its next request over another
 * connection, and none crosses the end of this one. Only of an answer whose head the program writes at once, to the
 * last request that came, when next to nothing is on its way any more: what is put in then goes out whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* A head that is longer is left alone. */
#define ADOPT_LAST_HEAD_MAX 16384
/* So is what is written in more parts. */
#define ADOPT_LAST_PARTS_MAX 64

bool adopt_last_find_place (const char *data, size_t size, size_t *begin, size_t *end);
ssize_t adopt_last_send (int fd, const struct iovec *parts, size_t n_parts, int flags, bool *done);
