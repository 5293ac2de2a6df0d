/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-manager.h: all services of one daemon, and every request that can be made of them.
 *
 * The bus layer translates to and from this and nothing else. Signals:
 *
 * - "event" (HrEvent *): something happened, see hr-event.h
 * - "service-added" (HrService *), "service-removed" (HrService *)
 * - "job-added" (HrJob *), "job-removed" (HrJob *): a finished job is removed a minute after its end
 * - "changed" (): figures or lists of the manager differ; at most once a turn of the main loop is worth acting on
 */
#pragma once

#include "hr-event.h"
#include "hr-job-list.h"
#include "hr-platform.h"
#include "hr-service.h"

G_BEGIN_DECLS

/* Limits on what clients can make the manager hold. */
#define HR_MANAGER_SERVICES_MAX 10000
/* Transient services, with those that were removed and are still stopping. */
#define HR_MANAGER_TRANSIENTS_MAX 192
#define HR_MANAGER_TRANSIENTS_OF_USER_MAX 128

#define HR_TYPE_MANAGER (hr_manager_get_type ())
G_DECLARE_FINAL_TYPE (HrManager, hr_manager, HR, MANAGER, GObject)

HrManager *hr_manager_new (HrPlatform *platform, const char *profile);

/* Services come and go; what the configuration directory says is brought here by HrConfigChange. */
HrService *hr_manager_admit (HrManager *self, const char *name, const char *file, HrServiceSpec *spec, const char *why);
HrJob *hr_manager_add (HrManager *self, HrServiceSpec *spec, HrCallerContext *caller, const char *who, GError **error);
HrJob *hr_manager_remove (HrManager *self, const char *name, const char *caller, GError **error);

/* Over a re-execution of the daemon, see hr-manager-carry.c. */
void hr_manager_hold (HrManager *self);
void hr_manager_put_back (HrManager *self);
char *hr_manager_find_activity (HrManager *self);
GVariant *hr_manager_carry (HrManager *self, GArray *fds);
void hr_manager_take_carried (HrManager *self, GVariant *carried);
GVariant *hr_manager_list_carried_transients (HrManager *self);
HrService *hr_manager_add_carried (HrManager *self, HrServiceSpec *spec, HrCallerContext *caller, GError **error);
void hr_manager_release (HrManager *self);

HrService *hr_manager_get (HrManager *self, const char *name, GError **error);
GPtrArray *hr_manager_list (HrManager *self);
GPtrArray *hr_manager_list_jobs (HrManager *self);

/* Requests of one service are made of the HrService; these are for all. */
HrJob *hr_manager_reload_all (HrManager *self, const char *caller);
void hr_manager_set_paused (HrManager *self, gboolean paused);

/* Stops every service, oldest deadline first; @callback when none is left. */
void hr_manager_shutdown_async (HrManager *self, GAsyncReadyCallback callback, gpointer user_data);
void hr_manager_shutdown_finish (HrManager *self, GAsyncResult *result);
void hr_manager_leave_async (HrManager *self, GAsyncReadyCallback callback, gpointer user_data);
void hr_manager_leave_finish (HrManager *self, GAsyncResult *result);

/* Figures; what follows from the services is in HrFigures. */
const char *hr_manager_get_profile (HrManager *self);
gboolean hr_manager_get_paused (HrManager *self);
guint hr_manager_get_reload_count (HrManager *self);
guint hr_manager_get_failed_reloads (HrManager *self);
gint64 hr_manager_get_last_reload (HrManager *self);
gint64 hr_manager_get_uptime (HrManager *self);
HrPlatform *hr_manager_get_platform (HrManager *self);

G_END_DECLS
