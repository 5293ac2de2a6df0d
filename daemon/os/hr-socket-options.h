/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-options.h: what makes one listening socket behave as another.
 *
 * A program sets options on its socket, and the connections that it accepts from it inherit them. Twice it gets another
 * socket without knowing of it: the daemon's in place of its own (adopt-options.c), and as a candidate a second one
 * beside the service's (hr-socket-bind.c), whose options a program, or whoever passed it to the daemon, has set. Both
 * go by this table, so that a connection is the same whichever socket it came in by.
 *
 * What cannot be read back is not in it: filters, keys of TCP_MD5SIG. Nor is what is about sharing the address itself,
 * and O_NONBLOCK. No GLib: the adopt library is built with this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * HrSocketOptionKind:
 * @HR_SOCKET_OPTION_PLAIN: its value is read from one and set on the other
 * @HR_SOCKET_OPTION_SIZE: of a buffer: the kernel tells twice of what it was told
 * @HR_SOCKET_OPTION_SWITCH: something that comes along with data: on a socket that several instances share, one that is
 *   switched on is another's wish as well, and stays
 * @HR_SOCKET_OPTION_BIND: it decides about bind(), so that it is of no use for a socket that is bound
 */
typedef enum {
  HR_SOCKET_OPTION_PLAIN,
  HR_SOCKET_OPTION_SIZE,
  HR_SOCKET_OPTION_SWITCH,
  HR_SOCKET_OPTION_BIND,
} HrSocketOptionKind;

/**
 * HrSocketOption:
 * @level: as of getsockopt(2)
 * @name: the same
 * @text: the constant by which @name is known
 * @kind: what there is to know of it
 */
typedef struct {
  int level;
  int name;
  const char *text;
  HrSocketOptionKind kind;
} HrSocketOption;

const HrSocketOption *hr_socket_options_get (size_t index);
bool hr_socket_option_copy (const HrSocketOption *option, int from, int to);
