/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-probe-tcp.h: a connection over TCP, closed as soon as it is there.
 *
 * That it was made says that something listens; whether anybody accepts, only an answer would tell.
 */
#pragma once

#include "hr-prober.h"

G_BEGIN_DECLS

void hr_probe_tcp_async (const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
gboolean hr_probe_tcp_finish (GAsyncResult *result, GError **error);

G_END_DECLS
