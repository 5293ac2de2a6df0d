/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-mount.h: mounts that only this process and its children see.
 *
 * By the calls that work on descriptors (Linux 5.12): a tree is cloned from what a descriptor refers to, and attached to
 * what another does. Whatever the kernel refuses ends in exec_fail().
 */
#pragma once

#include <stdbool.h>

void exec_mount_enter_namespace (void);
int exec_mount_open (const char *path);
int exec_mount_open_below (int top, const char *top_path, const char *path, unsigned resolve);
int exec_mount_clone (int from, const char *path, bool read_only);
void exec_mount_set_read_only (int tree, const char *path);
void exec_mount_attach (int tree, int to, const char *path);
