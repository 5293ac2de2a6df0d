/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-watcher.h"

#include "hr-error.h"

static void hr_fake_watcher_iface_init (HrWatcherInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeWatcher, hr_fake_watcher, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_WATCHER, hr_fake_watcher_iface_init))

static gboolean
fake_start (HrWatcher *watcher, GError **error)
{
  HrFakeWatcher *self = HR_FAKE_WATCHER (watcher);

  if (self->failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, self->failure);
      return FALSE;
    }
  self->started = TRUE;
  return TRUE;
}

static void
fake_stop (HrWatcher *watcher)
{
  HR_FAKE_WATCHER (watcher)->started = FALSE;
}

static guint
fake_n_watches (HrWatcher *watcher)
{
  return HR_FAKE_WATCHER (watcher)->started ? 1 : 0;
}

static gboolean
fake_is_held (HrWatcher *watcher)
{
  return HR_FAKE_WATCHER (watcher)->held;
}

static void
hr_fake_watcher_iface_init (HrWatcherInterface *iface)
{
  iface->start = fake_start;
  iface->stop = fake_stop;
  iface->n_watches = fake_n_watches;
  iface->is_held = fake_is_held;
}

static void
hr_fake_watcher_class_init (HrFakeWatcherClass *klass)
{
}

static void
hr_fake_watcher_init (HrFakeWatcher *self)
{
}

/**
 * hr_fake_watcher_new:
 *
 * Returns: (transfer full): a watcher
 */
HrFakeWatcher *
hr_fake_watcher_new (void)
{
  return g_object_new (HR_TYPE_FAKE_WATCHER, NULL);
}

/**
 * hr_fake_watcher_hint:
 * @self: a watcher; one that was not started says nothing
 * @path: (nullable): what may have changed; %NULL: anything
 */
void
hr_fake_watcher_hint (HrFakeWatcher *self, const char *path)
{
  const char *const paths[] = { path, NULL };

  if (self->started)
    hr_watcher_emit_hint (HR_WATCHER (self), paths);
}
