/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-elf-file.h: what a program's file tells of how it will run. Only this reads ELF.
 *
 * Files are anybody's: every size and offset in them may be wrong. What is not understood is not there.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrElfFile:
 * @is_ours: whether it is of the word size and processor that this program has; else nothing else is known
 * @is_static: whether it asks for no dynamic linker, so that nothing can be preloaded
 * @is_go: whether the linker of Go left its note
 * @needs_asan: whether it needs the address sanitizer's shared runtime
 */
typedef struct {
  gboolean is_ours;
  gboolean is_static;
  gboolean is_go;
  gboolean needs_asan;
} HrElfFile;

gboolean hr_elf_file_read (int fd, HrElfFile *file);

G_END_DECLS
