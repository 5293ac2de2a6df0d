/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fd.h: descriptors that close themselves and stay away from 0, 1 and 2.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrFd:
 *
 * A descriptor that g_auto (HrFd) closes; -1 is none. Initialise it, always.
 */
typedef int HrFd;

void hr_fd_clear (int *fd);
int hr_fd_steal (int *fd);
gboolean hr_fd_write_all (int fd, const void *data, gsize size, GError **error);
GBytes *hr_fd_read_all (int fd, gsize size_max, GError **error);
gboolean hr_fd_is_same (int fd, int other);
int hr_fd_dup (int fd, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HrFd, hr_fd_clear)

G_END_DECLS
