/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-local-platform.h: the platform of a real daemon: this machine, a state and a runtime directory.
 *
 * It only wires: which implementation is behind which interface, and what lies where below the two directories:
 *
 *   STATE/lock, store.git, slots/NAME, snapshots/NAME, exchange/NAME, logs/, history.jsonl, run-state.json,
 *   run-state/NAME.json and NAME.boot
 *   RUNTIME/ sockets of the instances, mount points
 *
 * State on its way out of a program (exchange) is below STATE, so that what a program writes when the machine goes down
 * is found after it is up again.
 */
#pragma once

#include "hr-inherited-sockets.h"
#include "hr-platform.h"

G_BEGIN_DECLS

#define HR_TYPE_LOCAL_PLATFORM (hr_local_platform_get_type ())
G_DECLARE_FINAL_TYPE (HrLocalPlatform, hr_local_platform, HR, LOCAL_PLATFORM, HrPlatform)

HrPlatform *hr_local_platform_new (const char *state_dir, const char *runtime_dir, HrInheritedSockets *inherited,
                                   int lock, GError **error);
int hr_local_platform_get_lock (HrLocalPlatform *self);
gboolean hr_local_platform_is_kept (HrLocalPlatform *self);
void hr_local_platform_settle_async (HrLocalPlatform *self, GAsyncReadyCallback callback, gpointer user_data);
void hr_local_platform_settle_finish (HrLocalPlatform *self, GAsyncResult *result);
void hr_local_platform_close (HrLocalPlatform *self);
void hr_local_platform_set_bus (HrLocalPlatform *self, GDBusConnection *bus);

G_END_DECLS
