/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-listeners.h"

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

static gboolean
fake_open (HrListeners *listeners, HrServiceSpec *spec, GError **error)
{
  HrFakeListeners *self = HR_FAKE_LISTENERS (listeners);

  if (self->failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, self->failure);
      return FALSE;
    }
  g_ptr_array_set_size (self->list, 0);
  for (guint i = 0; spec->sockets != HR_SOCKETS_NONE && i < spec->listen->len; i++)
    {
      const HrListenSpec *wanted = g_ptr_array_index (spec->listen, i);
      HrListener *listener = g_new0 (HrListener, 1);

      listener->name = g_strdup (wanted->name);
      listener->kind = wanted->kind;
      listener->port = wanted->port;
      listener->fd = -1;
      listener->address = g_strdup_printf ("tcp:127.0.0.1:%u", wanted->port);
      g_ptr_array_add (self->list, listener);
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

static void
hr_fake_listeners_iface_init (HrListenersInterface *iface)
{
  iface->open = fake_open;
  iface->close = fake_close;
  iface->list = fake_list;
  iface->revive = fake_revive;
}

static void
hr_fake_listeners_finalize (GObject *object)
{
  g_ptr_array_unref (HR_FAKE_LISTENERS (object)->list);
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
