/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-state-lock.h: one daemon per state directory.
 *
 * An exclusive flock on STATE/lock, which holds the holder's PID for messages. The kernel drops it with the holder, so
 * a dead daemon is never in the way; the file stays.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A daemon that is just ending gets so long, in microseconds. */
#define HR_STATE_LOCK_WAIT_USEC (5 * G_USEC_PER_SEC)
/* With less free space than this nothing that a reload must store could be relied on, in bytes. */
#define HR_STATE_SPACE_MIN (64 * 1024)

int hr_state_lock_take (const char *state_dir, GError **error);
gboolean hr_state_dir_prepare (const char *path, const char *option, GError **error);
gboolean hr_state_dir_check_space (const char *path, GError **error);

G_END_DECLS
