/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-datagram.h: UDP sockets that are shared with other instances.
 */
#pragma once

#include <poll.h>
#include <sys/select.h>

void adopt_datagram_polled (const struct pollfd *fds, nfds_t n_fds);
void adopt_datagram_selected (int n_fds, const fd_set *readable);
