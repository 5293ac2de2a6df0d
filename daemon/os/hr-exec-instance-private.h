/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-exec-instance-private.h: the inside of HrExecInstance, shared by its files: hr-exec-instance.c (the object, its
 * start), hr-exec-end.c (its end), hr-exec-main.c (which of its processes is the main one), hr-exec-takeover.c (one that an earlier daemon
 * started).
 */
#pragma once

#include "hr-adopt-server.h"
#include "hr-adopt-sight.h"
#include "hr-exec-instance.h"
#include "hr-main-process.h"
#include "hr-notify-server.h"

G_BEGIN_DECLS

struct _HrExecInstance {
  HrInstance parent_instance;

  char *service;
  char *id;
  GPid pid;  /* of the process that was started, the leader; not reaped before the end of all */
  int pidfd; /* -1: not started, or reaped */
  guint pidfd_source;
  HrMainProcess *main; /* NULL: the leader */
  gboolean main_ended;
  gboolean told_ended;
  int status_fd; /* -1: the program runs, or it is known why not */
  guint status_source;
  GError *start_error;
  HrNotifyServer *notify;
  HrAdoptServer *adopt; /* NULL: the library is not preloaded, there being nothing to see */
  gboolean taken_over;  /* it is no child of this process */
  guint64 start;        /* of one that was taken over, see HrProcess */
  gboolean known_end;   /* whether it was found out with which status that ended */
  int wait_status;
  HrAdoptSights *sights;
  HrAdoptSight seen; /* when it was last looked at */
  gboolean retired;
  char *cgroup;         /* NULL: it has none */
  char **cgroup_limits; /* "FILE:VALUE" of that */
  char *memory_max;     /* NULL: the service file has none */
  char *cause;          /* NULL: what hr_instance_get_cause() says */
  gint64 wait;          /* of one that has ended, see hr_instance_get_wait() */
};

/* hr-exec-instance.c */
gboolean hr_exec_instance_leader_exited (gint fd, GIOCondition condition, gpointer user_data);

/* hr-exec-end.c */
void hr_exec_instance_kill_all (HrExecInstance *self);
char *hr_exec_instance_abandon (HrInstance *instance);
void hr_exec_instance_tell_ended (HrExecInstance *self);
void hr_exec_instance_end (HrExecInstance *self);

/* hr-exec-takeover.c */
gboolean hr_exec_instance_learn_end (HrExecInstance *self);

/* hr-exec-main.c */
GPid hr_exec_instance_main_pid (HrExecInstance *self);
void hr_exec_instance_name_main (HrExecInstance *self, const char *const *assignments);
void hr_exec_instance_signal_main (HrExecInstance *self, int signal_number);
gboolean hr_exec_instance_main_runs (HrExecInstance *self);

G_END_DECLS
