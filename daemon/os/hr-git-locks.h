/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-locks.h: lock files in the rollback store that a daemon left which was killed while it held them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void hr_git_locks_clear (const char *path);

G_END_DECLS
