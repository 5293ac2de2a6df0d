/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-prober.h"

#include "hr-error.h"

static void hr_fake_prober_iface_init (HrProberInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeProber, hr_fake_prober, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_PROBER, hr_fake_prober_iface_init))

static void
answer (GTask *task)
{
  HrFakeProber *self = g_task_get_source_object (task);
  GPid pid = GPOINTER_TO_INT (g_task_get_task_data (task));

  if (self->illness != NULL && (self->sick_pid == 0 || self->sick_pid == pid))
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_NOT_HEALTHY, "%s", self->illness);
  else
    g_task_return_boolean (task, TRUE);
}

static void
fake_probe_async (HrProber *prober, const HrProbeRequest *request, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  HrFakeProber *self = HR_FAKE_PROBER (prober);
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_assert_nonnull (request->instance);
  g_assert_nonnull (request->environment);
  g_assert_cmpint (request->timeout, >, 0);
  g_free (self->asked);
  self->asked = g_strdup (request->probe->text);
  if (!g_hash_table_contains (self->sources, GINT_TO_POINTER (request->pid)))
    g_hash_table_insert (self->sources, GINT_TO_POINTER (request->pid),
                         request->source != NULL ? g_inet_address_to_string (request->source) : g_strdup (""));
  self->under_way++;
  self->most_under_way = MAX (self->most_under_way, self->under_way);
  g_task_set_task_data (task, GINT_TO_POINTER (request->pid), NULL);
  hr_fake_gate_pass (&self->probe, task, answer);
}

static gboolean
fake_probe_finish (HrProber *prober, GAsyncResult *result, GError **error)
{
  HR_FAKE_PROBER (prober)->under_way--;
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
hr_fake_prober_iface_init (HrProberInterface *iface)
{
  iface->probe_async = fake_probe_async;
  iface->probe_finish = fake_probe_finish;
}

static void
hr_fake_prober_finalize (GObject *object)
{
  HrFakeProber *self = HR_FAKE_PROBER (object);

  hr_fake_gate_clear (&self->probe);
  g_free (self->asked);
  g_hash_table_unref (self->sources);
  G_OBJECT_CLASS (hr_fake_prober_parent_class)->finalize (object);
}

static void
hr_fake_prober_class_init (HrFakeProberClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_prober_finalize;
}

static void
hr_fake_prober_init (HrFakeProber *self)
{
  self->sources = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

/**
 * hr_fake_prober_new:
 *
 * Returns: (transfer full): a prober to whom everybody is well
 */
HrFakeProber *
hr_fake_prober_new (void)
{
  return g_object_new (HR_TYPE_FAKE_PROBER, NULL);
}
