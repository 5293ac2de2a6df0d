/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-probe-exec.h: a command that exits with 0 while the service is well.
 *
 * It runs where the program does, with its environment.
 */
#pragma once

#include "hr-prober.h"

G_BEGIN_DECLS

/* Of what it says, so much is kept, in bytes. */
#define HR_PROBE_OUTPUT_MAX 4096

void hr_probe_exec_async (const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
gboolean hr_probe_exec_finish (GAsyncResult *result, GError **error);

G_END_DECLS
