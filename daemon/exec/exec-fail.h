/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-fail.h: how hotreload-exec says that the program cannot be started.
 *
 * Whoever started the helper reads it from a pipe that exec closes: nothing in it means that the program runs.
 */
#pragma once

/* As a shell has it: the program is not there, or something else is in the way. */
#define EXEC_EXIT_NOT_FOUND 127
#define EXEC_EXIT_FAILED 126

void exec_fail_set_fd (int fd);
void exec_fail_set_subject (const char *words);
_Noreturn void exec_fail (const char *step, int errnum, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
