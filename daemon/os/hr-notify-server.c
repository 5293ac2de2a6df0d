/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-notify-server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-closer.h"
#include "hr-fd-watch.h"
#include "hr-fd.h"
#include "hr-instance-socket.h"
#include "hr-log.h"
#include "hr-process-tree.h"

struct _HrNotifyServer {
  char *instance;
  char *address;
  int fd;
  guint source;
  guint retry; /* while it is not listened to: see hr_closer_is_full() */
  HrCloser *closer;
  GPid leader;
  HrOwner owner;
  GPid main; /* 0: the leader */
  guint n_dropped;
  HrNotifyFunc func;
  gpointer user_data;
};

typedef struct {
  char text[HR_NOTIFY_MESSAGE_MAX + 1];
  gboolean whole;
  gboolean has_sender;
  struct ucred sender;
  int fds[HR_CLOSER_FDS_MAX];
  gsize n_fds;
} Message;

static void
take_control (Message *message, struct msghdr *header)
{
  for (struct cmsghdr *part = CMSG_FIRSTHDR (header); part != NULL; part = CMSG_NXTHDR (header, part))
    {
      if (part->cmsg_level != SOL_SOCKET)
        continue;
      if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len == CMSG_LEN (sizeof (struct ucred)))
        {
          memcpy (&message->sender, CMSG_DATA (part), sizeof (struct ucred));
          message->has_sender = TRUE;
        }
      else if (part->cmsg_type == SCM_RIGHTS)
        {
          message->n_fds = MIN ((part->cmsg_len - CMSG_LEN (0)) / sizeof (int), HR_CLOSER_FDS_MAX);
          memcpy (message->fds, CMSG_DATA (part), message->n_fds * sizeof (int));
        }
    }
}

/* Where a NUL is allowed, %NULL where there is none. */
static const char *
end_of (const Message *message, ssize_t length)
{
  return length > 0 && message->text[length - 1] == '\0' ? message->text + length - 1 : NULL;
}

