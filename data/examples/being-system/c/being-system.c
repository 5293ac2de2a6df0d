/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * being-system: an HTTP service whose state survives a reload.
 *
 * GET /being shows the state, POST or GET /grow increases it, GET /version answers with VERSION.
 *
 * A connection that was accepted is answered, also when the service is told to stop meanwhile; one that was not is left
 * to the next instance, which holds the same listening socket. The state is read before the first connection is
 * accepted and written after the last one was answered, so that nothing that was answered is missing from it.
 *
 * Connections are accepted here and not by a GSocketService: that one blocks when another instance was faster, and can
 * drop a connection that it accepted when it is stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define VERSION "1"

/* Seconds a client may be silent; the second when it has asked for nothing yet and the service is told to stop. */
#define IDLE_TIMEOUT 5
#define STOP_IDLE_TIMEOUT 1
/* Seconds to wait for the client's end of a connection after the answer. */
#define LINGER_TIMEOUT 2
/* Seconds to finish in when told to stop: less than StopTimeout, so that the state is written whatever clients do. */
#define FINISH_TIMEOUT 8
/* Beyond this connections wait in the queue, where another instance can take them. */
#define CONNECTIONS_MAX 256
#define HEAD_MAX (16 * 1024)
#define BODY_MAX (64 * 1024)

enum { CURRENT_LEVEL, ENERGY, INSIGHTS, TRANSFORMATIONS, N_VALUES };

static const char *const names[N_VALUES] = { "currentLevel", "energy", "insights", "transformations" };
static const gint64 steps[N_VALUES] = { 1, 5, 2, 1 };
static gint64 values[N_VALUES] = { 1, 100, 0, 0 };

static GMutex lock;   /* of all that is here */
static GCond changed; /* a connection has ended */
static guint connections;

/* Readable for everybody once the other end is closed: the service is told to stop. */
static int finish_pipe[2];

static GMainLoop *loop;

/* Under the lock. */
static char *
state_to_json (void)
{
  GString *text = g_string_new ("{");

  for (int i = 0; i < N_VALUES; i++)
    g_string_append_printf (text, "%s\"%s\": %" G_GINT64_FORMAT, i > 0 ? ", " : "", names[i], values[i]);
  return g_string_free (g_string_append_c (text, '}'), FALSE);
}

/* Takes over the state of the instance before; opening the file waits until that one has written it. */
static gboolean
read_state (const char *path, GError **error)
{
  g_autofree char *text = NULL;

  if (path == NULL)
    return TRUE;
  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  for (int i = 0; i < N_VALUES; i++)
    {
      g_autofree char *pattern = g_strdup_printf ("\"%s\"\\s*:\\s*(-?[0-9]+)", names[i]);
      g_autoptr (GRegex) regex = g_regex_new (pattern, 0, 0, NULL);
      g_autoptr (GMatchInfo) match = NULL;

      if (g_regex_match (regex, text, 0, &match))
        {
          g_autofree char *number = g_match_info_fetch (match, 1);
          values[i] = g_ascii_strtoll (number, NULL, 10);
        }
    }
  return TRUE;
}

/* The last act: keeps the lock, so that nobody is answered with what is not in the file. */
static gboolean
write_state (const char *path, GError **error)
{
  g_autofree char *text = NULL;

  g_mutex_lock (&lock);
  text = state_to_json ();
  return path == NULL || g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

static void
notify (const char *message)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = path != NULL ? strlen (path) : 0;
  int fd;

  if (length == 0 || length >= sizeof address.sun_path)
    return;
  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sendto (fd, message, strlen (message), MSG_NOSIGNAL, (struct sockaddr *)&address,
              (socklen_t)(G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + length))
      < 0)
    g_printerr ("while sending %s to '%s': %s\n", message, path, g_strerror (errno));
  close (fd);
}

static gboolean
send_all (GSocket *socket, const char *text)
{
  gsize left = strlen (text);

  while (left > 0)
    {
      gssize sent = g_socket_send (socket, text, left, NULL, NULL);

      if (sent <= 0)
        return FALSE;
      text += sent;
      left -= (gsize)sent;
    }
  return TRUE;
}

static void
answer (GSocket *socket, const char *status, const char *type, const char *body)
{
  g_autofree char *text = g_strdup_printf ("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %" G_GSIZE_FORMAT
                                           "\r\nConnection: close\r\n\r\n%s",
                                           status, type, strlen (body), body);

  send_all (socket, text);
}

