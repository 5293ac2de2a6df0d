/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-daemon.h: a daemon of our own, started where the bus cannot start one, and with it a bus where there is none.
 *
 * Both have a process group of their own, so that Ctrl-C reaches only hrctl. A bus of our own and the daemon on it end
 * with us however we end. Others may use a daemon on the session bus, too: that one ends with the last that does.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrDaemon HrDaemon;

char *hr_daemon_find_program (GError **error);
HrDaemon *hr_daemon_start_on (GDBusConnection *bus, GError **error);
HrDaemon *hr_daemon_start_private (GError **error);
gboolean hr_daemon_start_again (HrDaemon *self, GError **error);
GDBusConnection *hr_daemon_get_bus (HrDaemon *self);
void hr_daemon_leave (HrDaemon *self);
void hr_daemon_stop (HrDaemon *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrDaemon, hr_daemon_stop)

G_END_DECLS
