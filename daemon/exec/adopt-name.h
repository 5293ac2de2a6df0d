/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-name.h: what the daemon needs to know of an address that is not a TCP socket's.
 */
#pragma once

#include <stdbool.h>

#include "hr-adopt-protocol.h"

bool adopt_is_unix_stream (int fd);
bool adopt_is_bound_udp (int fd);
bool adopt_name_fill (int fd, const struct sockaddr *address, socklen_t length, HrAdoptRequest *request);
