/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Differences between releases, and to the source.
 */
#include "hr-error.h"
#include "hr-service-private.h"

typedef struct {
  guint64 to;
  char *from_tree;
} Diff;

static void
diff_free (gpointer data)
{
  Diff *diff = data;

  g_free (diff->from_tree);
  g_free (diff);
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
  const Diff *diff = g_task_get_task_data (task);

  if (scan == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* It has a reference of the task: what is read of that outlives the call. */
  hr_release_store_diff_async (HR_RELEASE_STORE (source), diff->from_tree, scan->tree, NULL, diffed,
                               g_object_ref (task));
}

/* Returns the release that was looked up; NULL: there is none, or its service has no store any more, and @task has an
 * error. */
static HrRelease *
take_release (HrService *self, GAsyncResult *result, GTask *task)
{
  GError *error = NULL;
  HrRelease *release = hr_service_find_release_finish (self, result, &error);

  if (release == NULL)
    g_task_return_error (task, error);
  else if (self->parts.store == NULL)
    {
      g_clear_pointer (&release, hr_release_free);
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no releases any more",
                               self->name);
    }
  return release;
}

static void
found_other (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrService *self = HR_SERVICE (source);
  g_autoptr (GTask) task = user_data;
  const Diff *diff = g_task_get_task_data (task);
  g_autoptr (HrRelease) other = take_release (self, result, task);

  if (other != NULL)
    hr_release_store_diff_async (self->parts.store, diff->from_tree, other->tree, NULL, diffed, g_object_ref (task));
}

static void
found_base (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrService *self = HR_SERVICE (source);
  g_autoptr (GTask) task = user_data;
  Diff *diff = g_task_get_task_data (task);
  g_autoptr (HrRelease) base = take_release (self, result, task);

  if (base == NULL)
    return;
  diff->from_tree = g_strdup (base->tree);
  if (diff->to == 0)
    hr_release_store_scan_async (self->parts.store, NULL, base->tree, NULL, scanned_for_diff, g_object_ref (task));
  else
    hr_service_find_release_async (self, diff->to, found_other, g_object_ref (task));
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
  Diff *diff = g_new0 (Diff, 1);

  g_task_set_source_tag (task, hr_service_diff_async);
  diff->to = to;
  g_task_set_task_data (task, diff, diff_free);
  if (from == 0)
    from = self->last_release;
  if (from == 0)
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release to compare with",
                             self->name);
  else
    hr_service_find_release_async (self, from, found_base, g_steal_pointer (&task));
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
