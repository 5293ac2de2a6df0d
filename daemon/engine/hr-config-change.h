/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-config-change.h: bringing the services to what the configuration directory says, and what that came to.
 */
#pragma once

#include "hr-manager.h"

G_BEGIN_DECLS

/**
 * HrConfigChange:
 * @added: (element-type utf8): names of services that are new
 * @changed: (element-type utf8): of those whose file says something else
 * @removed: (element-type utf8): of those without a file
 * @broken: (element-type utf8): why a file was not applied, one for each that was not
 * @jobs: (element-type HrJob): starts, reloads and stops that follow
 *
 * What reading the configuration came to.
 */
typedef struct {
  GPtrArray *added;
  GPtrArray *changed;
  GPtrArray *removed;
  GPtrArray *broken;
  GPtrArray *jobs;
} HrConfigChange;

HrConfigChange *hr_config_change_apply (HrManager *manager, GPtrArray *entries);
GError *hr_config_change_get_error (const HrConfigChange *self);
void hr_config_change_free (HrConfigChange *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrConfigChange, hr_config_change_free)

G_END_DECLS
