/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-release-store.h"

#include "hr-log.h"

G_DEFINE_INTERFACE (HrReleaseStore, hr_release_store, G_TYPE_OBJECT)

static void
hr_release_store_default_init (HrReleaseStoreInterface *iface)
{
}

/**
 * hr_scan_free:
 * @self: (transfer full) (nullable): a scan
 */
void
hr_scan_free (HrScan *self)
{
  if (self == NULL)
    return;
  g_free (self->tree);
  g_strfreev (self->files);
  g_strfreev (self->share_dirs);
  g_strfreev (self->share_files);
  g_strfreev (self->warnings);
  g_free (self);
}

/**
 * hr_scan_copy:
 * @self: (nullable): a scan
 *
 * Returns: (transfer full) (nullable): a deep copy
 */
HrScan *
hr_scan_copy (const HrScan *self)
{
  HrScan *copy;

  if (self == NULL)
    return NULL;
  copy = g_new (HrScan, 1);
  *copy = *self;
  copy->tree = g_strdup (self->tree);
  copy->files = g_strdupv (self->files);
  copy->share_dirs = g_strdupv (self->share_dirs);
  copy->share_files = g_strdupv (self->share_files);
  copy->warnings = g_strdupv (self->warnings);
  return copy;
}

/**
 * hr_release_store_scan_async:
 * @self: the store
 * @hints: (nullable): the only paths, relative to the source, that may have changed since the last scan (a directory
 *   stands for all below it); %NULL: look at everything. The first scan of a store always looks at everything.
 * @base_tree: (nullable): the tree to compare with; %NULL: the empty one
 * @cancellable: (nullable): stops it between two files
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Reads the source and stores its tree. A file counts as read when its size and times were the same before and after.
 */
void
hr_release_store_scan_async (HrReleaseStore *self, const char *const *hints, const char *base_tree,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  HR_RELEASE_STORE_GET_IFACE (self)->scan_async (self, hints, base_tree, cancellable, callback, user_data);
}

/**
 * hr_release_store_scan_finish:
 * @self: the store
 * @result: of hr_release_store_scan_async()
 * @error: return location
 *
 * Returns: (transfer full): the scan; %NULL with %G_IO_ERROR_CANCELLED, %HR_ERROR_LIMIT_EXCEEDED or a #GIOErrorEnum
 *   that names the path
 */
HrScan *
hr_release_store_scan_finish (HrReleaseStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_RELEASE_STORE (self), NULL);
  return HR_RELEASE_STORE_GET_IFACE (self)->scan_finish (self, result, error);
}

/**
 * hr_release_store_commit_async:
 * @self: the store
 * @draft: its tree, trigger, caller, files and time are taken; its number is not
 * @cancellable: (nullable): too late once the release exists
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Makes a release of a stored tree under the next number, durably, with the fate candidate.
 */
void
hr_release_store_commit_async (HrReleaseStore *self, const HrRelease *draft, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  g_return_if_fail (draft != NULL && draft->tree != NULL);
  HR_RELEASE_STORE_GET_IFACE (self)->commit_async (self, draft, cancellable, callback, user_data);
}

/**
 * hr_release_store_commit_finish:
 * @self: the store
 * @result: of hr_release_store_commit_async()
 * @error: return location
 *
 * Returns: (transfer full): the release with number and commit; %NULL with an error set
 */
HrRelease *
hr_release_store_commit_finish (HrReleaseStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_RELEASE_STORE (self), NULL);
  return HR_RELEASE_STORE_GET_IFACE (self)->commit_finish (self, result, error);
}

/**
 * hr_release_store_set_fate:
 * @self: the store
 * @number: a release
 * @fate: what became of it
 * @phase: (nullable): for a rejected one, the phase that failed
 * @message: (nullable): for a rejected one, the reason
 *
 * Known to hr_release_store_get() at once and written durably in the background; a failure to write is logged.
 */
void
hr_release_store_set_fate (HrReleaseStore *self, guint64 number, HrFate fate, const char *phase, const char *message)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  HR_RELEASE_STORE_GET_IFACE (self)->set_fate (self, number, fate, phase, message);
}

/**
 * hr_release_store_diff_async:
 * @self: the store
 * @from_tree: a stored tree
 * @to_tree: a stored tree
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Compares two trees as unified text.
 */
