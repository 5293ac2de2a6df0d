/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-age.h: how long a connection had waited in the queue when it was accepted.
 *
 * Only while the daemon asks for it, which it does during a reload: at other times an accept() costs nothing more.
 */
#pragma once

#include "hr-adopt-protocol.h"

void adopt_age_note (HrAdoptPage *page, int connection);
