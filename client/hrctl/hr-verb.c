/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-verb.h"

#include <glib/gi18n.h>
#include <string.h>

#include "hr-error.h"
#include "hr-names.h"
#include "hr-nearest.h"

#define ALL HR_OPTION_BIT (HR_OPTION_ALL)
#define LINES HR_OPTION_BIT (HR_OPTION_LINES)
#define LONG HR_OPTION_BIT (HR_OPTION_LONG)

static const HrVerb verbs[] = {
  { "list", "", N_ ("Lists the services"), NULL, HR_OPTION_BIT (HR_OPTION_NAMES), 0, 0, 0, hr_verb_list },
  { "status", "[SERVICE]", N_ ("Shows how all services are, or one in detail"),
    N_ ("One with its processes as a tree, and the last lines of its output, as many as --lines says. Memory is that "
        "of\n"
        "all processes together; what they share counts once."),
    LINES, 0, 1, 0, hr_verb_status },
  { "top", "", N_ ("Shows what services use, live"),
    N_ ("Keys: n, c, m, r, e, s sort by name, CPU, memory, restarts, release, state, the same once more the other way "
        "round;\narrows scroll, q quits. Without a terminal, or with --batch, tables are printed; with --json one "
        "object a "
        "line."),
    HR_OPTION_BIT (HR_OPTION_BATCH) | HR_OPTION_BIT (HR_OPTION_COUNT) | HR_OPTION_BIT (HR_OPTION_DELAY)
        | HR_OPTION_BIT (HR_OPTION_SORT),
    0, 0, 0, hr_verb_top },
  { "start", "SERVICE…", N_ ("Starts services and waits until they are ready"), NULL, 0, 1, HR_VERB_ANY,
    HR_VERB_ACTIVATES, hr_verb_control },
  { "stop", "SERVICE…|--all", N_ ("Stops services"),
    N_ ("A service that was stopped stays so, also over a restart of the daemon, until it is started."), ALL, 0,
    HR_VERB_ANY, 0, hr_verb_control },
  { "restart", "SERVICE…", N_ ("Stops services and starts the same release again"), NULL, 0, 1, HR_VERB_ANY,
    HR_VERB_ACTIVATES, hr_verb_control },
  { "reload", "SERVICE…", N_ ("Moves services to their source as it is now"),
    N_ ("The old release serves until the new one has proven itself. If the new one fails, the old one runs on and "
        "the\n"
        "exit code is 1. Unchanged source gives a new process of the same release."),
    0, 1, HR_VERB_ANY, HR_VERB_ACTIVATES, hr_verb_control },
  { "reload-all", "", N_ ("Reloads every service that is not stopped"), NULL, 0, 0, 0, 0, hr_verb_reload_all },
  { "rollback", "SERVICE", N_ ("Runs an earlier release again, by default the last good one"),
    N_ ("Changes what runs, not the source."), HR_OPTION_BIT (HR_OPTION_TO), 1, 1, 0, hr_verb_rollback },
  { "reset-failed", "SERVICE", N_ ("Forgets how often a service ended by itself"),
    N_ ("One that is failed is stopped from then on. It starts with the daemon, and when its source changes."), 0, 1, 1,
    0, hr_verb_reset_failed },
  { "releases", "SERVICE", N_ ("Lists the releases of a service and what became of them"), NULL, LONG, 1, 1, 0,
    hr_verb_releases },
  { "diff", "SERVICE [N [M]]", N_ ("Shows what differs between two releases"),
    N_ ("Without N from the running release, without M to the source as it is now."), 0, 1, 3, 0, hr_verb_diff },
  { "plan", "SERVICE", N_ ("Shows what a reload would do, without doing it"), NULL, 0, 1, 1, 0, hr_verb_plan },
  { "pause", "[SERVICE]", N_ ("Keeps changes of the source for later, of one service or all"), NULL, 0, 0, 1, 0,
    hr_verb_pause },
  { "resume", "[SERVICE]", N_ ("Ends a pause and reloads what has changed"),
    N_ ("The canary of the service goes on, too, if it is held."), 0, 0, 1, 0, hr_verb_pause },
  { "promote", "SERVICE", N_ ("Gives the canary of a reload all new connections and lets the reload go on"), NULL, 0, 1,
    1, 0, hr_verb_canary },
  { "abort", "SERVICE", N_ ("Ends the canary of a reload; the release before goes on serving"),
    N_ ("No new connection goes to it from then on. It finishes what it has, and the reload fails."), 0, 1, 1, 0,
    hr_verb_canary },
  { "hold", "SERVICE", N_ ("Keeps the share of a canary as it is"),
    N_ ("Until it is promoted or aborted, or 'hrctl resume SERVICE' lets its share rise again; 24 hours at most."), 0,
    1, 1, 0, hr_verb_canary },
  { "history", "[SERVICE]", N_ ("Shows what was reloaded, the newest first"), NULL, LINES | LONG, 0, 1, 0,
    hr_verb_history },
  { "snapshot", "create|list|show|restore SERVICE [ID]", N_ ("Keeps, shows and gives back the state of a service"),
    N_ ("Without an ID, show and restore take the newest snapshot."), 0, 2, 3, 0, hr_verb_snapshot },
  { "logs", "SERVICE", N_ ("Prints the end of a service's output"),
    N_ ("Of all its instances that are kept, by time; before each line is the release and the instance. With --json\n"
        "and --follow one JSON object a line."),
    LINES | HR_OPTION_BIT (HR_OPTION_FOLLOW) | HR_OPTION_BIT (HR_OPTION_NEWEST) | HR_OPTION_BIT (HR_OPTION_PLAIN)
        | HR_OPTION_BIT (HR_OPTION_RELEASE) | HR_OPTION_BIT (HR_OPTION_SINCE),
    1, 1, 0, hr_verb_logs },
  { "monitor", "", N_ ("Prints what happens to the services as it happens"),
    N_ ("With --json one JSON object a line. Ends when interrupted, with 3 when --timeout is over, or with 1 when the\n"
        "daemon goes away."),
    0, 0, 0, 0, hr_verb_monitor },
  { "run", "-- PROGRAM [ARGUMENT…]", N_ ("Runs a program in the foreground and reloads it when its code changes"),
    N_ ("It gets this environment, working directory, standard output and standard error. Ctrl-C stops it. Without a\n"
        "bus or a daemon, one is started for as long as this runs."),
    HR_OPTION_BIT (HR_OPTION_LISTEN) | HR_OPTION_BIT (HR_OPTION_WATCH) | HR_OPTION_BIT (HR_OPTION_NAME)
        | HR_OPTION_BIT (HR_OPTION_NO_VALIDATE),
    1, HR_VERB_ANY, HR_VERB_COMMAND | HR_VERB_ACTIVATES, hr_verb_run },
  { "check", "[FILE]", N_ ("Checks a service file, or all of them; needs no daemon"), NULL,
    HR_OPTION_BIT (HR_OPTION_CONFIG_DIR) | HR_OPTION_BIT (HR_OPTION_PROFILE), 0, 1, 0, hr_verb_check },
  { "add", "FILE", N_ ("Adds a service from a service file and starts it"),
    N_ ("Its name is that of the file without .conf. Relative paths in it go on to mean what they meant there."),
    HR_OPTION_BIT (HR_OPTION_NAME), 1, 1, HR_VERB_ACTIVATES, hr_verb_add },
  { "remove", "SERVICE", N_ ("Stops a service and removes its service file"),
    N_ ("Its releases, snapshots and history are kept."), 0, 1, 1, 0, hr_verb_remove },
  { "daemon-reload", "", N_ ("Reads the service files again"), NULL, 0, 0, 0, 0, hr_verb_daemon_reload },
  { "daemon-reexec", "", N_ ("Lets the daemon become the program that is installed now"),
    N_ ("In place: services, clients that wait and jobs notice nothing. The program is tried first; if it cannot go\n"
        "on with what is there, the daemon stays as it is and the exit code is 1."),
    0, 0, 0, 0, hr_verb_daemon_reexec },
  { "version", "", N_ ("Prints the version"), NULL, 0, 0, 0, 0, hr_verb_version },
  { "help", "[VERB]", N_ ("Prints help"), NULL, 0, 0, 1, 0, hr_verb_help },
};

