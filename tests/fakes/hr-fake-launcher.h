/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-launcher.h: starts fake instances. More than two of one service at a time are a fault of the caller,
 * unless a test that has several says how many may be.
 */
#pragma once

#include "hr-fake-instance.h"

G_BEGIN_DECLS

#define HR_FAKE_GENERATIONS_MAX 2

#define HR_TYPE_FAKE_LAUNCHER (hr_fake_launcher_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeLauncher, hr_fake_launcher, HR, FAKE_LAUNCHER, GObject)

/**
 * HrFakeLauncher:
 * @program: what is started unless hr_fake_launcher_next() says otherwise
 * @failure: (nullable): why no process can be made
 * @cgroup: (nullable): where each instance has a control group
 * @no_limits: (nullable): why MemoryMax cannot be had
 * @most: how many of one service may run at the same time
 * @instances: (element-type HrFakeInstance): all that were started, oldest first
 */
struct _HrFakeLauncher {
  GObject parent_instance;

  HrFakeProgram program;
  const char *failure;
  const char *cgroup;
  const char *no_limits;
  guint most;
  GPtrArray *instances;

  HrClock *clock;
  GQueue next; /* HrFakeProgram */
};

HrFakeLauncher *hr_fake_launcher_new (HrClock *clock);
void hr_fake_launcher_next (HrFakeLauncher *self, const HrFakeProgram *program);
guint hr_fake_launcher_n_alive (HrFakeLauncher *self, const char *service);
HrFakeInstance *hr_fake_launcher_last (HrFakeLauncher *self);
gboolean hr_fake_launcher_uses (HrFakeLauncher *self, const char *service, const char *slot);

G_END_DECLS
