/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-calls.h: what a method of the manager and the same method of a service have in common: one implementation.
 *
 * Each answers the invocation, now or later, and takes it; @service is never %NULL: whoever looks it up answers for a
 * missing one.
 */
#pragma once

#include <gio/gio.h>

#include "hr-manager.h"

G_BEGIN_DECLS

/* A caller's diff or history above this is cut or refused by the message limit of the bus; ours is lower. */
#define HR_BUS_HISTORY_DEFAULT 10

gboolean hr_bus_check_options (GDBusMethodInvocation *invocation, GVariant *options, const char *const *known);
void hr_bus_return_job (GDBusMethodInvocation *invocation, HrJob *job, GError *error);

void hr_bus_call_start (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_stop (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_restart (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_reload (HrService *service, GDBusMethodInvocation *invocation, GVariant *options);
void hr_bus_call_rollback (HrService *service, GDBusMethodInvocation *invocation, guint64 release);
/* What somebody decides about a canary, such as hr_service_promote_canary(). */
typedef gboolean (*HrBusDecideFunc) (HrService *service, const char *caller, GError **error);
void hr_bus_call_decide (HrService *service, GDBusMethodInvocation *invocation, HrBusDecideFunc decide);
void hr_bus_call_set_paused (HrService *service, GDBusMethodInvocation *invocation, gboolean paused);
void hr_bus_call_reset_failed (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_diff (HrService *service, GDBusMethodInvocation *invocation, guint64 from, guint64 to);
void hr_bus_call_plan (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_list_releases (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_create_snapshot (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_list_snapshots (HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_restore_snapshot (HrService *service, GDBusMethodInvocation *invocation, const char *id);
void hr_bus_call_history (HrManager *manager, GDBusMethodInvocation *invocation, const char *service, guint limit);

G_END_DECLS
