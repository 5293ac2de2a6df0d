/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-sight.h"

#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-names.h"

/* Launchers start launchers, but not without end. */
#define GENERATIONS_MAX 8
/* Of a program's file: headers beyond these and notes beyond this are not looked at. */
#define HEADERS_MAX 64
#define NOTES_MAX 4096

static gboolean
has_library (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/maps", (int)pid);
  g_autofree char *maps = NULL;

  return g_file_get_contents (path, &maps, NULL, NULL) && strstr (maps, "/" HR_ADOPT_LIBRARY) != NULL;
}

/* The linker of Go leaves a note in its own name. */
static gboolean
has_go_note (int fd, const ElfW (Phdr) * header)
{
  char notes[NOTES_MAX];
  ssize_t length = pread (fd, notes, MIN (header->p_filesz, sizeof notes), (off_t)header->p_offset);
  gsize at = 0;

  while (length > 0 && at + sizeof (ElfW (Nhdr)) <= (gsize)length)
    {
      ElfW (Nhdr) note;
      gsize left;

      memcpy (&note, notes + at, sizeof note);
      at += sizeof note;
      left = (gsize)length - at;
      if (note.n_namesz > left || note.n_descsz > left)
        return FALSE;
      if (note.n_namesz == sizeof "Go\0" && memcmp (notes + at, "Go\0", sizeof "Go\0") == 0)
        return TRUE;
      at += (note.n_namesz + 3) / 4 * 4 + (note.n_descsz + 3) / 4 * 4;
    }
  return FALSE;
}

static gboolean
is_go (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/exe", (int)pid);
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC);
  ElfW (Ehdr) file;
  ElfW (Phdr) headers[HEADERS_MAX];
  gsize size;

  if (fd < 0 || pread (fd, &file, sizeof file, 0) != (ssize_t)sizeof file || memcmp (file.e_ident, ELFMAG, SELFMAG) != 0
      || file.e_phentsize != sizeof *headers)
    return FALSE;
  size = MIN (file.e_phnum, HEADERS_MAX) * sizeof *headers;
  if (pread (fd, headers, size, (off_t)file.e_phoff) != (ssize_t)size)
    return FALSE;
  for (gsize i = 0; i < size / sizeof *headers; i++)
    if (headers[i].p_type == PT_NOTE && has_go_note (fd, &headers[i]))
      return TRUE;
  return FALSE;
}

static gboolean
sees (GPid pid, int generations)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int)pid);
  g_autoptr (GDir) threads = NULL;
  const char *thread;

  if (has_library (pid) && !is_go (pid))
    return TRUE;
  threads = generations > 0 ? g_dir_open (path, 0, NULL) : NULL;
  while (threads != NULL && (thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *list = g_build_filename (path, thread, "children", NULL);
      g_autofree char *children = NULL;
      g_auto (GStrv) pids = NULL;

      if (!g_file_get_contents (list, &children, NULL, NULL))
        continue;
      pids = g_strsplit (g_strstrip (children), " ", -1);
      for (guint i = 0; pids[i] != NULL; i++)
        if (pids[i][0] != '\0' && sees (atoi (pids[i]), generations - 1))
          return TRUE;
    }
  return FALSE;
}

/**
 * hr_adopt_sees:
 * @leader: main process of an instance, not reaped yet
 *
 * Reads what the kernel says of it and of what it started: some hundred microseconds.
 *
 * Returns: whether the library is in one of them and sees its calls
 */
gboolean
hr_adopt_sees (GPid leader)
{
  return leader > 0 && sees (leader, GENERATIONS_MAX);
}
