/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-sight.h: whether the adopt library can see what an instance does.
 *
 * It cannot in static programs, which load no library; in programs written in Go, which make system calls past libc; in
 * those with more rights than their user, and those that were started without LD_PRELOAD. Nor does it see what is
 * accepted by way of io_uring. Read from /proc, where processes change: the answer is of this moment. What a program's
 * file tells before it is started is in hr-program-sight.h.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_adopt_sees (GPid leader);
gboolean hr_adopt_misses_listener (GPid leader);
gboolean hr_adopt_finds_uring (GPid leader);

G_END_DECLS
