/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-state-files.h: state by file and snapshots in memory.
 */
#pragma once

#include "hr-clock.h"
#include "hr-fake-gate.h"
#include "hr-state-files.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_STATE_FILES (hr_fake_state_files_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeStateFiles, hr_fake_state_files, HR, FAKE_STATE_FILES, GObject)

/**
 * HrFakeStateFiles:
 * @wait_limit: 0: leases are refused
 * @fail_offer: whether no files can be made
 * @collect: what becomes of collecting
 * @load: what becomes of loading
 */
struct _HrFakeStateFiles {
  GObject parent_instance;

  gint64 wait_limit;
  gboolean fail_offer;
  HrFakeGate collect;
  HrFakeGate load;

  char *service;
  HrClock *clock;
  GHashTable *open;     /* ids of instances that have a place for their state */
  GHashTable *written;  /* instance id to what it left and nobody took */
  GPtrArray *snapshots; /* HrSnapshot, oldest first */
};

HrFakeStateFiles *hr_fake_state_files_new (const char *service, HrClock *clock);
const char *hr_fake_state_files_add (HrFakeStateFiles *self, guint64 release, const char *text);
guint hr_fake_state_files_n_written (HrFakeStateFiles *self);
guint hr_fake_state_files_n_open (HrFakeStateFiles *self);

G_END_DECLS
