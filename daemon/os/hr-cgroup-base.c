/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-cgroup-base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hr-cgroup-find.h"
#include "hr-cgroup.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-names.h"
#include "hr-process-tree.h"

/* Where systemd manages the groups of this system, see sd_booted(3). */
#define SYSTEMD_DIR "/run/systemd/system"
/* A process that is being moved may be starting another: then it is moved, too. */
#define MOVES_MAX 10
/* How often a group is made that somebody takes for forgotten. */
#define LOCKS_MAX 10
/* How far up the ancestors of a process are followed. */
#define ANCESTORS_MAX 64

struct _HrCgroupBase {
  char *own; /* of the daemon, or above its leaf */
  char *dir;
  int lock;       /* held as long as the daemon is there; -1: not held */
  gboolean given; /* by a manager: all that is in it is the daemon's */
};

static gboolean
has_word (const char *dir, const char *file, const char *word)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  words = g_strsplit (g_strchomp (text), " ", -1);
  return g_strv_contains ((const char *const *)words, word);
}

/* As systemd marks a group that it leaves to its members, see CGROUP_DELEGATION in its documentation. Managers of users
 * do not mark any, as of 252: there the unit says it. */
static gboolean
is_given (const char *dir)
{
  g_autofree char *unit = g_path_get_basename (dir);
  static const char *const names[] = { "user.delegate", "trusted.delegate" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      char value = '\0';

      if (getxattr (dir, names[i], &value, 1) == 1 && value == '1')
        return TRUE;
    }
  return g_strcmp0 (g_getenv (HR_ENV_DELEGATED), unit) == 0;
}

/* A lock on a group says that its daemon is there; the kernel drops it with the daemon. */
static int
open_locked (const char *dir, int how)
{
  g_auto (HrFd) fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

  return fd >= 0 && flock (fd, how) == 0 ? hr_fd_steal (&fd) : -1;
}

/* What is removed between making and locking is made again. */
static gboolean
make_locked (HrCgroupBase *self)
{
  for (guint i = 0; i < LOCKS_MAX; i++)
    {
      struct stat made, locked;

      if (mkdir (self->dir, 0755) != 0 && errno != EEXIST)
        return FALSE;
      hr_fd_clear (&self->lock);
      self->lock = open_locked (self->dir, LOCK_SH);
      if (self->lock >= 0 && fstat (self->lock, &locked) == 0 && stat (self->dir, &made) == 0
          && made.st_ino == locked.st_ino)
        return TRUE;
    }
  errno = EAGAIN;
  return FALSE;
}

/* Each goes only if nothing is in it. */
static void
remove_empty (const char *dir)
{
  g_autoptr (GDir) children = g_dir_open (dir, 0, NULL);

  for (const char *name = children != NULL ? g_dir_read_name (children) : NULL; name != NULL;
       name = g_dir_read_name (children))
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);

      rmdir (path);
    }
  rmdir (dir);
}

/* A daemon that was killed leaves its groups, of which nobody knows when what is in them ends; and maybe it never comes
 * again. */
static void
remove_forgotten (HrCgroupBase *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->own, 0, NULL);

  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL; name = g_dir_read_name (dir))
    {
      g_autofree char *path = g_build_filename (self->own, name, NULL);
      g_auto (HrFd) lock = g_str_has_prefix (name, HR_CGROUP_PREFIX) ? open_locked (path, LOCK_EX | LOCK_NB) : -1;

      if (lock >= 0)
        remove_empty (path);
    }
}

/**
 * hr_cgroup_base_new:
 * @own: a group that is the daemon's to divide
 * @key: by which its groups are known from those of other daemons
 * @why: (out): why not, to be freed
 *
 * Returns: (transfer full) (nullable): where groups can be made; %NULL with @why
 */
