/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-wait.h: where in the kernel a process is that does not end although it was killed.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *hr_process_describe_wait (GPid pid);

G_END_DECLS
