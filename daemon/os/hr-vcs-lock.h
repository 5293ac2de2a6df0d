/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-vcs-lock.h: whether git is in the middle of changing a source.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A lock file older than this was left behind by a git that died, in seconds. */
#define HR_VCS_LOCK_AGE_MAX 600

gboolean hr_vcs_is_busy (const char *source);

G_END_DECLS
