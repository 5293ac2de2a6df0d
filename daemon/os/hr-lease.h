/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-lease.h: a write lease on a regular file: another process's open of it waits and is told to us.
 *
 * The kernel tells by a signal. Its handler only wakes the main loop, which then asks each lease, so that a signal
 * that was merged with another or lost is no harm. A handler, not a blocked signal: it does not outlive an exec, so
 * programs that are started need nothing undone. The kernel ends the wait by itself after
 * /proc/sys/fs/lease-break-time. Leases need the file to be ours (or CAP_LEASE) and a file system that has them.
 */
#pragma once

#include <glib.h>
#include <signal.h>

G_BEGIN_DECLS

/* The signal at which the kernel tells of an open; taken by this file for the whole process, as is SIGIO, which the
 * kernel sends instead when its queue is full. */
#define HR_LEASE_SIGNAL (SIGRTMIN + 5)

typedef struct _HrLease HrLease;

/**
 * HrLeaseOpenedFunc:
 * @user_data: what was given to hr_lease_new()
 *
 * Another process opens the file and waits. Called once, from the main loop; may free the lease.
 */
typedef void (*HrLeaseOpenedFunc) (gpointer user_data);

gboolean hr_lease_init (GError **error);
gint64 hr_lease_wait_max (void);
HrLease *hr_lease_new (int fd, HrLeaseOpenedFunc func, gpointer user_data, GError **error);
gboolean hr_lease_expired (HrLease *self);
void hr_lease_free (HrLease *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLease, hr_lease_free)

G_END_DECLS
