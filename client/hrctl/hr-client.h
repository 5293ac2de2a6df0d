/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-client.h: the connection to one daemon: calls with a deadline, and whether the daemon is still there.
 *
 * Calls go to the unique name found when connecting, so that they never reach another daemon nor start one.
 */
#pragma once

#include "hr-bus.h"

G_BEGIN_DECLS

/* A call without a deadline of its own may take this long, in milliseconds. */
#define HR_CLIENT_TIMEOUT_MSEC (25 * 1000)
/* As long may a call take that the daemon answers when something has been done. */
#define HR_CLIENT_LONG_TIMEOUT_MSEC (10 * 60 * 1000)

typedef struct _HrClient HrClient;

HrClient *hr_client_connect (HrBusChoice choice, gboolean activate, GError **error);
HrClient *hr_client_new (GDBusConnection *bus, GError **error);
void hr_client_free (HrClient *self);

void hr_client_limit_calls (HrClient *self, int timeout_msec);
GDBusConnection *hr_client_get_bus (HrClient *self);
const char *hr_client_get_owner (HrClient *self);
gboolean hr_client_is_lost (HrClient *self);
void hr_client_set_lost_error (GError **error);

GVariant *hr_client_call (HrClient *self, const char *method, GVariant *arguments, const char *reply_type,
                          int timeout_msec, GError **error);
GVariant *hr_client_get_properties (HrClient *self, const char *path, const char *interface, GError **error);
GVariant *hr_client_get_objects (HrClient *self, GError **error);
GVariant *hr_client_get_service (HrClient *self, const char *name, GError **error);
GStrv hr_client_list_services (HrClient *self, GError **error);
guint hr_client_subscribe (HrClient *self, const char *path, const char *interface, const char *member,
                           const char *arg0, GDBusSignalCallback callback, gpointer user_data);

int hr_client_exit_code (const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrClient, hr_client_free)

G_END_DECLS
