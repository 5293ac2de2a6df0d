/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-keeper.h: keeps logs within their limit while programs write to them, and notes when they were written.
 *
 * It is not in the way of the output: it looks at sizes, from a thread of its own, since freeing the head of a file may
 * wait for the disk. Nothing is looked at while nothing is written: a log that rests has an inotify watch that fires
 * once. From then on it is looked at by a timer that is the shorter the less is missing to the limit, until it rests
 * again. So what is written costs the daemon the same, however much it is.
 *
 * Of each log the newest LogMax is kept, and no more than twice that, as long as its program writes no more than
 * HR_LOG_RATE_MAX and the thread gets a processor in time: half of what is missing to the limit is left for that, and nobody
 * but the kernel can make a program wait. Beyond it is what was written until it did, and until the next look only. What ended instances of the service left counts,
 * and goes first, the oldest of it, with its file when nothing is left in it. Only of more than HR_LOG_FILES_MAX files one
 * goes whatever is in it, and one that somebody still has open never does.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Logs of each service, besides those that somebody has open. Each takes a block or three of the disk and some microseconds of
   who shows them all. */
#define HR_LOG_FILES_MAX 64
/* Bytes a second that a program is thought to write at most. */
#define HR_LOG_RATE_MAX (G_GUINT64_CONSTANT (1000) * 1000 * 1000)
/* The bounds of the time between two looks, in microseconds. */
#define HR_LOG_LOOK_MIN_USEC 2000
#define HR_LOG_LOOK_MAX_USEC 500000
/* How often a log is cut before it is another's turn, when more was written meanwhile than there may be. */
#define HR_LOG_CUTS_AT_ONCE 4
/* Times are noted once in so many microseconds, and so many at once after a rest. */
#define HR_LOG_MARK_USEC G_USEC_PER_SEC
#define HR_LOG_MARKS_AT_ONCE 8

typedef struct _HrLogKeeper HrLogKeeper;

HrLogKeeper *hr_log_keeper_new (const char *dir);
void hr_log_keeper_free (HrLogKeeper *self);
void hr_log_keeper_limit (HrLogKeeper *self, const char *service, guint64 max);
void hr_log_keeper_found (HrLogKeeper *self, const char *service, const char *name);
void hr_log_keeper_starts (HrLogKeeper *self, const char *service, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogKeeper, hr_log_keeper_free)

G_END_DECLS
