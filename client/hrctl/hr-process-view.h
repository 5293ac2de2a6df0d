/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-view.h: the processes of a service as trees, and what they use together.
 */
#pragma once

#include "hr-output.h"

G_BEGIN_DECLS

void hr_process_view_print (GVariant *processes, GVariant *usage, HrOutput *output);

G_END_DECLS
