/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-state-files.h"

G_DEFINE_ABSTRACT_TYPE (HrStateOffer, hr_state_offer, G_TYPE_OBJECT)
G_DEFINE_INTERFACE (HrStateFiles, hr_state_files, G_TYPE_OBJECT)

static guint signal_opened;

static void
hr_state_offer_class_init (HrStateOfferClass *klass)
{
  signal_opened =
      g_signal_new ("opened", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_state_offer_init (HrStateOffer *self)
{
}

static void
hr_state_files_default_init (HrStateFilesInterface *iface)
{
}

/**
 * hr_state_offer_get_in_path:
 * @self: an offer
 *
 * Returns: (transfer none): HOTRELOAD_STATE_IN
 */
const char *
hr_state_offer_get_in_path (HrStateOffer *self)
{
  g_return_val_if_fail (HR_IS_STATE_OFFER (self), NULL);
  return HR_STATE_OFFER_GET_CLASS (self)->get_in_path (self);
}

/**
 * hr_state_offer_get_out_path:
 * @self: an offer
 *
 * Returns: (transfer none): HOTRELOAD_STATE_OUT
 */
const char *
hr_state_offer_get_out_path (HrStateOffer *self)
{
  g_return_val_if_fail (HR_IS_STATE_OFFER (self), NULL);
  return HR_STATE_OFFER_GET_CLASS (self)->get_out_path (self);
}

/**
 * hr_state_offer_is_barrier:
 * @self: an offer
 *
 * Returns: whether an open of the file waits and is seen; where it does not, "opened" is never emitted
 */
gboolean
hr_state_offer_is_barrier (HrStateOffer *self)
{
  g_return_val_if_fail (HR_IS_STATE_OFFER (self), FALSE);
  return HR_STATE_OFFER_GET_CLASS (self)->is_barrier (self);
}

/**
 * hr_state_offer_write:
 * @self: an offer
 * @data: the state
 * @error: return location
 *
 * Writes it, and lets the program's open wait: hr_state_offer_give() without data follows.
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED
 */
gboolean
hr_state_offer_write (HrStateOffer *self, GBytes *data, GError **error)
{
  g_return_val_if_fail (HR_IS_STATE_OFFER (self), FALSE);
  g_return_val_if_fail (data != NULL, FALSE);
  return HR_STATE_OFFER_GET_CLASS (self)->write (self, data, error);
}

/**
 * hr_state_offer_give:
 * @self: an offer
 * @data: (nullable): the state; %NULL leaves what the file holds
 * @error: return location
 *
 * Writes @data and lets the program's open return. Without an open yet, one that comes later no longer waits.
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED
 */
gboolean
hr_state_offer_give (HrStateOffer *self, GBytes *data, GError **error)
{
  g_return_val_if_fail (HR_IS_STATE_OFFER (self), FALSE);
  return HR_STATE_OFFER_GET_CLASS (self)->give (self, data, error);
}

/**
 * hr_state_offer_emit_opened:
 * @self: an offer
 *
 * For implementations.
 */
void
hr_state_offer_emit_opened (HrStateOffer *self)
{
  g_signal_emit (self, signal_opened, 0);
}

/**
 * hr_state_files_offer:
 * @self: the state files
 * @instance: id of the instance that gets the two files
 * @release: what it runs, for a daemon that finds its state after this one died
 * @data: (nullable): what HOTRELOAD_STATE_IN holds at first; %NULL: {}
 * @error: return location
 *
 * Returns: (transfer full): the offer; %NULL with %HR_ERROR_STATE_FAILED that names the path
 */
HrStateOffer *
hr_state_files_offer (HrStateFiles *self, const char *instance, guint64 release, GBytes *data, GError **error)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), NULL);
  g_return_val_if_fail (instance != NULL, NULL);
  return HR_STATE_FILES_GET_IFACE (self)->offer (self, instance, release, data, error);
}

/**
 * hr_state_files_resume:
 * @self: the state files
 * @instance: id of an instance that an earlier daemon offered its files to, and that runs
 *
 * Returns: (transfer full): its two files, of which it has read what it wanted: nothing is waited for
 */
HrStateOffer *
hr_state_files_resume (HrStateFiles *self, const char *instance)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), NULL);
  return HR_STATE_FILES_GET_IFACE (self)->resume (self, instance);
}

