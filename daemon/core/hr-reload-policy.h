/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reload-policy.h: what a change set means: rules 3 and 4 of a reload, and the phases with their order.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrReloadPhase:
 *
 * The phases of a reload, in order; hr_reload_phase_to_string() gives the word that users see. Draining and observing
 * come after the end of the job and belong to the service.
 */
typedef enum {
  HR_PHASE_WAIT,
  HR_PHASE_SETTLE,
  HR_PHASE_RECORD,
  HR_PHASE_PLACE,
  HR_PHASE_CHECK,
  HR_PHASE_START,
  HR_PHASE_PRESERVE,
  HR_PHASE_READY,
  HR_PHASE_VERIFY,
  HR_PHASE_CANARY,
  HR_PHASE_SWITCH,
  HR_PHASE_OBSERVE,
} HrReloadPhase;

/* What follows a failure, among the times of the phases: the candidate ends, the old release serves. */
#define HR_PHASE_WORD_FALLBACK "fallback"

const char *hr_reload_phase_to_string (HrReloadPhase phase);

/**
 * HrReloadVerdict:
 * @HR_RELOAD_NOTHING: nothing to do
 * @HR_RELOAD_RUNNING: a new process of the running release
 * @HR_RELOAD_LAST: the last recorded release again, under its number
 * @HR_RELOAD_NEW: a new release
 */
typedef enum { HR_RELOAD_NOTHING, HR_RELOAD_RUNNING, HR_RELOAD_LAST, HR_RELOAD_NEW } HrReloadVerdict;

HrReloadVerdict hr_reload_decide (const char *tree, const char *running_tree, const char *last_tree, gboolean by_hand);

/* A candidate gives way to a newer change when it has taken this many times as long as the last one that got there, and
 * no less than the least. */
#define HR_PATIENCE_FACTOR 3
#define HR_PATIENCE_LEAST_USEC (5 * G_USEC_PER_SEC)
/* However many have given way, one after the other. */
#define HR_PATIENCE_MOST_USEC ((gint64)3600 * G_USEC_PER_SEC)

gint64 hr_reload_patience (gint64 usual, guint n_superseded);

G_END_DECLS
