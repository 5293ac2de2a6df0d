/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One connection of HrAdoptServer: a question of a process, and its answer.
 *
 * Most are answered at once. Where a file has to be looked up, which its process can hold up, the answer waits for that,
 * and with it whatever the same process asks afterwards, so that its questions are answered in their order. Other
 * processes do not wait for it. There are no more of them than connections, and each has a deadline.
 */
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-adopt-match.h"
#include "hr-adopt-message.h"
#include "hr-adopt-server-private.h"
#include "hr-fd.h"
#include "hr-log.h"
#include "hr-process-tree.h"

/* The library sends its question right after it has connected. */
#define QUESTION_DEADLINE_MSEC 2000
/* From question to answer, with what it waits for; the library gives up a second later. */
#define ANSWER_DEADLINE_MSEC 4000
/* And says at once that it has the connection it was given. */
#define TAKEN_DEADLINE_MSEC 10000

/* A question and what came of it. */
typedef struct {
  HrAdoptMessage message;
  gboolean listens; /* whether the program listens now */
  gboolean yes;     /* the answer, where it is no descriptor */
} Question;

struct _HrAdoptConnection {
  HrAdoptServer *server;
  int fd;
  guint source;
  guint deadline;
  Question *question;    /* NULL: it has not come, or is answered */
  guint64 number;        /* of the question, as they came */
  GCancellable *looking; /* NULL: no file is looked up for it */
  guint64 rescued;       /* id of the connection that it was given and has not said to have; 0: none */
};

static void
question_free (HrAdoptServer *server, Question *self)
{
  hr_closer_clear (server->closer, &self->message.given);
  g_free (self);
}

static void
clear_question (HrAdoptConnection *self)
{
  if (self->question != NULL)
    question_free (self->server, g_steal_pointer (&self->question));
}

/**
 * hr_adopt_connection_free:
 * @self: (transfer full): a connection
 */
void
hr_adopt_connection_free (gpointer data)
{
  HrAdoptConnection *self = data;

  if (self->rescued != 0)
    hr_rescue_returned (hr_socket_listeners_get_rescue (self->server->listeners), self->rescued);
  if (self->looking != NULL)
    g_cancellable_cancel (self->looking);
  g_clear_object (&self->looking);
  clear_question (self);
  g_clear_handle_id (&self->source, g_source_remove);
  g_clear_handle_id (&self->deadline, g_source_remove);
  hr_closer_clear (self->server->closer, &self->fd);
  g_free (self);
}

/* Whether an earlier question of the same process is not answered yet. */
static gboolean
is_behind (const HrAdoptConnection *self)
{
  GPtrArray *all = self->server->connections;

  for (guint i = 0; i < all->len; i++)
    {
      const HrAdoptConnection *other = g_ptr_array_index (all, i);

      if (other->question != NULL && other->number < self->number
          && other->question->message.sender.pid == self->question->message.sender.pid)
        return TRUE;
    }
  return FALSE;
}

static void handle (HrAdoptConnection *self);

/* NULL: there is none that waits for nothing but its turn. */
static HrAdoptConnection *
find_next (HrAdoptServer *server)
{
  for (guint i = 0; i < server->connections->len; i++)
    {
      HrAdoptConnection *connection = g_ptr_array_index (server->connections, i);

      if (connection->question != NULL && connection->looking == NULL && !is_behind (connection))
        return connection;
    }
  return NULL;
}

/* One at a time: what comes of it may free the server. */
static gboolean
on_resume (gpointer user_data)
{
  HrAdoptServer *server = user_data;
  HrAdoptConnection *next = find_next (server);

  if (next != NULL)
    {
      handle (next);
      return G_SOURCE_CONTINUE;
    }
  server->resume = 0;
  return G_SOURCE_REMOVE;
}

/* A question has been answered, or will not be. */
static void
resume (HrAdoptServer *server)
{
  if (server->resume == 0 && find_next (server) != NULL)
    server->resume = g_idle_add_full (G_PRIORITY_DEFAULT, on_resume, server, NULL);
}

static void
drop (HrAdoptConnection *self)
{
  HrAdoptServer *server = self->server;

  hr_adopt_server_drop (server, self);
  resume (server);
}

static gboolean
on_late (gpointer user_data)
{
  HrAdoptConnection *self = user_data;

  self->deadline = 0;
  drop (self);
  return G_SOURCE_REMOVE;
}

