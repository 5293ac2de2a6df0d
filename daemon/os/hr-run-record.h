/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-record.h: what the next daemon must know of one service, and as JSON.
 */
#pragma once

#include "hr-run-process.h"

G_BEGIN_DECLS

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
 * @verdict: (nullable): what was told last of a release that nobody wants any more
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
  char *verdict;
  HrRunProcess *current;
  char *config; /* the service file by which that was started, as hr_service_spec_parse() reads it, NULL */
  GPtrArray *others;
} HrRunRecord;

extern const HrRunRecord hr_run_record_unknown;

HrRunRecord *hr_run_record_copy (const HrRunRecord *self);
gboolean hr_run_record_equal (const HrRunRecord *a, const HrRunRecord *b);
gboolean hr_run_record_lasts_equal (const HrRunRecord *a, const HrRunRecord *b);
HrRunProcess *hr_run_record_find (const HrRunRecord *self, const char *instance);
void hr_run_record_forget_processes (HrRunRecord *self);
void hr_run_record_write (const HrRunRecord *self, JsonBuilder *builder);
HrRunRecord *hr_run_record_read (JsonNode *node);
char *hr_run_record_to_string (const HrRunRecord *self);
HrRunRecord *hr_run_record_from_string (const char *text);
void hr_run_record_free (HrRunRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRunRecord, hr_run_record_free)

G_END_DECLS
