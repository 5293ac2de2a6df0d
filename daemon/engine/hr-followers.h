/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-followers.h: of the Instances of one release all but one. The one is the lead: HrService and HrReload know it as
 * the instance; the followers are started beside it by the same plan, and serve from the same listeners.
 *
 * Each has a place, by its index; a place is empty, or has an instance that is starting, serving, or has ended by itself
 * and may be started again after a delay of its own. Instances that were told to go have left their place, and are kept
 * here until they have ended.
 *
 * Signals:
 *
 * - "ready" (HrGeneration *): one serves
 * - "exited" (HrGeneration *): one has ended by itself, or did not become ready within StartTimeout; it is in its place
 * - "counted" (HrGeneration *, gboolean limit): the end of one that had ended by itself was counted; with @limit it was one
 *   too many, and it is not started again
 * - "restarted" (): one was started again after it had ended by itself
 * - "trouble" (char *): for people: why one is being started again, or not any more
 * - "changed" (): processes began or ended, or what is known of them differs
 */
#pragma once

#include "hr-backoff.h"
#include "hr-generation.h"

G_BEGIN_DECLS

#define HR_TYPE_FOLLOWERS (hr_followers_get_type ())
G_DECLARE_FINAL_TYPE (HrFollowers, hr_followers, HR, FOLLOWERS, GObject)

HrFollowers *hr_followers_new (HrPlatform *platform, HrGeneration *lead);

gboolean hr_followers_take (HrFollowers *self, HrGeneration *follower);
gboolean hr_followers_start_next (HrFollowers *self, GError **error);
void hr_followers_supervise (HrFollowers *self);
void hr_followers_go_on (HrFollowers *self);
gboolean hr_followers_start_given_up (HrFollowers *self);
void hr_followers_hold (HrFollowers *self);
HrGeneration *hr_followers_promote (HrFollowers *self, HrGeneration *lead, HrBackoff **backoff);

gboolean hr_followers_retire_one (HrFollowers *self);
void hr_followers_retire (HrFollowers *self);
void hr_followers_let_go (HrFollowers *self, HrGeneration *generation);
void hr_followers_hand_over (HrFollowers *self);

guint hr_followers_n_serving (HrFollowers *self);
guint hr_followers_n_starting (HrFollowers *self);
HrSlot hr_followers_get_slot (HrFollowers *self);
guint hr_followers_n_missing (HrFollowers *self);
gboolean hr_followers_are_gone (HrFollowers *self);
gint64 hr_followers_get_extension (HrFollowers *self);
gboolean hr_followers_may_accept (HrFollowers *self);
GPtrArray *hr_followers_list (HrFollowers *self);

char *hr_followers_describe (HrGeneration *follower);

G_END_DECLS