/* Receives until @text holds @size bytes, or with @size 0 an empty line. */
static gboolean
receive (GSocket *socket, GString *text, gsize size)
{
  char buffer[4096];

  while (size > 0 ? text->len < size : strstr (text->str, "\r\n\r\n") == NULL)
    {
      gssize got = size == 0 && text->len > HEAD_MAX ? 0 : g_socket_receive (socket, buffer, sizeof buffer, NULL, NULL);

      if (got <= 0)
        return FALSE;
      g_string_append_len (text, buffer, got);
    }
  return TRUE;
}

/* -1: it has none that we take. */
static gint64
body_length (const char *head)
{
  g_autoptr (GRegex) regex =
      g_regex_new ("^Content-Length:[ \\t]*([0-9]{1,9})[ \\t]*\\r$", G_REGEX_CASELESS | G_REGEX_MULTILINE, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *digits = NULL;
  gint64 length;

  if (g_regex_match_simple ("^Transfer-Encoding:", head, G_REGEX_CASELESS | G_REGEX_MULTILINE, 0))
    return -1;
  if (!g_regex_match (regex, head, 0, &match))
    return 0;
  digits = g_match_info_fetch (match, 1);
  length = g_ascii_strtoll (digits, NULL, 10);
  return length <= BODY_MAX ? length : -1;
}

static void
respond (GSocket *socket, const char *method, const char *path)
{
  gboolean get = g_str_equal (method, "GET");
  g_autofree char *body = NULL;

  if (get && g_str_equal (path, "/version"))
    {
      answer (socket, "200 OK", "text/plain", VERSION "\n");
      return;
    }
  g_mutex_lock (&lock);
  if ((get || g_str_equal (method, "POST")) && g_str_equal (path, "/grow"))
    {
      for (int i = 0; i < N_VALUES; i++)
        values[i] += steps[i];
      body = state_to_json ();
    }
  else if (get && g_str_equal (path, "/being"))
    body = state_to_json ();
  g_mutex_unlock (&lock);

  if (body != NULL)
    answer (socket, "200 OK", "application/json", body);
  else
    answer (socket, "404 Not Found", "application/json", "{\"error\": \"not found\"}");
}

/* One request: every answer closes its connection. The body is read first: growing before it is there would count a
 * request that never came. */
static void
serve (GSocket *socket)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) words = NULL;
  gsize head_size;
  gint64 length;

  if (!receive (socket, text, 0))
    return;
  head_size = (gsize)(strstr (text->str, "\r\n\r\n") - text->str) + strlen ("\r\n\r\n");
  {
    g_autofree char *head = g_strndup (text->str, head_size);
    g_autofree char *line = g_strndup (head, strcspn (head, "\r"));

    words = g_strsplit (line, " ", 3);
    length = body_length (head);
    if (g_regex_match_simple ("^Expect:[ \\t]*100-continue", head, G_REGEX_CASELESS | G_REGEX_MULTILINE, 0)
        && length > 0 && text->len == head_size)
      send_all (socket, "HTTP/1.1 100 Continue\r\n\r\n");
  }
  if (g_strv_length (words) != 3)
    answer (socket, "400 Bad Request", "application/json", "{\"error\": \"not HTTP\"}");
  else if (length < 0)
    answer (socket, "413 Content Too Large", "application/json", "{\"error\": \"the body is too large\"}");
  else if (length == 0 || receive (socket, text, head_size + (gsize)length))
    respond (socket, words[0], words[1]);
}

/* Reads to the client's end: closing with something unread would reset the connection and lose the answer. */
static void
linger (GSocket *socket)
{
  char buffer[4096];
  gint64 deadline = g_get_monotonic_time () + LINGER_TIMEOUT * G_USEC_PER_SEC;

  g_socket_shutdown (socket, FALSE, TRUE, NULL);
  g_socket_set_timeout (socket, LINGER_TIMEOUT);
  while (g_get_monotonic_time () < deadline && g_socket_receive (socket, buffer, sizeof buffer, NULL, NULL) > 0)
    ;
}

/* Whether the client asks for something: many open a connection long before they use it, if ever. */
static gboolean
wait_for_request (GSocket *socket)
{
  GPollFD fds[2] = { { g_socket_get_fd (socket), G_IO_IN, 0 }, { finish_pipe[0], G_IO_IN, 0 } };
  int ready = g_poll (fds, 2, IDLE_TIMEOUT * 1000);

  if (ready > 0 && fds[0].revents == 0)
    g_poll (fds, 1, STOP_IDLE_TIMEOUT * 1000);
  return fds[0].revents != 0;
}

