/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fs.h"

/* An entry of the database that is larger is not one of a user. */
#define ENTRY_SIZE_MAX (1024 * 1024)

static gboolean
parse_id (const char *text, guint64 *id)
{
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32 - 1, id, NULL);
}

/* %NULL without an entry; @buffer is for what it points to. */
static struct passwd *
look_up_user (const char *user, struct passwd *entry, char *buffer)
{
  struct passwd *found = NULL;
  guint64 id;

  if (parse_id (user, &id))
    getpwuid_r ((uid_t)id, entry, buffer, ENTRY_SIZE_MAX, &found);
  else
    getpwnam_r (user, entry, buffer, ENTRY_SIZE_MAX, &found);
  return found;
}

static gboolean
find_group (const char *key, const char *group, gid_t *gid, GError **error)
{
  g_autofree char *buffer = g_malloc (ENTRY_SIZE_MAX);
  struct group entry, *found = NULL;
  guint64 id;

  if (parse_id (group, &id))
    {
      *gid = (gid_t)id;
      return TRUE;
    }
  getgrnam_r (group, &entry, buffer, ENTRY_SIZE_MAX, &found);
  if (found == NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s=%s: there is no such group", key, group);
      return FALSE;
    }
  *gid = found->gr_gid;
  return TRUE;
}

/**
 * hr_owner_find:
 * @isolation: what a service file says
 * @owner: (out): whom it means
 * @error: return location
 *
 * Returns: whether there are such a user and groups, or none is named; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_owner_find (const HrIsolation *isolation, HrOwner *owner, GError **error)
{
  HrOwner found = { .uid = geteuid (), .gid = getegid () };
  gid_t other;

  if (isolation->user != NULL)
    {
      g_autofree char *buffer = g_malloc (ENTRY_SIZE_MAX);
      struct passwd entry, *user = look_up_user (isolation->user, &entry, buffer);

      if (user == NULL)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "User=%s: there is no such user",
                       isolation->user);
          return FALSE;
        }
      found = (HrOwner){ TRUE, user->pw_uid, user->pw_gid };
    }
  if (isolation->group != NULL && !find_group ("Group", isolation->group, &found.gid, error))
    return FALSE;
  for (char **group = isolation->groups; group != NULL && *group != NULL; group++)
    if (!find_group ("SupplementaryGroups", *group, &other, error))
      return FALSE;
  found.set = isolation->user != NULL || isolation->group != NULL;
  *owner = found;
  return TRUE;
}

/**
 * hr_owner_of:
 * @isolation: (nullable): what a service file says
 *
 * Returns: whom it means; not set when it names nobody, or nobody that there is: then nothing is started either
 */
HrOwner
hr_owner_of (const HrIsolation *isolation)
{
  HrOwner owner = { .set = FALSE };

  if (isolation != NULL)
    hr_owner_find (isolation, &owner, NULL);
  return owner;
}

/**
 * hr_owner_environment:
 * @isolation: what a service file says
 * @environment: (transfer full): the daemon's, as far as services get it
 *
 * Returns: (transfer full): the same as that user has it: home, name and shell, and no directories of somebody else
 */
char **
hr_owner_environment (const HrIsolation *isolation, char **environment)
{
  g_autofree char *buffer = NULL;
  g_auto (GStrv) names = NULL;
  struct passwd entry, *user;

  if (isolation->user == NULL)
    return environment;
  buffer = g_malloc (ENTRY_SIZE_MAX);
  user = look_up_user (isolation->user, &entry, buffer);
  if (user == NULL)
    return environment;
  names = g_strdupv (environment);
  for (char **name = names; *name != NULL; name++)
    if (g_str_has_prefix (*name, "XDG_"))
      {
        (*name)[strcspn (*name, "=")] = '\0';
        environment = g_environ_unsetenv (environment, *name);
      }
  environment = g_environ_setenv (environment, "HOME", user->pw_dir, TRUE);
  environment = g_environ_setenv (environment, "USER", user->pw_name, TRUE);
  environment = g_environ_setenv (environment, "LOGNAME", user->pw_name, TRUE);
  return g_environ_setenv (environment, "SHELL", *user->pw_shell != '\0' ? user->pw_shell : "/bin/sh", TRUE);
}

/**
 * hr_owner_give:
 * @self: an owner
 * @path: a file, directory or socket of the daemon's, not followed
 * @error: return location
 *
 * Returns: whether it is the owner's now, if one is set; else a #GIOErrorEnum is set
 */
gboolean
hr_owner_give (const HrOwner *self, const char *path, GError **error)
{
  return !self->set || lchown (path, self->uid, self->gid) == 0
         || hr_fs_set_error (error, errno, "while giving '%s' to user %u", path, (guint)self->uid);
}

/**
 * hr_owner_let_through:
 * @self: an owner
 * @dir: a directory of the daemon's
 *
 * Lets an owner, if one is set, reach what is below @dir and is its own. Others come through then, too, but see no name
 * there. Where it fails hotreload-exec will say that the program cannot reach its files.
 */
void
hr_owner_let_through (const HrOwner *self, const char *dir)
{
  struct stat info;

  if (self->set && lstat (dir, &info) == 0 && S_ISDIR (info.st_mode) && (info.st_mode & S_IXOTH) == 0)
    chmod (dir, (info.st_mode & 07777) | S_IXOTH);
}

/**
 * hr_owner_may_speak:
 * @self: as whom an instance runs
 * @uid: of a process of it, by the kernel's word
 *
 * Returns: whether it may speak for the instance: its owner, the daemon's user, and root
 */
gboolean
hr_owner_may_speak (const HrOwner *self, uid_t uid)
{
  return uid == 0 || uid == geteuid () || (self->set && uid == self->uid);
}
