/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-match.h: which listener an instance is given for what it binds, and how what it made itself is kept.
 */
#pragma once

#include "hr-adopt-protocol.h"
#include "hr-socket-listeners.h"

G_BEGIN_DECLS

int hr_adopt_match_take (HrSocketListeners *listeners, const char *instance, const HrAdoptRequest *request,
                         HrListenerMatch match);
char *hr_adopt_match_get_path (const HrAdoptRequest *request);
void hr_adopt_match_keep (HrSocketListeners *listeners, const char *instance, const HrAdoptRequest *request, int fd,
                          HrSocketFile *file);

G_END_DECLS
