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

/**
 * hr_listeners_get_fd:
 * @self: the listeners
 * @listener: one of them
 * @instance: id of an instance
 *
 * Returns: the descriptor that instance is to have, its own or the service's; stays the listeners'
 */
int
hr_listeners_get_fd (HrListeners *self, const HrListener *listener, const char *instance)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self), -1);
  return HR_LISTENERS_GET_IFACE (self)->get_fd (self, listener, instance);
}

/**
 * hr_listeners_separate:
 * @self: the listeners
 * @instance: id of an instance that is not started yet
 * @error: return location
 *
 * Makes sockets of its own for it, one for each TCP listener. It gets no new connection until hr_listeners_set_share(),
 * but for those from hr_listeners_probe_source().
 *
 * Returns: success; else %HR_ERROR_BUSY when another is, or another program listens there, %HR_ERROR_NOT_SUPPORTED where there is no TCP
 *   listener, or what the kernel said: then nothing has changed and it shares the service's
 */
gboolean
hr_listeners_separate (HrListeners *self, const char *instance, GError **error)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, FALSE);
  return HR_LISTENERS_GET_IFACE (self)->separate (self, instance, error);
}

/**
 * hr_listeners_separate_again:
 * @self: the listeners of a daemon that was re-executed
 * @instance: id of an instance that runs, and was separate before that
 * @permyriad: the share that it had
 * @sticky: as it was, see hr_listeners_set_share()
 * @error: return location
 *
 * It is separate as before: there was no moment in which new connections went another way.
 *
 * Returns: success; else %HR_ERROR_BUSY when another is, %HR_ERROR_NOT_SUPPORTED where its sockets are not known any more,
 *   or what the kernel said: then all new connections go to the service's
 */
gboolean
hr_listeners_separate_again (HrListeners *self, const char *instance, guint permyriad, gboolean sticky, GError **error)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, FALSE);
  g_return_val_if_fail (permyriad <= HR_SHARE_ALL, FALSE);
  return HR_LISTENERS_GET_IFACE (self)->separate_again (self, instance, permyriad, sticky, error);
}

/**
 * hr_listeners_join:
 * @self: the listeners
 * @instance: id of an instance that is not started yet
 * @with: id of another
 *
 * Where @with is separate, @instance is to have the same sockets, and is reached by probes from the same address; it
 * stays with them whatever becomes of @with. Where it is not, nothing changes: both share the service's.
 */
void
hr_listeners_join (HrListeners *self, const char *instance, const char *with)
{
  g_return_if_fail (HR_IS_LISTENERS (self) && instance != NULL && with != NULL);
  HR_LISTENERS_GET_IFACE (self)->join (self, instance, with);
}

/**
 * hr_listeners_set_share:
 * @self: the listeners
 * @instance: id of the separate instance
 * @permyriad: of %HR_SHARE_ALL new connections
 * @sticky: whether a connection's side is decided by its source address: a client stays where it is while the share is
 *   the same, and stays with the separate instance while it grows
 * @error: return location
 *
 * Holds from the next connection on.
 *
 * Returns: success; else %HR_ERROR_INVALID_ARGUMENT when @instance is not separate, or what the kernel said: then it is
 *   as it was for all listeners
 */
gboolean
hr_listeners_set_share (HrListeners *self, const char *instance, guint permyriad, gboolean sticky, GError **error)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, FALSE);
  g_return_val_if_fail (permyriad <= HR_SHARE_ALL, FALSE);
  return HR_LISTENERS_GET_IFACE (self)->set_share (self, instance, permyriad, sticky, error);
}

/**
 * hr_listeners_promote:
 * @self: the listeners
 * @instance: id of an instance
 *
 * The sockets of the separate instance, and of those that joined it, are the service's from now on: all new connections, and all later instances, go
 * to them. Those that were stay until nobody accepts from them and nothing waits in them. Where none is separate that is so
 * for the sockets that an earlier daemon split for the instance. Does nothing for one that has none of its own.
 */
