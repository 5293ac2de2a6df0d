/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-local-prober.h"

#include "hr-duration.h"
#include "hr-error.h"
#include "hr-probe-dbus.h"
#include "hr-probe-exec.h"
#include "hr-probe-http.h"
#include "hr-probe-tcp.h"
#include "hr-words.h"

struct _HrLocalProber {
  GObject parent_instance;

  GDBusConnection *bus;
};

static void prober_iface_init (HrProberInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrLocalProber, hr_local_prober, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_PROBER, prober_iface_init))

/* One probe under way. */
typedef struct {
  HrProbeRequest request;
  GCancellable *inner; /* by which it is ended, whoever wants that */
  gulong chained;
  guint timer;
  gboolean late;
  HrProbeSpec own; /* what is asked in the place of the request's */
  char *words[2];  /* its words */
} Run;

static void
run_free (gpointer data)
{
  Run *self = data;

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_object (&self->inner);
  g_free (self->words[0]);
  g_free (self);
}

static gboolean
time_is_over (gpointer data)
{
  Run *self = data;

  self->timer = 0;
  self->late = TRUE;
  g_cancellable_cancel (self->inner);
  return G_SOURCE_REMOVE;
}

static void
cancelled (GCancellable *cancellable, GCancellable *inner)
{
  g_cancellable_cancel (inner);
}

/* "Probe 'http://127.0.0.1:8080/health': it answered with status 500" */
static GError *
name_failure (const Run *run, const GError *error)
{
  g_autofree char *what = hr_words_quote (run->request.probe->text);
  g_autofree char *time = hr_duration_to_string (run->request.timeout);

  if (run->late || g_error_matches (error, HR_ERROR, HR_ERROR_TIMED_OUT))
    return g_error_new (HR_ERROR, HR_ERROR_NOT_HEALTHY, "Probe %s: there was no answer within %s", what, time);
  return g_error_new (HR_ERROR, HR_ERROR_NOT_HEALTHY, "Probe %s: %s", what, error->message);
}

static void
end (GTask *task, gboolean ok, GError *error)
{
  Run *run = g_task_get_task_data (task);
  g_autoptr (GError) owned = error;

  g_clear_handle_id (&run->timer, g_source_remove);
  g_cancellable_disconnect (g_task_get_cancellable (task), run->chained);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (ok)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, name_failure (run, owned));
}

static gboolean
is_loopback (const char *host, gboolean *is_six)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  *is_six = address != NULL && g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6;
  return address != NULL ? g_inet_address_get_is_loopback (address) || g_inet_address_get_is_any (address)
                         : g_ascii_strcasecmp (host, "localhost") == 0;
}

/* The source address is one of IPv4's loopback network, from which nothing else can be reached. IPv6's loopback has no
 * such addresses: what is there is asked over IPv4, where there are only listeners that take both or have a like. */
static void
reach_own (Run *self)
{
  static const char four[] = "127.0.0.1";
  const HrProbeSpec *probe = self->request.probe;
  g_autoptr (GUri) uri = NULL;
  g_autofree char *host = NULL;
  guint16 port = 0;
  gboolean is_six;

  if (probe->kind == HR_PROBE_HTTP)
    {
      uri = g_uri_parse (probe->words[0], G_URI_FLAGS_ENCODED, NULL);
      host = uri != NULL ? g_strdup (g_uri_get_host (uri)) : NULL;
    }
  else if (probe->kind == HR_PROBE_TCP)
    hr_probe_spec_split_address (probe->words[0], &host, &port, NULL);
  if (host == NULL || !is_loopback (host, &is_six))
    {
      self->request.source = NULL;
      return;
    }
  if (!is_six)
    return;
  self->words[0] = uri != NULL ? g_uri_join (G_URI_FLAGS_ENCODED, g_uri_get_scheme (uri), NULL, four,
                                             g_uri_get_port (uri), g_uri_get_path (uri), g_uri_get_query (uri), NULL)
                               : g_strdup_printf ("%s:%u", four, port);
  self->own = (HrProbeSpec){ .kind = probe->kind, .text = probe->text, .words = self->words };
  self->request.probe = &self->own;
}

