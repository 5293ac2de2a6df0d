/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-dir-private.h: what hr-slot-dir.c (the directory and the ways into it), hr-slot-read.c and hr-slot-write.c
 * share.
 */
#pragma once

#include "hr-fd.h"
#include "hr-owner.h"
#include "hr-slot-dir.h"

/* The one name that is used in the temporary directory: there is one operation of a service at a time. */
#define HR_SLOT_DIR_NEW "new"

struct _HrSlotDir {
  char *path;
  char *temporary; /* NULL: only to read */
  HrFd root;
  HrFd temporary_fd;

  /* The directory used last: paths come sorted, so it is nearly always the next one's too. */
  char *parent;
  HrFd parent_fd;

  GHashTable *modes; /* path of a directory → mode that it gets at the end */
  guint changes;
  HrOwner owner; /* of what is made */
};

gboolean hr_slot_dir_set_error (HrSlotDir *self, GError **error, int errnum, const char *what, const char *path);
void hr_slot_dir_forget_parent (HrSlotDir *self);
int hr_slot_dir_chmod (int fd, guint mode);
gboolean hr_slot_dir_loosen (HrSlotDir *self, const char *path, gsize length, int fd);
int hr_slot_dir_enter (HrSlotDir *self, const char *path, gsize length);
int hr_slot_dir_parent (HrSlotDir *self, const char *path, const char **name);
gboolean hr_slot_dir_may_retry (HrSlotDir *self, const char *path);
int hr_slot_dir_open_in (HrSlotDir *self, const char *path, int flags);
