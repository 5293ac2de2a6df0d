/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-probe-spec.h: what a probe asks, as Probe and StartProbe of a service file say it.
 *
 * Pure: opens nothing, looks up no host. A value is written once for every release, so it may hold specifiers; what is
 * asked in the end comes from hr_probe_spec_expand().
 */
#pragma once

#include <glib.h>

#include "hr-command-line.h"

G_BEGIN_DECLS

/* Statuses of HTTP are from 100 to this. */
#define HR_PROBE_STATUS_MAX 599

typedef enum { HR_PROBE_HTTP, HR_PROBE_TCP, HR_PROBE_EXEC, HR_PROBE_DBUS, HR_PROBE_WATCHDOG } HrProbeKind;

/**
 * HrProbeSpec:
 * @kind: how it asks
 * @text: as people write it: "tcp:127.0.0.1:8080"
 * @words: of HTTP the URI, of TCP HOST:PORT, of D-Bus the name, of a command its words; of a watchdog nothing
 */
typedef struct {
  HrProbeKind kind;
  char *text;
  char **words;
} HrProbeSpec;

/**
 * HrProbeStatus:
 * @least: first of the statuses
 * @most: last of them
 */
typedef struct {
  guint least;
  guint most;
} HrProbeStatus;

HrProbeSpec *hr_probe_spec_parse (const char *text, GError **error);
HrProbeSpec *hr_probe_spec_expand (const HrProbeSpec *self, const HrSpecifierValues *values, GError **error);
gboolean hr_probe_spec_is_by_network (const HrProbeSpec *self);
void hr_probe_spec_free (HrProbeSpec *self);
gboolean hr_probe_spec_split_address (const char *text, char **host, guint16 *port, GError **error);

GArray *hr_probe_status_parse (const char *text, GError **error);
gboolean hr_probe_status_accepts (const GArray *self, guint status);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrProbeSpec, hr_probe_spec_free)

G_END_DECLS
