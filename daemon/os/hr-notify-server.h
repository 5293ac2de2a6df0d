/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-notify-server.h: the daemon's end of one instance's $NOTIFY_SOCKET, see sd_notify(3).
 *
 * A message counts only when the kernel says that it comes from a process of the instance and from the daemon's user
 * or root. A sender that has ended before its message is read cannot be told from a stranger: such a program sends
 * BARRIER=1 and waits, as systemd-notify does. Descriptors that come along and that nobody keeps are
 * closed, in a thread.
 */
#pragma once

#include <gio/gio.h>

#include "hr-owner.h"
#include "hr-sent-fds.h"

G_BEGIN_DECLS

/* A longer message is dropped, as by systemd. */
#define HR_NOTIFY_MESSAGE_MAX 4096
/* So many messages at most are read at once as the last words of an instance: others may go on talking for ever. */
#define HR_NOTIFY_LAST_MAX 64

/**
 * HrNotifyFunc:
 * @assignments: "READY=1", …
 * @sent: what came along
 * @user_data: what was given to hr_notify_server_new()
 *
 * May free the server.
 */
typedef void (*HrNotifyFunc) (const char *const *assignments, HrSentFds *sent, gpointer user_data);

typedef struct _HrNotifyServer HrNotifyServer;

HrNotifyServer *hr_notify_server_new (const char *runtime_dir, const char *instance, HrNotifyFunc func,
                                      gpointer user_data, GError **error);
gboolean hr_notify_server_set_owner (HrNotifyServer *self, HrOwner owner, GError **error);
void hr_notify_server_free (HrNotifyServer *self);
const char *hr_notify_server_get_address (HrNotifyServer *self);
void hr_notify_server_set_leader (HrNotifyServer *self, GPid leader);
void hr_notify_server_set_main (HrNotifyServer *self, GPid pid);
gboolean hr_notify_server_read (HrNotifyServer *self);

G_END_DECLS
