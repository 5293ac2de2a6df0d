/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-instance-socket.h: Unix sockets at which one instance talks to the daemon.
 *
 * They are in a directory that only the daemon's user may enter. Where the path is too long for a socket, the name is
 * an abstract one; who speaks must then be checked by credentials alone, which the servers do in any case.
 */
#pragma once

#include <gio/gio.h>

#include "hr-closer.h"
#include "hr-owner.h"

G_BEGIN_DECLS

int hr_instance_socket_open (const char *runtime_dir, const char *instance, const char *suffix, int type,
                             char **address, GError **error);
int hr_instance_socket_connect (const char *runtime_dir, const char *instance, const char *suffix, int type);
gboolean hr_instance_socket_give (const char *address, const HrOwner *owner, GError **error);
void hr_instance_socket_close (HrCloser *closer, int *fd, const char *address);

void hr_instance_socket_hand_on (int fd, const char *address);
GVariant *hr_instance_sockets_carry (GArray *fds);
void hr_instance_sockets_take_carried (GVariant *carried);
void hr_instance_sockets_settle (void);

G_END_DECLS
