/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-http.h"

#include <libsoup/soup.h>

#include "hr-error.h"

#define CHUNK (16 * 1024)

typedef struct {
  SoupSession *session;
  SoupMessage *message;
  GInputStream *stream;
  GByteArray *body;
  GCancellable *stop; /* by the caller or the deadline */
  GCancellable *callers;
  gulong cancelled;
  GSource *deadline;
  gboolean late;
  guint interim; /* answers that announced another */
  HrHttpEnough enough;
  gpointer user_data;
} Get;

static void
get_free (gpointer data)
{
  Get *self = data;

  g_source_destroy (self->deadline);
  g_source_unref (self->deadline);
  if (self->callers != NULL)
    g_cancellable_disconnect (self->callers, self->cancelled);
  g_clear_object (&self->callers);
  g_clear_object (&self->stop);
  g_clear_object (&self->stream);
  g_clear_object (&self->message);
  soup_session_abort (self->session);
  g_object_unref (self->session);
  g_byte_array_unref (self->body);
  g_free (self);
}

static gboolean
is_late (gpointer data)
{
  Get *self = data;

  self->late = TRUE;
  g_cancellable_cancel (self->stop);
  return G_SOURCE_REMOVE;
}

static void
callers_cancelled (GCancellable *callers, GCancellable *stop)
{
  g_cancellable_cancel (stop);
}

/* "Unacceptable" is all that libsoup says of it. */
static const char *
describe_certificate (GTlsCertificateFlags faults)
{
  static const struct {
    GTlsCertificateFlags fault;
    const char *words;
  } table[] = {
    { G_TLS_CERTIFICATE_UNKNOWN_CA, "nobody whom this machine trusts has signed it" },
    { G_TLS_CERTIFICATE_BAD_IDENTITY, "it is for another host" },
    { G_TLS_CERTIFICATE_NOT_ACTIVATED, "it is not valid yet" },
    { G_TLS_CERTIFICATE_EXPIRED, "it has expired" },
    { G_TLS_CERTIFICATE_REVOKED, "it was revoked" },
    { G_TLS_CERTIFICATE_INSECURE, "its algorithm is not secure" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if ((faults & table[i].fault) != 0)
      return table[i].words;
  return "it is not valid";
}

static void
fail (GTask *task, GError *error)
{
  Get *self = g_task_get_task_data (task);

  if (self->late)
    {
      g_error_free (error);
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_TIMED_OUT, "there was no whole answer in time");
    }
  else if (self->interim > HR_HTTP_INTERIM_MAX)
    {
      g_error_free (error);
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                               "there were more than %d answers that announce another", HR_HTTP_INTERIM_MAX);
    }
  else if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    {
      g_error_free (error);
      g_task_return_new_error (task, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE, "its certificate is not accepted: %s",
                               describe_certificate (soup_message_get_tls_peer_certificate_errors (self->message)));
    }
  else
    g_task_return_error (task, error);
}

static gboolean
has_enough (Get *self)
{
  return self->enough != NULL
         && self->enough (soup_message_get_status (self->message), self->body->data, self->body->len, self->user_data);
}

static void
got_interim (SoupMessage *message, Get *self)
{
  if (++self->interim > HR_HTTP_INTERIM_MAX)
    g_cancellable_cancel (self->stop);
}

/* libsoup takes the end of a connection for that of an answer, also where the answer says that it is longer. */
static gboolean
is_whole (Get *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);

  return soup_message_headers_get_encoding (headers) != SOUP_ENCODING_CONTENT_LENGTH
         || soup_message_headers_get_content_length (headers) == (goffset)self->body->len;
}

static void got_chunk (GObject *source, GAsyncResult *result, gpointer user_data);

static void
get_chunk (GTask *task)
{
  Get *self = g_task_get_task_data (task);

  g_input_stream_read_bytes_async (self->stream, CHUNK, g_task_get_priority (task), self->stop, got_chunk, task);
}

static void
got_chunk (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Get *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GBytes) chunk = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);
  gsize size = chunk != NULL ? g_bytes_get_size (chunk) : 0;

  if (chunk == NULL)
    fail (task, error);
  else if (size == 0 && !is_whole (self))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "the answer ends too early");
  else if (size == 0)
    g_task_return_boolean (task, TRUE);
  else if (self->body->len + size > HR_HTTP_BODY_MAX)
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "the answer is larger than %d bytes",
                             HR_HTTP_BODY_MAX);
  else
    {
      g_byte_array_append (self->body, g_bytes_get_data (chunk, NULL), (guint)size);
      if (has_enough (self))
        g_task_return_boolean (task, TRUE);
      else
        get_chunk (g_steal_pointer (&task));
    }
}

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Get *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (self->stream == NULL)
    fail (task, error);
  else if (has_enough (self))
    g_task_return_boolean (task, TRUE);
  else
    get_chunk (g_steal_pointer (&task));
}

static SoupSession *
make_session (GInetAddress *from)
{
  g_autoptr (GSocketAddress) address = from != NULL ? g_inet_socket_address_new (from, 0) : NULL;
  SoupSession *session =
      g_object_new (SOUP_TYPE_SESSION, "local-address", address, "proxy-resolver", NULL, "max-conns", 1, NULL);

  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  return session;
}

/**
 * hr_http_get_async:
 * @request: what to get
 * @cancellable: (nullable): gives up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_http_get_async (const HrHttpRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Get *self = g_new0 (Get, 1);

  g_return_if_fail (request != NULL && request->url != NULL && request->timeout_usec > 0);

  g_task_set_source_tag (task, hr_http_get_async);
  self->session = make_session (request->source);
  self->body = g_byte_array_new ();
  self->stop = g_cancellable_new ();
  self->deadline = g_timeout_source_new ((guint)MIN ((request->timeout_usec + 999) / 1000, G_MAXINT));
  g_source_set_callback (self->deadline, is_late, self, NULL);
  g_source_attach (self->deadline, g_task_get_context (task));
  g_task_set_task_data (task, self, get_free);
  if (cancellable != NULL)
    {
      self->callers = g_object_ref (cancellable);
      self->cancelled = g_cancellable_connect (cancellable, G_CALLBACK (callers_cancelled), self->stop, NULL);
    }
  self->message = soup_message_new (SOUP_METHOD_GET, request->url);
  if (self->message == NULL)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "'%s' is no URL", request->url);
      return;
    }
  self->enough = request->enough;
  self->user_data = request->user_data;
  g_signal_connect (self->message, "got-informational", G_CALLBACK (got_interim), self);
  soup_message_set_flags (self->message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_NEW_CONNECTION);
  soup_message_headers_replace (soup_message_get_request_headers (self->message), "Connection", "close");
  soup_session_send_async (self->session, self->message, g_task_get_priority (task), self->stop, answered,
                           g_object_ref (task));
}

/**
 * hr_http_get_finish:
 * @result: of hr_http_get_async()
 * @status: (out) (optional): of the answer, 200 and so on
 * @error: return location
 *
 * Returns: (transfer full): the body as far as it was wanted, whatever the status; %NULL with %HR_ERROR_TIMED_OUT, %HR_ERROR_LIMIT_EXCEEDED,
 *   %G_IO_ERROR_CANCELLED, or what the network or the answer is not right with
 */
GBytes *
hr_http_get_finish (GAsyncResult *result, guint *status, GError **error)
{
  Get *self;

  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  self = g_task_get_task_data (G_TASK (result));
  if (status != NULL)
    *status = soup_message_get_status (self->message);
  return g_bytes_new (self->body->data, self->body->len);
}
