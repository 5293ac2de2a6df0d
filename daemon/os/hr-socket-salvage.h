/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-salvage.h: copies of the sockets that the processes of an instance listen on, taken from them: the last
 * resort where the daemon and its keeper are both gone.
 *
 * The kernel gives them to whoever may trace the process: its user, or root, unless the system forbids that.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A process with more descriptors is not looked at to the end. */
#define HR_SOCKET_SALVAGE_MAX 4096

/**
 * HrSocketSalvageFunc:
 * @fd: (transfer full): a TCP or Unix socket that listens, or one of UDP that is bound
 * @user_data: what was given to hr_socket_salvage()
 */
typedef void (*HrSocketSalvageFunc) (int fd, gpointer user_data);

void hr_socket_salvage (GPid leader, const char *instance, HrSocketSalvageFunc func, gpointer user_data);

G_END_DECLS
