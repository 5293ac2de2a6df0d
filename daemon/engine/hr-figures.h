/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-figures.h: what the services of a manager come to, taken together.
 */
#pragma once

#include "hr-manager.h"

G_BEGIN_DECLS

gboolean hr_figures_get_enabled (HrManager *manager);
guint hr_figures_get_watched_files (HrManager *manager);
guint hr_figures_get_watched_directories (HrManager *manager);
guint hr_figures_get_jobs (HrManager *manager);
char **hr_figures_get_pending (HrManager *manager);

G_END_DECLS
