/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-local-metric-reader.h: metrics by HTTP and by commands. Commands run in threads of their own.
 */
#pragma once

#include "hr-metric-reader.h"

G_BEGIN_DECLS

#define HR_TYPE_LOCAL_METRIC_READER (hr_local_metric_reader_get_type ())
G_DECLARE_FINAL_TYPE (HrLocalMetricReader, hr_local_metric_reader, HR, LOCAL_METRIC_READER, GObject)

HrMetricReader *hr_local_metric_reader_new (void);

G_END_DECLS
