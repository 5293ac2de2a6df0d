/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-followers-private.h: the inside of HrFollowers, shared by its files: hr-followers.c (the object, starts and
 * restarts), hr-followers-leave.c (how they go), hr-followers-status.c (what is known of them).
 */
#pragma once

#include "hr-followers.h"
#include "hr-health.h"

G_BEGIN_DECLS

/* One of the indices 1 to Instances, but for the lead's. */
typedef struct {
  HrFollowers *owner;
  guint index;
  HrBackoff *backoff;
  HrGeneration *generation; /* NULL: empty */
  HrHealth *health;         /* with Ready=probe, until it is ready; with a watchdog, from then on */
  guint start_deadline;
  guint restart_timer;
  gboolean given_up;
} HrFollowerPlace;

struct _HrFollowers {
  GObject parent_instance;

  HrPlatform *platform;
  HrGenerationPlan *plan;
  char *lead;         /* id of the instance that was started first */
  GPtrArray *places;  /* HrFollowerPlace */
  GPtrArray *leaving; /* HrGeneration: were told to go and have not ended */
  gboolean supervised;
};

void hr_follower_place_disarm (HrFollowerPlace *place);
void hr_follower_place_clear (HrFollowerPlace *place);
gboolean hr_follower_place_is_alive (const HrFollowerPlace *place);

G_END_DECLS
