/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-store-private.h: the inside of HrGitStore, shared by its files: hr-git-store.c (the queue, and what writes) and
 * hr-git-store-read.c (what only reads).
 */
#pragma once

#include "hr-git-pool.h"
#include "hr-git-scan.h"
#include "hr-git-store.h"

G_BEGIN_DECLS

struct _HrGitStore {
  GObject parent;

  HrServiceSpec *spec;
  HrGitPool *handles;
  char *repo_path;
  int large;      /* atomic, see hr_release_store_allow_large() */
  int distrusted; /* atomic, see hr_git_store_distrust() */
  HrReleaseBook *book;
  GThreadPool *pool; /* of one thread; HrGitOperation */

  struct {
    HrGitRepo *repo;  /* during an operation */
    GArray *unsynced; /* HrOid, see hr_git_pool_take() */
    HrGitScan *scan;
    guint64 last; /* number given last */
    char *newest; /* commit of the newest release that is sound, or NULL */
  } worker;
};

typedef struct _HrGitOperation HrGitOperation;

/* One thing that a store does in its worker. */
struct _HrGitOperation {
  void (*run) (HrGitStore *self, HrGitOperation *operation);
  GTask *task; /* NULL: nobody waits */

  char **hints;
  char *from_tree; /* of a scan: the base */
  char *to_tree;
  HrRelease *release; /* draft; with its fate */
  guint64 number;     /* to be loaded */

  gpointer result;
  GDestroyNotify free_result;
  GError *error;
};

HrGitOperation *hr_git_operation_new (HrGitStore *self, void (*run) (HrGitStore *, HrGitOperation *),
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data,
                                      gpointer tag);
void hr_git_store_push (HrGitStore *self, HrGitOperation *operation);

/* hr-git-store-read.c */
void hr_git_store_diff_async (HrReleaseStore *store, const char *from_tree, const char *to_tree,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
char *hr_git_store_diff_finish (HrReleaseStore *store, GAsyncResult *result, GError **error);
void hr_git_store_list_async (HrReleaseStore *store, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data);
void hr_git_store_load_async (HrReleaseStore *store, guint64 number, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
HrRelease *hr_git_store_load (HrReleaseStore *store, guint64 number, GError **error);

G_END_DECLS
