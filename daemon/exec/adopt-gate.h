/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-gate.h: whether this instance still accepts connections.
 *
 * The sockets are shared with the successor: when that one serves, the old instance finishes what it has accepted and
 * leaves the queue alone. The daemon says so in memory that it shares with the instance's processes; forked children
 * inherit it. There it also learns whether a datagram is being answered: of these the kernel knows no more once they
 * are received.
 */
#pragma once

#include <stdbool.h>

#include "hr-adopt-protocol.h"

void adopt_gate_open (void);
void adopt_gate_join (void);
HrAdoptPage *adopt_gate_page (void);
bool adopt_gate_enter (HrAdoptPage **page);
void adopt_gate_leave (HrAdoptPage *page, bool accepted);
void adopt_gate_tell (uint64_t cookie, bool non_blocking);
bool adopt_gate_recall (uint64_t cookie, bool otherwise);
void adopt_gate_begin_handling (HrAdoptPage *page);
bool adopt_gate_is_handling (void);
void adopt_gate_end_handling (void);
