/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-status-view.h: one service in detail, and the daemon's own figures, for people.
 */
#pragma once

#include "hr-client.h"
#include "hr-output.h"

G_BEGIN_DECLS

gboolean hr_status_view_print (HrClient *client, HrOutput *output, GVariant *service, GVariant *processes,
                               GVariant *usage, guint64 lines, GError **error);
void hr_status_view_print_daemon (GVariant *status, HrOutput *output);

G_END_DECLS
