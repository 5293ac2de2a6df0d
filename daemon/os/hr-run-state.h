/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-state.h: what the next daemon must know: which services were stopped on request or paused, which releases are
 * running and in which slot, and which processes are ours.
 *
 * A file of what concerns all, and beside it a directory with two for each service: NAME.json has what lasts, and is
 * written durably when that changes. NAME.boot has all of it, is written at each change and not synced: it survives the
 * daemon, not the machine, and none of the processes in it does. What cannot be read is set aside with a warning, and no
 * other service loses by it; but what a newer daemon wrote is left alone, and nothing is begun with it.
 */
#pragma once

#include <gio/gio.h>

#include "hr-run-record.h"

G_BEGIN_DECLS

/* Of the whole state directory: what a daemon of an earlier version would misunderstand makes it another. Older ones are
 * read, newer ones refused. Up to 1 all services were in one file. */
#define HR_RUN_STATE_VERSION 2

/* Its name in the state directory; that of the directory is the same without suffix. */
#define HR_RUN_STATE_FILE "run-state.json"

#define HR_TYPE_RUN_STATE (hr_run_state_get_type ())
G_DECLARE_FINAL_TYPE (HrRunState, hr_run_state, HR, RUN_STATE, GObject)

HrRunState *hr_run_state_new (const char *path, GError **error);
gboolean hr_run_state_check (const char *path, GError **error);
HrRunRecord *hr_run_state_get (HrRunState *self, const char *service);
gboolean hr_run_state_set (HrRunState *self, const char *service, const HrRunRecord *record, GError **error);
gboolean hr_run_state_set_signalled (HrRunState *self, const char *service, const char *instance, gint64 kill_at,
                                     GError **error);
gboolean hr_run_state_get_all_paused (HrRunState *self);
gboolean hr_run_state_set_all_paused (HrRunState *self, gboolean paused, GError **error);

G_END_DECLS
