/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-clock.h"

#include <time.h>

/**
 * adopt_clock_now:
 *
 * Returns: the time since some moment, in microseconds
 */
int64_t
adopt_clock_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * ADOPT_USEC_PER_SEC + now.tv_nsec / 1000;
}
