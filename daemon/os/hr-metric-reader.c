/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-metric-reader.h"

G_DEFINE_INTERFACE (HrMetricReader, hr_metric_reader, G_TYPE_OBJECT)

static void
hr_metric_reader_default_init (HrMetricReaderInterface *iface)
{
}

/**
 * hr_metric_reader_read_async:
 * @self: the reader
 * @request: which numbers; stays the caller's until @callback
 * @cancellable: (nullable): gives up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Reads all numbers, one after the other.
 */
void
hr_metric_reader_read_async (HrMetricReader *self, const HrMetricRequest *request, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_METRIC_READER (self));
  g_return_if_fail (request != NULL && request->timeout_usec > 0);
  HR_METRIC_READER_GET_IFACE (self)->read_async (self, request, cancellable, callback, user_data);
}

/**
 * hr_metric_reader_read_finish:
 * @self: the reader
 * @result: of hr_metric_reader_read_async()
 * @values: (out): the numbers in the order of the request, each finite; NAN for one that was not asked for
 * @error: return location
 *
 * Returns: whether all are there; else an error that names the metric and why it could not be read, or
 *   %G_IO_ERROR_CANCELLED
 */
gboolean
hr_metric_reader_read_finish (HrMetricReader *self, GAsyncResult *result, double values[HR_METRICS_MAX], GError **error)
{
  g_return_val_if_fail (HR_IS_METRIC_READER (self) && values != NULL, FALSE);
  return HR_METRIC_READER_GET_IFACE (self)->read_finish (self, result, values, error);
}

/**
 * hr_metric_reader_run_async:
 * @self: the reader
 * @request: with a command; stays the caller's until @callback
 * @cancellable: (nullable): kills it
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_metric_reader_run_async (HrMetricReader *self, const HrMetricRequest *request, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_METRIC_READER (self));
  g_return_if_fail (request != NULL && request->argv != NULL && request->timeout_usec > 0);
  HR_METRIC_READER_GET_IFACE (self)->run_async (self, request, cancellable, callback, user_data);
}

/**
 * hr_metric_reader_run_finish:
 * @self: the reader
 * @result: of hr_metric_reader_run_async()
 * @error: return location
 *
 * Returns: whether the command ended with 0 in time; else an error with how it ended and its last words, or
 *   %G_IO_ERROR_CANCELLED
 */
gboolean
hr_metric_reader_run_finish (HrMetricReader *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_METRIC_READER (self), FALSE);
  return HR_METRIC_READER_GET_IFACE (self)->run_finish (self, result, error);
}
