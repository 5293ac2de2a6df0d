/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-options.h: making the daemon's socket look like the program's own.
 */
#pragma once

#include <sys/socket.h>

void adopt_options_copy (int from, int to);
void adopt_options_put_address (int family, const struct sockaddr_storage *address, socklen_t address_length,
                                struct sockaddr *name, socklen_t *length);
