/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-report.h: telling the daemon that the program listens.
 */
#pragma once

#include <stdbool.h>

bool adopt_has_reported (void);
void adopt_report_if_shared (int fd);
