/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-file.h: the file by which a Unix socket is found, known by device and inode.
 *
 * Its path may mean something else to a program (it has a mount namespace of its own) and may be given to another file
 * at any time. So it is looked up from a descriptor of its directory, and never removed unless it is still the one.
 */
#pragma once

#include <sys/types.h>

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrSocketFile HrSocketFile;

HrSocketFile *hr_socket_file_new (const char *path, GError **error);
HrSocketFile *hr_socket_file_new_in (const char *root, const char *path, GError **error);
void hr_socket_file_free (HrSocketFile *self);
gboolean hr_socket_file_is (HrSocketFile *self, dev_t device, ino_t inode);
void hr_socket_file_identify (HrSocketFile *self, guint64 *device, guint64 *inode);
gboolean hr_socket_file_is_in (HrSocketFile *self, dev_t device, ino_t inode);
uid_t hr_socket_file_get_owner (HrSocketFile *self);
gboolean hr_socket_file_is_there (HrSocketFile *self);
void hr_socket_file_remove (HrSocketFile *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSocketFile, hr_socket_file_free)

G_END_DECLS
