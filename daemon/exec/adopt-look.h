/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-look.h: whether a thread was told by poll(), select() or epoll_wait() that there is a connection.
 *
 * A program that waits there and not in accept() must not be held in accept() when another instance was quicker. One
 * that waits in accept() is to wait, also when it has asked about something else. Programs whose sockets are all
 * non-blocking pay nothing for it.
 */
#pragma once

#include <stdbool.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "adopt-table.h"

void adopt_look_polled (struct pollfd *fds, nfds_t n_fds);
void adopt_look_selected (int n_fds, fd_set *readable);
bool adopt_look_watch (int epoll, int fd, const struct epoll_event *event);
void adopt_look_waited (int epoll, const struct epoll_event *events, int n_events);
bool adopt_look_take (const AdoptEntry *entry);