static gboolean
receive (int fd, Message *message)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (struct ucred)) + CMSG_SPACE (HR_CLOSER_FDS_MAX * sizeof (int))];
  } control;
  struct iovec data = { .iov_base = message->text, .iov_len = HR_NOTIFY_MESSAGE_MAX };
  struct msghdr header = {
    .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t length = TEMP_FAILURE_RETRY (recvmsg (fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

  if (length < 0)
    return FALSE;
  message->has_sender = FALSE;
  message->n_fds = 0;
  message->text[length] = '\0';
  /* One at the end does no harm: programs send it along with their string. */
  message->whole =
      (header.msg_flags & MSG_TRUNC) == 0 && memchr (message->text, '\0', (gsize)length) == end_of (message, length);
  take_control (message, &header);
  return TRUE;
}

static gboolean
may_speak (HrNotifyServer *self, const Message *message)
{
  return message->whole && message->has_sender && hr_owner_may_speak (&self->owner, message->sender.uid)
         && (hr_process_belongs (message->sender.pid, self->leader, self->instance)
             || (self->main != 0 && hr_process_belongs (message->sender.pid, self->main, self->instance)));
}

/* BARRIER=1 is for us alone: closing its descriptor says that all before it has been seen. Words that are no UTF-8 spoil
 * nothing but themselves. */
static GStrv
split (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_auto (GStrv) lines = g_strsplit (valid, "\n", -1);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (char **line = lines; *line != NULL; line++)
    if (strchr (*line, '=') != NULL && !g_str_equal (*line, "BARRIER=1"))
      g_strv_builder_add (builder, *line);
  return g_strv_builder_end (builder);
}

static void
close_rest (HrCloser *closer, Message *message)
{
  gsize n = 0;

  for (gsize i = 0; i < message->n_fds; i++)
    if (message->fds[i] >= 0)
      message->fds[n++] = message->fds[i];
  hr_closer_close (closer, message->fds, n);
}

/**
 * hr_notify_server_read:
 * @self: the server; may be freed by its callback
 *
 * Takes one message, if there is one. None is taken while too many descriptors hang that came with earlier ones.
 *
 * Returns: whether one was taken
 */
gboolean
hr_notify_server_read (HrNotifyServer *self)
{
  g_autofree Message *message = g_new (Message, 1);
  g_auto (GStrv) assignments = NULL;
  g_autoptr (HrCloser) closer = hr_closer_ref (self->closer);

  if (hr_closer_is_full (closer) || !receive (self->fd, message))
    return FALSE;
  if (may_speak (self, message))
    assignments = split (message->text);
  else
    {
      self->n_dropped++;
      hr_log_debug (NULL, "instance %s: message of process %d dropped, %u so far", self->instance,
                    message->has_sender ? (int)message->sender.pid : 0, self->n_dropped);
    }
  if (assignments != NULL && assignments[0] != NULL)
    {
      HrSentFds sent = { message->fds, message->n_fds };

      self->func ((const char *const *)assignments, &sent, self->user_data);
    }
  close_rest (closer, message);
  return TRUE;
}

static gboolean on_readable (gint fd, GIOCondition condition, gpointer user_data);

static gboolean
on_retry (gpointer user_data)
{
  HrNotifyServer *self = user_data;

  self->retry = 0;
  self->source = hr_fd_watch_add (self->fd, G_IO_IN, on_readable, self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_readable (gint fd, GIOCondition condition, gpointer user_data)
{
  HrNotifyServer *self = user_data;

  if (!hr_closer_is_full (self->closer))
    {
      hr_notify_server_read (self);
      return G_SOURCE_CONTINUE;
    }
  self->source = 0;
  self->retry = g_timeout_add (HR_CLOSER_RETRY_MSEC, on_retry, self);
  return G_SOURCE_REMOVE;
}

/**
 * hr_notify_server_new:
 * @runtime_dir: the daemon's runtime directory
 * @instance: id of the instance
 * @func: called from the main loop for every message that counts
 * @user_data: for @func
 * @error: return location
 *
 * Returns: (transfer full): the server; %NULL with a #GIOErrorEnum set
 */
HrNotifyServer *
hr_notify_server_new (const char *runtime_dir, const char *instance, HrNotifyFunc func, gpointer user_data,
                      GError **error)
{
  g_autofree char *address = NULL;
  int fd = hr_instance_socket_open (runtime_dir, instance, "notify", SOCK_DGRAM, &address, error);
  HrNotifyServer *self;

  if (fd < 0)
    return NULL;
  self = g_new0 (HrNotifyServer, 1);
  self->instance = g_strdup (instance);
  self->address = g_steal_pointer (&address);
  self->fd = fd;
  self->closer = hr_closer_new ();
  self->func = func;
  self->user_data = user_data;
  self->source = hr_fd_watch_add (fd, G_IO_IN, on_readable, self);
  hr_instance_socket_hand_on (fd, self->address);
  return self;
}

/**
 * hr_notify_server_set_owner:
 * @self: a new server
 * @owner: as whom the instance runs
 * @error: return location
 *
 * Returns: whether that user, if one is set, can speak here; else a #GIOErrorEnum is set
 */
gboolean
hr_notify_server_set_owner (HrNotifyServer *self, HrOwner owner, GError **error)
{
  self->owner = owner;
  return hr_instance_socket_give (self->address, &owner, error);
}

/**
 * hr_notify_server_free:
 * @self: (transfer full) (nullable): the server
 */
void
hr_notify_server_free (HrNotifyServer *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->source, hr_fd_watch_remove);
  g_clear_handle_id (&self->retry, g_source_remove);
  hr_instance_socket_close (self->closer, &self->fd, self->address);
  hr_closer_free (self->closer);
  g_free (self->address);
  g_free (self->instance);
  g_free (self);
}

/**
 * hr_notify_server_get_address:
 * @self: the server
 *
 * Returns: (transfer none): value for $NOTIFY_SOCKET
 */
const char *
hr_notify_server_get_address (HrNotifyServer *self)
{
  return self->address;
}

/**
 * hr_notify_server_set_leader:
 * @self: the server
 * @leader: the instance's main process
 *
 * Before this no message counts.
 */
void
hr_notify_server_set_leader (HrNotifyServer *self, GPid leader)
{
  self->leader = leader;
}

/**
 * hr_notify_server_set_main:
 * @self: the server
 * @pid: the instance's main process, if that is not its leader; 0: it is
 *
 * What it and its children say counts, whatever else tells that they are of the instance.
 */
void
hr_notify_server_set_main (HrNotifyServer *self, GPid pid)
{
  self->main = pid;
}
