/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec-fail.h"
#include "hr-names.h"

#define STEP "user"

static bool
parse_id (const char *text, id_t *id)
{
  char *end;
  unsigned long long number;

  errno = 0;
  number = strtoull (text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || *text == '-' || number >= UINT32_MAX)
    return false;
  *id = (id_t)number;
  return true;
}

static gid_t
find_group (const char *key, const char *name)
{
  struct group *entry;
  id_t id;

  if (parse_id (name, &id))
    return (gid_t)id;
  entry = getgrnam (name);
  if (entry == NULL)
    exec_fail (STEP, 0, "%s=%s: there is no such group", key, name);
  return entry->gr_gid;
}

/* The groups that @user is in, @self->gid among them. */
static void
find_groups_of (ExecUser *self, const char *user, int n_more)
{
  int n = 0;

  getgrouplist (user, self->gid, NULL, &n);
  if (n > NGROUPS_MAX || (self->ids = calloc ((size_t)(n + n_more), sizeof *self->ids)) == NULL
      || getgrouplist (user, self->gid, self->ids, &n) < 0)
    exec_fail (STEP, ENOMEM, "User=%s: its groups cannot be found", user);
  self->n_ids = n;
}

/**
 * exec_user_find:
 * @self: who is wanted
 *
 * Looks it up. To be called while files can be opened.
 */
void
exec_user_find (ExecUser *self)
{
  struct passwd *entry = NULL;
  int n_more = 0;
  id_t id;

  if (self->user == NULL && self->group == NULL && self->groups[0] == NULL)
    return;
  while (self->groups[n_more] != NULL)
    n_more++;
  self->uid = geteuid ();
  self->gid = getegid ();
  if (self->user != NULL)
    {
      entry = parse_id (self->user, &id) ? getpwuid ((uid_t)id) : getpwnam (self->user);
      if (entry == NULL)
        exec_fail (STEP, 0, "User=%s: there is no such user", self->user);
      self->uid = entry->pw_uid;
      self->gid = entry->pw_gid;
    }
  if (self->group != NULL)
    self->gid = find_group ("Group", self->group);
  if (entry != NULL)
    find_groups_of (self, entry->pw_name, n_more);
  else
    {
      self->ids = calloc ((size_t)n_more + 1, sizeof *self->ids);
      if (self->ids == NULL)
        exec_fail (STEP, ENOMEM, "its groups cannot be found");
      self->ids[self->n_ids++] = self->gid;
    }
  for (int i = 0; i < n_more; i++)
    self->ids[self->n_ids++] = find_group ("SupplementaryGroups", self->groups[i]);
}

/* What the program would only find out later, and say in words of its own. */
static void
check_reach (const ExecUser *self, const char *variable, int mode)
{
  const char *path = getenv (variable);

  if (path != NULL && *path == '/' && access (path, mode) < 0 && errno == EACCES)
    exec_fail (STEP, EACCES, "User=%s cannot reach '%s' of %s: let it enter the directories above",
               self->user != NULL ? self->user : "root", path, variable);
}

/**
 * exec_user_become:
 * @self: who was found
 *
 * From here on only what that user may do can be done.
 */
void
exec_user_become (const ExecUser *self)
{
  if (self->ids == NULL)
    return;
  if (setgroups ((size_t)self->n_ids, self->ids) < 0 || setresgid (self->gid, self->gid, self->gid) < 0)
    exec_fail (STEP, errno, "Group cannot be had: only root can start a program in another group");
  if (setresuid (self->uid, self->uid, self->uid) < 0)
    exec_fail (STEP, errno, "User=%s cannot be had: only root can start a program as another user", self->user);
  check_reach (self, HR_ENV_STATE_IN, R_OK);
  check_reach (self, "NOTIFY_SOCKET", W_OK);
}
