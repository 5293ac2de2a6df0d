/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-state-files.h: state by file and the snapshots of one service.
 *
 * HrStateFiles is an interface, HrStateOffer an abstract class; the real ones are HrLeaseStateFiles and its offer,
 * which holds a write lease on the file HOTRELOAD_STATE_IN so that a program's open of it waits.
 */
#pragma once

#include <gio/gio.h>

#include "hr-snapshot.h"

G_BEGIN_DECLS

#define HR_TYPE_STATE_OFFER (hr_state_offer_get_type ())
G_DECLARE_DERIVABLE_TYPE (HrStateOffer, hr_state_offer, HR, STATE_OFFER, GObject)

/**
 * HrStateOfferClass:
 *
 * The two files of one instance. Signal "opened" (): the program opens HOTRELOAD_STATE_IN, once; it waits in that open
 * until hr_state_offer_give(), when the offer can make it wait. Dropping the last reference ends the wait with what
 * the file holds and removes HOTRELOAD_STATE_IN; HOTRELOAD_STATE_OUT stays until it is collected.
 */
struct _HrStateOfferClass {
  GObjectClass parent_class;

  const char *(*get_in_path) (HrStateOffer *self);
  const char *(*get_out_path) (HrStateOffer *self);
  gboolean (*is_barrier) (HrStateOffer *self);
  gboolean (*write) (HrStateOffer *self, GBytes *data, GError **error);
  gboolean (*give) (HrStateOffer *self, GBytes *data, GError **error);
};

const char *hr_state_offer_get_in_path (HrStateOffer *self);
const char *hr_state_offer_get_out_path (HrStateOffer *self);
gboolean hr_state_offer_is_barrier (HrStateOffer *self);
gboolean hr_state_offer_write (HrStateOffer *self, GBytes *data, GError **error);
gboolean hr_state_offer_give (HrStateOffer *self, GBytes *data, GError **error);
void hr_state_offer_emit_opened (HrStateOffer *self);

#define HR_TYPE_STATE_FILES (hr_state_files_get_type ())
G_DECLARE_INTERFACE (HrStateFiles, hr_state_files, HR, STATE_FILES, GObject)

struct _HrStateFilesInterface {
  GTypeInterface parent;

  HrStateOffer *(*offer) (HrStateFiles *self, const char *instance, guint64 release, GBytes *data, GError **error);
  HrStateOffer *(*resume) (HrStateFiles *self, const char *instance);
  gint64 (*wait_limit) (HrStateFiles *self);
  void (*collect_async) (HrStateFiles *self, const char *instance, guint64 release, guint version,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  HrSnapshot *(*collect_finish) (HrStateFiles *self, GAsyncResult *result, GError **error);
  void (*load_async) (HrStateFiles *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  HrSnapshot *(*load_finish) (HrStateFiles *self, GAsyncResult *result, GError **error);
  GPtrArray *(*list) (HrStateFiles *self);
  void (*renew) (HrStateFiles *self, const char *id);
  char *(*get_path) (HrStateFiles *self, const char *id);
  void (*discard) (HrStateFiles *self, const char *instance);
};

HrStateOffer *hr_state_files_offer (HrStateFiles *self, const char *instance, guint64 release, GBytes *data,
                                    GError **error);
HrStateOffer *hr_state_files_resume (HrStateFiles *self, const char *instance);
gint64 hr_state_files_wait_limit (HrStateFiles *self);
void hr_state_files_collect_async (HrStateFiles *self, const char *instance, guint64 release, guint version,
                                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
HrSnapshot *hr_state_files_collect_finish (HrStateFiles *self, GAsyncResult *result, GError **error);
void hr_state_files_load_async (HrStateFiles *self, const char *id, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
HrSnapshot *hr_state_files_load_finish (HrStateFiles *self, GAsyncResult *result, GError **error);
GPtrArray *hr_state_files_list (HrStateFiles *self);
void hr_state_files_renew (HrStateFiles *self, const char *id);
char *hr_state_files_get_path (HrStateFiles *self, const char *id);
void hr_state_files_discard (HrStateFiles *self, const char *instance);

G_END_DECLS
