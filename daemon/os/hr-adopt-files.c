/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-files.h"

#include "hr-error.h"
#include "hr-task-thread.h"

struct _HrAdoptFiles {
  guint *running; /* threads; lives as long as any of them */
};

/* Of a thread. */
typedef struct {
  guint *running;
  char *root;
  char *path;
  guint64 device;
  guint64 inode;
  uid_t owner;
  HrSocketFile *file;
} Look;

static void
look_free (gpointer data)
{
  Look *self = data;

  (*self->running)--;
  g_rc_box_release (self->running);
  hr_socket_file_free (self->file);
  g_free (self->root);
  g_free (self->path);
  g_free (self);
}

static gboolean
look (gpointer data, GCancellable *cancellable, GError **error)
{
  Look *self = data;

  self->file = hr_socket_file_new_in (self->root, self->path, error);
  if (self->file == NULL)
    return FALSE;
  if (hr_socket_file_is (self->file, self->device, self->inode) && hr_socket_file_get_owner (self->file) == self->owner)
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "there is another file than its socket's at '%s'",
               self->path);
  return FALSE;
}

/**
 * hr_adopt_files_new:
 *
 * Returns: (transfer full): look-ups of an instance
 */
HrAdoptFiles *
hr_adopt_files_new (void)
{
  HrAdoptFiles *self = g_new (HrAdoptFiles, 1);

  self->running = g_rc_box_new0 (guint);
  return self;
}

/**
 * hr_adopt_files_free:
 * @self: (transfer full) (nullable): look-ups, of which all have returned or are cancelled
 */
void
hr_adopt_files_free (HrAdoptFiles *self)
{
  if (self == NULL)
    return;
  g_rc_box_release (self->running);
  g_free (self);
}

/**
 * hr_adopt_files_find_async:
 * @self: look-ups
 * @request: of a process: which file it means, by device and inode
 * @path: absolute, as the process sees it
 * @sender: the process
 * @cancellable: (nullable): lets @callback be called at once
 * @callback: called when it is found, or not
 * @user_data: for @callback
 *
 * Looks for the file of a Unix socket that is the process's.
 */
void
hr_adopt_files_find_async (HrAdoptFiles *self, const HrAdoptRequest *request, const char *path,
                           const struct ucred *sender, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Look *data;

  g_task_set_source_tag (task, hr_adopt_files_find_async);
  if (*self->running >= HR_ADOPT_FILES_MAX)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                               "'%s' is not looked up: %d that do not end are under way", path, HR_ADOPT_FILES_MAX);
      g_object_unref (task);
      return;
    }
  data = g_new0 (Look, 1);
  data->running = g_rc_box_acquire (self->running);
  (*data->running)++;
  data->root = g_strdup_printf ("/proc/%d/root", (int)sender->pid);
  data->path = g_strdup (path);
  data->device = request->device;
  data->inode = request->inode;
  data->owner = sender->uid;
  g_task_set_task_data (task, data, look_free);
  hr_task_thread_run_within (task, look, HR_ADOPT_FILES_MSEC);
}

/**
 * hr_adopt_files_find_finish:
 * @result: of hr_adopt_files_find_async()
 * @error: return location
 *
 * Returns: (transfer full): the file; %NULL with an error set: %G_IO_ERROR_CANCELLED only when that was asked for
 */
HrSocketFile *
hr_adopt_files_find_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_adopt_files_find_async), NULL);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_steal_pointer (&((Look *)g_task_get_task_data (G_TASK (result)))->file);
}
