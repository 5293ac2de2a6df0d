/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-children.h: what runs below this process besides the services' main processes.
 *
 * The daemon is the reaper of orphans: what an instance that has ended left behind is its child, or below such a child.
 * To look there takes what the orphans take, while to look through /proc takes what all processes of the machine take.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void hr_process_children_enter (GPid leader);
void hr_process_children_leave (GPid leader);
GArray *hr_process_children_list (void);

G_END_DECLS
