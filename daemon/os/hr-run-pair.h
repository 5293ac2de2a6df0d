/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-pair.h: what the run state keeps of one service, and its two files: NAME.json has what lasts, NAME.boot what is
 * so.
 *
 * The second is written at each change, and not synced: it survives the daemon, not the machine, and neither does any
 * process in it. The first is written durably when anything else changes than processes.
 */
#pragma once

#include <gio/gio.h>

#include "hr-run-record.h"

G_BEGIN_DECLS

/**
 * HrRunPair:
 * @record: of the service
 * @change: how many changes of it there have been: which of both files is newer
 * @unsaved: whether NAME.boot is behind
 * @lasts_unsaved: whether NAME.json is
 */
typedef struct {
  HrRunRecord *record;
  guint64 change;
  gboolean unsaved;
  gboolean lasts_unsaved;
} HrRunPair;

HrRunPair *hr_run_pair_new (HrRunRecord *record);
void hr_run_pair_free (HrRunPair *self);
gboolean hr_run_pair_read (const char *dir, const char *service, gboolean only_looks, HrRunPair **pair, GError **error);
void hr_run_pair_set (HrRunPair *self, const HrRunRecord *record);
char *hr_run_pair_get_lasting (const char *dir, const char *service);
gboolean hr_run_pair_write (HrRunPair *self, const char *dir, const char *service, GError **error);
gboolean hr_run_pair_remove (const char *dir, const char *service, GError **error);
GHashTable *hr_run_pair_list (const char *dir, gboolean only_looks, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRunPair, hr_run_pair_free)

G_END_DECLS
