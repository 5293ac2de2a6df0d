/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-watcher.h: a watcher whose hints come from the test.
 */
#pragma once

#include "hr-watcher.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_WATCHER (hr_fake_watcher_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeWatcher, hr_fake_watcher, HR, FAKE_WATCHER, GObject)

/**
 * HrFakeWatcher:
 * @started: whether it watches
 * @held: whether a version-control operation is under way
 * @failure: (nullable): why it cannot start
 */
struct _HrFakeWatcher {
  GObject parent_instance;

  gboolean started;
  gboolean held;
  const char *failure;
};

HrFakeWatcher *hr_fake_watcher_new (void);
void hr_fake_watcher_hint (HrFakeWatcher *self, const char *path);

G_END_DECLS
