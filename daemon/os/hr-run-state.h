/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-state.h: what the next daemon must know: which services were stopped on request or paused, which releases are
 * running and in which slot, and which processes are ours.
 *
 * One JSON file, rewritten durably when something in it changes. What cannot be read is set aside with a warning; but what
 * a newer daemon wrote is left alone, and nothing is begun with it.
 */
#pragma once

#include <gio/gio.h>

#include "hr-run-process.h"

G_BEGIN_DECLS

/* Of the whole state directory: what a daemon of an earlier version would misunderstand makes it another. Older ones are
 * read, newer ones refused. */
#define HR_RUN_STATE_VERSION 1

/* Its name in the state directory. */
#define HR_RUN_STATE_FILE "run-state.json"

/* More processes of one service are not kept: two generations of as many instances as there can be, and those of a
 * candidate that are being ended. */
#define HR_RUN_OTHERS_MAX 256

/**
 * HrRunRecord:
 * @stopped: stopped on request; stays so until start
 * @paused: paused on request
 * @ever_notified: the program once said READY=1
 * @running: release number in @slot, or 0
 * @slot: 0, 1, or -1
 * @last_good: the newest good release that ran, or 0
 * @current: (nullable): the running instance
 * @others: (nullable) (element-type HrRunProcess): all other instances whose processes run
 *
 * What is kept of one service.
 */
typedef struct {
  gboolean stopped;
  gboolean paused;
  gboolean ever_notified;
  guint64 running;
  int slot;
  guint64 last_good;
  HrRunProcess *current;
  GPtrArray *others;
} HrRunRecord;

char *hr_run_record_to_string (const HrRunRecord *self);
HrRunRecord *hr_run_record_from_string (const char *text);
void hr_run_record_free (HrRunRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRunRecord, hr_run_record_free)

#define HR_TYPE_RUN_STATE (hr_run_state_get_type ())
G_DECLARE_FINAL_TYPE (HrRunState, hr_run_state, HR, RUN_STATE, GObject)

HrRunState *hr_run_state_new (const char *path, GError **error);
gboolean hr_run_state_check (const char *path, GError **error);
HrRunRecord *hr_run_state_get (HrRunState *self, const char *service);
gboolean hr_run_state_set (HrRunState *self, const char *service, const HrRunRecord *record, GError **error);
gboolean hr_run_state_get_all_paused (HrRunState *self);
gboolean hr_run_state_set_all_paused (HrRunState *self, gboolean paused, GError **error);

G_END_DECLS
