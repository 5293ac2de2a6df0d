/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-finish.h: no further request on the connections of an instance that is about to be told to stop.
 */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

ssize_t adopt_finish_received (int fd, const void *data, size_t size, int flags, ssize_t result);
ssize_t adopt_finish_received_parts (int fd, const struct iovec *parts, size_t n_parts, int flags, ssize_t result);
