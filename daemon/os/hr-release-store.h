/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-release-store.h: the releases of one service: scanning its source, recording, fates, differences.
 *
 * An interface; HrGitStore is the real one. Everything that touches files runs in a worker thread; at most one such
 * operation of a store runs at a time, later ones wait their turn. What is in memory of the releases is in its
 * HrReleaseBook: the newest and those in use, and of all others what became of them; these are read when asked for.
 */
#pragma once

#include <gio/gio.h>

#include "hr-release-book.h"

G_BEGIN_DECLS

/* More changed paths than this are counted, not named, and so not checked. */
#define HR_SCAN_FILES_MAX 100000

/**
 * HrScan:
 * @tree: hex id of the source's tree, content, modes and empty directories included; stored, so that it can be placed
 * @files: what differs from the tree it was compared with: paths, sorted, at most %HR_SCAN_FILES_MAX
 * @n_changed: how many paths differ
 * @n_files: how many files the tree has
 * @share_dirs: ignored directories that are used in place, relative to the source
 * @share_files: ignored single files (and links) that are used in place
 * @warnings: what could not be recorded and why, for people
 * @quiet: the youngest of the files that were read had not changed for so long when it was, in microseconds;
 *   %G_MAXINT64 when nothing was read
 *
 * The source at one moment.
 */
typedef struct {
  char *tree;
  char **files;
  guint n_changed;
  guint n_files;
  char **share_dirs;
  char **share_files;
  char **warnings;
  gint64 quiet;
} HrScan;

HrScan *hr_scan_copy (const HrScan *self);
void hr_scan_free (HrScan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrScan, hr_scan_free)

#define HR_TYPE_RELEASE_STORE (hr_release_store_get_type ())
G_DECLARE_INTERFACE (HrReleaseStore, hr_release_store, HR, RELEASE_STORE, GObject)

struct _HrReleaseStoreInterface {
  GTypeInterface parent;

  void (*scan_async) (HrReleaseStore *self, const char *const *hints, const char *base_tree, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data);
  HrScan *(*scan_finish) (HrReleaseStore *self, GAsyncResult *result, GError **error);
  void (*commit_async) (HrReleaseStore *self, const HrRelease *draft, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
  HrRelease *(*commit_finish) (HrReleaseStore *self, GAsyncResult *result, GError **error);
  void (*set_fate) (HrReleaseStore *self, guint64 number, HrFate fate, const char *phase, const char *message);
  void (*diff_async) (HrReleaseStore *self, const char *from_tree, const char *to_tree, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data);
  char *(*diff_finish) (HrReleaseStore *self, GAsyncResult *result, GError **error);
  void (*list_async) (HrReleaseStore *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  void (*load_async) (HrReleaseStore *self, guint64 number, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  HrRelease *(*load) (HrReleaseStore *self, guint64 number, GError **error);
  HrReleaseBook *(*get_book) (HrReleaseStore *self);
  void (*allow_large) (HrReleaseStore *self);
};

void hr_release_store_scan_async (HrReleaseStore *self, const char *const *hints, const char *base_tree,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
HrScan *hr_release_store_scan_finish (HrReleaseStore *self, GAsyncResult *result, GError **error);
void hr_release_store_commit_async (HrReleaseStore *self, const HrRelease *draft, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
HrRelease *hr_release_store_commit_finish (HrReleaseStore *self, GAsyncResult *result, GError **error);
void hr_release_store_set_fate (HrReleaseStore *self, guint64 number, HrFate fate, const char *phase,
                                const char *message);
void hr_release_store_diff_async (HrReleaseStore *self, const char *from_tree, const char *to_tree,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
char *hr_release_store_diff_finish (HrReleaseStore *self, GAsyncResult *result, GError **error);
void hr_release_store_list_async (HrReleaseStore *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data);
GPtrArray *hr_release_store_list_finish (HrReleaseStore *self, GAsyncResult *result, GError **error);
void hr_release_store_load_async (HrReleaseStore *self, guint64 number, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);
HrRelease *hr_release_store_load_finish (HrReleaseStore *self, GAsyncResult *result, GError **error);
void hr_release_store_hold (HrReleaseStore *self, const GArray *used);
HrReleaseBook *hr_release_store_get_book (HrReleaseStore *self);
void hr_release_store_allow_large (HrReleaseStore *self);
const HrRelease *hr_release_store_get (HrReleaseStore *self, guint64 number);

G_END_DECLS
