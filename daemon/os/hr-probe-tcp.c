/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-probe-tcp.h"

static void
connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  /* Closed with its last reference. */
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);

  if (connection == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/**
 * hr_probe_tcp_async:
 * @request: what to ask
 * @cancellable: (nullable): ends it
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_probe_tcp_async (const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) address = NULL;
  g_autofree char *host = NULL;
  GError *error = NULL;
  guint16 port;

  g_task_set_source_tag (task, hr_probe_tcp_async);
  if (!hr_probe_spec_split_address (request->probe->words[0], &host, &port, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_socket_client_set_enable_proxy (client, FALSE);
  if (request->source != NULL)
    {
      g_autoptr (GSocketAddress) local = g_inet_socket_address_new (request->source, 0);
      g_socket_client_set_local_address (client, local);
    }
  address = g_network_address_new (host, port);
  g_socket_client_connect_async (client, address, cancellable, connected, g_steal_pointer (&task));
}

/**
 * hr_probe_tcp_finish:
 * @result: of hr_probe_tcp_async()
 * @error: return location
 *
 * Returns: whether a connection was made; else an error of any domain that says why not
 */
gboolean
hr_probe_tcp_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_probe_tcp_async), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
