/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-protect.h: what of the file system the program cannot write, and a /tmp that nobody else sees.
 *
 * In the mount namespace of the view, or in one made for it. Comes after the view.
 */
#pragma once

#include <stdbool.h>

/**
 * ExecProtect:
 * @system: (nullable): "yes": /usr and what boots is read-only; "full": /etc too; "strict": all but @writable and what
 *   the kernel shows in /dev, /proc and /sys
 * @private_tmp: whether /tmp and /var/tmp are empty at first and go with the last process that sees them
 * @writable: NULL-terminated: directories that stay writable and reachable; one with a '-' before it may be missing
 * @visible: NULL-terminated: directories that stay reachable in spite of @private_tmp
 */
typedef struct {
  const char *system;
  bool private_tmp;
  const char **writable;
  const char **visible;
} ExecProtect;

void exec_protect_apply (const ExecProtect *self);
