/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-probe-http.h: a GET over HTTP or HTTPS, and what its answer must be.
 *
 * Of the body at most %HR_PROBE_BODY_MAX is looked at, and only where a text is wanted; see hr-http.h.
 */
#pragma once

#include "hr-prober.h"

G_BEGIN_DECLS

/* What is wanted has to be in that much of the body, in bytes. */
#define HR_PROBE_BODY_MAX (64 * 1024)

void hr_probe_http_async (const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
gboolean hr_probe_http_finish (GAsyncResult *result, GError **error);

G_END_DECLS
