/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-manager-private.h: the inside of HrManager, shared by hr-manager.c (the object and its services),
 * hr-manager-all.c (what is done to all of them), hr-manager-carry.c (what is gone on with after a re-execution) and
 * hr-manager-room.c (how many there may be).
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
  gboolean ending;   /* shut down, or about to be */
  gboolean held;     /* the daemon is being re-executed */
  GVariant *carried; /* of services of which it is not known yet whether they are there again, NULL: of none */
};

void hr_manager_touch (HrManager *self);

/* hr-manager-carry.c */
void hr_manager_recall (HrManager *self, HrService *service, const char *file, const char *why);
void hr_manager_restore_service (HrManager *self, HrService *service);

/* hr-manager-room.c */
gboolean hr_manager_has_room (HrManager *self, const HrCallerContext *caller, GError **error);

G_END_DECLS
