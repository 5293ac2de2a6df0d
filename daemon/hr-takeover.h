/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-takeover.h: who owns the daemon's bus name, and taking the place of another daemon.
 *
 * The other one is told by the loss of its name, ends as by SIGTERM, and is waited for. Meanwhile the name is held on a
 * connection of its own, so that nobody is tempted to start a third one; calls are answered with %HR_ERROR_BUSY.
 * All calls block: they are for a daemon's start.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrTakeover HrTakeover;

gboolean hr_takeover_check_free (GDBusConnection *connection, GError **error);
HrTakeover *hr_takeover_new (GBusType bus, gint64 timeout_usec, GError **error);
void hr_takeover_free (HrTakeover *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrTakeover, hr_takeover_free)

G_END_DECLS
