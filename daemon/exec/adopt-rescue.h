/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-rescue.h: accepting a connection, or one that the daemon has saved.
 *
 * What waits in the queue of a socket from which nobody accepts any more is taken out of it by the daemon. It wakes the
 * program by connecting to it (a nudge), and the program gets the saved connection in the place of that one: it never
 * sees the nudge. While there is none, this costs no system call.
 */
#pragma once

#include <sys/socket.h>

#include "hr-adopt-protocol.h"

int adopt_rescue_accept (const HrAdoptPage *page, int fd, int family, struct sockaddr *name, socklen_t *length,
                         int flags);
