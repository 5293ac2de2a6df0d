/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-listeners.h: the listeners of one service, with real sockets.
 *
 * Sockets listen from the moment they are bound: connections wait in their queue while no instance runs. Discovered
 * ones come from the adopt server.
 */
#pragma once

#include "hr-inherited-sockets.h"
#include "hr-keeper.h"
#include "hr-listeners.h"
#include "hr-rescue.h"
#include "hr-socket-address.h"
#include "hr-socket-file.h"

G_BEGIN_DECLS

/* A program that listens on more sockets by itself keeps the others to itself. */
#define HR_DISCOVERED_LISTENERS_MAX 64

/**
 * HrListenerMatch:
 * @HR_LISTENER_MATCH_MADE_FOR: this very address, or a listener of the service file that overlaps it
 * @HR_LISTENER_MATCH_IN_THE_WAY: any listener that overlaps it
 * @HR_LISTENER_MATCH_FREE_PORT: a discovered one on this host whose port the kernel chose, and which the instance does
 *   not have yet
 * @HR_LISTENER_MATCH_EQUAL: this very address
 */
typedef enum {
  HR_LISTENER_MATCH_MADE_FOR,
  HR_LISTENER_MATCH_IN_THE_WAY,
  HR_LISTENER_MATCH_FREE_PORT,
  HR_LISTENER_MATCH_EQUAL,
} HrListenerMatch;

#define HR_TYPE_SOCKET_LISTENERS (hr_socket_listeners_get_type ())
G_DECLARE_FINAL_TYPE (HrSocketListeners, hr_socket_listeners, HR, SOCKET_LISTENERS, GObject)

HrListeners *hr_socket_listeners_new (void);
void hr_socket_listeners_set_keeper (HrSocketListeners *self, HrKeeper *keeper, const char *service,
                                     gboolean reexecuted);
HrAdoptGate *hr_socket_listeners_resume (HrSocketListeners *self, const char *instance);
void hr_socket_listeners_salvage (HrSocketListeners *self, GPid leader, const char *instance);
void hr_socket_listeners_claim (HrSocketListeners *self, HrInheritedSockets *inherited, HrServiceSpec *spec);
int hr_socket_listeners_take (HrSocketListeners *self, const HrSocketAddress *address, HrListenerMatch match,
                              const char *instance);
int hr_socket_listeners_find (HrSocketListeners *self, int fd, const char *instance);
int hr_socket_listeners_find_twin (HrSocketListeners *self, int fd, const char *instance);
gboolean hr_socket_listeners_discover (HrSocketListeners *self, int fd, const HrSocketAddress *where,
                                       HrSocketFile *file, gboolean free_port, const char *instance, GError **error);
int hr_socket_listeners_take_file (HrSocketListeners *self, dev_t device, ino_t inode, const char *instance);
gboolean hr_socket_listeners_has_file (HrSocketListeners *self, dev_t device, ino_t inode);
gboolean hr_socket_listeners_leave_directory (HrSocketListeners *self, dev_t device, ino_t inode, const char *instance);
void hr_socket_listeners_enter (HrSocketListeners *self, const char *instance);
void hr_socket_listeners_add_gate (HrSocketListeners *self, const char *instance, HrAdoptGate *gate);
void hr_socket_listeners_retire (HrSocketListeners *self, const char *instance);
HrRescue *hr_socket_listeners_get_rescue (HrSocketListeners *self);
void hr_socket_listeners_leave (HrSocketListeners *self, const char *instance);

G_END_DECLS