void
hr_listeners_promote (HrListeners *self, const char *instance)
{
  g_return_if_fail (HR_IS_LISTENERS (self) && instance != NULL);
  HR_LISTENERS_GET_IFACE (self)->promote (self, instance);
}

/**
 * hr_listeners_rejoin:
 * @self: the listeners
 * @instance: id of an instance
 *
 * The separate instance, and those that joined it, get no new connection any more; the sockets go when all of them have
 * ended and nothing waits in them. Where none of them was started yet they share the service's.
 * Does nothing for an instance that is not separate.
 */
void
hr_listeners_rejoin (HrListeners *self, const char *instance)
{
  g_return_if_fail (HR_IS_LISTENERS (self) && instance != NULL);
  HR_LISTENERS_GET_IFACE (self)->rejoin (self, instance);
}

/**
 * hr_listeners_is_separate:
 * @self: the listeners
 * @instance: id of an instance
 *
 * Returns: whether sockets of its own were made for it, that are not the service's yet
 */
gboolean
hr_listeners_is_separate (HrListeners *self, const char *instance)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, FALSE);
  return HR_LISTENERS_GET_IFACE (self)->is_separate (self, instance);
}

/**
 * hr_listeners_probe_source:
 * @self: the listeners
 * @instance: id of an instance
 *
 * Returns: (transfer full) (nullable): while one instance is separate: a source address whose connections reach
 *   @instance, that one or one that joined it, or one that accepts from the service's sockets, whatever the share;
 *   %NULL when none is, or no listener can be reached over IPv4
 */
GInetAddress *
hr_listeners_probe_source (HrListeners *self, const char *instance)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, NULL);
  return HR_LISTENERS_GET_IFACE (self)->probe_source (self, instance);
}

/**
 * hr_listeners_count_waiting:
 * @self: the listeners
 * @instance: id of an instance
 *
 * Returns: how many connections wait in the queues of sockets from which it alone accepts; -1 when others do, too, as
 *   from the service's
 */
int
hr_listeners_count_waiting (HrListeners *self, const char *instance)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, -1);
  return HR_LISTENERS_GET_IFACE (self)->count_waiting (self, instance);
}

/**
 * hr_listeners_count_queued:
 * @self: the listeners
 * @left: whether only those count that wait where no new connection goes
 *
 * Returns: how many connections wait to be accepted, or are on their way from such a queue to an instance that accepts
 */
guint
hr_listeners_count_queued (HrListeners *self, gboolean left)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self), 0);
  return HR_LISTENERS_GET_IFACE (self)->count_queued (self, left);
}

/**
 * hr_listeners_can_hand_on:
 * @self: the listeners
 * @instance: id of an instance
 *
 * Returns: whether what waits in sockets from which it alone accepts can be given to those that accept from the service's,
 *   once it accepts nothing any more
 */
gboolean
hr_listeners_can_hand_on (HrListeners *self, const char *instance)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self) && instance != NULL, FALSE);
  return HR_LISTENERS_GET_IFACE (self)->can_hand_on (self, instance);
}

/**
 * hr_listeners_look_at_queue_async:
 * @self: the listeners
 * @callback: called when it is known
 * @user_data: for @callback
 *
 * Finds out how long the connections that wait to be accepted at this moment have waited.
 */
void
hr_listeners_look_at_queue_async (HrListeners *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_LISTENERS (self));
  HR_LISTENERS_GET_IFACE (self)->look_at_queue_async (self, callback, user_data);
}

/**
 * hr_listeners_look_at_queue_finish:
 * @self: the listeners
 * @result: of hr_listeners_look_at_queue_async()
 * @error: return location
 *
 * Returns: how long the first of them has waited, in microseconds, 0 when none waits; -1 with an error set when that
 *   cannot be known, as without any TCP listener
 */
gint64
hr_listeners_look_at_queue_finish (HrListeners *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_LISTENERS (self), -1);
  return HR_LISTENERS_GET_IFACE (self)->look_at_queue_finish (self, result, error);
}
