/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-sight.h: whether the adopt library can see what an instance does.
 *
 * It cannot in static programs, which load no library; in programs written in Go, which make system calls past libc; in
 * those with more rights than their user, and those that were started without LD_PRELOAD. Nor does it see what is
 * accepted by way of io_uring. Read from /proc, where processes change: the answer is of this moment. What a program's
 * file tells before it is started is in hr-program-sight.h.
 *
 * What there is to read is the processes', who may have put it where reading hangs: so it is done in threads, with a
 * deadline, and a few at a time.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Threads of an instance, with those whose outcome nobody waits for any more. */
#define HR_ADOPT_SIGHTS_MAX 4
/* What a look takes at most. */
#define HR_ADOPT_SIGHT_MSEC 1000

/**
 * HrAdoptSight:
 * @sees: whether the library is in one of the processes and sees its calls
 * @misses_listener: whether one of them listens on a socket of its own, which this process does not have, and the
 *   library is not in it or does not see its calls
 * @uses_uring: whether one of them uses io_uring, by which a connection can be accepted past the library
 */
typedef struct {
  gboolean sees;
  gboolean misses_listener;
  gboolean uses_uring;
} HrAdoptSight;

typedef struct _HrAdoptSights HrAdoptSights;

HrAdoptSights *hr_adopt_sights_new (void);
void hr_adopt_sights_free (HrAdoptSights *self);
void hr_adopt_sights_look_async (HrAdoptSights *self, GPid leader, GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_adopt_sights_look_finish (GAsyncResult *result, HrAdoptSight *sight, GError **error);

G_END_DECLS