static void
arm (HrAdoptConnection *self, guint msec, GSourceFunc func)
{
  g_clear_handle_id (&self->deadline, g_source_remove);
  self->deadline = g_timeout_add (msec, func, self);
}

/* Whether a process of the instance asks. */
static gboolean
may_ask (HrAdoptServer *server, const struct ucred *sender)
{
  return hr_owner_may_speak (&server->owner, sender->uid)
         && hr_process_belongs (sender->pid, server->leader, server->instance);
}

/* The memory of the instance's gate, -1 when there is none to be had. */
static int
gate_fd (HrAdoptServer *server)
{
  g_autoptr (GError) error = NULL;

  if (server->gate == NULL)
    {
      server->gate = hr_adopt_gate_new (&error);
      if (server->gate == NULL)
        hr_log_debug (NULL, "instance %s: %s", server->instance, error->message);
      else
        {
          hr_adopt_gate_measure_wait (server->gate, server->measures_wait);
          hr_socket_listeners_add_gate (server->listeners, server->instance, server->gate);
        }
    }
  return server->gate != NULL ? hr_adopt_gate_get_fd (server->gate) : -1;
}

/* @found: a descriptor to give, -1 for none. May free the server. */
static void
answer (HrAdoptConnection *self, int found)
{
  HrAdoptServer *server = self->server;
  gboolean listens = self->question->listens;

  hr_adopt_message_reply (self->fd, found, self->question->yes);
  drop (self);
  if (listens)
    server->func (server->user_data);
}

static void
keep (HrAdoptConnection *self, HrSocketFile *file)
{
  HrAdoptMessage *message = &self->question->message;

  hr_adopt_match_keep (self->server->listeners, self->server->instance, &message->request,
                       hr_fd_steal (&message->given), file);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSocketFile) file = hr_adopt_files_find_finish (result, &error);
  HrAdoptConnection *self = user_data;

  /* Then it is gone. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->looking);
  if (file != NULL)
    keep (self, g_steal_pointer (&file));
  else
    hr_log_debug (NULL, "instance %s: %s", self->server->instance, error->message);
  answer (self, -1);
}

/* Nobody waits for the answer any more. */
static gboolean
on_gone (gint fd, GIOCondition condition, gpointer user_data)
{
  HrAdoptConnection *self = user_data;

  self->source = 0;
  drop (self);
  return G_SOURCE_REMOVE;
}

/* The program listens on what it bound alone, or on what another of its processes did. */
static void
handle_discovered (HrAdoptConnection *self)
{
  HrAdoptServer *server = self->server;
  HrAdoptMessage *message = &self->question->message;
  int twin = hr_socket_listeners_find_twin (server->listeners, message->given, server->instance);
  g_autofree char *path = NULL;

  /* Where it cannot listen, the program hears why from the kernel. */
  if (twin >= 0 || message->given < 0 || listen (message->given, SOMAXCONN) < 0)
    {
      answer (self, twin);
      return;
    }
  self->question->listens = TRUE;
  path = hr_adopt_match_get_path (&message->request);
  if (path == NULL)
    {
      keep (self, NULL);
      answer (self, -1);
      return;
    }
  self->looking = g_cancellable_new ();
  self->source = g_unix_fd_add (self->fd, G_IO_HUP, on_gone, self);
  hr_adopt_files_find_async (server->files, &message->request, path, &message->sender, self->looking, on_found, self);
}

/* What a process was given in the place of a nudge is its own when it says so; until then its end is waited for. Who it
   is was seen when it asked: it may have answered and ended by now. */
static gboolean
on_rescued (gint fd, GIOCondition condition, gpointer user_data)
{
  HrAdoptConnection *self = user_data;
  HrAdoptMessage message = { .given = -1 };

  if (hr_adopt_message_receive (&message, fd, self->server->closer) && message.request.question == HR_ADOPT_TAKEN)
    {
      hr_rescue_taken (hr_socket_listeners_get_rescue (self->server->listeners), self->rescued);
      self->rescued = 0;
    }
  hr_closer_clear (self->server->closer, &message.given);
  self->source = 0;
  drop (self);
  return G_SOURCE_REMOVE;
}

/* It was given it, and holds it or has lost it: waiting longer would only keep places from others. */
static gboolean
on_taken_late (gpointer user_data)
{
  HrAdoptConnection *self = user_data;

  self->deadline = 0;
  hr_rescue_taken (hr_socket_listeners_get_rescue (self->server->listeners), self->rescued);
  self->rescued = 0;
  drop (self);
  return G_SOURCE_REMOVE;
}

