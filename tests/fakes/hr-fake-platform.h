/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-platform.h: an operating system in memory, for tests of the engine: no process, no waiting, no port. History
 * and run state are the real ones, in a directory of the test's.
 */
#pragma once

#include "hr-fake-checker.h"
#include "hr-fake-prober.h"
#include "hr-fake-clock.h"
#include "hr-fake-launcher.h"
#include "hr-fake-listeners.h"
#include "hr-fake-metric-reader.h"
#include "hr-fake-slots.h"
#include "hr-fake-state-files.h"
#include "hr-fake-store.h"
#include "hr-fake-watcher.h"
#include "hr-platform.h"

G_BEGIN_DECLS

/**
 * HrFakeService:
 *
 * What a service has; the same for as long as the platform lives, whatever is opened anew.
 */
typedef struct {
  char *name;
  HrFakeLauncher *launcher;
  HrFakeStore *store;
  HrFakeSlots *slots;
  HrFakeWatcher *watcher;
  HrFakeListeners *listeners;
  HrFakeStateFiles *state;
  HrFdStore *stored;
} HrFakeService;

#define HR_TYPE_FAKE_PLATFORM (hr_fake_platform_get_type ())
G_DECLARE_FINAL_TYPE (HrFakePlatform, hr_fake_platform, HR, FAKE_PLATFORM, HrPlatform)

/**
 * HrFakePlatform:
 * @parts_failure: (nullable): why no parts can be opened
 * @environment_failure: (nullable): why there is no environment
 */
struct _HrFakePlatform {
  HrPlatform parent_instance;

  HrFakeClock *clock;
  HrFakeLauncher *launcher;
  HrFakeChecker *checker;
  HrFakeMetricReader *metric_reader;
  HrFakeProber *prober;
  HrHistory *history;
  HrRunState *run_state;
  const char *parts_failure;
  const char *environment_failure;

  GHashTable *services; /* name to HrFakeService */
  GHashTable *notes;    /* service to what is under way */
};

HrFakePlatform *hr_fake_platform_new (const char *directory);
HrFakeService *hr_fake_platform_service (HrFakePlatform *self, const char *name);
void hr_fake_platform_release (HrFakePlatform *self);

G_END_DECLS