void
hr_release_store_diff_async (HrReleaseStore *self, const char *from_tree, const char *to_tree,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  HR_RELEASE_STORE_GET_IFACE (self)->diff_async (self, from_tree, to_tree, cancellable, callback, user_data);
}

/**
 * hr_release_store_diff_finish:
 * @self: the store
 * @result: of hr_release_store_diff_async()
 * @error: return location
 *
 * Returns: (transfer full): the text, valid UTF-8, cut with a last line that says so where it is very long
 */
char *
hr_release_store_diff_finish (HrReleaseStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_RELEASE_STORE (self), NULL);
  return HR_RELEASE_STORE_GET_IFACE (self)->diff_finish (self, result, error);
}

/**
 * hr_release_store_list_async:
 * @self: the store
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Reads all releases.
 */
void
hr_release_store_list_async (HrReleaseStore *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  HR_RELEASE_STORE_GET_IFACE (self)->list_async (self, cancellable, callback, user_data);
}

/**
 * hr_release_store_list_finish:
 * @self: the store
 * @result: of hr_release_store_list_async()
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrRelease): the releases, oldest first; %NULL with an error set
 */
GPtrArray *
hr_release_store_list_finish (HrReleaseStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * hr_release_store_load_async:
 * @self: the store
 * @number: of a release
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Reads one release, where it is not in memory.
 */
void
hr_release_store_load_async (HrReleaseStore *self, guint64 number, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  HR_RELEASE_STORE_GET_IFACE (self)->load_async (self, number, cancellable, callback, user_data);
}

/**
 * hr_release_store_load_finish:
 * @self: the store
 * @result: of hr_release_store_load_async()
 * @error: return location
 *
 * Who goes on using it holds a copy, see hr_release_book_hold().
 *
 * Returns: (transfer full): the release; %NULL with %HR_ERROR_NO_SUCH_RELEASE, or why it cannot be read
 */
HrRelease *
hr_release_store_load_finish (HrReleaseStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * hr_release_store_hold:
 * @self: (nullable): a store that has just been opened
 * @used: (element-type guint64): numbers of releases that are in use
 *
 * Has them in memory, those that there are, and besides only the newest. Reads, as opening does, in the caller.
 */
void
hr_release_store_hold (HrReleaseStore *self, const GArray *used)
{
  HrReleaseBook *book;

  if (self == NULL)
    return;
  book = hr_release_store_get_book (self);
  for (guint i = 0; i < used->len; i++)
    {
      guint64 number = g_array_index (used, guint64, i);
      g_autoptr (GError) error = NULL;
      HrRelease *release;

      if (hr_release_book_get (book, number) != NULL || !hr_release_book_get_fate (book, number, NULL))
        continue;
      release = HR_RELEASE_STORE_GET_IFACE (self)->load (self, number, &error);
      if (release != NULL)
        hr_release_book_hold (book, release);
      else
        hr_log_debug (NULL, "%s", error->message);
    }
  hr_release_book_trim (book, used);
}

/**
 * hr_release_store_get_book:
 * @self: the store
 *
 * Returns: (transfer none): what is in memory of the releases
 */
HrReleaseBook *
hr_release_store_get_book (HrReleaseStore *self)
{
  g_return_val_if_fail (HR_IS_RELEASE_STORE (self), NULL);
  return HR_RELEASE_STORE_GET_IFACE (self)->get_book (self);
}

/**
 * hr_release_store_allow_large:
 * @self: the store
 *
 * For a service that runs in its source: the next scans take what is too large to be placed.
 */
void
hr_release_store_allow_large (HrReleaseStore *self)
{
  g_return_if_fail (HR_IS_RELEASE_STORE (self));
  if (HR_RELEASE_STORE_GET_IFACE (self)->allow_large != NULL)
    HR_RELEASE_STORE_GET_IFACE (self)->allow_large (self);
}

/**
 * hr_release_store_get:
 * @self: (nullable): the store; without one there are no releases
 * @number: a release's number
 *
 * Returns: (transfer none) (nullable): the release, valid until the store changes; %NULL: there is none, or it is old and
 *   not in use, see hr_release_store_load_async()
 */
const HrRelease *
hr_release_store_get (HrReleaseStore *self, guint64 number)
{
  return self != NULL ? hr_release_book_get (hr_release_store_get_book (self), number) : NULL;
}