/* A nudge of ours was accepted: the process is given a connection in its place. */
static void
handle_rescue (HrAdoptConnection *self)
{
  HrAdoptServer *server = self->server;
  gboolean serves = server->gate != NULL && !hr_adopt_gate_is_retired (server->gate);
  int found = serves ? hr_rescue_offer (hr_socket_listeners_get_rescue (server->listeners),
                                        &self->question->message.request.address, &self->rescued)
                     : -1;

  if (found < 0)
    {
      answer (self, -1);
      return;
    }
  hr_adopt_message_reply (self->fd, found, FALSE);
  clear_question (self);
  arm (self, TAKEN_DEADLINE_MSEC, on_taken_late);
  self->source = g_unix_fd_add (self->fd, G_IO_IN | G_IO_HUP, on_rescued, self);
  resume (server);
}

static int
take (HrAdoptConnection *self, HrListenerMatch match)
{
  return hr_adopt_match_take (self->server->listeners, self->server->instance, &self->question->message.request, match);
}

/* A descriptor to give, -1 for none, for what is known at once. */
static int
look_up (HrAdoptConnection *self)
{
  HrAdoptServer *server = self->server;
  Question *question = self->question;
  const HrAdoptRequest *request = &question->message.request;

  switch (request->question)
    {
    case HR_ADOPT_BIND:
      return take (self, HR_LISTENER_MATCH_MADE_FOR);
    case HR_ADOPT_BIND_IN_USE:
      return take (self, HR_LISTENER_MATCH_IN_THE_WAY);
    case HR_ADOPT_BIND_FREE:
      return take (self, HR_LISTENER_MATCH_FREE_PORT);
    case HR_ADOPT_LISTENING:
      question->listens = TRUE;
      return -1;
    case HR_ADOPT_GATE:
      return gate_fd (server);
    case HR_ADOPT_JOIN:
      return server->gate != NULL ? hr_adopt_gate_get_fd (server->gate) : -1;
    case HR_ADOPT_SHARED:
      return hr_socket_listeners_find (server->listeners, question->message.given, server->instance);
    case HR_ADOPT_UNLINK:
      question->yes = hr_socket_listeners_has_file (server->listeners, request->device, request->inode);
      return -1;
    case HR_ADOPT_REMOVE_DIRECTORY:
      question->yes =
          hr_socket_listeners_leave_directory (server->listeners, request->device, request->inode, server->instance);
      return -1;
    default:
      return -1;
    }
}

/* It is its turn. May free the server. */
static void
handle (HrAdoptConnection *self)
{
  guint32 question = self->question->message.request.question;

  if (!self->server->adopts && question < HR_ADOPT_LISTENING)
    answer (self, -1);
  else if (question == HR_ADOPT_RESCUE)
    handle_rescue (self);
  else if (question == HR_ADOPT_DISCOVERED || question == HR_ADOPT_DISCOVERED_FREE)
    handle_discovered (self);
  else
    answer (self, look_up (self));
}

static gboolean
on_question (gint fd, GIOCondition condition, gpointer user_data)
{
  HrAdoptConnection *self = user_data;
  Question *question = g_new0 (Question, 1);

  self->source = 0;
  question->message.given = -1;
  if (!hr_adopt_message_receive (&question->message, fd, self->server->closer)
      || !may_ask (self->server, &question->message.sender))
    {
      question_free (self->server, question);
      drop (self);
      return G_SOURCE_REMOVE;
    }
  self->question = question;
  self->number = ++self->server->last_question;
  arm (self, ANSWER_DEADLINE_MSEC, on_late);
  if (!is_behind (self))
    handle (self);
  return G_SOURCE_REMOVE;
}

/**
 * hr_adopt_connection_new:
 * @server: a server, whose it is to be
 * @fd: (transfer full): a connection that does not wait
 *
 * Returns: (transfer full): it, of which a question is expected
 */
HrAdoptConnection *
hr_adopt_connection_new (HrAdoptServer *server, int fd)
{
  HrAdoptConnection *self = g_new0 (HrAdoptConnection, 1);

  self->server = server;
  self->fd = fd;
  self->source = g_unix_fd_add (fd, G_IO_IN | G_IO_HUP, on_question, self);
  arm (self, QUESTION_DEADLINE_MSEC, on_late);
  return self;
}
