/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-unseen.h: programs whose sockets the adopt library cannot see, and what that means for a handover.
 *
 * What such a program binds is its own: the daemon has no copy of it, and the next instance finds the address taken.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

/* Which such program has not bound anything by then is taken for one that never will. */
#define HR_UNSEEN_BINDS_WITHIN_USEC (10 * G_USEC_PER_SEC)

/**
 * HrUnseen:
 * @HR_UNSEEN_NOT: nothing stands in the way of the library
 * @HR_UNSEEN_STATIC: linked statically: nothing is preloaded
 * @HR_UNSEEN_GO: makes system calls past the C library
 * @HR_UNSEEN_SETID: more rights than its user: nothing is preloaded
 * @HR_UNSEEN_CAPABLE: the same, by capabilities of its file
 * @HR_UNSEEN_FOREIGN: of another word size or processor than the library
 * @HR_UNSEEN_RUNNING: its file shows nothing, but a process that runs has sockets of its own and no library
 *
 * Why the library does not see what a program binds and accepts.
 */
typedef enum {
  HR_UNSEEN_NOT,
  HR_UNSEEN_STATIC,
  HR_UNSEEN_GO,
  HR_UNSEEN_SETID,
  HR_UNSEEN_CAPABLE,
  HR_UNSEEN_FOREIGN,
  HR_UNSEEN_RUNNING,
} HrUnseen;

/**
 * HrUnseenCase:
 * @candidate: of the program that is to be started
 * @has_previous: whether an instance runs
 * @previous: of that
 * @previous_binds: whether it listens on sockets that the daemon does not have
 * @previous_age: for how long it has run, in microseconds
 * @holds_found: whether the daemon holds what an earlier instance bound
 * @sequential: whether the running instance is to end first anyway
 *
 * What is known before a candidate is started.
 */
typedef struct {
  HrUnseen candidate;
  gboolean has_previous;
  HrUnseen previous;
  gboolean previous_binds;
  gint64 previous_age;
  gboolean holds_found;
  gboolean sequential;
} HrUnseenCase;

typedef enum { HR_UNSEEN_GOES, HR_UNSEEN_NEEDS_SEQUENTIAL, HR_UNSEEN_CANNOT } HrUnseenVerdict;

HrUnseenVerdict hr_unseen_judge (const HrServiceSpec *spec, const HrUnseenCase *what);
char *hr_unseen_describe_sequential (const HrServiceSpec *spec, const HrUnseenCase *what);
char *hr_unseen_describe_refusal (const HrServiceSpec *spec, const HrUnseenCase *what);
char *hr_unseen_advise (const HrServiceSpec *spec, HrUnseen unseen);

G_END_DECLS
