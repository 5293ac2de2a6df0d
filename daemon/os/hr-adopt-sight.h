/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-sight.h: whether the adopt library can see what an instance does.
 *
 * It cannot in static programs, which load no library; in programs written in Go, which make system calls past libc; in
 * those with more rights than their user, and those that were started without LD_PRELOAD. Read from /proc, where
 * processes change: the answer is of this moment.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_adopt_sees (GPid leader);

G_END_DECLS
