/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Differences between releases, and to the source.
 */
#include "hr-error.h"
#include "hr-service-private.h"

static const HrRelease *
find_release (HrService *self, guint64 number, GError **error)
{
  const HrRelease *release = hr_release_store_get (self->parts.store, number);

  if (release == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release %" G_GUINT64_FORMAT,
                 self->name, number);
  return release;
}

static void
diffed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  char *text = hr_release_store_diff_finish (HR_RELEASE_STORE (source), result, &error);

  if (text != NULL)
    g_task_return_pointer (task, text, g_free);
  else
    g_task_return_error (task, error);
}

static void
scanned_for_diff (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (HrScan) scan = hr_release_store_scan_finish (HR_RELEASE_STORE (source), result, &error);
  const char *from_tree;

  if (scan == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* Not in the call: its arguments are evaluated in any order, and one of them gives the task away. */
  from_tree = g_task_get_task_data (task);
  hr_release_store_diff_async (HR_RELEASE_STORE (source), from_tree, scan->tree, NULL, diffed, g_steal_pointer (&task));
}

/**
 * hr_service_diff_async:
 * @self: a service
 * @from: a release; 0: the running one
 * @to: a release; 0: the source as it is now
 * @callback: called when done
 * @user_data: for @callback
 */
void
hr_service_diff_async (HrService *self, guint64 from, guint64 to, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  GError *error = NULL;
  const HrRelease *base, *other;

  g_task_set_source_tag (task, hr_service_diff_async);
  if (from == 0)
    from = self->last_release;
  if (from == 0)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release to compare with",
                               self->name);
      return;
    }
  base = find_release (self, from, &error);
  if (base == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_task_set_task_data (task, g_strdup (base->tree), g_free);
  if (to == 0)
    {
      hr_release_store_scan_async (self->parts.store, NULL, base->tree, NULL, scanned_for_diff,
                                   g_steal_pointer (&task));
      return;
    }
  other = find_release (self, to, &error);
  if (other == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  hr_release_store_diff_async (self->parts.store, base->tree, other->tree, NULL, diffed, g_steal_pointer (&task));
}

/**
 * hr_service_diff_finish:
 * @self: a service
 * @result: of hr_service_diff_async()
 * @error: return location
 *
 * Returns: (transfer full): unified text, "" when equal; %NULL with an error set
 */
char *
hr_service_diff_finish (HrService *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
