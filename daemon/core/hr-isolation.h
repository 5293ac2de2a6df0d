/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-isolation.h: with which rights and limits what belongs to a service runs.
 *
 * Pure: what a service file says, and the words in which hotreload-exec is told. Only the kernel knows whether it can
 * be had: hotreload-exec asks it, and refuses the start where it cannot.
 */
#pragma once

#include <glib.h>

#include "hr-resources.h"

G_BEGIN_DECLS

typedef enum { HR_PROTECT_NO, HR_PROTECT_YES, HR_PROTECT_FULL, HR_PROTECT_STRICT } HrProtectSystem;

/* A limit that is none. */
#define HR_LIMIT_INFINITY G_MAXUINT64

/* Of each there is a key: LimitCPU and so on. */
typedef enum {
  HR_LIMIT_CPU,
  HR_LIMIT_FSIZE,
  HR_LIMIT_DATA,
  HR_LIMIT_STACK,
  HR_LIMIT_CORE,
  HR_LIMIT_RSS,
  HR_LIMIT_NOFILE,
  HR_LIMIT_AS,
  HR_LIMIT_NPROC,
  HR_LIMIT_MEMLOCK,
  HR_LIMIT_LOCKS,
  HR_LIMIT_SIGPENDING,
  HR_LIMIT_MSGQUEUE,
  HR_LIMIT_NICE,
  HR_LIMIT_RTPRIO,
  HR_LIMIT_RTTIME,
  HR_N_LIMITS,
} HrLimitKind;

/**
 * HrLimit:
 * @set: whether the service file has it; else it is the daemon's
 * @soft: what holds, in the kernel's unit, or %HR_LIMIT_INFINITY
 * @hard: up to which the program may raise it
 */
typedef struct {
  gboolean set;
  guint64 soft;
  guint64 hard;
} HrLimit;

/**
 * HrIsolation:
 * @limits: by #HrLimitKind
 * @resources: what all processes of an instance may use together, by #HrResourceKind
 * @has_nice: whether @nice is to be set
 * @nice: -20 to 19
 * @has_umask: whether @umask is to be set
 * @umask: mode bits
 * @no_new_privileges: whether nothing that it executes gains any
 * @private_tmp: whether it has a /tmp and /var/tmp of its own
 * @protect_system: what it cannot write
 * @read_write_paths: what it can in spite of that, absolute; a leading '-' means that it may be missing; never %NULL
 * @user: (nullable): name or number of the user as whom it runs
 * @group: (nullable): the same of its group; %NULL: that of @user
 * @groups: SupplementaryGroups, beside those that @user is in; never %NULL
 *
 * What is not set is as the daemon has it. Part of a #HrServiceSpec, and never changed after that.
 */
typedef struct {
  HrLimit limits[HR_N_LIMITS];
  HrResource resources[HR_N_RESOURCES];
  gboolean has_nice;
  int nice;
  gboolean has_umask;
  guint umask;
  gboolean no_new_privileges;
  gboolean private_tmp;
  HrProtectSystem protect_system;
  char **read_write_paths;
  char *user;
  char *group;
  char **groups;
} HrIsolation;

const char *hr_protect_system_name (HrProtectSystem how);
const char *hr_limit_name (HrLimitKind kind);
gboolean hr_limit_parse (HrLimitKind kind, const char *text, HrLimit *limit, GError **error);
char *hr_limit_to_string (const HrLimit *limit);

G_END_DECLS