#define DEFINE_ENDED(kind)                                                                                             \
  static void kind##_ended (GObject *source, GAsyncResult *result, gpointer user_data)                                 \
  {                                                                                                                    \
    g_autoptr (GTask) task = user_data;                                                                                \
    GError *error = NULL;                                                                                              \
    gboolean ok = hr_probe_##kind##_finish (result, &error);                                                           \
                                                                                                                       \
    end (task, ok, error);                                                                                             \
  }

DEFINE_ENDED (http)
DEFINE_ENDED (tcp)
DEFINE_ENDED (exec)
DEFINE_ENDED (dbus)

static void
probe_async (HrProber *prober, const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  HrLocalProber *self = HR_LOCAL_PROBER (prober);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Run *run = g_new0 (Run, 1);

  g_task_set_source_tag (task, probe_async);
  g_task_set_task_data (task, run, run_free);
  /* Who cancelled it is told apart in the end. */
  g_task_set_check_cancellable (task, FALSE);
  run->request = *request;
  run->inner = g_cancellable_new ();
  if (run->request.source != NULL)
    reach_own (run);
  if (cancellable != NULL)
    run->chained =
        g_cancellable_connect (cancellable, G_CALLBACK (cancelled), g_object_ref (run->inner), g_object_unref);
  /* A command has its last words to say after its time: it keeps the deadline itself, and so does HTTP. */
  if (request->probe->kind != HR_PROBE_EXEC && request->probe->kind != HR_PROBE_HTTP)
    run->timer = g_timeout_add ((guint)MAX (request->timeout / G_TIME_SPAN_MILLISECOND, 1), time_is_over, run);
  switch (request->probe->kind)
    {
    case HR_PROBE_HTTP:
      hr_probe_http_async (&run->request, run->inner, http_ended, g_steal_pointer (&task));
      break;
    case HR_PROBE_TCP:
      hr_probe_tcp_async (&run->request, run->inner, tcp_ended, g_steal_pointer (&task));
      break;
    case HR_PROBE_EXEC:
      hr_probe_exec_async (&run->request, run->inner, exec_ended, g_steal_pointer (&task));
      break;
    case HR_PROBE_DBUS:
      hr_probe_dbus_async (self->bus, &run->request, run->inner, dbus_ended, g_steal_pointer (&task));
      break;
    case HR_PROBE_WATCHDOG:
    default:
      g_return_if_reached ();
    }
}

static gboolean
probe_finish (HrProber *prober, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, prober), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
prober_iface_init (HrProberInterface *iface)
{
  iface->probe_async = probe_async;
  iface->probe_finish = probe_finish;
}

static void
hr_local_prober_finalize (GObject *object)
{
  HrLocalProber *self = HR_LOCAL_PROBER (object);

  g_clear_object (&self->bus);
  G_OBJECT_CLASS (hr_local_prober_parent_class)->finalize (object);
}

static void
hr_local_prober_class_init (HrLocalProberClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_local_prober_finalize;
}

static void
hr_local_prober_init (HrLocalProber *self)
{
}

/**
 * hr_local_prober_new:
 *
 * Returns: (transfer full): a prober that holds nothing while it asks nothing
 */
HrProber *
hr_local_prober_new (void)
{
  return g_object_new (HR_TYPE_LOCAL_PROBER, NULL);
}

/**
 * hr_local_prober_set_bus:
 * @self: a prober
 * @bus: where the names of dbus:NAME are; without one no such name is owned
 */
void
hr_local_prober_set_bus (HrLocalProber *self, GDBusConnection *bus)
{
  g_return_if_fail (HR_IS_LOCAL_PROBER (self));
  g_set_object (&self->bus, bus);
}
