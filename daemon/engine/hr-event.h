/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-event.h: what happened to a service, told once to whoever listens to the manager: a D-Bus signal each.
 */
#pragma once

#include <glib-object.h>

#include "hr-canary.h"
#include "hr-job.h"

G_BEGIN_DECLS

typedef enum {
  HR_EVENT_FILE_CHANGED,     /* files */
  HR_EVENT_RELOAD_STARTED,   /* job, release (0: not known yet), files */
  HR_EVENT_RELOAD_COMPLETED, /* job, release, downtime_usec; details are the job's outcome */
  HR_EVENT_RELOAD_FAILED,    /* job, phase, message, error; details are the job's outcome with that error */
  HR_EVENT_STATE_PRESERVED,  /* snapshot, size */
  HR_EVENT_STATE_RESTORED,   /* snapshot */
  HR_EVENT_ROLLED_BACK,      /* from, to, message: the reason */
  HR_EVENT_STATE_CHANGED,    /* old_state, new_state */
  HR_EVENT_CANARY_PROGRESS,  /* job, canary, message: how it stands, for people */
} HrEventKind;

/**
 * HrEvent:
 *
 * Lives only during the emission of "event"; whoever keeps something copies it.
 */
typedef struct {
  HrEventKind kind;
  const char *service;
  HrJob *job;
  guint64 release;
  guint64 from;
  guint64 to;
  gint64 downtime_usec;
  guint64 size;
  const char *phase;
  const char *message;
  const GError *error; /* the job has none before its end */
  const char *snapshot;
  const char *old_state;
  const char *new_state;
  const char *const *files;
  const HrCanaryInfo *canary;
} HrEvent;

G_END_DECLS
