/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-manager-private.h: the inside of HrManager, shared by hr-manager.c (the object and its services) and
 * hr-manager-all.c (what is done to all of them).
 */
#pragma once

#include "hr-job-list.h"
#include "hr-manager.h"

G_BEGIN_DECLS

struct _HrManager {
  GObject parent_instance;

  HrPlatform *platform;
  char *profile;
  GHashTable *services; /* name -> HrService */
  GHashTable *removing; /* a set of HrService: stopping before they go */
  HrJobList *jobs;
  guint reload_count;
  guint failed_reloads;
  gint64 last_reload;
  gint64 started_at;
  GTask *shutdown;
  gboolean ending; /* shut down, or about to be */
};

void hr_manager_touch (HrManager *self);

G_END_DECLS
