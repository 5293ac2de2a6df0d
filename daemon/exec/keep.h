/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * keep.h: the keeper: holds copies of descriptors for the daemon, and gives them to the next one.
 */
#pragma once

int keep_run (int listening);
