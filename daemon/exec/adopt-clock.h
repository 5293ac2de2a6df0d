/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-clock.h: a clock that nobody sets.
 */
#pragma once

#include <stdint.h>

#define ADOPT_USEC_PER_SEC 1000000

int64_t adopt_clock_now (void);
