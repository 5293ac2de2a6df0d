/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reexec.h: the daemon becomes the program that is installed now, in place: same PID, same client of the bus.
 *
 * The program is tried; then nothing is begun any more and what is under way ends or is put back; then the connection to
 * the bus is frozen between two messages, and the program executed with what it is handed. Up to that all can be undone.
 */
#pragma once

#include "hr-bus-manager.h"
#include "hr-inherited-sockets.h"
#include "hr-local-platform.h"

G_BEGIN_DECLS

/* How long the program may take to say whether it can go on. */
#define HR_REEXEC_TRY_USEC (15 * G_USEC_PER_SEC)
/* What is under way has this long to end by itself before it is put back, where it can be; canaries have none. */
#define HR_REEXEC_GRACE_USEC (3 * G_USEC_PER_SEC)
/* When something has not ended after this, nothing becomes of it. */
#define HR_REEXEC_SETTLE_USEC (60 * G_USEC_PER_SEC)
/* How often it is looked at meanwhile. */
#define HR_REEXEC_LOOK_USEC (10 * G_TIME_SPAN_MILLISECOND)

/**
 * HrReexecPlan:
 * @program: what to execute, absolute
 * @arguments: (array zero-terminated=1): its command line
 * @configuration: what the services are described by
 * @platform: the operating system
 * @inherited: sockets that the daemon was passed
 * @bus: the objects on the bus
 * @connection: to the bus
 *
 * What there is; all of it outlives the HrReexec.
 */
typedef struct {
  const char *program;
  char **arguments;
  HrConfiguration *configuration;
  HrLocalPlatform *platform;
  HrInheritedSockets *inherited;
  HrBusManager *bus;
  GDBusConnection *connection;
} HrReexecPlan;

typedef struct _HrReexec HrReexec;

HrReexec *hr_reexec_new (const HrReexecPlan *plan);
void hr_reexec_free (HrReexec *self);

G_END_DECLS
