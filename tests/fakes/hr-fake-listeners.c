/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-listeners.h"

#include <string.h>

#include "hr-error.h"

static void hr_fake_listeners_iface_init (HrListenersInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeListeners, hr_fake_listeners, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_LISTENERS, hr_fake_listeners_iface_init))

static void
listener_free (gpointer data)
{
  HrListener *listener = data;

  g_free (listener->name);
  g_free (listener->address);
  g_free (listener);
}

static void
add (HrFakeListeners *self, const char *name, HrListenKind kind, guint16 port, gboolean discovered)
{
  HrListener *listener = g_new0 (HrListener, 1);

  listener->address = g_strdup_printf ("tcp:127.0.0.1:%u", port);
  listener->name = g_strdup (name != NULL ? name : listener->address);
  listener->kind = kind;
  listener->port = port;
  listener->fd = -1;
  listener->discovered = discovered;
  g_ptr_array_add (self->list, listener);
}

static gboolean
fake_open (HrListeners *listeners, HrServiceSpec *spec, GError **error)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (self->failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, self->failure);
      return FALSE;
    }
  for (guint i = self->list->len; i > 0; i--)
    if (!((HrListener *)g_ptr_array_index (self->list, i - 1))->discovered)
      g_ptr_array_remove_index (self->list, i - 1);
  for (guint i = 0; spec->sockets != HR_SOCKETS_NONE && i < spec->listen->len; i++)
    {
      const HrListenSpec *wanted = g_ptr_array_index (spec->listen, i);

      add (self, wanted->name, wanted->kind, wanted->port, FALSE);
      if (wanted->kind == HR_LISTEN_TCP && strchr (wanted->host, ':') != NULL)
        ((HrListener *)g_ptr_array_index (self->list, self->list->len - 1))->only_ipv6 = TRUE;
    }
  if (!self->is_open)
    self->opened++;
  self->is_open = TRUE;
  return TRUE;
}

static void
fake_close (HrListeners *listeners)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  g_ptr_array_set_size (self->list, 0);
  if (self->is_open)
    self->closed++;
  self->is_open = FALSE;
}

static GPtrArray *
fake_list (HrListeners *listeners)
{
  return HR_FAKE_LISTENERS (listeners)->list;
}

static void
fake_revive (HrListeners *listeners)
{
  HR_FAKE_LISTENERS (listeners)->revived++;
}

static int
fake_get_fd (HrListeners *listeners, const HrListener *listener, const char *instance)
{
  return listener->fd;
}

static gboolean
fake_is_separate (HrListeners *listeners, const char *instance)
{
  return g_strcmp0 (HR_FAKE_LISTENERS (listeners)->separate, instance) == 0;
}

static gboolean
fake_separate (HrListeners *listeners, const char *instance, GError **error)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (self->separate_failure != NULL || self->separate != NULL)
    {
      g_set_error_literal (error, HR_ERROR, self->separate != NULL ? HR_ERROR_BUSY : HR_ERROR_NOT_SUPPORTED,
                           self->separate != NULL ? "another is separate" : self->separate_failure);
      return FALSE;
    }
  self->separate = g_strdup (instance);
  self->share = 0;
  self->sticky = FALSE;
  g_ptr_array_add (self->traffic, g_strdup ("separate"));
  return TRUE;
}

static gboolean
fake_separate_again (HrListeners *listeners, const char *instance, guint permyriad, gboolean sticky, GError **error)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (self->again_failure != NULL)
    {
      g_clear_pointer (&self->separate, g_free);
      g_ptr_array_add (self->traffic, g_strdup ("lost"));
      g_set_error_literal (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, self->again_failure);
      return FALSE;
    }
  g_free (self->separate);
  self->separate = g_strdup (instance);
  self->share = permyriad;
  self->sticky = sticky;
  g_ptr_array_add (self->traffic, g_strdup_printf ("again %u%s", permyriad, sticky ? " sticky" : ""));
  return TRUE;
}

static void
fake_join (HrListeners *listeners, const char *instance, const char *with)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (!fake_is_separate (listeners, with))
    {
      if (self->separate != NULL)
        g_ptr_array_add (self->traffic, g_strdup ("stay"));
      return;
    }
  g_hash_table_add (self->joined, g_strdup (instance));
  g_ptr_array_add (self->traffic, g_strdup ("join"));
}

static gboolean
fake_set_share (HrListeners *listeners, const char *instance, guint permyriad, gboolean sticky, GError **error)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (!fake_is_separate (listeners, instance))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "instance %s is not separate", instance);
      return FALSE;
    }
  if (self->share_failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, self->share_failure);
      return FALSE;
    }
  if (self->clock != NULL)
    hr_fake_clock_pass (self->clock, self->share_takes);
  self->share = permyriad;
  self->sticky = sticky;
  g_ptr_array_add (self->traffic, g_strdup_printf ("share %u%s", permyriad, sticky ? " sticky" : ""));
  return TRUE;
}

