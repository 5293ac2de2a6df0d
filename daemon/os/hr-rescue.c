/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-rescue.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-adopt-protocol.h"
#include "hr-fd.h"
#include "hr-log.h"
#include "hr-tcp-address.h"

/* After a nudge that nobody answered: a program that is busy with its end, or a port that is not to be had. */
#define RETRY_MSEC 20
/* How often it is looked for connections that nobody has taken in time. */
#define EXPIRE_INTERVAL_SEC 1

typedef struct {
  guint64 id;
  int fd;
  struct sockaddr_storage listener; /* where it came in, as a nudge can reach it */
  gint64 since;
  gboolean offered; /* a process has been given it, and has not said so */
} Saved;

typedef struct {
  HrRescue *rescue;
  int fd;
  guint source;
  guint index; /* in the pages of the instances */
  guint8 host[16];
  guint16 port;
  struct sockaddr_storage listener;
  gboolean answered;
} Nudge;

struct _HrRescue {
  guint32 source;    /* IPv4 address in host order from which nudges come, where they can */
  GHashTable *gates; /* id of an instance to HrAdoptGate, which stays the server's */
  GPtrArray *saved;  /* Saved, the oldest first */
  Nudge *nudges[HR_ADOPT_NUDGES_MAX];
  guint64 last_id;
  guint retry;
  guint expire;
};

static void nudge_for_all (HrRescue *self);

static void
saved_free (gpointer data)
{
  Saved *saved = data;

  hr_fd_clear (&saved->fd);
  g_free (saved);
}

static void
tell_gates (HrRescue *self, const Nudge *nudge, guint16 port)
{
  GHashTableIter iter;
  gpointer gate;

  g_hash_table_iter_init (&iter, self->gates);
  while (g_hash_table_iter_next (&iter, NULL, &gate))
    hr_adopt_gate_set_nudge (gate, nudge->index, nudge->host, port);
}

static void
nudge_free (Nudge *nudge)
{
  tell_gates (nudge->rescue, nudge, 0);
  nudge->rescue->nudges[nudge->index] = NULL;
  g_clear_handle_id (&nudge->source, g_source_remove);
  hr_fd_clear (&nudge->fd);
  g_free (nudge);
}

static gboolean
on_retry (gpointer user_data)
{
  HrRescue *self = user_data;

  self->retry = 0;
  nudge_for_all (self);
  return G_SOURCE_REMOVE;
}