HrCgroupBase *
hr_cgroup_base_new (const char *own, const char *key, char **why)
{
  g_autoptr (HrCgroupBase) self = g_new0 (HrCgroupBase, 1);
  g_autofree char *procs = g_build_filename (own, "cgroup.procs", NULL);
  g_autofree char *name = g_strconcat (HR_CGROUP_PREFIX, key, NULL);

  self->own = g_strdup (own);
  self->dir = g_build_filename (own, name, NULL);
  self->given = is_given (own);
  self->lock = -1;
  if (!hr_cgroup_exists (own))
    *why = g_strdup_printf ("'%s' is no control group of cgroup v2", own);
  else if (access (procs, W_OK) != 0 || !make_locked (self))
    *why = g_strdup_printf ("no group can be made in '%s', where hotreloadd is: %s", own, g_strerror (errno));
  else
    {
      remove_forgotten (self);
      return g_steal_pointer (&self);
    }
  return NULL;
}

/**
 * hr_cgroup_base_find:
 * @state_dir: of this daemon
 * @why: (out): why there is none, for people; to be freed
 *
 * Returns: (transfer full) (nullable): where this daemon can make groups; %NULL with @why
 */
HrCgroupBase *
hr_cgroup_base_find (const char *state_dir, char **why)
{
  g_autofree char *own = hr_cgroup_find_of (getpid ());
  g_autofree char *name = own != NULL ? g_path_get_basename (own) : NULL;
  gboolean managed = access (SYSTEMD_DIR, F_OK) == 0;
  g_autofree char *key = NULL;
  struct stat info;

  if (own == NULL)
    {
      *why = g_strdup ("cgroup v2 is not mounted here, or does not show the group of hotreloadd");
      return NULL;
    }
  if (g_str_equal (name, HR_CGROUP_LEAF))
    {
      g_autofree char *above = g_path_get_dirname (own);

      if (!managed || is_given (above))
        {
          g_free (own);
          own = g_steal_pointer (&above);
        }
    }
  if (managed && !is_given (own))
    {
      *why = g_strdup_printf ("systemd has not given '%s', where hotreloadd is, to it: start it as a unit with "
                              "Delegate=yes",
                              own);
      return NULL;
    }
  if (stat (state_dir, &info) != 0)
    {
      *why = g_strdup_printf ("'%s' cannot be looked at: %s", state_dir, g_strerror (errno));
      return NULL;
    }
  key = g_strdup_printf ("%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", (guint64)info.st_dev, (guint64)info.st_ino);
  return hr_cgroup_base_new (own, key, why);
}

/**
 * hr_cgroup_base_free:
 * @self: (transfer full) (nullable): where groups are made
 *
 * Its group goes if nothing is in it.
 */
void
hr_cgroup_base_free (HrCgroupBase *self)
{
  if (self == NULL)
    return;
  if (self->lock >= 0)
    rmdir (self->dir);
  hr_fd_clear (&self->lock);
  g_free (self->own);
  g_free (self->dir);
  g_free (self);
}

/**
 * hr_cgroup_base_get_dir:
 * @self: where groups are made
 *
 * Returns: (transfer none): the group in which those of the instances are
 */
const char *
hr_cgroup_base_get_dir (HrCgroupBase *self)
{
  return self->dir;
}

/**
 * hr_cgroup_base_name:
 * @self: where groups are made
 * @service: name of a service
 * @instance: id of an instance of it
 *
 * Returns: (transfer full): the path of its group, which need not be there
 */
char *
hr_cgroup_base_name (HrCgroupBase *self, const char *service, const char *instance)
{
  return g_strdup_printf ("%s/%s.%s", self->dir, service, instance);
}

/**
 * hr_cgroup_base_list:
 * @self: where groups are made
 *
 * Returns: (transfer full): the paths of the groups that are there for instances
 */
char **
hr_cgroup_base_list (HrCgroupBase *self)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  GDir *dir = g_dir_open (self->dir, 0, NULL);

  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL; name = g_dir_read_name (dir))
    {
      g_autofree char *path = g_build_filename (self->dir, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        g_strv_builder_add (paths, path);
    }
  if (dir != NULL)
    g_dir_close (dir);
  return g_strv_builder_end (paths);
}

/* Making room */

