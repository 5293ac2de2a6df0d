/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-keeper.h: the process that holds copies of descriptors, so that they outlive the daemon.
 *
 * What cannot be had again is stored under a key: listeners with what waits in their queues, the memory that is shared
 * with an instance, the descriptor of its process. The keeper is started with the first of them; when it ends, another
 * is started and gets all again. The next daemon finds it by its socket in the runtime directory and takes out what it
 * wants. What is stored stays the caller's, and is sent again when need be: it must be open until it is forgotten.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A keeper that ends at once is not started more often than this. */
#define HR_KEEPER_START_INTERVAL_MSEC 1000

/**
 * HrKept:
 * @key: under which it was stored
 * @data: what was stored with it
 * @fd: the descriptor; -1: it has been taken out of here
 */
typedef struct {
  char *key;
  char *data;
  int fd;
} HrKept;

void hr_kept_free (HrKept *self);

#define HR_TYPE_KEEPER (hr_keeper_get_type ())
G_DECLARE_FINAL_TYPE (HrKeeper, hr_keeper, HR, KEEPER, GObject)

HrKeeper *hr_keeper_new (const char *runtime_dir);
void hr_keeper_store (HrKeeper *self, const char *key, const char *data, int fd);
void hr_keeper_forget (HrKeeper *self, const char *key);
GPtrArray *hr_keeper_take (HrKeeper *self, const char *prefix);
int hr_keeper_take_one (HrKeeper *self, const char *key);
void hr_keeper_close (HrKeeper *self);
void hr_keeper_settle (HrKeeper *self);
gboolean hr_keeper_is_idle (HrKeeper *self);
gboolean hr_keeper_is_new (HrKeeper *self);
GPid hr_keeper_get_pid (HrKeeper *self);

G_END_DECLS
