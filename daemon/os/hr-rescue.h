/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-rescue.h: connections that the daemon has taken out of a queue from which nobody accepts, on their way to an
 * instance that serves.
 *
 * For each the program is nudged: the daemon connects to it as a client would, and the adopt library takes the
 * connection that was meant in the place of that nudge (see HrAdoptNudge). A connection is kept here until a process has
 * said that it has it, so that it survives the one that dies before; who has it afterwards has accepted it.
 */
#pragma once

#include "hr-adopt-gate.h"
#include "hr-socket-address.h"

G_BEGIN_DECLS

/* Connections at a time; more stay in the queue that they are in. */
#define HR_RESCUE_MAX 256
/* How long a connection waits for an instance to take it, then it is closed. */
#define HR_RESCUE_WAIT_USEC (60 * G_USEC_PER_SEC)

typedef struct _HrRescue HrRescue;

HrRescue *hr_rescue_new (guint32 source);
void hr_rescue_free (HrRescue *self);
void hr_rescue_add_gate (HrRescue *self, const char *instance, HrAdoptGate *gate);
void hr_rescue_remove_gate (HrRescue *self, const char *instance);
gboolean hr_rescue_can_take (HrRescue *self, GHashTable *users);
void hr_rescue_add (HrRescue *self, int fd, const struct sockaddr_storage *listener);
int hr_rescue_offer (HrRescue *self, const struct sockaddr_storage *nudge, guint64 *id);
void hr_rescue_taken (HrRescue *self, guint64 id);
void hr_rescue_returned (HrRescue *self, guint64 id);
void hr_rescue_clear (HrRescue *self);
guint hr_rescue_get_n_held (HrRescue *self);
gint64 hr_rescue_get_longest_wait (HrRescue *self);

G_END_DECLS