/**
 * hr_state_files_wait_limit:
 * @self: the state files
 *
 * Returns: for how long a program can be made to wait in its open, in microseconds
 */
gint64
hr_state_files_wait_limit (HrStateFiles *self)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), 0);
  return HR_STATE_FILES_GET_IFACE (self)->wait_limit (self);
}

/**
 * hr_state_files_collect_async:
 * @self: the state files
 * @instance: id of an instance that has ended
 * @release: what it ran
 * @version: State.Version
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Takes what the instance wrote to HOTRELOAD_STATE_OUT and stores it durably as a snapshot. Old snapshots beyond
 * State.Keep go.
 */
void
hr_state_files_collect_async (HrStateFiles *self, const char *instance, guint64 release, guint version,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_STATE_FILES (self));
  HR_STATE_FILES_GET_IFACE (self)->collect_async (self, instance, release, version, cancellable, callback, user_data);
}

/**
 * hr_state_files_collect_finish:
 * @self: the state files
 * @result: of hr_state_files_collect_async()
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the snapshot with its data; %NULL without @error when the instance wrote
 *   nothing; %NULL with %HR_ERROR_STATE_FAILED when what it wrote cannot be kept: it is then set aside, and the
 *   message names the file
 */
HrSnapshot *
hr_state_files_collect_finish (HrStateFiles *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), NULL);
  return HR_STATE_FILES_GET_IFACE (self)->collect_finish (self, result, error);
}

/**
 * hr_state_files_load_async:
 * @self: the state files
 * @id: (nullable): a snapshot; %NULL: the newest that can be read
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_state_files_load_async (HrStateFiles *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_return_if_fail (HR_IS_STATE_FILES (self));
  HR_STATE_FILES_GET_IFACE (self)->load_async (self, id, cancellable, callback, user_data);
}

/**
 * hr_state_files_load_finish:
 * @self: the state files
 * @result: of hr_state_files_load_async()
 * @error: return location
 *
 * Files that are damaged or of another service are set aside with a warning.
 *
 * Returns: (transfer full) (nullable): the snapshot with its data; %NULL without @error when the newest was asked for
 *   and there is none; %NULL with %HR_ERROR_NO_SUCH_SNAPSHOT or %HR_ERROR_STATE_FAILED
 */
HrSnapshot *
hr_state_files_load_finish (HrStateFiles *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), NULL);
  return HR_STATE_FILES_GET_IFACE (self)->load_finish (self, result, error);
}

/**
 * hr_state_files_list:
 * @self: the state files
 *
 * Returns: (transfer container) (element-type HrSnapshot): the snapshots without data, newest first
 */
GPtrArray *
hr_state_files_list (HrStateFiles *self)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), NULL);
  return HR_STATE_FILES_GET_IFACE (self)->list (self);
}

/**
 * hr_state_files_discard:
 * @self: the state files
 * @instance: id of an instance that has ended and whose state is not the service's: a rejected candidate
 *
 * Removes what the instance wrote instead of collecting it. What is neither collected nor discarded becomes a
 * snapshot when the next daemon finds it. Implementations that keep nothing need not have it.
 */
void
hr_state_files_discard (HrStateFiles *self, const char *instance)
{
  g_return_if_fail (HR_IS_STATE_FILES (self));
  if (HR_STATE_FILES_GET_IFACE (self)->discard != NULL)
    HR_STATE_FILES_GET_IFACE (self)->discard (self, instance);
}

/**
 * hr_state_files_renew:
 * @self: the state files
 * @id: a snapshot that the service now runs with
 *
 * Stores it once more as the newest, in the background: after a crash it is the one to go on with. A failure is logged.
 */
void
hr_state_files_renew (HrStateFiles *self, const char *id)
{
  g_return_if_fail (HR_IS_STATE_FILES (self));
  if (HR_STATE_FILES_GET_IFACE (self)->renew != NULL)
    HR_STATE_FILES_GET_IFACE (self)->renew (self, id);
}

/**
 * hr_state_files_get_path:
 * @self: the state files
 * @id: a snapshot
 *
 * Returns: (transfer full): the file of the snapshot, whether or not there is one
 */
char *
hr_state_files_get_path (HrStateFiles *self, const char *id)
{
  g_return_val_if_fail (HR_IS_STATE_FILES (self), NULL);
  return HR_STATE_FILES_GET_IFACE (self)->get_path (self, id);
}
