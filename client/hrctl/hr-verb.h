/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-verb.h: the table of verbs, and what each of them is given to work with.
 */
#pragma once

#include "hr-args.h"
#include "hr-client.h"
#include "hr-output.h"

G_BEGIN_DECLS

/**
 * HrVerbFlags:
 * @HR_VERB_COMMAND: its operands are a command line: options end at the first of them
 * @HR_VERB_ACTIVATES: starts a daemon if none runs
 */
typedef enum { HR_VERB_COMMAND = 1 << 0, HR_VERB_ACTIVATES = 1 << 1 } HrVerbFlags;

/**
 * HrCtl:
 * @args: the command line
 * @output: where and how to print
 * @client: the connection, %NULL until hr_ctl_connect()
 *
 * One run of hrctl.
 */
typedef struct {
  HrArgs *args;
  HrOutput *output;
  HrClient *client;
} HrCtl;

/**
 * HrVerbFunc:
 * @ctl: the run
 * @error: what went wrong, if it is to be printed
 *
 * Returns: the exit code; not looked at if @error is set, which has its own
 */
typedef int (*HrVerbFunc) (HrCtl *ctl, GError **error);

struct _HrVerb {
  const char *name;
  const char *operands; /* for help, "" if none */
  const char *summary;  /* one line, to be translated */
  const char *text;     /* more, to be translated; NULL: no more to say */
  guint options;        /* HR_OPTION_BIT()s besides those of every verb */
  guint min;            /* operands */
  guint max;
  HrVerbFlags flags;
  HrVerbFunc run;
};

#define HR_VERB_ANY G_MAXUINT

const HrVerb *hr_verb_find (const char *name);
void hr_verb_unknown_error (GError **error, const char *name);
const HrVerb *hr_verb_table (gsize *n);

HrClient *hr_ctl_connect (HrCtl *ctl, GError **error);
gboolean hr_ctl_get_bus_choice (HrCtl *ctl, HrBusChoice *choice, GError **error);

/* verb-config.c */
int hr_verb_add (HrCtl *ctl, GError **error);
int hr_verb_check (HrCtl *ctl, GError **error);
int hr_verb_daemon_reexec (HrCtl *ctl, GError **error);
int hr_verb_daemon_reload (HrCtl *ctl, GError **error);
int hr_verb_remove (HrCtl *ctl, GError **error);
/* verb-control.c */
int hr_verb_control (HrCtl *ctl, GError **error);
int hr_verb_reload_all (HrCtl *ctl, GError **error);
int hr_verb_rollback (HrCtl *ctl, GError **error);
int hr_verb_reset_failed (HrCtl *ctl, GError **error);
int hr_verb_pause (HrCtl *ctl, GError **error);
int hr_verb_canary (HrCtl *ctl, GError **error);
/* verb-help.c */
int hr_verb_help (HrCtl *ctl, GError **error);
int hr_verb_version (HrCtl *ctl, GError **error);
/* verb-history.c */
int hr_verb_history (HrCtl *ctl, GError **error);
/* verb-logs.c */
int hr_verb_logs (HrCtl *ctl, GError **error);
/* verb-monitor.c */
int hr_verb_monitor (HrCtl *ctl, GError **error);
/* verb-release.c */
int hr_verb_diff (HrCtl *ctl, GError **error);
int hr_verb_plan (HrCtl *ctl, GError **error);
int hr_verb_releases (HrCtl *ctl, GError **error);
/* verb-run.c */
int hr_verb_run (HrCtl *ctl, GError **error);
/* verb-snapshot.c */
int hr_verb_snapshot (HrCtl *ctl, GError **error);
/* verb-status.c */
int hr_verb_list (HrCtl *ctl, GError **error);
int hr_verb_status (HrCtl *ctl, GError **error);
/* verb-top.c */
int hr_verb_top (HrCtl *ctl, GError **error);

G_END_DECLS
