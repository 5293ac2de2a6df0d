/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-bus-calls.h"
#include "hr-bus-flush.h"
#include "hr-bus-freeze.h"
#include "hr-check.h"
#include "hr-command-task.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-handed.h"
#include "hr-instance-socket.h"
#include "hr-log.h"
#include "hr-names.h"
#include "hr-sd-notify.h"

/* Of what the program says when it is tried. */
#define WORDS_MAX 4096

/* Signals that say something to the daemon. */
static const int HELD[] = { SIGTERM, SIGINT, SIGHUP };

struct _HrReexec {
  HrReexecPlan plan;
  GDBusMethodInvocation *invocation; /* NULL: nothing is under way */
  gint64 began_at;
  gint64 held_at; /* 0: not yet */
  GCancellable *cancellable;
  char **command;     /* by which it is tried */
  char **environment; /* of that */
  guint look_source;
  HrBusFreeze *freeze;
  guint drain_source;
  gboolean holds_signals;
  struct sigaction actions[G_N_ELEMENTS (HELD)]; /* what was done at these */
};

static HrManager *
get_manager (HrReexec *self)
{
  return hr_configuration_get_manager (self->plan.configuration);
}

static pthread_t executing_thread;

static void
pass_on (int signal_number)
{
  pthread_kill (executing_thread, signal_number);
}

/* What tells the daemon to end must not do so before the new program listens to it, nor be forgotten by this one: from
   here on it waits for the thread that executes the new program, and with it. Other threads, which do not hold it back,
   may be given it: they pass it on. */
static void
hold_signals (HrReexec *self, gboolean hold)
{
  struct sigaction passing = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
  sigset_t signals;

  if (hold == self->holds_signals)
    return;
  self->holds_signals = hold;
  executing_thread = pthread_self ();
  sigemptyset (&signals);
  for (guint i = 0; i < G_N_ELEMENTS (HELD); i++)
    sigaddset (&signals, HELD[i]);
  if (hold)
    pthread_sigmask (SIG_BLOCK, &signals, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (HELD); i++)
    sigaction (HELD[i], hold ? &passing : &self->actions[i], hold ? &self->actions[i] : NULL);
  if (!hold)
    pthread_sigmask (SIG_UNBLOCK, &signals, NULL);
}

static void
forget_freeze (HrReexec *self)
{
  g_clear_handle_id (&self->drain_source, g_source_remove);
  g_clear_pointer (&self->freeze, hr_bus_freeze_free);
  hold_signals (self, FALSE);
}

/* Everything is as it was. */
static void
refuse (HrReexec *self, GError *error)
{
  hr_log_warning (NULL, "not re-executed: %s", error->message);
  forget_freeze (self);
  g_clear_handle_id (&self->look_source, g_source_remove);
  hr_bus_return_job (g_steal_pointer (&self->invocation), NULL, error);
  if (self->held_at != 0)
    hr_manager_release (get_manager (self));
  self->held_at = 0;
}

static void
reexec_destroy (HrReexec *self)
{
  g_clear_object (&self->cancellable);
  g_strfreev (self->command);
  g_strfreev (self->environment);
  g_free (self);
}

/* The execution */

static gboolean
keep_open (GArray *fds, gboolean open)
{
  for (guint i = 0; i < fds->len; i++)
    if (fcntl (g_array_index (fds, int, i), F_SETFD, open ? 0 : FD_CLOEXEC) != 0)
      return FALSE;
  return TRUE;
}

static int
hand_over (HrReexec *self, GArray *fds, GError **error)
{
  GDBusMessage *call = g_dbus_method_invocation_get_message (self->invocation);
  g_autoptr (GVariant) inherited = g_variant_ref_sink (hr_inherited_sockets_carry (self->plan.inherited, fds));
  g_autoptr (GVariant) sockets = g_variant_ref_sink (hr_instance_sockets_carry (fds));
  g_autoptr (GVariant) manager = g_variant_ref_sink (hr_manager_carry (get_manager (self), fds));
  const HrHanded handed = {
    .bus = hr_bus_connection_get_fd (self->plan.connection),
    .lock = hr_local_platform_get_lock (self->plan.platform),
    .inherited = inherited,
    .sockets = sockets,
    .manager = manager,
    .caller = (char *)g_dbus_message_get_sender (call),
    .serial = g_dbus_message_get_serial (call),
    .began_at = self->began_at,
  };
  int fd = hr_handed_write (&handed, error);

  if (fd < 0)
    return -1;
  g_array_append_val (fds, handed.bus);
  g_array_append_val (fds, handed.lock);
  g_array_append_val (fds, fd);
  return fd;
}

