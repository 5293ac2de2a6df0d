/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-base-environment.h: the environment that a service has whichever instance of it runs.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

char **hr_base_environment (const HrServiceSpec *spec, GError **error);

G_END_DECLS
