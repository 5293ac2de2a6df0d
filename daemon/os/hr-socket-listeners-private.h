/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-listeners-private.h: the inside of HrSocketListeners, shared by its files: hr-socket-listeners.c (what is
 * bound, given and discovered), hr-socket-listeners-files.c (files of Unix sockets), hr-socket-listeners-leave.c (what an
 * instance leaves behind), hr-socket-listeners-traffic.c (whose sockets new connections go to),
 * hr-socket-listeners-queue.c (what waits in their queues), hr-socket-listeners-keep.c (how they outlive the daemon).
 */
#pragma once

#include "hr-held-listener.h"
#include "hr-socket-listeners.h"

G_BEGIN_DECLS

struct _HrSocketListeners {
  GObject parent_instance;

  GPtrArray *held; /* HrHeldListener, the discovered ones last */
  char *separate;  /* id of the instance that has sockets of its own; NULL: none has */
  guint share;     /* of the new connections, for that one */
  gboolean sticky; /* whether that is by source address */
  HrSocketGroupSources sources;
  HrRescue *rescue;
  HrInheritedSockets *inherited; /* NULL: there are none */
  HrKeeper *keeper;              /* NULL: they end with the daemon */
  char *service;                 /* under whose name they are kept */
  GHashTable *kept;              /* key to data, as the keeper has them */
  guint unclaimed;               /* until what nobody has asked for is closed; 0: nothing is waited for */
};

void hr_socket_listeners_init_traffic (HrListenersInterface *iface);
void hr_socket_listeners_init_queue (HrListenersInterface *iface);
void hr_socket_listeners_keep (HrSocketListeners *self);
void hr_socket_listeners_follow (HrSocketListeners *self, HrHeldListener *held);
void hr_socket_listeners_keep_gate (HrSocketListeners *self, const char *instance, HrAdoptGate *gate);
void hr_socket_listeners_begin_traffic (HrSocketListeners *self);

G_END_DECLS
