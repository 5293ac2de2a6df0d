/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-traffic.h: which socket of a SO_REUSEPORT group a new connection goes to.
 *
 * The one file that knows BPF. A classic program on the group returns the index of a member; it needs no privilege and
 * is replaced in one step, so that there is no moment without a rule. Members are numbered in the order of joining, and
 * when one closes the last moves into the hole: HrSocketGroup keeps count.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Shares are counted in hundredths of a percent. */
#define HR_TRAFFIC_ALL 10000

/**
 * HrTrafficRule:
 * @main_index: member that gets what nothing else is said of
 * @own_index: member that gets the share; the same as @main_index when there is none
 * @share: how many of %HR_TRAFFIC_ALL new connections it gets
 * @sticky: whether that is decided by source address (IPv6: all 128 bits), so that a client stays where it is while the
 *   share is the same, and once it is in while the share grows
 * @salt: makes other clients the first ones
 * @own_source: IPv4 address in host order whose connections always go to @own_index; 0: none
 * @main_source: the same for @main_index
 */
typedef struct {
  guint main_index;
  guint own_index;
  guint share;
  gboolean sticky;
  guint32 salt;
  guint32 own_source;
  guint32 main_source;
} HrTrafficRule;

gboolean hr_traffic_apply (int fd, const HrTrafficRule *rule, GError **error);

G_END_DECLS