/* Returns only when it could not be done. */
static void
execute (HrReexec *self)
{
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autofree char *number = NULL;
  GError *error = NULL;
  g_auto (HrFd) handed = hand_over (self, fds, &error);

  /* The last answers and signals of this program. */
  if (handed >= 0 && hr_bus_flush (self->plan.connection, HR_BUS_FLUSH_USEC, &error))
    {
      number = g_strdup_printf ("%d", handed);
      g_setenv (HR_ENV_HANDED, number, TRUE);
      hr_sd_notify ("RELOADING=1");
      if (keep_open (fds, TRUE))
        execv (self->plan.program, self->plan.arguments);
      hr_fs_set_error (&error, errno, "while executing '%s'", self->plan.program);
      keep_open (fds, FALSE);
      g_unsetenv (HR_ENV_HANDED);
      hr_sd_notify ("READY=1");
    }
  g_prefix_error (&error, "the daemon could not be re-executed: ");
  refuse (self, error);
}

/* Nothing is begun, and what is under way ends */

static void look_again (HrReexec *self);

static char *
find_obstacle (HrReexec *self)
{
  char *activity = hr_manager_find_activity (get_manager (self));

  if (activity != NULL)
    return activity;
  /* Ours is one. */
  if (hr_bus_manager_count_calls (self->plan.bus) > 1)
    return g_strdup ("other calls have not been answered");
  if (!hr_local_platform_is_kept (self->plan.platform))
    return g_strdup ("the keeper has not been told of everything");
  return NULL;
}

/* All that had come has been dispatched. */
static gboolean
on_drained (gpointer user_data)
{
  HrReexec *self = user_data;
  g_autofree char *obstacle = find_obstacle (self);
  GError *error = NULL;

  self->drain_source = 0;
  /* Again: what was changed since it was asked for would take the service with it. */
  if (obstacle == NULL && !hr_configuration_check_running (self->plan.configuration, &error))
    refuse (self, error);
  else if (obstacle == NULL)
    execute (self);
  else
    {
      forget_freeze (self);
      look_again (self);
    }
  return G_SOURCE_REMOVE;
}

static void
on_frozen (gpointer user_data)
{
  HrReexec *self = user_data;

  /* A signal that came before is dispatched before what follows. */
  hold_signals (self, TRUE);
  /* Behind everything else. */
  self->drain_source = g_idle_add_full (G_PRIORITY_LOW, on_drained, self, NULL);
}

static gboolean
on_look (gpointer user_data)
{
  HrReexec *self = user_data;
  g_autofree char *obstacle = find_obstacle (self);
  gint64 passed = g_get_monotonic_time () - self->held_at;
  GError *error = NULL;

  if (obstacle == NULL)
    {
      self->look_source = 0;
      self->freeze = hr_bus_freeze_new (self->plan.connection, on_frozen, self, &error);
      if (self->freeze == NULL)
        refuse (self, error);
      return G_SOURCE_REMOVE;
    }
  if (passed >= HR_REEXEC_SETTLE_USEC)
    {
      self->look_source = 0;
      refuse (self, g_error_new (HR_ERROR, HR_ERROR_BUSY, "%s: try again later", obstacle));
      return G_SOURCE_REMOVE;
    }
  if (passed >= HR_REEXEC_GRACE_USEC)
    hr_manager_put_back (get_manager (self));
  return G_SOURCE_CONTINUE;
}

static void
look_again (HrReexec *self)
{
  self->look_source = g_timeout_add (HR_REEXEC_LOOK_USEC / G_TIME_SPAN_MILLISECOND, on_look, self);
}

/* The program is tried */