static void
fake_promote (HrListeners *listeners, const char *instance)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (!fake_is_separate (listeners, instance))
    return;
  g_free (self->promoted);
  self->promoted = g_steal_pointer (&self->separate);
  g_ptr_array_add (self->traffic, g_strdup ("promote"));
}

static void
fake_rejoin (HrListeners *listeners, const char *instance)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (!fake_is_separate (listeners, instance))
    return;
  g_clear_pointer (&self->separate, g_free);
  g_hash_table_remove_all (self->joined);
  g_ptr_array_add (self->traffic, g_strdup ("rejoin"));
}

static GInetAddress *
fake_probe_source (HrListeners *listeners, const char *instance)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (self->separate == NULL || self->no_probe_source)
    return NULL;
  return g_inet_address_new_from_string (
      fake_is_separate (listeners, instance) || g_hash_table_contains (self->joined, instance) ? "127.64.0.1"
                                                                                               : "127.64.0.2");
}

static int
fake_count_waiting (HrListeners *listeners, const char *instance)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (g_hash_table_contains (self->joined, instance))
    g_ptr_array_add (self->traffic, g_strdup ("retire"));
  return self->promoted != NULL && !g_str_equal (self->promoted, instance)
                 && !g_hash_table_contains (self->joined, instance)
             ? self->waiting
             : -1;
}

static guint
fake_count_queued (HrListeners *listeners, gboolean left)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  return !left || self->promoted != NULL ? (guint)self->waiting : 0;
}

static gboolean
fake_can_hand_on (HrListeners *listeners, const char *instance)
{
  return HR_FAKE_LISTENERS (listeners)->hands_on;
}

static void
answer_look (GTask *task)
{
  gint64 wait = HR_FAKE_LISTENERS (g_task_get_source_object (task))->queue_wait;

  if (wait < 0)
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "nobody knows");
  else
    g_task_return_int (task, wait);
}

static void
fake_look_at_queue_async (HrListeners *listeners, GAsyncReadyCallback callback, gpointer user_data)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  hr_fake_gate_pass (&self->look, g_task_new (self, NULL, callback, user_data), answer_look);
}

static gint64
fake_look_at_queue_finish (HrListeners *listeners, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static void
hr_fake_listeners_iface_init (HrListenersInterface *iface)
{
  iface->open = fake_open;
  iface->close = fake_close;
  iface->list = fake_list;
  iface->revive = fake_revive;
  iface->get_fd = fake_get_fd;
  iface->separate = fake_separate;
  iface->separate_again = fake_separate_again;
  iface->join = fake_join;
  iface->set_share = fake_set_share;
  iface->promote = fake_promote;
  iface->rejoin = fake_rejoin;
  iface->is_separate = fake_is_separate;
  iface->probe_source = fake_probe_source;
  iface->count_waiting = fake_count_waiting;
  iface->count_queued = fake_count_queued;
  iface->can_hand_on = fake_can_hand_on;
  iface->look_at_queue_async = fake_look_at_queue_async;
  iface->look_at_queue_finish = fake_look_at_queue_finish;
}

static void
hr_fake_listeners_finalize (GObject *object)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (object);

  hr_fake_gate_clear (&self->look);
  g_ptr_array_unref (self->list);
  g_ptr_array_unref (self->traffic);
  g_hash_table_unref (self->joined);
  g_free (self->separate);
  g_free (self->promoted);
  G_OBJECT_CLASS (hr_fake_listeners_parent_class)->finalize (object);
}

static void
hr_fake_listeners_class_init (HrFakeListenersClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_listeners_finalize;
}

static void
hr_fake_listeners_init (HrFakeListeners *self)
{
  self->list = g_ptr_array_new_with_free_func (listener_free);
  self->traffic = g_ptr_array_new_with_free_func (g_free);
  self->joined = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/**
 * hr_fake_listeners_new:
 *
 * Returns: (transfer full): closed listeners
 */
HrFakeListeners *
hr_fake_listeners_new (void)
{
  return g_object_new (HR_TYPE_FAKE_LISTENERS, NULL);
}

/**
 * hr_fake_listeners_discover:
 * @self: the listeners
 * @port: on which a program listens by itself
 */
void
hr_fake_listeners_discover (HrFakeListeners *self, guint16 port)
{
  add (self, NULL, HR_LISTEN_TCP, port, TRUE);
  g_signal_emit_by_name (self, "changed");
}

/**
 * hr_fake_listeners_expect_traffic:
 * @self: the listeners
 * @expected: what was done about the traffic, in order, with ", " between
 */
void
hr_fake_listeners_expect_traffic (HrFakeListeners *self, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->traffic->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index (self->traffic, i));
  g_assert_cmpstr (text->str, ==, expected);
}
