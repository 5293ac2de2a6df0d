/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-wait.h: waiting for a connection as a blocking accept() does, on a socket that must be non-blocking.
 *
 * Such a wait ends with a connection, with the socket's SO_RCVTIMEO, with a signal whose handler does not restart
 * calls, and when the program calls shutdown() for the socket, which the kernel is not told.
 */
#pragma once

#include <stdbool.h>
#include <sys/time.h>

#include "adopt-table.h"

int adopt_wait_milliseconds (const struct timeval *limit);
bool adopt_wait (int fd, const AdoptEntry *entry, bool will_come);
void adopt_wait_wake (const AdoptEntry *entry);
