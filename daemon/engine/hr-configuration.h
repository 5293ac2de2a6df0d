/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-configuration.h: the configuration directory of a daemon, and bringing the manager to what it says.
 */
#pragma once

#include "hr-config-change.h"

G_BEGIN_DECLS

#define HR_TYPE_CONFIGURATION (hr_configuration_get_type ())
G_DECLARE_FINAL_TYPE (HrConfiguration, hr_configuration, HR, CONFIGURATION, GObject)

HrConfiguration *hr_configuration_new (HrManager *manager, const char *dir);
HrConfigChange *hr_configuration_load (HrConfiguration *self, GError **error);
HrConfigChange *hr_configuration_add (HrConfiguration *self, const char *name, const char *text, GError **error);
HrJob *hr_configuration_remove (HrConfiguration *self, const char *name, const char *caller, GError **error);
HrServiceSpec *hr_configuration_parse (HrConfiguration *self, const char *name, const char *text, GError **error);
HrManager *hr_configuration_get_manager (HrConfiguration *self);

gboolean hr_configuration_check_running (HrConfiguration *self, GError **error);
void hr_configuration_take_carried (HrConfiguration *self);

G_END_DECLS
