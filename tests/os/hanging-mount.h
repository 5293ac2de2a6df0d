/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hanging-mount.h: a process in whose view looking for a file never ends.
 *
 * A directory of it is a FUSE mount that nobody serves, in a mount namespace of its own. When the process is ended the
 * kernel ends the mount, and with it whoever still looks.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/**
 * HangingMountFunc:
 * @data: what was given to hanging_mount_new()
 *
 * Run in the process, as the last it does.
 */
typedef void (*HangingMountFunc) (gpointer data);

pid_t hanging_mount_new (const char *dir, HangingMountFunc func, gpointer data);
void hanging_mount_free (pid_t pid);

G_END_DECLS
