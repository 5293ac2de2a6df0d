/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-config-check.h: what a spec names, looked up in the real file system. Blocks.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

gboolean hr_config_spec_check (HrServiceSpec *spec, GError **error);
gboolean hr_config_program_check (HrServiceSpec *spec, GError **error);

G_END_DECLS
