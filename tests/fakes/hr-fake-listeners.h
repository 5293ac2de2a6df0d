/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-listeners.h: listeners without sockets.
 */
#pragma once

#include "hr-fake-clock.h"
#include "hr-fake-gate.h"
#include "hr-listeners.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_LISTENERS (hr_fake_listeners_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeListeners, hr_fake_listeners, HR, FAKE_LISTENERS, GObject)

/**
 * HrFakeListeners:
 * @failure: (nullable): why nothing can be bound
 * @opened: how often they went from closed to open
 * @closed: how often they were closed
 * @revived: how often they were looked after
 * @separate_failure: (nullable): why no instance can have sockets of its own
 * @again_failure: (nullable): why they are not known any more after a re-execution
 * @share_failure: (nullable): why its share cannot be set
 * @clock: (nullable): what that takes time of
 * @share_takes: how much
 * @separate: (nullable): id of the instance that has them
 * @share: of the new connections, for that one
 * @sticky: whether that is by source address
 * @no_probe_source: whether no source address reaches that one
 * @traffic: (element-type utf8): what was done about it, in order: "separate", "again 100", "lost", "join", "share 100", "share 100 sticky",
 *   "promote", "rejoin"; "stay": one is about to be started that does not join the separate one; "retire": one that
 *   joined is about to accept nothing any more, as it is asked what waits for it
 * @joined: (element-type utf8 utf8): ids of the instances that joined the separate one, also after it was promoted
 * @promoted: (nullable): id of the instance whose sockets are the service's; all others are taken for earlier ones
 * @waiting: connections in the queues of the others
 * @hands_on: whether those could be given to the one that was promoted
 * @queue_wait: how long the first connection in the queue has waited; -1: nobody knows
 * @look: what becomes of looks at the queue
 */
struct _HrFakeListeners {
  GObject parent_instance;

  const char *failure;
  guint opened;
  guint closed;
  guint revived;
  gint64 queue_wait;
  HrFakeGate look;
  gboolean is_open;
  GPtrArray *list;
  const char *separate_failure;
  const char *again_failure;
  const char *share_failure;
  HrFakeClock *clock;
  gint64 share_takes;
  char *separate;
  guint share;
  gboolean sticky;
  gboolean no_probe_source;
  GPtrArray *traffic;
  GHashTable *joined;
  char *promoted;
  int waiting;
  gboolean hands_on;
};

HrFakeListeners *hr_fake_listeners_new (void);
void hr_fake_listeners_discover (HrFakeListeners *self, guint16 port);
void hr_fake_listeners_expect_traffic (HrFakeListeners *self, const char *expected);

G_END_DECLS
