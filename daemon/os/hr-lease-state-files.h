/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-lease-state-files.h: state by file with an open that waits, and the snapshots of one service on disk.
 *
 * Each instance has a directory below the exchange directory with its two files and a note of its release, of
 * State.Version and of the boot in which it was made. What instances left there that this process knows nothing of (its predecessor died
 * before collecting) becomes snapshots under the time at which it was written, before anything else is stored or
 * loaded.
 */
#pragma once

#include "hr-keeper.h"
#include "hr-service-spec.h"
#include "hr-state-files.h"

G_BEGIN_DECLS

/* So much earlier than the kernel ends an open's wait it must have been given its state, in microseconds. */
#define HR_STATE_WAIT_MARGIN (5 * G_USEC_PER_SEC)

#define HR_TYPE_LEASE_STATE_FILES (hr_lease_state_files_get_type ())
G_DECLARE_FINAL_TYPE (HrLeaseStateFiles, hr_lease_state_files, HR, LEASE_STATE_FILES, GObject)

HrStateFiles *hr_lease_state_files_new (HrServiceSpec *spec, const char *snapshots_dir, const char *exchange_dir);
void hr_lease_state_files_set_keeper (HrLeaseStateFiles *self, HrKeeper *keeper);

G_END_DECLS
