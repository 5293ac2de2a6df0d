/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-openmetrics.h: one number out of a text in the OpenMetrics or the older Prometheus format.
 *
 * A selector is the name of a metric and labels that its samples must have: name{label="value",other="value"}. A sample
 * may have more labels than those. Exemplars and timestamps are read over; UTF-8 names in quotes are not known.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_openmetrics_check_selector (const char *selector, GError **error);
gboolean hr_openmetrics_find (const char *text, const char *selector, gboolean add_up, double *value, GError **error);
gboolean hr_openmetrics_number (const char *word, double *value);

G_END_DECLS
