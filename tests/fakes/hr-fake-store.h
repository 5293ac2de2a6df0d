/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-store.h: a release store in memory, with the source that it scans.
 *
 * As the real one it reads only hinted paths where it is given hints, so a change whose hint was lost stays unseen.
 */
#pragma once

#include "hr-fake-gate.h"
#include "hr-release-store.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_STORE (hr_fake_store_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeStore, hr_fake_store, HR, FAKE_STORE, GObject)

/**
 * HrFakeStore:
 * @scan: what becomes of scanning
 * @commit: what becomes of recording
 * @diff: what becomes of comparing
 * @load: what becomes of reading releases
 * @full_scans: how many scans looked at everything
 * @quiet: for how long the files had not changed, for the next scan only
 */
struct _HrFakeStore {
  GObject parent_instance;

  HrFakeGate scan;
  HrFakeGate commit;
  HrFakeGate diff;
  HrFakeGate load;
  guint full_scans;
  gint64 quiet;

  GHashTable *source;  /* path to content: what the developer sees */
  GHashTable *known;   /* path to content: what the last scan read */
  GHashTable *trees;   /* id to a GHashTable as above */
  GPtrArray *releases; /* all of them, as on disk */
  HrReleaseBook *book;
  gboolean scanned;
};

HrFakeStore *hr_fake_store_new (void);
void hr_fake_store_write (HrFakeStore *self, const char *path, const char *content);
const char *hr_fake_store_read (HrFakeStore *self, guint64 release, const char *path);
void hr_fake_store_add (HrFakeStore *self, const char *content, HrFate fate);

G_END_DECLS
