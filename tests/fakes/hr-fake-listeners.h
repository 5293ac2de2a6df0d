/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-listeners.h: listeners without sockets.
 */
#pragma once

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
 */
struct _HrFakeListeners {
  GObject parent_instance;

  const char *failure;
  guint opened;
  guint closed;
  guint revived;
  gboolean is_open;
  GPtrArray *list;
};

HrFakeListeners *hr_fake_listeners_new (void);
void hr_fake_listeners_discover (HrFakeListeners *self, guint16 port);

G_END_DECLS
