/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-place.h: putting the daemon's socket where the program has its own.
 *
 * The program's socket may be in more places than the descriptor that it binds: copies made before, and sets of epoll(7),
 * which hold on to the socket and not to the number. Left in one of them, the program would listen on a socket and wait
 * on another. What the kernel says of them in /proc is read at bind(); no other call pays for it.
 */
#pragma once

int adopt_place (int fd, int held);
