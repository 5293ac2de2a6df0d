/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-dir.h: the directories of a daemon that lives for one 'hrctl run'.
 *
 * Below $XDG_STATE_HOME/hotreload, because releases and slots must lie where programs may be executed. Locked while in
 * use; those that a killed hrctl left are removed by the next one.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrRunDir HrRunDir;

HrRunDir *hr_run_dir_new (GError **error);
void hr_run_dir_free (HrRunDir *self);
const char *hr_run_dir_get_path (HrRunDir *self);
const char *hr_run_dir_get_runtime (HrRunDir *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRunDir, hr_run_dir_free)

G_END_DECLS
