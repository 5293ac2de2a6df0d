/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-adopt-server-private.h"
#include "hr-fd-watch.h"
#include "hr-instance-socket.h"

/* How soon it is asked again when no descriptor could be had. */
#define ACCEPT_RETRY_MSEC 50

static gboolean on_connecting (gint fd, GIOCondition condition, gpointer user_data);

static gboolean
on_retry (gpointer user_data)
{
  HrAdoptServer *self = user_data;

  self->retry = 0;
  self->source = hr_fd_watch_add (self->fd, G_IO_IN, on_connecting, self);
  return G_SOURCE_REMOVE;
}

/* Else the loop would turn for nothing until the reason has passed. */
static gboolean
rest (HrAdoptServer *self, guint msec)
{
  self->source = 0;
  self->retry = g_timeout_add (msec, on_retry, self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_connecting (gint fd, GIOCondition condition, gpointer user_data)
{
  HrAdoptServer *self = user_data;
  int accepted;

  if (hr_closer_is_full (self->closer))
    return rest (self, HR_CLOSER_RETRY_MSEC);
  accepted = TEMP_FAILURE_RETRY (accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (accepted < 0)
    return errno == EAGAIN || errno == ECONNABORTED ? G_SOURCE_CONTINUE : rest (self, ACCEPT_RETRY_MSEC);
  g_ptr_array_add (self->connections, hr_adopt_connection_new (self, accepted));
  if (self->connections->len < HR_ADOPT_CONNECTIONS_MAX)
    return G_SOURCE_CONTINUE;
  self->source = 0;
  return G_SOURCE_REMOVE;
}

/**
 * hr_adopt_server_drop:
 * @self: a server
 * @connection: (transfer full): one of its
 *
 * Closes it; another that was waiting can come in.
 */
void
hr_adopt_server_drop (HrAdoptServer *self, HrAdoptConnection *connection)
{
  g_ptr_array_remove_fast (self->connections, connection);
  if (self->source == 0 && self->retry == 0)
    self->source = hr_fd_watch_add (self->fd, G_IO_IN, on_connecting, self);
}

/**
 * hr_adopt_server_new:
 * @runtime_dir: the daemon's runtime directory
 * @instance: id of the instance
 * @listeners: its service's
 * @adopts: whether binds are answered; else the library only says when the program listens on what it was passed
 * @func: called from the main loop when the program listens
 * @user_data: for @func
 * @error: return location
 *
 * Returns: (transfer full): the server; %NULL with a #GIOErrorEnum set
 */
HrAdoptServer *
hr_adopt_server_new (const char *runtime_dir, const char *instance, HrSocketListeners *listeners, gboolean adopts,
                     HrAdoptFunc func, gpointer user_data, GError **error)
{
  g_autofree char *path = NULL;
  int fd = hr_instance_socket_open (runtime_dir, instance, "adopt", SOCK_SEQPACKET, &path, error);
  HrAdoptServer *self;

  if (fd < 0)
    return NULL;
  self = g_new0 (HrAdoptServer, 1);
  self->instance = g_strdup (instance);
  self->value = g_strconcat (adopts ? "" : HR_ADOPT_WATCH_ONLY, path, NULL);
  self->address = g_steal_pointer (&path);
  self->adopts = adopts;
  self->fd = fd;
  self->closer = hr_closer_new ();
  self->listeners = g_object_ref (listeners);
  self->connections = g_ptr_array_new_with_free_func (hr_adopt_connection_free);
  self->files = hr_adopt_files_new ();
  self->func = func;
  self->user_data = user_data;
  self->source = hr_fd_watch_add (fd, G_IO_IN, on_connecting, self);
  hr_instance_socket_hand_on (fd, self->address);
  hr_socket_listeners_enter (listeners, instance);
  return self;
}

/**
 * hr_adopt_server_set_owner:
 * @self: a new server
 * @owner: as whom the instance runs
 * @error: return location
 *
 * Returns: whether that user, if one is set, can speak here; else a #GIOErrorEnum is set
 */
gboolean
hr_adopt_server_set_owner (HrAdoptServer *self, HrOwner owner, GError **error)
{
  self->owner = owner;
  return hr_instance_socket_give (self->address, &owner, error);
}

/**
 * hr_adopt_server_free:
 * @self: (transfer full) (nullable): the server
 *
 * Its instance has ended, or is left alone.
 */
void
hr_adopt_server_free (HrAdoptServer *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->source, hr_fd_watch_remove);
  g_clear_handle_id (&self->retry, g_source_remove);
  g_clear_handle_id (&self->resume, g_source_remove);
  g_ptr_array_unref (self->connections);
  hr_adopt_files_free (self->files);
  hr_instance_socket_close (self->closer, &self->fd, self->address);
  hr_closer_free (self->closer);
  hr_socket_listeners_leave (self->listeners, self->instance);
  g_clear_pointer (&self->gate, hr_adopt_gate_free);
  g_object_unref (self->listeners);
  g_free (self->value);
  g_free (self->address);
  g_free (self->instance);
  g_free (self);
}

/**
 * hr_adopt_server_resume:
 * @self: the server of an instance that an earlier daemon started
 *
 * Goes on with the memory that the instance has; where that is lost it cannot be held to accepting nothing.
 */
void
hr_adopt_server_resume (HrAdoptServer *self)
{
  self->gate = hr_socket_listeners_resume (self->listeners, self->instance);
}

/**
 * hr_adopt_server_get_value:
 * @self: the server
 *
 * Returns: (transfer none): value for $HOTRELOAD_ADOPT
 */
const char *
hr_adopt_server_get_value (HrAdoptServer *self)
{
  return self->value;
}

/**
 * hr_adopt_server_set_leader:
 * @self: the server
 * @leader: the instance's main process
 *
 * Before this no question is answered.
 */
void
hr_adopt_server_set_leader (HrAdoptServer *self, GPid leader)
{
  self->leader = leader;
}

/**
 * hr_adopt_server_retire:
 * @self: the server
 *
 * Lets the program accept nothing any more.
 *
 * Returns: whether it heeds that; %FALSE when the library never saw it accept (it is linked statically, for one)
 */
gboolean
hr_adopt_server_retire (HrAdoptServer *self)
{
  if (self->gate == NULL)
    return FALSE;
  hr_adopt_gate_retire (self->gate);
  hr_socket_listeners_retire (self->listeners, self->instance);
  return TRUE;
}

/**
 * hr_adopt_server_set_stage:
 * @self: the server of an instance that was retired
 * @stage: what it may still answer
 * @ports: (array length=n_ports): of its service
 * @n_ports: how many
 */
void
hr_adopt_server_set_stage (HrAdoptServer *self, HrAdoptStage stage, const guint16 *ports, guint n_ports)
{
  if (self->gate != NULL)
    hr_adopt_gate_set_stage (self->gate, stage, ports, n_ports);
}

/**
 * hr_adopt_server_has_accepted:
 * @self: a server
 *
 * Returns: whether a connection came to the instance in a way that hr_adopt_server_retire() ends
 */
gboolean
hr_adopt_server_has_accepted (HrAdoptServer *self)
{
  return self->gate != NULL && hr_adopt_gate_has_accepted (self->gate);
}

/**
 * hr_adopt_server_may_accept:
 * @self: the server
 *
 * Returns: %FALSE when it was retired and takes no connection any more
 */
gboolean
hr_adopt_server_may_accept (HrAdoptServer *self)
{
  return self->gate == NULL || hr_adopt_gate_may_accept (self->gate);
}

/**
 * hr_adopt_server_measure_wait:
 * @self: the server
 * @measure: whether it is to be measured how long connections wait to be accepted; also of a program that has yet to
 *   begin to accept
 */
void
hr_adopt_server_measure_wait (HrAdoptServer *self, gboolean measure)
{
  self->measures_wait = measure;
  if (self->gate != NULL)
    hr_adopt_gate_measure_wait (self->gate, measure);
}

/**
 * hr_adopt_server_get_wait:
 * @self: the server
 *
 * Returns: the longest wait that was measured, in microseconds; -1 when the library never saw the program accept
 */
gint64
hr_adopt_server_get_wait (HrAdoptServer *self)
{
  return self->gate != NULL ? hr_adopt_gate_get_wait (self->gate) : -1;
}

/**
 * hr_adopt_server_count_handling:
 * @self: the server
 *
 * Returns: how many datagrams are being answered, as far as the library sees it
 */
guint
hr_adopt_server_count_handling (HrAdoptServer *self)
{
  return self->gate != NULL ? hr_adopt_gate_count_handling (self->gate) : 0;
}
