/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-listeners.h"

G_DEFINE_INTERFACE (HrListeners, hr_listeners, G_TYPE_OBJECT)

static void
hr_listeners_default_init (HrListenersInterface *iface)
{
  g_signal_new ("changed", HR_TYPE_LISTENERS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

/**
 * hr_listeners_open:
 * @self: the listeners
 * @spec: what to listen on
 * @error: return location
 *
 * Binds what @spec lists and is not bound yet, and closes what it no longer lists; the others stay untouched. When one
 * cannot be bound, nothing has changed.
 *
 * Returns: success; else %HR_ERROR_START_FAILED or %HR_ERROR_NOT_SUPPORTED that names listener and address
 */
gboolean
hr_listeners_open (HrListeners *self, HrServiceSpec *spec, GError **error)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self), FALSE);
  return HR_LISTENERS_GET_IFACE (self)->open (self, spec, error);
}

/**
 * hr_listeners_close:
 * @self: the listeners
 *
 * Closes all, the discovered ones too.
 */
void
hr_listeners_close (HrListeners *self)
{
  g_return_if_fail (HR_IS_LISTENERS (self));
  HR_LISTENERS_GET_IFACE (self)->close (self);
}

/**
 * hr_listeners_list:
 * @self: the listeners
 *
 * Returns: (transfer none) (element-type HrListener): those of the service file in its order, then the discovered ones
 */
GPtrArray *
hr_listeners_list (HrListeners *self)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self), NULL);
  return HR_LISTENERS_GET_IFACE (self)->list (self);
}

/**
 * hr_listeners_revive:
 * @self: the listeners
 *
 * To be called after each exit of an instance: shutdown() by any holder closes a listening socket for all of them, so
 * every one that no longer listens is made to listen again.
 */
void
hr_listeners_revive (HrListeners *self)
{
  g_return_if_fail (HR_IS_LISTENERS (self));
  HR_LISTENERS_GET_IFACE (self)->revive (self);
}
