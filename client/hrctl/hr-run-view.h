/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-view.h: what whoever called `hrctl run` is told of the service, and what is known of it.
 */
#pragma once

#include "hr-client.h"
#include "hr-main-process.h"
#include "hr-output.h"

G_BEGIN_DECLS

/**
 * HrRunView:
 * @output: where it prints
 * @name: of the service, %NULL until it is chosen
 * @error: the service's last, %NULL without one
 * @process: its main process
 * @ended: whether it has ended for good, or is to be taken for that
 * @failed: whether it is not running because it failed
 * @refused: whether it ended so because its source did not pass the checks when it was to be started first
 * @stopping: whether it was told to stop
 *
 * One service of `hrctl run`. The members that are not described are its own.
 */
typedef struct {
  HrOutput *output;
  char *name;
  char *error;
  HrMainProcess process;
  gboolean ended;
  gboolean failed;
  gboolean refused;
  gboolean stopping;

  HrClient *client;
  guint signals;
  guint properties;
  char *said;        /* why its last reload failed */
  char *phase;       /* of its first start, which failed, until it is known whether it ended well */
  gint64 since;      /* start of its last instance, real time, 0: not known */
  gint64 began;      /* when it was first started, monotonic */
  GHashTable *notes; /* set of what was said already */
  gboolean begun;    /* it was seen in a state that is not an end */
  gboolean live;     /* a release of it was */
} HrRunView;

void hr_run_view_init (HrRunView *self, HrOutput *output);
void hr_run_view_clear (HrRunView *self);

void hr_run_view_say (HrRunView *self, HrTint tint, const char *text);
void hr_run_view_say_once (HrRunView *self, const char *words, const char *what);
void hr_run_view_take_properties (HrRunView *self, GVariant *properties);
void hr_run_view_follow (HrRunView *self, HrClient *client);
void hr_run_view_unfollow (HrRunView *self);

G_END_DECLS
