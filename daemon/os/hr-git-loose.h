/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-loose.h: reads loose objects in libgit2's place.
 *
 * libgit2 (1.5) never returns from reading an object whose file was cut short; this backend comes before its own and
 * says that the object is damaged. Writing is left to libgit2.
 */
#pragma once

#include <git2.h>

int hr_git_loose_add (git_odb *odb, const char *objects_dir);
