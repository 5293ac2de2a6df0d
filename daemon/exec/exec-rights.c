/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-rights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "exec-fail.h"

#define STEP "rights"
#define INFINITY_WORD "infinity"

static const struct {
  const char *name;
  int resource;
} resources[EXEC_LIMITS_MAX] = {
  { "CPU", RLIMIT_CPU },           { "FSIZE", RLIMIT_FSIZE }, { "DATA", RLIMIT_DATA },
  { "STACK", RLIMIT_STACK },       { "CORE", RLIMIT_CORE },   { "RSS", RLIMIT_RSS },
  { "NOFILE", RLIMIT_NOFILE },     { "AS", RLIMIT_AS },       { "NPROC", RLIMIT_NPROC },
  { "MEMLOCK", RLIMIT_MEMLOCK },   { "LOCKS", RLIMIT_LOCKS }, { "SIGPENDING", RLIMIT_SIGPENDING },
  { "MSGQUEUE", RLIMIT_MSGQUEUE }, { "NICE", RLIMIT_NICE },   { "RTPRIO", RLIMIT_RTPRIO },
  { "RTTIME", RLIMIT_RTTIME },
};

/**
 * exec_rights_add_limit:
 * @self: what is collected
 * @limit: "NAME:SOFT:HARD"; must stay
 */
void
exec_rights_add_limit (ExecRights *self, const char *limit)
{
  if (self->n_limits == EXEC_LIMITS_MAX)
    exec_fail ("options", 0, "more than %d limits", EXEC_LIMITS_MAX);
  self->limits[self->n_limits++] = limit;
}

static int
find_resource (const char *limit, size_t length)
{
  for (int i = 0; i < EXEC_LIMITS_MAX; i++)
    if (strlen (resources[i].name) == length && strncmp (resources[i].name, limit, length) == 0)
      return i;
  exec_fail ("options", 0, "'%s' is not a limit", limit);
}

static rlim_t
read_value (const char *limit, const char *text, char end)
{
  size_t length = strlen (INFINITY_WORD);
  unsigned long long value;
  char *stop;

  if (strncmp (text, INFINITY_WORD, length) == 0 && text[length] == end)
    return RLIM_INFINITY;
  errno = 0;
  value = strtoull (text, &stop, 10);
  if (errno != 0 || stop == text || *stop != end)
    exec_fail ("options", 0, "'%s' is not a limit", limit);
  return (rlim_t)value;
}

static void
set_limit (const char *limit)
{
  const char *soft = strchr (limit, ':');
  const char *hard = soft != NULL ? strchr (soft + 1, ':') : NULL;
  struct rlimit had = { 0 }, wanted;
  int at;

  if (hard == NULL)
    exec_fail ("options", 0, "'%s' is not a limit", limit);
  at = find_resource (limit, (size_t)(soft - limit));
  wanted = (struct rlimit){ read_value (limit, soft + 1, ':'), read_value (limit, hard + 1, '\0') };
  if (setrlimit ((__rlimit_resource_t)resources[at].resource, &wanted) == 0)
    return;
  if (errno == EPERM && getrlimit ((__rlimit_resource_t)resources[at].resource, &had) == 0
      && had.rlim_max < wanted.rlim_max)
    exec_fail (STEP, EPERM, "Limit%s cannot be set to '%s': here it is at most %llu, and only root may raise it",
               resources[at].name, soft + 1, (unsigned long long)had.rlim_max);
  exec_fail (STEP, errno, "Limit%s cannot be set to '%s'", resources[at].name, soft + 1);
}

static void
set_nice (const char *text)
{
  /* -1 is a level like any other, so that only errno tells. */
  errno = 0;
  setpriority (PRIO_PROCESS, 0, atoi (text));
  if (errno != 0)
    exec_fail (STEP, errno, "Nice cannot be set to '%s'%s", text,
               errno == EACCES || errno == EPERM ? ": only root may go before others" : "");
}

/**
 * exec_rights_apply:
 * @self: what is wanted
 *
 * Gives the calling process its rights. What is to be opened or mounted comes before it.
 */
void
exec_rights_apply (const ExecRights *self)
{
  if (self->umask != NULL)
    umask ((mode_t)strtoul (self->umask, NULL, 8));
  if (self->nice != NULL)
    set_nice (self->nice);
  for (int i = 0; i < self->n_limits; i++)
    set_limit (self->limits[i]);
  if (self->no_new_privileges && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    exec_fail (STEP, errno, "NoNewPrivileges=yes cannot be had here");
}
