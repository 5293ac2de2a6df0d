/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-report.h: telling the daemon that the program listens, and what else the calls on shared sockets have in common.
 */
#pragma once

#include <stdbool.h>

#include "adopt-table.h"

bool adopt_is_on (void);
bool adopt_has_reported (void);
void adopt_report_if_shared (int fd);
bool adopt_miss (int fd, const AdoptEntry *entry, bool waits, bool looked, bool will_come);
