/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-metric-spec.h: where a number of a service comes from, as a service file names it.
 *
 * One of
 *
 * - http://HOST:PORT/PATH#a.b.0.c           a number in JSON, by names and indices
 * - http://HOST:PORT/PATH#name{label="x"}   a sample in OpenMetrics or Prometheus text
 * - exec:COMMAND                            a program that prints a number
 *
 * ":%p" for the port stands for that of the first TCP listener. Which of the first two an answer is, it says itself: JSON
 * begins with '{' or '['.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum { HR_METRIC_HTTP, HR_METRIC_EXEC } HrMetricKind;

/**
 * HrMetricSpec:
 * @kind: how it is got
 * @text: as it is written, for people
 * @url: (nullable): of HTTP, without what is behind '#', and with %p where that is written
 * @selector: (nullable): of HTTP, what is behind '#'
 * @argv: (nullable): of a command
 */
typedef struct {
  HrMetricKind kind;
  char *text;
  char *url;
  char *selector;
  char **argv;
} HrMetricSpec;

HrMetricSpec *hr_metric_spec_parse (const char *text, GError **error);
void hr_metric_spec_free (HrMetricSpec *self);
gboolean hr_metric_spec_needs_port (const HrMetricSpec *self);
char *hr_metric_spec_get_url (const HrMetricSpec *self, guint16 port);
gboolean hr_metric_spec_read_text (const HrMetricSpec *self, const char *text, gsize size, gboolean add_up,
                                   double *value, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrMetricSpec, hr_metric_spec_free)

G_END_DECLS
