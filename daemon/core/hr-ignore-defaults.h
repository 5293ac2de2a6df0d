/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ignore-defaults.h: the names that mean the same in every source: what is ignored without being told, and which
 * ignored names are build output.
 */
#pragma once

#include "hr-ignore.h"

G_BEGIN_DECLS

gboolean hr_ignore_default_class (const char *path, const char *base, gboolean is_dir, HrPathClass *path_class);
gboolean hr_ignore_is_build_output (const char *path);
gboolean hr_ignore_is_being_written (const char *base, guint mode);

G_END_DECLS
