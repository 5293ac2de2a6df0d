/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-release-store.h"

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
 * Known to hr_release_store_list() at once and written durably in the background; a failure to write is logged.
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
 * hr_release_store_list:
 * @self: the store
 *
 * Returns: (transfer none) (element-type HrRelease): the releases, oldest first; belongs to the store
 */
GPtrArray *
hr_release_store_list (HrReleaseStore *self)
{
  g_return_val_if_fail (HR_IS_RELEASE_STORE (self), NULL);
  return HR_RELEASE_STORE_GET_IFACE (self)->list (self);
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
 * Returns: (transfer none) (nullable): the release, valid until the store changes
 */
const HrRelease *
hr_release_store_get (HrReleaseStore *self, guint64 number)
{
  GPtrArray *list = self != NULL ? hr_release_store_list (self) : NULL;

  for (guint i = list != NULL ? list->len : 0; i > 0; i--)
    {
      const HrRelease *release = g_ptr_array_index (list, i - 1);

      if (release->number == number)
        return release;
    }
  return NULL;
}
