/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-server.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-adopt-gate.h"
#include "hr-adopt-match.h"
#include "hr-adopt-message.h"
#include "hr-fd.h"
#include "hr-instance-socket.h"
#include "hr-log.h"
#include "hr-process-tree.h"

/* The library sends its question right after it has connected. */
#define QUESTION_DEADLINE_MSEC 2000
/* And says at once that it has the connection it was given. */
#define TAKEN_DEADLINE_MSEC 10000

struct _HrAdoptServer {
  char *instance;
  char *address;
  char *value;
  int fd;
  guint source;
  GPid leader;
  HrSocketListeners *listeners;
  gboolean adopts;
  HrAdoptGate *gate; /* NULL: the program has not begun to accept */
  gboolean measures_wait;
  GPtrArray *connections;
  HrAdoptFunc func;
  gpointer user_data;
};

typedef struct {
  HrAdoptServer *server;
  int fd;
  guint source;
  guint deadline;
  guint64 rescued; /* id of the connection that it was given and has not said to have; 0: none */
} Connection;

/* A question and what came of it. */
typedef struct {
  HrAdoptMessage message;
  gboolean listens; /* whether the program listens now */
  gboolean yes;     /* the answer, where it is no descriptor */
} Question;

static gboolean on_connecting (gint fd, GIOCondition condition, gpointer user_data);

static void
connection_free (gpointer data)
{
  Connection *self = data;

  if (self->rescued != 0)
    hr_rescue_returned (hr_socket_listeners_get_rescue (self->server->listeners), self->rescued);
  g_clear_handle_id (&self->source, g_source_remove);
  g_clear_handle_id (&self->deadline, g_source_remove);
  hr_fd_clear (&self->fd);
  g_free (self);
}

/* Closes it; another that was waiting can come in. */
static void
drop (Connection *connection)
{
  HrAdoptServer *self = connection->server;

  g_ptr_array_remove_fast (self->connections, connection);
  if (self->source == 0)
    self->source = g_unix_fd_add (self->fd, G_IO_IN, on_connecting, self);
}

/* Whether a process of the instance asks. */
static gboolean
may_ask (HrAdoptServer *self, const struct ucred *sender)
{
  return (sender->uid == geteuid () || sender->uid == 0)
         && hr_process_belongs (sender->pid, self->leader, self->instance);
}

/* The memory of the instance's gate, -1 when there is none to be had. */
static int
gate_fd (HrAdoptServer *self)
{
  g_autoptr (GError) error = NULL;

  if (self->gate == NULL)
    {
      self->gate = hr_adopt_gate_new (&error);
      if (self->gate == NULL)
        hr_log_debug (NULL, "instance %s: %s", self->instance, error->message);
      else
        {
          hr_adopt_gate_measure_wait (self->gate, self->measures_wait);
          hr_socket_listeners_add_gate (self->listeners, self->instance, self->gate);
        }
    }
  return self->gate != NULL ? hr_adopt_gate_get_fd (self->gate) : -1;
}

static int
take (HrAdoptServer *self, const Question *question, HrListenerMatch match)
{
  return hr_adopt_match_take (self->listeners, self->instance, &question->message.request, match);
}

/* The program listens on what it bound alone, or on what another of its processes did. */
static int
discovered (HrAdoptServer *self, Question *question)
{
  int twin = hr_socket_listeners_find_twin (self->listeners, question->message.given, self->instance);

  if (twin >= 0)
    return twin;
  /* Where it cannot listen, the program hears why from the kernel. */
  if (question->message.given < 0 || listen (question->message.given, SOMAXCONN) < 0)
    return -1;
  question->listens = TRUE;
  hr_adopt_match_keep (self->listeners, self->instance, &question->message.request,
                       hr_fd_steal (&question->message.given), &question->message.sender);
  return -1;
}

/* A descriptor to give, -1 for none. */
static int
answer (HrAdoptServer *self, Question *question)
{
  const HrAdoptRequest *request = &question->message.request;

  if (!self->adopts && request->question < HR_ADOPT_LISTENING)
    return -1;
  switch (request->question)
    {
    case HR_ADOPT_BIND:
      return take (self, question, HR_LISTENER_MATCH_MADE_FOR);
    case HR_ADOPT_BIND_IN_USE:
      return take (self, question, HR_LISTENER_MATCH_IN_THE_WAY);
    case HR_ADOPT_BIND_FREE:
      return take (self, question, HR_LISTENER_MATCH_FREE_PORT);
    case HR_ADOPT_DISCOVERED:
    case HR_ADOPT_DISCOVERED_FREE:
      return discovered (self, question);
    case HR_ADOPT_LISTENING:
      question->listens = TRUE;
      return -1;
    case HR_ADOPT_GATE:
      return gate_fd (self);
    case HR_ADOPT_SHARED:
      return hr_socket_listeners_find (self->listeners, question->message.given, self->instance);
    case HR_ADOPT_UNLINK:
      question->yes = hr_socket_listeners_has_file (self->listeners, request->device, request->inode);
      return -1;
    case HR_ADOPT_REMOVE_DIRECTORY:
      question->yes =
          hr_socket_listeners_leave_directory (self->listeners, request->device, request->inode, self->instance);
      return -1;
    default:
      return -1;
    }
}

