/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-job-private.h: the inside of HrJob, shared by its files: hr-job.c (the object), hr-job-carry.c (how it gets over a
 * re-execution of the daemon).
 */
#pragma once

#include "hr-job.h"

G_BEGIN_DECLS

struct _HrJob {
  GObject parent_instance;

  guint64 id;
  HrJobKind kind;
  char *service;
  char *caller;
  char *phase;
  HrJobResult result;
  GError *error;
  HrOutcome outcome;
  GPtrArray *children;

  HrJobCancelFunc cancel_func;
  gpointer cancel_data;
};

G_END_DECLS