/**
 * hr_verb_find:
 * @name: what was written
 *
 * Returns: (nullable): the verb of this name
 */
const HrVerb *
hr_verb_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      if (g_str_equal (verbs[i].name, name))
        return &verbs[i];
    }

  return NULL;
}

/**
 * hr_verb_unknown_error:
 * @error: where to put it
 * @name: what was written, which is no verb
 *
 * A mistake of the person at the keyboard, with the verb that may have been meant.
 */
void
hr_verb_unknown_error (GError **error, const char *name)
{
  const char *names[G_N_ELEMENTS (verbs) + 1] = { NULL };
  const char *nearest;

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    names[i] = verbs[i].name;
  nearest = hr_nearest_find (name, names);
  if (nearest != NULL)
    hr_usage_error (error, NULL, _ ("unknown verb '%s'; did you mean '%s'?"), name, nearest);
  else
    hr_usage_error (error, NULL, _ ("unknown verb '%s'"), name);
}

/**
 * hr_verb_table:
 * @n: (out): how many
 *
 * Returns: (array length=n): all verbs, for help
 */
const HrVerb *
hr_verb_table (gsize *n)
{
  *n = G_N_ELEMENTS (verbs);
  return verbs;
}

/**
 * hr_ctl_get_bus_choice:
 * @ctl: the run
 * @choice: (out): what options and HOTRELOAD_BUS say
 * @error: %HR_ERROR_INVALID_ARGUMENT
 *
 * Returns: whether they say something that has a meaning
 */