/* The program has closed its end, or there was nobody to connect to. */
static gboolean
on_nudge_over (gint fd, GIOCondition condition, gpointer user_data)
{
  Nudge *nudge = user_data;
  HrRescue *self = nudge->rescue;
  gboolean answered = nudge->answered;

  nudge->source = 0;
  nudge_free (nudge);
  if (answered)
    nudge_for_all (self);
  else if (self->retry == 0)
    self->retry = g_timeout_add (RETRY_MSEC, on_retry, self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_nudge_connected (gint fd, GIOCondition condition, gpointer user_data)
{
  Nudge *nudge = user_data;

  /* With TCP_DEFER_ACCEPT who says nothing is not heard. */
  if ((condition & (G_IO_ERR | G_IO_HUP)) != 0 || send (fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
    return on_nudge_over (fd, condition, user_data);
  nudge->source = g_unix_fd_add (fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_nudge_over, nudge);
  return G_SOURCE_REMOVE;
}

/* Where a nudge for @listener comes from. */
static struct sockaddr_storage
source_for (HrRescue *self, const struct sockaddr_storage *listener)
{
  struct sockaddr_storage source = *listener;

  if (source.ss_family == AF_INET)
    {
      ((struct sockaddr_in *)&source)->sin_port = 0;
      ((struct sockaddr_in *)&source)->sin_addr.s_addr = htonl (self->source);
    }
  else
    ((struct sockaddr_in6 *)&source)->sin6_port = 0;
  return source;
}

static void
read_source (const struct sockaddr_storage *source, guint8 host[16], guint16 *port)
{
  *port = hr_tcp_address_port (source);
  if (source->ss_family == AF_INET6)
    {
      memcpy (host, &((const struct sockaddr_in6 *)source)->sin6_addr, 16);
      return;
    }
  memset (host, 0, 10);
  host[10] = host[11] = 0xff;
  memcpy (&host[12], &((const struct sockaddr_in *)source)->sin_addr, 4);
}

/* Every page knows of it before it is there. Returns whether it is under way. */
static gboolean
begin_nudge (HrRescue *self, guint index, const struct sockaddr_storage *listener)
{
  struct sockaddr_storage source = source_for (self, listener);
  socklen_t length = hr_tcp_address_size (listener);
  g_auto (HrFd) low = socket (listener->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_auto (HrFd) fd = low >= 0 ? hr_fd_dup (low, NULL) : -1;
  Nudge *nudge;

  if (fd < 0 || bind (fd, (struct sockaddr *)&source, length) < 0
      || getsockname (fd, (struct sockaddr *)&source, &length) < 0)
    {
      hr_log_debug (NULL, "cannot nudge: %s", g_strerror (errno));
      return FALSE;
    }
  nudge = g_new0 (Nudge, 1);
  nudge->rescue = self;
  nudge->fd = hr_fd_steal (&fd);
  nudge->index = index;
  nudge->listener = *listener;
  read_source (&source, nudge->host, &nudge->port);
  self->nudges[index] = nudge;
  tell_gates (self, nudge, nudge->port);
  if (connect (nudge->fd, (const struct sockaddr *)listener, hr_tcp_address_size (listener)) < 0
      && errno != EINPROGRESS)
    {
      nudge_free (nudge);
      return FALSE;
    }
  nudge->source = g_unix_fd_add (nudge->fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_nudge_connected, nudge);
  return TRUE;
}

static guint
count_nudges (HrRescue *self, const struct sockaddr_storage *listener)
{
  guint n = 0;

  for (guint i = 0; i < HR_ADOPT_NUDGES_MAX; i++)
    if (self->nudges[i] != NULL && !self->nudges[i]->answered
        && hr_tcp_address_equal (&self->nudges[i]->listener, listener))
      n++;
  return n;
}

/* As many nudges for each listener as there are connections to be taken, as far as there is room. */
static void
nudge_for_all (HrRescue *self)
{
  guint index = 0;

  if (g_hash_table_size (self->gates) == 0)
    return;
  for (guint i = 0; i < self->saved->len; i++)
    {
      const Saved *saved = g_ptr_array_index (self->saved, i);
      guint before = 0;

      if (saved->offered)
        continue;
      for (guint k = 0; k < i; k++)
        {
          const Saved *earlier = g_ptr_array_index (self->saved, k);

          before += !earlier->offered && hr_tcp_address_equal (&earlier->listener, &saved->listener);
        }
      if (count_nudges (self, &saved->listener) > before)
        continue;
      while (index < HR_ADOPT_NUDGES_MAX && self->nudges[index] != NULL)
        index++;
      if (index == HR_ADOPT_NUDGES_MAX)
        return;
      if (begin_nudge (self, index, &saved->listener))
        continue;
      if (self->retry == 0)
        self->retry = g_timeout_add (RETRY_MSEC, on_retry, self);
      return;
    }
}

static gboolean
on_expire (gpointer user_data)
{
  HrRescue *self = user_data;
  gint64 now = g_get_monotonic_time ();

  for (guint i = self->saved->len; i > 0; i--)
    {
      const Saved *saved = g_ptr_array_index (self->saved, i - 1);

      if (saved->offered || now - saved->since < HR_RESCUE_WAIT_USEC)
        continue;
      hr_log_warning (NULL, "no instance took a connection that was left in a queue within %d s; it is closed",
                      (int)(HR_RESCUE_WAIT_USEC / G_USEC_PER_SEC));
      g_ptr_array_remove_index (self->saved, i - 1);
    }
  if (self->saved->len > 0)
    return G_SOURCE_CONTINUE;
  self->expire = 0;
  return G_SOURCE_REMOVE;
}

static Saved *
find (HrRescue *self, guint64 id, guint *index)
{
  for (guint i = 0; i < self->saved->len; i++)
    {
      Saved *saved = g_ptr_array_index (self->saved, i);

      *index = i;
      if (saved->id == id)
        return saved;
    }
  return NULL;
}

/**
 * hr_rescue_new:
 * @source: IPv4 address in host order from which nudges are to come
 *
 * Returns: (transfer full): nothing to rescue, and nobody to take it
 */
HrRescue *
hr_rescue_new (guint32 source)
{
  HrRescue *self = g_new0 (HrRescue, 1);

  self->source = source;
  self->gates = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->saved = g_ptr_array_new_with_free_func (saved_free);
  return self;
}

/**
 * hr_rescue_clear:
 * @self: a rescue
 *
 * Closes all that is kept.
 */
void
hr_rescue_clear (HrRescue *self)
{
  g_clear_handle_id (&self->retry, g_source_remove);
  g_clear_handle_id (&self->expire, g_source_remove);
  for (guint i = 0; i < HR_ADOPT_NUDGES_MAX; i++)
    if (self->nudges[i] != NULL)
      nudge_free (self->nudges[i]);
  g_ptr_array_set_size (self->saved, 0);
}

/**
 * hr_rescue_free:
 * @self: (transfer full) (nullable): a rescue
 */
void
hr_rescue_free (HrRescue *self)
{
  if (self == NULL)
    return;
  hr_rescue_clear (self);
  g_ptr_array_unref (self->saved);
  g_hash_table_unref (self->gates);
  g_free (self);
}

/**
 * hr_rescue_add_gate:
 * @self: a rescue
 * @instance: id of an instance that accepts, and whose library is there
 * @gate: its gate, which must stay until hr_rescue_remove_gate()
 */
void
hr_rescue_add_gate (HrRescue *self, const char *instance, HrAdoptGate *gate)
{
  if (!g_hash_table_insert (self->gates, g_strdup (instance), gate))
    return;
  for (guint i = 0; i < HR_ADOPT_NUDGES_MAX; i++)
    if (self->nudges[i] != NULL)
      hr_adopt_gate_set_nudge (gate, i, self->nudges[i]->host, self->nudges[i]->port);
  nudge_for_all (self);
}

/**
 * hr_rescue_remove_gate:
 * @self: a rescue
 * @instance: id of an instance that accepts nothing any more
 */
void
hr_rescue_remove_gate (HrRescue *self, const char *instance)
{
  g_hash_table_remove (self->gates, instance);
}

/**
 * hr_rescue_can_take:
 * @self: a rescue
 * @users: (element-type utf8 utf8): ids of the instances that would be nudged
 *
 * Returns: whether there is room for one more connection, and the library of each of them would know the nudge
 */
gboolean
hr_rescue_can_take (HrRescue *self, GHashTable *users)
{
  GHashTableIter iter;
  gpointer instance;

  if (self->saved->len >= HR_RESCUE_MAX || g_hash_table_size (users) == 0)
    return FALSE;
  g_hash_table_iter_init (&iter, users);
  while (g_hash_table_iter_next (&iter, &instance, NULL))
    if (!g_hash_table_contains (self->gates, instance))
      return FALSE;
  return TRUE;
}

/**
 * hr_rescue_add:
 * @self: a rescue
 * @fd: (transfer full): a connection that nobody has accepted
 * @listener: by which address of the listener that it came in by the program can be reached
 */
void
hr_rescue_add (HrRescue *self, int fd, const struct sockaddr_storage *listener)
{
  Saved *saved = g_new0 (Saved, 1);

  saved->id = ++self->last_id;
  saved->fd = fd;
  saved->listener = *listener;
  saved->since = g_get_monotonic_time ();
  g_ptr_array_add (self->saved, saved);
  if (self->expire == 0)
    self->expire = g_timeout_add_seconds (EXPIRE_INTERVAL_SEC, on_expire, self);
  nudge_for_all (self);
}

/**
 * hr_rescue_offer:
 * @self: a rescue
 * @nudge: where a nudge came from that a process has accepted
 * @id: (out): the connection's, for hr_rescue_taken() or hr_rescue_returned()
 *
 * Returns: the connection for it, which stays the rescue's; -1 when there is none
 */
int
hr_rescue_offer (HrRescue *self, const struct sockaddr_storage *nudge, guint64 *id)
{
  Nudge *found = NULL;
  guint8 host[16];
  guint16 port;

  read_source (nudge, host, &port);
  for (guint i = 0; i < HR_ADOPT_NUDGES_MAX && found == NULL; i++)
    if (self->nudges[i] != NULL && self->nudges[i]->port == port && memcmp (self->nudges[i]->host, host, 16) == 0)
      found = self->nudges[i];
  for (guint i = 0; i < self->saved->len && found != NULL && !found->answered; i++)
    {
      Saved *saved = g_ptr_array_index (self->saved, i);

      if (saved->offered || !hr_tcp_address_equal (&saved->listener, &found->listener))
        continue;
      found->answered = saved->offered = TRUE;
      *id = saved->id;
      return saved->fd;
    }
  return -1;
}

/**
 * hr_rescue_taken:
 * @self: a rescue
 * @id: of a connection that was offered
 *
 * A process has it: it is no longer the daemon's.
 */
void
hr_rescue_taken (HrRescue *self, guint64 id)
{
  guint index;

  if (find (self, id, &index) != NULL)
    g_ptr_array_remove_index (self->saved, index);
}

/**
 * hr_rescue_returned:
 * @self: a rescue
 * @id: of a connection that was offered
 *
 * The process ended, or was too late, before it had it: it is for the next.
 */
void
hr_rescue_returned (HrRescue *self, guint64 id)
{
  guint index;
  Saved *saved = find (self, id, &index);

  if (saved == NULL)
    return;
  saved->offered = FALSE;
  nudge_for_all (self);
}

/**
 * hr_rescue_get_n_held:
 * @self: a rescue
 *
 * Returns: how many connections nobody has taken yet
 */
guint
hr_rescue_get_n_held (HrRescue *self)
{
  return self->saved->len;
}

/**
 * hr_rescue_get_longest_wait:
 * @self: a rescue
 *
 * Returns: for how long the first of them has waited since its client saw it made, in microseconds; 0: there are none
 */
gint64
hr_rescue_get_longest_wait (HrRescue *self)
{
  guint32 longest = 0;

  for (guint i = 0; i < self->saved->len; i++)
    {
      struct tcp_info info = { 0 };
      socklen_t length = sizeof info;

      /* Nothing was sent on it yet. */
      if (getsockopt (((const Saved *)g_ptr_array_index (self->saved, i))->fd, IPPROTO_TCP, TCP_INFO, &info, &length)
          == 0)
        longest = MAX (longest, info.tcpi_last_data_sent);
    }
  return (gint64)longest * G_TIME_SPAN_MILLISECOND;
}
