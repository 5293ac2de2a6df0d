/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-prober.h"

G_DEFINE_INTERFACE (HrProber, hr_prober, G_TYPE_OBJECT)

static void
hr_prober_default_init (HrProberInterface *iface)
{
}

/**
 * hr_prober_probe_async:
 * @self: the prober
 * @request: what to ask
 * @cancellable: (nullable): ends it, and what runs for it
 * @callback: called in the caller's main context, soon after the request's timeout at the latest
 * @user_data: for @callback
 *
 * Never blocks.
 */
void
hr_prober_probe_async (HrProber *self, const HrProbeRequest *request, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_PROBER (self));
  g_return_if_fail (request != NULL && request->spec != NULL && request->probe != NULL);
  HR_PROBER_GET_IFACE (self)->probe_async (self, request, cancellable, callback, user_data);
}

/**
 * hr_prober_probe_finish:
 * @self: the prober
 * @result: of hr_prober_probe_async()
 * @error: return location
 *
 * Returns: whether the instance is well; else %HR_ERROR_NOT_HEALTHY that names the probe and what came instead, or
 *   %G_IO_ERROR_CANCELLED
 */
gboolean
hr_prober_probe_finish (HrProber *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_PROBER (self), FALSE);
  return HR_PROBER_GET_IFACE (self)->probe_finish (self, result, error);
}
