/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watcher.h"

G_DEFINE_INTERFACE (HrWatcher, hr_watcher, G_TYPE_OBJECT)

static guint signal_hint;

static void
hr_watcher_default_init (HrWatcherInterface *iface)
{
  signal_hint =
      g_signal_new ("hint", HR_TYPE_WATCHER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRV);
}

/**
 * hr_watcher_start:
 * @self: the watcher
 * @error: return location
 *
 * Begins to watch; from the return on, every change raises a hint. What changed before is for a scan.
 *
 * Returns: success; else %HR_ERROR_LIMIT_EXCEEDED that names the sysctl and the value needed, or a #GIOErrorEnum
 */
gboolean
hr_watcher_start (HrWatcher *self, GError **error)
{
  g_return_val_if_fail (HR_IS_WATCHER (self), FALSE);
  return HR_WATCHER_GET_IFACE (self)->start (self, error);
}

/**
 * hr_watcher_stop:
 * @self: the watcher
 */
void
hr_watcher_stop (HrWatcher *self)
{
  g_return_if_fail (HR_IS_WATCHER (self));
  HR_WATCHER_GET_IFACE (self)->stop (self);
}

/**
 * hr_watcher_n_watches:
 * @self: the watcher
 *
 * Returns: how many directories are watched
 */
guint
hr_watcher_n_watches (HrWatcher *self)
{
  g_return_val_if_fail (HR_IS_WATCHER (self), 0);
  return HR_WATCHER_GET_IFACE (self)->n_watches (self);
}

/**
 * hr_watcher_is_held:
 * @self: the watcher
 *
 * Returns: whether a version-control operation is under way in the source (.git/index.lock, HEAD.lock, a rebase or
 *   merge directory): a reload that a change causes waits for its end
 */
gboolean
hr_watcher_is_held (HrWatcher *self)
{
  g_return_val_if_fail (HR_IS_WATCHER (self), FALSE);
  return HR_WATCHER_GET_IFACE (self)->is_held (self);
}

/**
 * hr_watcher_emit_hint:
 * @self: the watcher
 * @paths: the hint
 *
 * For implementations.
 */
void
hr_watcher_emit_hint (HrWatcher *self, const char *const *paths)
{
  g_signal_emit (self, signal_hint, 0, paths);
}
