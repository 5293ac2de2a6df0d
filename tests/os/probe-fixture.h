/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * probe-fixture.h: one instance that is asked, and what must come of it.
 */
#pragma once

#include "hr-local-prober.h"

G_BEGIN_DECLS

/* Longer than any probe here may take, and shorter than what a hanging one would. */
#define PROBE_LONG (20 * G_USEC_PER_SEC)

typedef struct {
  HrProber *prober;
  HrServiceSpec *spec;
  HrProbeRequest request;
  GCancellable *cancellable;
  GAsyncResult *result;
} ProbeFixture;

void probe_set_up (ProbeFixture *f, gconstpointer data);
void probe_tear_down (ProbeFixture *f, gconstpointer data);
gboolean probe_ask_once (ProbeFixture *f, const HrProbeSpec *spec, GError **error);
gboolean probe_ask (ProbeFixture *f, const char *text, GError **error);
void probe_expect_well (ProbeFixture *f, const char *text);
void probe_expect_ill (ProbeFixture *f, const char *text, const char *words);

G_END_DECLS