gboolean
hr_ctl_get_bus_choice (HrCtl *ctl, HrBusChoice *choice, GError **error)
{
  const char *wanted = g_getenv (HR_ENV_BUS);

  if (hr_args_has (ctl->args, HR_OPTION_SESSION))
    *choice = HR_BUS_SESSION;
  else if (hr_args_has (ctl->args, HR_OPTION_SYSTEM))
    *choice = HR_BUS_SYSTEM;
  else if (wanted == NULL || *wanted == '\0')
    *choice = HR_BUS_AUTO;
  else if (g_str_equal (wanted, "session"))
    *choice = HR_BUS_SESSION;
  else if (g_str_equal (wanted, "system"))
    *choice = HR_BUS_SYSTEM;
  else
    {
      hr_usage_error (error, NULL, _ ("%s must be 'session' or 'system', not '%s'"), HR_ENV_BUS, wanted);
      return FALSE;
    }

  return TRUE;
}

/**
 * hr_ctl_connect:
 * @ctl: the run
 * @error: why there is no daemon to talk to
 *
 * Returns: (transfer none): the connection, made at the first call
 */
HrClient *
hr_ctl_connect (HrCtl *ctl, GError **error)
{
  gint64 timeout = hr_args_get_timeout (ctl->args);
  HrBusChoice choice;

  if (ctl->client != NULL)
    return ctl->client;
  if (!hr_ctl_get_bus_choice (ctl, &choice, error))
    return NULL;

  ctl->client = hr_client_connect (choice, (ctl->args->verb->flags & HR_VERB_ACTIVATES) != 0, error);
  if (ctl->client != NULL && timeout >= 0)
    hr_client_limit_calls (ctl->client, (int)CLAMP (timeout / 1000, 1, G_MAXINT));

  return ctl->client;
}
