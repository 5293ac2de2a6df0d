/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longer words are cut off; a pipe takes this in one piece. */
#define MESSAGE_MAX 2048

static int status_fd = -1;
static const char *subject;

/**
 * exec_fail_set_fd:
 * @fd: close-on-exec descriptor for exec_fail(), -1 for standard error
 */
void
exec_fail_set_fd (int fd)
{
  status_fd = fd;
}

/**
 * exec_fail_set_subject:
 * @words: (nullable): what cannot be had when what comes now fails; put before each sentence. Must stay
 */
void
exec_fail_set_subject (const char *words)
{
  subject = words;
}

/**
 * exec_fail:
 * @step: what was being done, one word
 * @errnum: errno, or 0
 * @format: a sentence without the meaning of @errnum, which is added
 *
 * Writes "STEP\nERRNO\nSENTENCE" to the status descriptor, or the sentence to standard error, and exits.
 */
void
exec_fail (const char *step, int errnum, const char *format, ...)
{
  char text[MESSAGE_MAX], message[MESSAGE_MAX + 64];
  va_list args;
  int length = 0;

  va_start (args, format);
  if (subject != NULL)
    length = snprintf (text, sizeof text, "%s: ", subject);
  vsnprintf (text + length, sizeof text - (size_t)length, format, args);
  va_end (args);

  if (status_fd >= 0)
    length = snprintf (message, sizeof message, "%s\n%d\n%s%s%s", step, errnum, text, errnum != 0 ? ": " : "",
                       errnum != 0 ? strerror (errnum) : "");
  else
    length = snprintf (message, sizeof message, "hotreload-exec: %s%s%s\n", text, errnum != 0 ? ": " : "",
                       errnum != 0 ? strerror (errnum) : "");
  if (length > (int)sizeof message - 1)
    length = (int)sizeof message - 1;
  if (write (status_fd >= 0 ? status_fd : STDERR_FILENO, message, (size_t)length) < 0)
    _exit (EXEC_EXIT_FAILED);
  _exit (strcmp (step, "program") == 0 && errnum == ENOENT ? EXEC_EXIT_NOT_FOUND : EXEC_EXIT_FAILED);
}
