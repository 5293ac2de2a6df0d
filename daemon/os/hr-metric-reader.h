/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-metric-reader.h: reads numbers of a running service, and asks a command of its service file how it does.
 *
 * An interface; HrLocalMetricReader is the real one. For whoever compares releases: PostCheck looks at the instance that
 * serves, a canary's comparison at both, each by the source address that leads to it.
 *
 * A look never holds up the main loop and ends in time; whoever looks again and again begins the next look after the
 * end of the last.
 */
#pragma once

#include <gio/gio.h>

#include "hr-isolation.h"
#include "hr-metric-spec.h"
#include "hr-view.h"

G_BEGIN_DECLS

/* So many numbers belong to one look. */
#define HR_METRICS_MAX 4
/* What a command of exec: may print, in bytes; more is not a number. */
#define HR_METRIC_OUTPUT_MAX 4096

/**
 * HrMetricRequest:
 * @metrics: where the numbers come from; %NULL for one that is not asked for. Those of one URL come from one answer
 * @add_up: whether they count: samples of a metric are added up, and none of one that is known is 0
 * @argv: (nullable): for hr_metric_reader_run_async(): what is run
 * @environment: for commands: complete, KEY=VALUE
 * @view: (nullable): for commands: where they see their files
 * @isolation: (nullable): for commands: their rights and limits; %NULL: the daemon's
 * @port: what %p stands for
 * @source: (nullable): local address from which HTTP requests come, to reach a certain instance
 * @timeout_usec: for all of it
 *
 * All members stay the caller's until the look ends.
 */
typedef struct {
  const HrMetricSpec *metrics[HR_METRICS_MAX];
  gboolean add_up;
  const char *const *argv;
  const char *const *environment;
  HrView *view;
  const HrIsolation *isolation;
  guint16 port;
  GInetAddress *source;
  gint64 timeout_usec;
} HrMetricRequest;

#define HR_TYPE_METRIC_READER (hr_metric_reader_get_type ())
G_DECLARE_INTERFACE (HrMetricReader, hr_metric_reader, HR, METRIC_READER, GObject)

struct _HrMetricReaderInterface {
  GTypeInterface parent;

  void (*read_async) (HrMetricReader *self, const HrMetricRequest *request, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*read_finish) (HrMetricReader *self, GAsyncResult *result, double values[HR_METRICS_MAX], GError **error);
  void (*run_async) (HrMetricReader *self, const HrMetricRequest *request, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*run_finish) (HrMetricReader *self, GAsyncResult *result, GError **error);
};

void hr_metric_reader_read_async (HrMetricReader *self, const HrMetricRequest *request, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_metric_reader_read_finish (HrMetricReader *self, GAsyncResult *result, double values[HR_METRICS_MAX],
                                       GError **error);
void hr_metric_reader_run_async (HrMetricReader *self, const HrMetricRequest *request, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_metric_reader_run_finish (HrMetricReader *self, GAsyncResult *result, GError **error);

G_END_DECLS
