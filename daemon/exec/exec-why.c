/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-why.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec-fail.h"

/* What the kernel reads of a script's first line. */
#define FIRST_LINE_MAX 256

/* Finds @name as execvp() does. A directory of PATH that may not be searched hides nothing. */
static bool
find_in_path (const char *name, char *file, size_t size)
{
  const char *path = getenv ("PATH");

  for (const char *dir = path; dir != NULL && *dir != '\0';)
    {
      size_t length = strcspn (dir, ":");

      if (snprintf (file, size, "%.*s/%s", (int)length, dir, name) < (int)size && access (file, F_OK) == 0)
        return true;
      dir += length + (dir[length] == ':');
    }
  return false;
}

static ssize_t
read_at (const char *path, void *buffer, size_t size, off_t offset)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : pread (fd, buffer, size, offset);

  if (fd >= 0)
    close (fd);
  return length;
}

/**
 * exec_why_is_elf:
 * @path: a file
 *
 * Returns: whether it is, or once was, a program for some machine and no script
 */
bool
exec_why_is_elf (const char *path)
{
  char magic[SELFMAG];

  return read_at (path, magic, sizeof magic, 0) == (ssize_t)sizeof magic && memcmp (magic, ELFMAG, SELFMAG) == 0;
}

/* Of a program that is no script: its dynamic linker. */
static bool
find_linker (const char *path, char *interpreter, size_t size)
{
  ElfW (Ehdr) file;
  ElfW (Phdr) header;

  if (read_at (path, &file, sizeof file, 0) != (ssize_t)sizeof file || memcmp (file.e_ident, ELFMAG, SELFMAG) != 0
      || file.e_phentsize != sizeof header)
    return false;
  for (int i = 0; i < file.e_phnum; i++)
    {
      ssize_t length;

      if (read_at (path, &header, sizeof header, (off_t)(file.e_phoff + (unsigned)i * sizeof header))
          != (ssize_t)sizeof header)
        return false;
      if (header.p_type != PT_INTERP)
        continue;
      length = read_at (path, interpreter, header.p_filesz < size ? header.p_filesz : size - 1, (off_t)header.p_offset);
      if (length <= 0)
        return false;
      interpreter[length] = '\0';
      return true;
    }
  return false;
}

/* Of a script: what its first line names, with the carriage return that the kernel takes for a part of it. */
static bool
find_script_interpreter (const char *path, char *interpreter, size_t size)
{
  char line[FIRST_LINE_MAX];
  ssize_t length = read_at (path, line, sizeof line - 1, 0);
  const char *word;

  if (length < 2 || line[0] != '#' || line[1] != '!')
    return false;
  line[length] = '\0';
  word = line + 2 + strspn (line + 2, " \t");
  snprintf (interpreter, size, "%.*s", (int)strcspn (word, " \t\n"), word);
  return true;
}

static _Noreturn void
fail_interpreter (const char *program, const char *path)
{
  char interpreter[PATH_MAX] = "";
  size_t length;

  if (!find_script_interpreter (path, interpreter, sizeof interpreter)
      && !find_linker (path, interpreter, sizeof interpreter))
    exec_fail ("program", ENOENT, "cannot start program '%s', its interpreter is missing", program);
  length = strlen (interpreter);
  if (length > 0 && interpreter[length - 1] == '\r')
    exec_fail ("program", ENOENT,
               "cannot start program '%s': its lines end as on Windows, so that '%.*s' is not found: take the carriage "
               "returns out",
               program, (int)length - 1, interpreter);
  exec_fail ("program", ENOENT, "cannot start program '%s', its interpreter '%s' is missing", program, interpreter);
}

/**
 * exec_why_fail:
 * @program: what exec was called with: a path, or a name for PATH
 * @errnum: its errno
 *
 * Says why with exec_fail(), and exits.
 */
void
exec_why_fail (const char *program, int errnum)
{
  bool is_path = strchr (program, '/') != NULL;
  char found[PATH_MAX];
  const char *path = program;
  struct stat info;

  if (!is_path && !find_in_path (program, found, sizeof found) && (errnum == ENOENT || errnum == EACCES))
    exec_fail ("program", ENOENT, "cannot find program '%s' in PATH", program);
  if (!is_path)
    path = found;
  if (stat (path, &info) < 0)
    exec_fail ("program", errnum, "cannot start program '%s'", program);
  if (S_ISDIR (info.st_mode))
    exec_fail ("program", EISDIR, "cannot start program '%s'", program);
  if (errnum == ENOENT)
    fail_interpreter (program, path);
  if (errnum == EACCES && (info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
    exec_fail ("program", 0, "cannot start program '%s', it is not executable: 'chmod +x' makes it so", program);
  if (errnum == ENOEXEC)
    exec_fail ("program", 0, "cannot start program '%s', it is made for another kind of machine, or damaged", program);
  exec_fail ("program", errnum, "cannot start program '%s'", program);
}
