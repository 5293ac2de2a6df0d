/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-finish.h: no further request on the connections of an instance that is about to be told to stop.
 */
#pragma once

#include <sys/types.h>

ssize_t adopt_finish_received (int fd, ssize_t result);
