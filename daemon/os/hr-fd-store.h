/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fd-store.h: descriptors that a service has stored with the daemon, for the next of its processes.
 *
 * Each has a name, which several may have. None is stored twice: what is the same open file stays under the name that it
 * has. Where there is a keeper it has copies, so that the next daemon has them again. Nothing here waits: what is closed
 * is closed by an HrCloser, and nothing is asked of a descriptor that its file's server could be slow to answer.
 */
#pragma once

#include "hr-keeper.h"

G_BEGIN_DECLS

/**
 * HrStoredFd:
 * @name: for LISTEN_FDNAMES
 * @fd: belongs to the store
 */
typedef struct {
  char *name;
  int fd;
} HrStoredFd;

/**
 * HrFdStoreResult:
 * @HR_FD_STORE_TAKEN: it is stored
 * @HR_FD_STORE_KNOWN: it was stored before
 * @HR_FD_STORE_FULL: there are as many as there may be
 * @HR_FD_STORE_BUSY: what was let go of before hangs in being closed
 */
typedef enum { HR_FD_STORE_TAKEN, HR_FD_STORE_KNOWN, HR_FD_STORE_FULL, HR_FD_STORE_BUSY } HrFdStoreResult;

/* Signal: "changed" (): what is stored. */
#define HR_TYPE_FD_STORE (hr_fd_store_get_type ())
G_DECLARE_FINAL_TYPE (HrFdStore, hr_fd_store, HR, FD_STORE, GObject)

HrFdStore *hr_fd_store_new (const char *service, HrKeeper *keeper);
void hr_fd_store_set_max (HrFdStore *self, guint max);
guint hr_fd_store_get_max (HrFdStore *self);
HrFdStoreResult hr_fd_store_add (HrFdStore *self, int *fd, const char *name, gboolean polls);
void hr_fd_store_remove (HrFdStore *self, const char *name);
void hr_fd_store_empty (HrFdStore *self);
GPtrArray *hr_fd_store_list (HrFdStore *self);
void hr_fd_store_settle (HrKeeper *keeper);

G_END_DECLS
