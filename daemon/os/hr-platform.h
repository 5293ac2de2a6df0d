/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-platform.h: all of the operating system that the engine uses, in one value, so that tests can give it another.
 */
#pragma once

#include "hr-checker.h"
#include "hr-clock.h"
#include "hr-fd-store.h"
#include "hr-history.h"
#include "hr-launcher.h"
#include "hr-listeners.h"
#include "hr-metric-reader.h"
#include "hr-prober.h"
#include "hr-release-store.h"
#include "hr-run-state.h"
#include "hr-slots.h"
#include "hr-state-files.h"
#include "hr-watcher.h"

G_BEGIN_DECLS

/* A note is not longer, in bytes. */
#define HR_NOTE_MAX 1023

/**
 * HrParts:
 * @store: (nullable): without Source there is none
 * @slots: (nullable): without Source there are none
 * @watcher: (nullable): without Source, or with Watch.Enabled=no, there is none
 * @listeners: its sockets
 * @state: its state and snapshots
 * @stored: descriptors that it has stored
 *
 * What belongs to one service.
 */
typedef struct {
  HrReleaseStore *store;
  HrSlots *slots;
  HrWatcher *watcher;
  HrListeners *listeners;
  HrStateFiles *state;
  HrFdStore *stored;
} HrParts;

void hr_parts_clear (HrParts *self);

#define HR_TYPE_PLATFORM (hr_platform_get_type ())
G_DECLARE_DERIVABLE_TYPE (HrPlatform, hr_platform, HR, PLATFORM, GObject)

struct _HrPlatformClass {
  GObjectClass parent_class;

  HrClock *(*get_clock) (HrPlatform *self);
  HrLauncher *(*get_launcher) (HrPlatform *self);
  HrChecker *(*get_checker) (HrPlatform *self);
  HrMetricReader *(*get_metric_reader) (HrPlatform *self);
  HrProber *(*get_prober) (HrPlatform *self);
  HrHistory *(*get_history) (HrPlatform *self);
  HrRunState *(*get_run_state) (HrPlatform *self);
  gboolean (*open_parts) (HrPlatform *self, HrServiceSpec *spec, const HrParts *old, HrParts *parts, GError **error);
  char *(*log_file) (HrPlatform *self, const char *service, const char *instance);
  GPtrArray *(*take_strays) (HrPlatform *self, const char *service);
  void (*keep_note) (HrPlatform *self, const char *service, const char *note);
  char *(*take_note) (HrPlatform *self, const char *service);
  char **(*base_environment) (HrPlatform *self, HrServiceSpec *spec, GError **error);
};

HrClock *hr_platform_get_clock (HrPlatform *self);
HrLauncher *hr_platform_get_launcher (HrPlatform *self);
HrChecker *hr_platform_get_checker (HrPlatform *self);
HrMetricReader *hr_platform_get_metric_reader (HrPlatform *self);
HrProber *hr_platform_get_prober (HrPlatform *self);
HrHistory *hr_platform_get_history (HrPlatform *self);
HrRunState *hr_platform_get_run_state (HrPlatform *self);
gboolean hr_platform_open_parts (HrPlatform *self, HrServiceSpec *spec, const HrParts *old, HrParts *parts,
                                 GError **error);
char *hr_platform_log_file (HrPlatform *self, const char *service, const char *instance);
GPtrArray *hr_platform_take_strays (HrPlatform *self, const char *service);
void hr_platform_keep_note (HrPlatform *self, const char *service, const char *note);
char *hr_platform_take_note (HrPlatform *self, const char *service);
char **hr_platform_base_environment (HrPlatform *self, HrServiceSpec *spec, GError **error);

G_END_DECLS
