/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-given.h: connections that another process accepted, and gave to this one.
 */
#pragma once

#include <sys/socket.h>

void adopt_given_received (const struct msghdr *message);