static gpointer
serve_thread (gpointer data)
{
  g_autoptr (GSocket) socket = data;

  if (wait_for_request (socket))
    {
      serve (socket);
      linger (socket);
    }
  g_socket_close (socket, NULL);
  g_mutex_lock (&lock);
  connections--;
  g_cond_signal (&changed);
  g_mutex_unlock (&lock);
  return NULL;
}

static gboolean
on_connection (GSocket *listener, GIOCondition condition, gpointer user_data)
{
  g_autoptr (GSocket) socket = NULL;
  gboolean full;

  g_mutex_lock (&lock);
  full = connections >= CONNECTIONS_MAX;
  if (full)
    g_cond_wait_until (&changed, &lock, g_get_monotonic_time () + 50 * G_TIME_SPAN_MILLISECOND);
  g_mutex_unlock (&lock);
  if (full)
    return G_SOURCE_CONTINUE;

  /* Without one when another instance was faster. */
  socket = g_socket_accept (listener, NULL, NULL);
  if (socket == NULL)
    return G_SOURCE_CONTINUE;
  g_socket_set_blocking (socket, TRUE);
  g_socket_set_timeout (socket, IDLE_TIMEOUT);
  g_mutex_lock (&lock);
  connections++;
  g_mutex_unlock (&lock);
  g_thread_unref (g_thread_new ("connection", serve_thread, g_steal_pointer (&socket)));
  return G_SOURCE_CONTINUE;
}

static gboolean
on_stop (gpointer user_data)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

/* The listener that was passed, or one of our own that is bound but does not listen yet. */
static GSocket *
take_listener (gboolean *must_listen, GError **error)
{
  const char *pid = g_getenv ("LISTEN_PID"), *fds = g_getenv ("LISTEN_FDS"), *port = g_getenv ("PORT");
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GSocket) socket = NULL;

  *must_listen = !(pid != NULL && fds != NULL && atoi (pid) == getpid () && atoi (fds) > 0);
  if (!*must_listen)
    {
      fcntl (3, F_SETFD, FD_CLOEXEC);
      return g_socket_new_from_fd (3, error);
    }
  address = g_inet_socket_address_new_from_string ("127.0.0.1", port != NULL ? (guint)atoi (port) : 8080);
  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  if (socket == NULL || !g_socket_bind (socket, address, TRUE, error))
    return NULL;
  return g_steal_pointer (&socket);
}

/* Waits until those that were taken are answered. */
static void
finish (void)
{
  gint64 deadline = g_get_monotonic_time () + FINISH_TIMEOUT * G_USEC_PER_SEC;

  close (finish_pipe[1]);
  g_mutex_lock (&lock);
  while (connections > 0 && g_cond_wait_until (&changed, &lock, deadline))
    ;
  g_mutex_unlock (&lock);
}

static gboolean
run (GError **error)
{
  gboolean must_listen;
  g_autoptr (GSocket) listener = take_listener (&must_listen, error);
  g_autoptr (GSource) source = NULL;

  if (listener == NULL || !g_unix_open_pipe (finish_pipe, FD_CLOEXEC, error))
    return FALSE;
  /* When another instance takes the connection first, accepting must not wait. */
  g_socket_set_blocking (listener, FALSE);
  /* Until here SIGTERM ends us at once, also while we wait for the state. */
  if (!read_state (g_getenv ("HOTRELOAD_STATE_IN"), error))
    return FALSE;
  if (must_listen)
    {
      g_socket_set_listen_backlog (listener, 1024);
      if (!g_socket_listen (listener, error))
        return FALSE;
    }

  loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGTERM, on_stop, NULL);
  g_unix_signal_add (SIGINT, on_stop, NULL);
  source = g_socket_create_source (listener, G_IO_IN, NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (on_connection), NULL, NULL);
  g_source_attach (source, NULL);
  notify ("READY=1");
  g_main_loop_run (loop);

  notify ("STOPPING=1");
  g_source_destroy (source);
  g_socket_close (listener, NULL);
  finish ();
  return write_state (g_getenv ("HOTRELOAD_STATE_OUT"), error);
}

int
main (void)
{
  g_autoptr (GError) error = NULL;

  if (!run (&error))
    {
      g_printerr ("being-system: %s\n", error->message);
      return 1;
    }
  return 0;
}
