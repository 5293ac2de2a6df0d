/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-flags.c: O_NONBLOCK of shared sockets, which belongs to the socket: what the program wants is kept beside it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "adopt-real.h"
#include "adopt-report.h"
#include "adopt-table.h"

EXPORT int
ioctl (int fd, unsigned long request, ...)
{
  AdoptEntry *entry;
  va_list args;
  void *argument;

  va_start (args, request);
  argument = va_arg (args, void *);
  va_end (args);
  entry = request == FIONBIO && argument != NULL && adopt_is_on () ? adopt_table_find (fd) : NULL;
  if (entry == NULL)
    return REAL (ioctl) (fd, request, argument);
  adopt_table_set_non_blocking (entry, *(const int *)argument != 0);
  return 0;
}

/* F_GETFL and F_SETFL speak of what the program wants; everything else goes through. */
static int
control (int fd, int command, void *argument, __typeof__ (&fcntl) real)
{
  AdoptEntry *entry = (command == F_GETFL || command == F_SETFL) && adopt_is_on () ? adopt_table_find (fd) : NULL;
  int flags = (int)(intptr_t)argument;

  if (entry == NULL)
    return real (fd, command, argument);
  if (command == F_SETFL)
    {
      adopt_table_set_non_blocking (entry, (flags & O_NONBLOCK) != 0);
      return real (fd, F_SETFL, entry->datagrams ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
    }
  flags = real (fd, F_GETFL);
  if (flags < 0)
    return flags;
  return (flags & ~O_NONBLOCK) | (__atomic_load_n (&entry->non_blocking, __ATOMIC_ACQUIRE) ? O_NONBLOCK : 0);
}

EXPORT int
fcntl (int fd, int command, ...)
{
  va_list args;
  void *argument;

  va_start (args, command);
  argument = va_arg (args, void *);
  va_end (args);
  return control (fd, command, argument, REAL (fcntl));
}

EXPORT int
fcntl64 (int fd, int command, ...)
{
  va_list args;
  void *argument;

  va_start (args, command);
  argument = va_arg (args, void *);
  va_end (args);
  return control (fd, command, argument, REAL (fcntl64));
}
