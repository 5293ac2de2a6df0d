/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-why.h: why a program cannot be executed, in words that say what to do.
 *
 * The kernel has one number for a missing program, a missing interpreter and a first line with Windows line ends.
 */
#pragma once

#include <stdbool.h>

bool exec_why_is_elf (const char *path);
_Noreturn void exec_why_fail (const char *program, int errnum);
