/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-elf-file.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

/* Headers beyond these, notes, entries and names beyond these sizes are not looked at. */
#define HEADERS_MAX 64
#define NOTES_MAX 4096
#define ENTRIES_MAX 512
#define NAME_MAX_SIZE 256

typedef struct {
  int fd;
  ElfW (Phdr) headers[HEADERS_MAX];
  gsize n_headers;
} Reader;

/* Of the processor that this was built for, which the file of this very program tells. */
static guint
own_machine (void)
{
  static gsize machine = 0;

  if (g_once_init_enter (&machine))
    {
      ElfW (Ehdr) own = { .e_machine = 0 };
      int fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);

      if (fd >= 0)
        {
          if (pread (fd, &own, sizeof own, 0) != (ssize_t)sizeof own)
            own.e_machine = 0;
          close (fd);
        }
      g_once_init_leave (&machine, own.e_machine + 1u);
    }
  return (guint)machine - 1;
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

/* Where in the file an address of the program is; FALSE: nowhere. */
static gboolean
find_offset (const Reader *reader, ElfW (Addr) address, off_t *offset)
{
  for (gsize i = 0; i < reader->n_headers; i++)
    {
      const ElfW (Phdr) *header = &reader->headers[i];

      if (header->p_type == PT_LOAD && address >= header->p_vaddr && address - header->p_vaddr < header->p_filesz)
        {
          *offset = (off_t)(header->p_offset + (address - header->p_vaddr));
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
is_asan (const Reader *reader, off_t name_offset)
{
  char name[NAME_MAX_SIZE];
  ssize_t length = pread (reader->fd, name, sizeof name - 1, name_offset);

  if (length <= 0)
    return FALSE;
  name[length] = '\0';
  return g_str_has_prefix (name, "libasan.so") || g_str_has_prefix (name, "libclang_rt.asan");
}

static gboolean
needs_asan (const Reader *reader, const ElfW (Phdr) * header)
{
  g_autofree ElfW (Dyn) *entries = g_new (ElfW (Dyn), ENTRIES_MAX);
  gsize size = MIN (header->p_filesz, ENTRIES_MAX * sizeof *entries);
  ssize_t length = pread (reader->fd, entries, size, (off_t)header->p_offset);
  gsize n_entries = length > 0 ? (gsize)length / sizeof *entries : 0;
  off_t names = 0;
  gboolean found = FALSE;

  for (gsize i = 0; i < n_entries && entries[i].d_tag != DT_NULL; i++)
    if (entries[i].d_tag == DT_STRTAB && !find_offset (reader, entries[i].d_un.d_ptr, &names))
      return FALSE;
  for (gsize i = 0; !found && names != 0 && i < n_entries && entries[i].d_tag != DT_NULL; i++)
    found = entries[i].d_tag == DT_NEEDED && is_asan (reader, names + (off_t)(entries[i].d_un.d_val & G_MAXUINT32));
  return found;
}

/**
 * hr_elf_file_read:
 * @fd: a file, readable
 * @file: (out caller-allocates): what it tells
 *
 * Some small reads.
 *
 * Returns: whether it is an ELF file; else @file is not touched
 */
gboolean
hr_elf_file_read (int fd, HrElfFile *file)
{
  HrElfFile found = { .is_static = TRUE };
  Reader reader = { .fd = fd };
  ElfW (Ehdr) header;
  gsize size;

  if (pread (fd, &header, sizeof header, 0) != (ssize_t)sizeof header || memcmp (header.e_ident, ELFMAG, SELFMAG) != 0)
    return FALSE;
  found.is_ours = header.e_ident[EI_CLASS] == (sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32)
                  && header.e_machine == own_machine () && header.e_phentsize == sizeof *reader.headers;
  reader.n_headers = found.is_ours ? MIN (header.e_phnum, HEADERS_MAX) : 0;
  size = reader.n_headers * sizeof *reader.headers;
  if (pread (fd, reader.headers, size, (off_t)header.e_phoff) != (ssize_t)size)
    return FALSE;
  for (gsize i = 0; i < reader.n_headers; i++)
    switch (reader.headers[i].p_type)
      {
      case PT_INTERP:
        found.is_static = FALSE;
        break;
      case PT_NOTE:
        found.is_go = found.is_go || has_go_note (fd, &reader.headers[i]);
        break;
      case PT_DYNAMIC:
        found.needs_asan = needs_asan (&reader, &reader.headers[i]);
        break;
      default:
        break;
      }
  found.is_static = found.is_static && found.is_ours;
  *file = found;
  return TRUE;
}
