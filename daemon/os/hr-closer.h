/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-closer.h: closes, off the main loop, descriptors that processes of an instance have sent.
 *
 * close() of the last copy of a socket waits for as long as its SO_LINGER says, and that of a file as long as the program
 * that serves its file system (FUSE) likes. A socket that is closed with messages in its queue closes what came with them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The kernel lets no more descriptors travel with one message. */
#define HR_CLOSER_FDS_MAX 253
/* How many threads of one instance may hang; from then on it is not listened to until one of them has ended. */
#define HR_CLOSER_THREADS_MAX 32
/* How soon it is seen whether it can be listened to again. */
#define HR_CLOSER_RETRY_MSEC 20

typedef struct _HrCloser HrCloser;

/**
 * HrSharedListener:
 *
 * A descriptor that g_auto (HrSharedListener) closes by hr_closer_clear_listener(); -1 is none.
 */
typedef int HrSharedListener;

HrCloser *hr_closer_new (void);
HrCloser *hr_closer_ref (HrCloser *self);
void hr_closer_free (HrCloser *self);
gboolean hr_closer_is_full (HrCloser *self);
void hr_closer_close (HrCloser *self, const int *fds, gsize n_fds);
void hr_closer_clear (HrCloser *self, int *fd);
void hr_closer_clear_listener (int *fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrCloser, hr_closer_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HrSharedListener, hr_closer_clear_listener)

G_END_DECLS
