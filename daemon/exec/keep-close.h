/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * keep-close.h: closing what the keeper held.
 */
#pragma once

void keep_close (const char *key, int fd);
