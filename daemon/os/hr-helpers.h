/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-helpers.h: the programs and libraries beside the daemon, without which it can start nothing.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* HR_EXEC_HELPER, HR_JOURNAL_HELPER, HR_ADOPT_LIBRARY, HR_PROBE_LIBRARY */
char *hr_helper_path (const char *name);
gboolean hr_helpers_check (GError **error);
char **hr_helpers_describe_missing (void);

G_END_DECLS
