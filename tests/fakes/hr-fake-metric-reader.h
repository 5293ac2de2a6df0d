/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-metric-reader.h: metrics that are what the test says.
 */
#pragma once

#include "hr-fake-gate.h"
#include "hr-metric-reader.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_METRIC_READER (hr_fake_metric_reader_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeMetricReader, hr_fake_metric_reader, HR, FAKE_METRIC_READER, GObject)

/**
 * HrFakeMetricReader:
 * @read: what becomes of looks at numbers
 * @run: what becomes of commands
 * @values: what every metric is, by its place in the request
 * @grow: what is added to them at each look
 * @unreadable: (nullable): why no metric can be read
 * @fault: (nullable): what every command says
 * @add_up: whether the last look was at what counts
 * @port: of the last look
 */
struct _HrFakeMetricReader {
  GObject parent_instance;

  HrFakeGate read;
  HrFakeGate run;
  double values[HR_METRICS_MAX];
  double grow[HR_METRICS_MAX];
  const char *unreadable;
  const char *fault;
  gboolean add_up;
  guint16 port;
};

HrFakeMetricReader *hr_fake_metric_reader_new (void);

G_END_DECLS
