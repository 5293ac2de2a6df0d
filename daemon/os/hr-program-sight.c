/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-program-sight.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hr-elf-file.h"
#include "hr-fd.h"
#include "hr-syntax.h"

/* As of execvp() without a PATH. */
#define DEFAULT_PATH "/bin:/usr/bin"
/* Interpreters of interpreters; the kernel follows as many. */
#define INTERPRETERS_MAX 5

typedef struct {
  const char *path;      /* PATH */
  const char *directory; /* working directory as the program sees it */
  HrView *view;
} Place;

/* Where the program is for the daemon, NULL when it is nowhere. */
static char *
find (const Place *place, const char *name)
{
  g_auto (GStrv) dirs = NULL;

  if (strchr (name, '/') != NULL)
    {
      g_autofree char *seen = g_canonicalize_filename (name, place->directory);

      return hr_view_locate (place->view, seen);
    }
  dirs = g_strsplit (place->path != NULL ? place->path : DEFAULT_PATH, ":", -1);
  for (char **dir = dirs; *dir != NULL; dir++)
    {
      g_autofree char *absolute = g_canonicalize_filename (**dir != '\0' ? *dir : ".", place->directory);
      g_autofree char *seen = g_build_filename (absolute, name, NULL);
      g_autofree char *here = hr_view_locate (place->view, seen);

      if (g_file_test (here, G_FILE_TEST_IS_REGULAR) && g_file_test (here, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&here);
    }
  return NULL;
}

/* env(1) becomes what it is told to start; with options of its own that is not known. */
static const char *
skip_env (const char *const *argv)
{
  g_autofree char *name = g_path_get_basename (argv[0]);
  guint i = 1;

  if (!g_str_equal (name, "env"))
    return argv[0];
  while (argv[i] != NULL && strchr (argv[i], '=') != NULL)
    i++;
  return argv[i] != NULL && argv[i][0] != '-' ? argv[i] : argv[0];
}

/* The dynamic linker drops LD_PRELOAD where exec gives more rights than the user has. */
static HrUnseen
look_at_rights (const char *file, const struct stat *info, const Place *place)
{
  gboolean in_namespace = place->view != NULL && place->view->mounted && geteuid () != 0;
  gboolean by_user = (info->st_mode & S_ISUID) != 0 && info->st_uid != geteuid ();
  gboolean by_group = (info->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && info->st_gid != getegid ();
  struct statvfs mount;

  if (statvfs (file, &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0)
    return HR_UNSEEN_NOT;
  /* A user namespace maps nobody but the caller: the bits mean nothing there. */
  if ((by_user || by_group) && !in_namespace)
    return HR_UNSEEN_SETID;
  return geteuid () != 0 && getxattr (file, "security.capability", NULL, 0) > 0 ? HR_UNSEEN_CAPABLE : HR_UNSEEN_NOT;
}

static HrProgramSight
look_at_program (const char *file, const struct stat *info, const HrElfFile *elf, const Place *place)
{
  HrProgramSight sight = { .needs_asan = elf->needs_asan, .unseen = look_at_rights (file, info, place) };

  if (!elf->is_ours)
    sight.unseen = HR_UNSEEN_FOREIGN;
  else if (elf->is_go)
    sight.unseen = HR_UNSEEN_GO;
  else if (elf->is_static)
    sight.unseen = HR_UNSEEN_STATIC;
  return sight;
}

static char *
read_interpreter (int fd)
{
  char head[HR_SYNTAX_HEAD];
  ssize_t size = pread (fd, head, sizeof head, 0);

  return size > 0 ? hr_syntax_interpreter (head, (gsize)size) : NULL;
}

/**
 * hr_program_sight_look:
 * @argv: a command line, % expanded
 * @environment: (nullable): for PATH
 * @directory: (nullable): working directory as the program sees it, absolute
 * @view: (nullable): where it sees its files
 *
 * Reads the heads of a few files: some hundred microseconds. What cannot be read, as it is not there, says nothing:
 * starting it will.
 *
 * Returns: what can be said before it is started
 */
HrProgramSight
hr_program_sight_look (const char *const *argv, const char *const *environment, const char *directory, HrView *view)
{
  const HrProgramSight nothing = { .unseen = HR_UNSEEN_NOT };
  const Place place = {
    .path = environment != NULL ? g_environ_getenv ((char **)environment, "PATH") : NULL,
    .directory = directory != NULL ? directory : "/",
    .view = view,
  };
  g_autofree char *name = g_strdup (skip_env (argv));

  for (guint i = 0; i < INTERPRETERS_MAX && name != NULL; i++)
    {
      g_autofree char *file = find (&place, name);
      /* Whoever put a pipe there must not hold up the daemon. */
      g_auto (HrFd) fd = file != NULL ? open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
      HrElfFile elf;
      struct stat info;

      if (fd < 0)
        return file != NULL && stat (file, &info) == 0 && S_ISREG (info.st_mode)
                   ? (HrProgramSight){ .unseen = look_at_rights (file, &info, &place) }
                   : nothing;
      if (fstat (fd, &info) < 0 || !S_ISREG (info.st_mode))
        return nothing;
      if (hr_elf_file_read (fd, &elf))
        return look_at_program (file, &info, &elf, &place);
      g_free (name);
      name = read_interpreter (fd);
    }
  return nothing;
}
