/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-prober.h: probes that come out as the test says.
 */
#pragma once

#include "hr-fake-gate.h"
#include "hr-prober.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_PROBER (hr_fake_prober_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeProber, hr_fake_prober, HR, FAKE_PROBER, GObject)

/**
 * HrFakeProber:
 * @probe: what becomes of probes
 * @illness: (nullable): what every probe says
 * @sick_pid: (nullable): whose probe alone says that; 0: everybody's
 * @asked: (nullable): the last probe, expanded
 * @sources: (element-type gint utf8): of each process the address that it was first asked from, "" for none
 * @under_way: how many have not been answered
 * @most_under_way: how many were at most
 */
struct _HrFakeProber {
  GObject parent_instance;

  HrFakeGate probe;
  const char *illness;
  GPid sick_pid;
  char *asked;
  GHashTable *sources;
  guint under_way;
  guint most_under_way;
};

HrFakeProber *hr_fake_prober_new (void);

G_END_DECLS
