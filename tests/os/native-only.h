/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * native-only.h: single cases that valgrind cannot run, in a program that it can.
 */
#pragma once

#include <glib.h>

gboolean native_only (const char *why);
