/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tcp-diag.h: the TCP connections of this network namespace, as the kernel tells them by sock_diag(7).
 *
 * Those that are established, or closed by the peer alone, or the sockets that listen; IPv4 and IPv6.
 */
#pragma once

#include <gio/gio.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>

G_BEGIN_DECLS

/**
 * HrTcpDiagFunc:
 * @connection: its addresses and its inode, 0: no program has accepted it yet
 * @info: (nullable): what the kernel says of its course; not all of it with an old kernel
 * @user_data: of the caller
 */
typedef void (*HrTcpDiagFunc) (const struct inet_diag_msg *connection, const struct tcp_info *info, gpointer user_data);

gboolean hr_tcp_diag_list (HrTcpDiagFunc func, gpointer user_data, GError **error);
gboolean hr_tcp_diag_list_listeners (HrTcpDiagFunc func, gpointer user_data, GError **error);

G_END_DECLS
