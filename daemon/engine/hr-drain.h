/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-drain.h: waiting until an instance that accepts nothing any more has finished what it had accepted: all its
 * connections, or those on which something is under way.
 */
#pragma once

#include "hr-clock.h"
#include "hr-launcher.h"

G_BEGIN_DECLS

/* How often its connections are counted: at first, and at most this rarely. */
#define HR_DRAIN_STEP_USEC (5 * G_TIME_SPAN_MILLISECOND)
#define HR_DRAIN_STEP_MAX_USEC (200 * G_TIME_SPAN_MILLISECOND)

typedef struct _HrDrain HrDrain;

/**
 * HrDrainTally:
 * @n_cut: how many drains ended while connections were open: DrainTimeout was over, or the instance had to end
 *   before, as for the next reload
 * @connections: how many those were, busy or not
 * @busy: on how many of them something was under way when StopSignal was sent, as far as the kernel can tell
 *
 * Of one service, as long as the daemon runs. Of g_rc_box_new0().
 */
typedef struct {
  guint n_cut;
  guint64 connections;
  guint64 busy;
} HrDrainTally;

/**
 * HrDrainFunc:
 * @user_data: what was given to hr_drain_new()
 *
 * The instance is drained, or time is up. Called once, from the main loop; may free the drain.
 */
typedef void (*HrDrainFunc) (gpointer user_data);

HrDrain *hr_drain_new (HrClock *clock, HrInstance *instance, HrListeners *listeners, gboolean busy, gint64 timeout_usec,
                       HrDrainFunc func, gpointer user_data);
int hr_drain_count_open (HrDrain *self);
void hr_drain_free (HrDrain *self);

G_END_DECLS