static gboolean
check_words (HrReexec *self, const HrCommandResult *result, GError **error)
{
  g_autofree char *words = hr_command_words (result->output);
  const char *line = strstr (result->output->str, HR_CHECK_STATE_WORD);
  gint64 version = line != NULL ? g_ascii_strtoll (line + strlen (HR_CHECK_STATE_WORD), NULL, 10) : 0;

  if (result->wait_status != 0)
    {
      g_autofree char *end = hr_command_end (result->wait_status);

      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "'%s' cannot go on with what is there: %s%s%s", self->plan.program,
                   end, *words != '\0' ? ": " : "", words);
      return FALSE;
    }
  if (line == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "'%s' does not answer as a hotreloadd does", self->plan.program);
  else if (version < HR_RUN_STATE_VERSION)
    g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                 "'%s' is older than the state: it reads versions up to %" G_GINT64_FORMAT
                 ", and that of this daemon is %d; install a newer one",
                 self->plan.program, version, HR_RUN_STATE_VERSION);
  return line != NULL && version >= HR_RUN_STATE_VERSION;
}

static void
on_tried (GObject *source, GAsyncResult *async, gpointer user_data)
{
  HrReexec *self = user_data;
  g_auto (HrCommandResult) result = { 0 };
  GError *error = NULL;

  if (!hr_command_task_finish (async, &result, &error))
    g_prefix_error (&error, "while trying '%s': ", self->plan.program);
  else
    check_words (self, &result, &error);
  if (g_cancellable_is_cancelled (self->cancellable))
    {
      g_clear_error (&error);
      reexec_destroy (self);
    }
  else if (error != NULL)
    refuse (self, error);
  else
    {
      self->held_at = g_get_monotonic_time ();
      hr_manager_hold (get_manager (self));
      look_again (self);
    }
}

static void
try_program (HrReexec *self)
{
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_autofree char *directory = g_get_current_dir ();
  HrCommand command = { .directory = directory, .output_head = WORDS_MAX };

  g_strfreev (self->command);
  g_strfreev (self->environment);
  g_strv_builder_add (words, self->plan.program);
  g_strv_builder_addv (words, (const char **)self->plan.arguments + 1);
  g_strv_builder_add (words, "--check-state");
  self->command = g_strv_builder_end (words);
  self->environment = g_get_environ ();
  command.argv = (const char *const *)self->command;
  command.environment = (const char *const *)self->environment;
  command.deadline = g_get_monotonic_time () + HR_REEXEC_TRY_USEC;
  hr_command_task_start (&command, self->cancellable, on_tried, self);
}

static void
on_call (GDBusMethodInvocation *invocation, gpointer user_data)
{
  HrReexec *self = user_data;
  GError *error = NULL;

  if (self->invocation != NULL)
    {
      hr_bus_return_job (invocation, NULL,
                         g_error_new_literal (HR_ERROR, HR_ERROR_BUSY, "the daemon is being re-executed already"));
      return;
    }
  hr_log_info (NULL, "re-executing '%s'", self->plan.program);
  self->invocation = invocation;
  self->began_at = g_get_monotonic_time ();
  if (hr_configuration_check_running (self->plan.configuration, &error))
    try_program (self);
  else
    refuse (self, error);
}

/**
 * hr_reexec_new:
 * @plan: what there is
 *
 * From now on the daemon can be re-executed, by the call on the bus.
 *
 * Returns: (transfer full): what does it
 */
HrReexec *
hr_reexec_new (const HrReexecPlan *plan)
{
  HrReexec *self = g_new0 (HrReexec, 1);

  self->plan = *plan;
  self->cancellable = g_cancellable_new ();
  hr_bus_manager_set_reexecute (plan->bus, on_call, self);
  return self;
}

/**
 * hr_reexec_free:
 * @self: (transfer full): what re-executes the daemon
 *
 * The daemon ends: what is under way of it is given up, and the services can be stopped.
 */
void
hr_reexec_free (HrReexec *self)
{
  gboolean trying = self->invocation != NULL && self->held_at == 0;

  hr_bus_manager_set_reexecute (self->plan.bus, NULL, NULL);
  if (self->invocation != NULL)
    refuse (self, g_error_new_literal (HR_ERROR, HR_ERROR_BUSY, "the daemon is stopping"));
  if (trying)
    /* It goes when the program that is being tried has ended. */
    g_cancellable_cancel (self->cancellable);
  else
    reexec_destroy (self);
}
