/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watcher.h: hints that a service's source may have changed.
 *
 * An interface; HrFileWatcher is the real one. A hint says that it is worth looking, never that something changed: the
 * scan decides.
 */
#pragma once

#include "hr-ignore.h"

G_BEGIN_DECLS

#define HR_TYPE_WATCHER (hr_watcher_get_type ())
G_DECLARE_INTERFACE (HrWatcher, hr_watcher, HR, WATCHER, GObject)

/**
 * HrWatcherInterface:
 *
 * Signal "hint" (GStrv paths): paths relative to the source that an event named and that may trigger a reload; an
 * empty list: anything may have changed, look at everything.
 */
struct _HrWatcherInterface {
  GTypeInterface parent;

  gboolean (*start) (HrWatcher *self, GError **error);
  void (*stop) (HrWatcher *self);
  guint (*n_watches) (HrWatcher *self);
  gboolean (*is_held) (HrWatcher *self);
};

gboolean hr_watcher_start (HrWatcher *self, GError **error);
void hr_watcher_stop (HrWatcher *self);
guint hr_watcher_n_watches (HrWatcher *self);
gboolean hr_watcher_is_held (HrWatcher *self);
void hr_watcher_emit_hint (HrWatcher *self, const char *const *paths);

G_END_DECLS