static gboolean
is_ours (HrCgroupBase *self, GPid pid)
{
  HrProcess process;

  if (self->given || pid == getpid ())
    return TRUE;
  for (guint i = 0; i < ANCESTORS_MAX && pid > 1 && hr_process_read (pid, &process); i++)
    {
      if (process.parent == getpid ())
        return TRUE;
      pid = process.parent;
    }
  return FALSE;
}

/* Those in the group itself; 0 stands for one that cannot be seen from here. */
static char **
read_members (HrCgroupBase *self)
{
  g_autofree char *path = g_build_filename (self->own, "cgroup.procs", NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL) || *g_strchomp (text) == '\0')
    return g_new0 (char *, 1);
  return g_strsplit (text, "\n", -1);
}

/* Of a group that has processes the kernel would let some controllers in, and make those in it groups of threads, which
 * no process can enter. Only the root of all may have both. */
static gboolean
make_room (HrCgroupBase *self, GError **error)
{
  g_autofree char *leaf = g_build_filename (self->own, HR_CGROUP_LEAF, NULL);
  g_autofree char *type = g_build_filename (self->own, "cgroup.type", NULL);

  if (access (type, F_OK) != 0)
    return TRUE;
  if (mkdir (leaf, 0755) != 0 && errno != EEXIST)
    return hr_fs_set_error (error, errno, "while making '%s'", leaf);
  for (guint i = 0; i < MOVES_MAX; i++)
    {
      g_auto (GStrv) members = read_members (self);

      if (members[0] == NULL)
        return TRUE;
      for (guint j = 0; members[j] != NULL; j++)
        if (!is_ours (self, atoi (members[j])))
          {
            g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                         "PID %s, which is not hotreloadd's, is in '%s', too: give hotreloadd a group of its own",
                         members[j], self->own);
            return FALSE;
          }
      /* One that has ended meanwhile cannot be moved, and need not. */
      for (guint j = 0; members[j] != NULL; j++)
        hr_cgroup_write (leaf, "cgroup.procs", members[j], NULL);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "the processes in '%s' cannot be moved to '%s'", self->own, leaf);
  return FALSE;
}

/* Why the group cannot have it: what the kernel tells of it. */
static const char *
explain_missing (const char *controller)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/cgroups", &text, NULL, NULL))
    return "the group above does not hand it down, or the kernel has none";
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", 4);

      if (g_strv_length (fields) < 4 || !g_str_equal (fields[0], controller))
        continue;
      if (g_str_has_suffix (fields[3], "0"))
        return "it is switched off in the kernel";
      return g_str_equal (fields[1], "0") ? "the group above does not hand it down" : "this system has it in cgroup v1";
    }
  return "the kernel has none";
}

/**
 * hr_cgroup_base_has:
 * @self: where groups are made
 * @controller: "memory", "cpu" or "pids"
 * @error: return location
 *
 * Returns: whether there is such a controller; else %HR_ERROR_NOT_SUPPORTED that says where and why not
 */
gboolean
hr_cgroup_base_has (HrCgroupBase *self, const char *controller, GError **error)
{
  if (has_word (self->own, "cgroup.controllers", controller))
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "the controller '%s' of cgroup v2 is missing in '%s': %s",
               controller, self->own, explain_missing (controller));
  return FALSE;
}

/**
 * hr_cgroup_base_enable:
 * @self: where groups are made
 * @controller: "memory", "cpu" or "pids"
 * @error: return location
 *
 * Lets groups of instances have limits of that kind. The first time this moves the daemon and its helpers, which may take
 * some ten milliseconds; after that it reads one small file.
 *
 * Returns: success; else an error that says what is missing where
 */
gboolean
hr_cgroup_base_enable (HrCgroupBase *self, const char *controller, GError **error)
{
  g_autofree char *add = g_strconcat ("+", controller, NULL);

  if (has_word (self->dir, "cgroup.subtree_control", controller))
    return TRUE;
  if (!hr_cgroup_base_has (self, controller, error))
    return FALSE;
  if (!has_word (self->own, "cgroup.subtree_control", controller)
      && (!make_room (self, error) || !hr_cgroup_write (self->own, "cgroup.subtree_control", add, error)))
    return FALSE;
  return hr_cgroup_write (self->dir, "cgroup.subtree_control", add, error);
}