/* What a process was given in the place of a nudge is its own when it says so; until then its end is waited for. Who it
   is was seen when it asked: it may have answered and ended by now. */
static gboolean
on_rescued (gint fd, GIOCondition condition, gpointer user_data)
{
  Connection *connection = user_data;
  HrAdoptServer *self = connection->server;
  Question question = { .message.given = -1 };

  if (hr_adopt_message_receive (&question.message, fd) && question.message.request.question == HR_ADOPT_TAKEN)
    {
      hr_rescue_taken (hr_socket_listeners_get_rescue (self->listeners), connection->rescued);
      connection->rescued = 0;
    }
  hr_fd_clear (&question.message.given);
  connection->source = 0;
  drop (connection);
  return G_SOURCE_REMOVE;
}

/* It was given it, and holds it or has lost it: waiting longer would only keep places from others. */
static gboolean
on_taken_late (gpointer user_data)
{
  Connection *connection = user_data;
  HrAdoptServer *self = connection->server;

  connection->deadline = 0;
  hr_rescue_taken (hr_socket_listeners_get_rescue (self->listeners), connection->rescued);
  connection->rescued = 0;
  drop (connection);
  return G_SOURCE_REMOVE;
}

/* A nudge of ours was accepted. Returns whether the process was given a connection in its place. */
static gboolean
give_rescued (Connection *connection, const HrAdoptRequest *request)
{
  HrAdoptServer *self = connection->server;
  gboolean serves = self->gate != NULL && !hr_adopt_gate_is_retired (self->gate);
  int found = serves ? hr_rescue_offer (hr_socket_listeners_get_rescue (self->listeners), &request->address,
                                        &connection->rescued)
                     : -1;

  hr_adopt_message_reply (connection->fd, found, FALSE);
  if (found < 0)
    return FALSE;
  g_clear_handle_id (&connection->deadline, g_source_remove);
  connection->deadline = g_timeout_add (TAKEN_DEADLINE_MSEC, on_taken_late, connection);
  connection->source = g_unix_fd_add (connection->fd, G_IO_IN | G_IO_HUP, on_rescued, connection);
  return TRUE;
}

static gboolean
on_question (gint fd, GIOCondition condition, gpointer user_data)
{
  Connection *connection = user_data;
  HrAdoptServer *self = connection->server;
  Question question = { .message.given = -1 };

  connection->source = 0;
  if (hr_adopt_message_receive (&question.message, fd) && may_ask (self, &question.message.sender))
    {
      if (question.message.request.question == HR_ADOPT_RESCUE)
        {
          hr_fd_clear (&question.message.given);
          if (give_rescued (connection, &question.message.request))
            return G_SOURCE_REMOVE;
        }
      else
        {
          int found = answer (self, &question);

          hr_adopt_message_reply (fd, found, question.yes);
        }
    }
  hr_fd_clear (&question.message.given);
  drop (connection);
  if (question.listens)
    self->func (self->user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_question_late (gpointer user_data)
{
  Connection *connection = user_data;

  connection->deadline = 0;
  drop (connection);
  return G_SOURCE_REMOVE;
}

static gboolean
on_connecting (gint fd, GIOCondition condition, gpointer user_data)
{
  HrAdoptServer *self = user_data;
  int accepted = TEMP_FAILURE_RETRY (accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
  Connection *connection;

  if (accepted < 0)
    return G_SOURCE_CONTINUE;
  connection = g_new0 (Connection, 1);
  connection->server = self;
  connection->fd = accepted;
  connection->source = g_unix_fd_add (accepted, G_IO_IN | G_IO_HUP, on_question, connection);
  connection->deadline = g_timeout_add (QUESTION_DEADLINE_MSEC, on_question_late, connection);
  g_ptr_array_add (self->connections, connection);
  if (self->connections->len < HR_ADOPT_CONNECTIONS_MAX)
    return G_SOURCE_CONTINUE;
  self->source = 0;
  return G_SOURCE_REMOVE;
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
  self->listeners = g_object_ref (listeners);
  self->connections = g_ptr_array_new_with_free_func (connection_free);
  self->func = func;
  self->user_data = user_data;
  self->source = g_unix_fd_add (fd, G_IO_IN, on_connecting, self);
  hr_socket_listeners_enter (listeners, instance);
  return self;
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
  g_clear_handle_id (&self->source, g_source_remove);
  g_ptr_array_unref (self->connections);
  hr_instance_socket_close (&self->fd, self->address);
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
