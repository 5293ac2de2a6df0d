/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-inherited-sockets.h: sockets that the daemon itself was passed, as by a socket unit of systemd.
 *
 * They stay open as long as the daemon runs, for whoever passed them has them open, too: a listener uses a copy, and
 * when it is closed the next one finds the socket again, with what waits in it. For which listener a socket is, its
 * name says ("SERVICE.LISTENER", or "LISTENER" where one service only has such a listener), else its address.
 * Everything but hr_inherited_sockets_new() is for the main loop's thread.
 */
#pragma once

#include "hr-service-spec.h"
#include "hr-socket-address.h"

G_BEGIN_DECLS

/* More are not taken: the kernel's usual limit for descriptors of one process. */
#define HR_INHERITED_SOCKETS_MAX 1024

#define HR_TYPE_INHERITED_SOCKETS (hr_inherited_sockets_get_type ())
G_DECLARE_FINAL_TYPE (HrInheritedSockets, hr_inherited_sockets, HR, INHERITED_SOCKETS, GObject)

typedef struct _HrInheritedSocket HrInheritedSocket;

HrInheritedSockets *hr_inherited_sockets_new (int first);
GVariant *hr_inherited_sockets_carry (HrInheritedSockets *self, GArray *fds);
HrInheritedSockets *hr_inherited_sockets_new_carried (GVariant *carried);
void hr_inherited_sockets_claim (HrInheritedSockets *self, gconstpointer owner, HrServiceSpec *spec);
void hr_inherited_sockets_unclaim (HrInheritedSockets *self, gconstpointer owner);
void hr_inherited_sockets_warn_unused (HrInheritedSockets *self);
HrInheritedSocket *hr_inherited_sockets_take (HrInheritedSockets *self, gconstpointer owner, const HrListenSpec *spec);

int hr_inherited_socket_get_fd (const HrInheritedSocket *self);
const HrSocketAddress *hr_inherited_socket_get_address (const HrInheritedSocket *self);
gboolean hr_inherited_socket_is_named (const HrInheritedSocket *self, const char *listener);
void hr_inherited_socket_release (HrInheritedSocket *self);

G_END_DECLS
