/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe-server.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"

/* Until the client has said all: an empty line, or its end. */
static char *
read_request (int fd)
{
  g_autoptr (GString) request = g_string_new (NULL);
  char buffer[4096];
  ssize_t n;

  while (strstr (request->str, "\r\n\r\n") == NULL && (n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len (request, buffer, n);
  return g_string_free (g_steal_pointer (&request), FALSE);
}

static gboolean
send_all (int fd, const char *bytes, guint64 *sent)
{
  gsize length = strlen (bytes);

  for (gsize done = 0; done < length;)
    {
      ssize_t n = send (fd, bytes + done, length - done, MSG_NOSIGNAL);

      if (n <= 0)
        return FALSE;
      done += (gsize)n;
      *sent += (guint64)n;
    }
  return TRUE;
}

static void
serve (ProbeServer *self, int fd)
{
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  g_autofree char *request = NULL;
  guint64 sent = 0;
  char byte;

  g_mutex_lock (&self->lock);
  self->connections++;
  if (getpeername (fd, (struct sockaddr *)&peer, &length) == 0)
    {
      g_autoptr (GSocketAddress) address = g_socket_address_new_from_native (&peer, length);

      g_free (self->peer);
      self->peer = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
    }
  g_mutex_unlock (&self->lock);

  request = read_request (fd);
  g_mutex_lock (&self->lock);
  g_free (self->request);
  self->request = g_steal_pointer (&request);
  g_mutex_unlock (&self->lock);
  if (send_all (fd, self->answer->bytes, &sent) && self->answer->repeated != NULL)
    while (sent < PROBE_SERVER_ENDLESS && send_all (fd, self->answer->repeated, &sent))
      ;
  /* Ends when the client closes, or with this server. */
  if (self->answer->holds)
    while (recv (fd, &byte, 1, 0) > 0)
      ;
  g_mutex_lock (&self->lock);
  self->sent = sent;
  g_mutex_unlock (&self->lock);
}

static gpointer
run (gpointer data)
{
  ProbeServer *self = data;
  int fd;

  while ((fd = accept (self->fd, NULL, NULL)) >= 0)
    {
      serve (self, fd);
      close (fd);
    }
  return NULL;
}

/**
 * probe_server_new:
 * @address: of loopback, IPv4 or IPv6
 * @answer: what it says to everybody
 *
 * Returns: (transfer full): a server on a port of its own; one connection after the other
 */
ProbeServer *
probe_server_new (const char *address, const ProbeAnswer *answer)
{
  ProbeServer *self = g_new0 (ProbeServer, 1);
  g_autofree char *host = strchr (address, ':') != NULL ? g_strdup_printf ("[%s]", address) : g_strdup (address);

  self->fd = connection_listen (host, 16, &self->port);
  self->answer = answer;
  g_mutex_init (&self->lock);
  self->thread = g_thread_new ("server", run, self);
  return self;
}

/**
 * probe_server_free:
 * @self: (transfer full): a server whose clients have closed
 *
 * Returns: how many connections came
 */
guint
probe_server_free (ProbeServer *self)
{
  struct pollfd queue = { .fd = self->fd, .events = POLLIN };
  guint connections;

  /* What waits there would be reset, and not counted. */
  while (poll (&queue, 1, 0) > 0)
    g_thread_yield ();
  shutdown (self->fd, SHUT_RDWR);
  g_thread_join (self->thread);
  close (self->fd);
  connections = self->connections;
  g_mutex_clear (&self->lock);
  g_free (self->request);
  g_free (self->peer);
  g_free (self);
  return connections;
}
