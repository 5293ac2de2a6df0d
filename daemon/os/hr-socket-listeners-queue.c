/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits in the queues of the listeners, and for how long.
 */
#include "hr-error.h"
#include "hr-socket-listeners-private.h"
#include "hr-tcp-queue.h"

static HrHeldListener *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

static int
hr_socket_listeners_count_waiting (HrListeners *listeners, const char *instance)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  int waiting = -1;

  for (guint i = 0; i < self->held->len; i++)
    {
      int here = get (self, i)->group != NULL ? hr_socket_group_count_waiting (get (self, i)->group, instance) : -1;

      if (here >= 0)
        waiting = MAX (waiting, 0) + here;
    }
  return waiting;
}

static guint
hr_socket_listeners_count_queued (HrListeners *listeners, gboolean left)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  guint n = hr_rescue_get_n_held (self->rescue);

  for (guint i = 0; i < self->held->len; i++)
    n += get (self, i)->group != NULL ? hr_socket_group_count_queued (get (self, i)->group, left) : 0;
  return n;
}

static gboolean
hr_socket_listeners_can_hand_on (HrListeners *listeners, const char *instance)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL && hr_socket_group_count_waiting (get (self, i)->group, instance) > 0
        && !hr_socket_group_can_hand_on (get (self, i)->group))
      return FALSE;
  return TRUE;
}

/* What the worker needs. */
typedef struct {
  GArray *addresses; /* struct sockaddr_storage */
  gint64 rescued;    /* the longest wait of what was taken out of queues */
} QueueLook;

static void
queue_look_free (gpointer data)
{
  QueueLook *look = data;

  g_array_unref (look->addresses);
  g_free (look);
}

static void
look_at_queue (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const QueueLook *look = data;
  g_autoptr (GError) error = NULL;
  gint64 wait = hr_tcp_queue_longest_wait ((gconstpointer)look->addresses->data, look->addresses->len, &error);

  if (wait < 0)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_int (task, MAX (wait, look->rescued));
}

static void
hr_socket_listeners_look_at_queue_async (HrListeners *listeners, GAsyncReadyCallback callback, gpointer user_data)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  /* Without a source object: the worker must not hold the listeners, which are the main loop's alone. */
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (struct sockaddr_storage));
  QueueLook *look;

  g_task_set_source_tag (task, hr_socket_listeners_look_at_queue_async);
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->shown.kind == HR_LISTEN_TCP && get (self, i)->shown.fd >= 0)
      g_array_append_val (addresses, get (self, i)->address.storage);
  if (addresses->len == 0)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                               "it has no TCP listener whose queue could be seen");
      return;
    }
  look = g_new (QueueLook, 1);
  look->addresses = g_steal_pointer (&addresses);
  look->rescued = hr_rescue_get_longest_wait (self->rescue);
  g_task_set_task_data (task, look, queue_look_free);
  g_task_run_in_thread (task, look_at_queue);
}

static gint64
hr_socket_listeners_look_at_queue_finish (HrListeners *listeners, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_socket_listeners_look_at_queue_async), -1);
  return g_task_propagate_int (G_TASK (result), error);
}

/**
 * hr_socket_listeners_init_queue:
 * @iface: of #HrSocketListeners
 */
void
hr_socket_listeners_init_queue (HrListenersInterface *iface)
{
  iface->count_waiting = hr_socket_listeners_count_waiting;
  iface->count_queued = hr_socket_listeners_count_queued;
  iface->can_hand_on = hr_socket_listeners_can_hand_on;
  iface->look_at_queue_async = hr_socket_listeners_look_at_queue_async;
  iface->look_at_queue_finish = hr_socket_listeners_look_at_queue_finish;
}
