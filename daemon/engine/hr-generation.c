/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-generation.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-command-line.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-names.h"

struct _HrGeneration {
  GObject parent_instance;

  HrPlatform *platform;
  HrServiceSpec *spec;
  guint64 release;
  char *commit;
  HrSlot slot;
  HrView *view;
  HrListeners *listeners;
  HrStateFiles *state_files;
  const HrCallerContext *caller;
  gboolean ever_notified;

  char *id;
  char **environment;
  HrInstance *instance;
  HrStateOffer *offer;
  gint64 started_at;
  guint start_timer;
  guint stop_timer;
  gint64 kill_at;
  char *status_text;
  char *log_file; /* NULL: the caller of a transient service has its output */
  GError *launch_error;

  gboolean alive;
  gboolean ready;
  gboolean stopping;
  gboolean killed;
  gboolean opened_state;
  gboolean state_given;
  gboolean notified;
  gboolean said_stopping;
  int wait_status;
  gboolean status_known;
};

enum { SIGNAL_READY, SIGNAL_STATE_OPENED, SIGNAL_EXITED, SIGNAL_STATUS, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrGeneration, hr_generation, G_TYPE_OBJECT)

static HrClock *
generation_clock (HrGeneration *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
hr_generation_dispose (GObject *object)
{
  HrGeneration *self = HR_GENERATION (object);

  if (self->platform != NULL)
    {
      hr_clock_cancel (generation_clock (self), &self->start_timer);
      hr_clock_cancel (generation_clock (self), &self->stop_timer);
    }
  /* Whoever drops a running generation drops its process: nothing may outlive the object that watches it. */
  if (self->instance != NULL && self->alive)
    {
      g_signal_handlers_disconnect_by_data (self->instance, self);
      hr_instance_kill (self->instance);
    }
  g_clear_object (&self->instance);
  g_clear_object (&self->offer);
  g_clear_object (&self->listeners);
  g_clear_object (&self->state_files);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_generation_parent_class)->dispose (object);
}

static void
hr_generation_finalize (GObject *object)
{
  HrGeneration *self = HR_GENERATION (object);

  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_clear_pointer (&self->view, hr_view_unref);
  g_free (self->commit);
  g_free (self->id);
  g_free (self->status_text);
  g_free (self->log_file);
  g_clear_error (&self->launch_error);
  g_strfreev (self->environment);
  G_OBJECT_CLASS (hr_generation_parent_class)->finalize (object);
}

static void
hr_generation_class_init (HrGenerationClass *klass)
{
  const char *const names[N_SIGNALS] = { "ready", "state-opened", "exited", "status" };

  G_OBJECT_CLASS (klass)->dispose = hr_generation_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_generation_finalize;
  for (guint i = 0; i < N_SIGNALS; i++)
    signals[i] = g_signal_new (names[i], HR_TYPE_GENERATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_generation_init (HrGeneration *self)
{
  self->wait_status = -1;
  self->slot = HR_SLOT_NONE;
}

/**
 * hr_generation_new:
 * @platform: the operating system
 * @plan: what to start; its @caller must outlive the generation
 *
 * Returns: (transfer full): a generation that has not been started
 */
HrGeneration *
hr_generation_new (HrPlatform *platform, const HrGenerationPlan *plan)
{
  HrGeneration *self = g_object_new (HR_TYPE_GENERATION, NULL);

  self->platform = g_object_ref (platform);
  self->spec = hr_service_spec_ref (plan->spec);
  self->release = plan->release;
  self->commit = g_strdup (plan->commit);
  self->slot = plan->slot;
  self->view = plan->view != NULL ? hr_view_ref (plan->view) : NULL;
  g_set_object (&self->listeners, plan->parts->listeners);
  g_set_object (&self->state_files, plan->parts->state);
  self->caller = plan->caller;
  self->ever_notified = plan->ever_notified;
  self->id = g_uuid_string_random ();
  return self;
}

static void
become_ready (HrGeneration *self)
{
  if (self->ready || !self->alive || self->stopping)
    return;
  self->ready = TRUE;
  hr_clock_cancel (generation_clock (self), &self->start_timer);
  g_signal_emit (self, signals[SIGNAL_READY], 0);
}

static void
alive_long_enough (gpointer user_data)
{
  HrGeneration *self = user_data;

  self->start_timer = 0;
  become_ready (self);
}

/* Whether READY=1 or a listener is to be expected: then being alive says nothing. Only the adopt library sees that a
 * program listens. */
static gboolean
expects_a_sign (HrGeneration *self)
{
  gboolean sees = self->spec->sockets == HR_SOCKETS_AUTO || self->spec->sockets == HR_SOCKETS_ADOPT;

  return self->ever_notified || (sees && hr_listeners_list (self->listeners)->len > 0);
}

/* Time spent in the open of HOTRELOAD_STATE_IN does not count: the timer starts when that returns. */
static void
arm_alive_timer (HrGeneration *self)
{
  gint64 delay = self->spec->ready == HR_READY_DELAY ? self->spec->ready_delay : HR_READY_ALIVE_USEC;

  hr_clock_cancel (generation_clock (self), &self->start_timer);
  if (self->ready || (self->opened_state && !self->state_given))
    return;
  if (self->spec->ready == HR_READY_DELAY || (self->spec->ready == HR_READY_AUTO && !expects_a_sign (self)))
    self->start_timer = hr_clock_after (generation_clock (self), delay, alive_long_enough, self);
}

static void
set_status_text (HrGeneration *self, const char *text)
{
  g_autofree char *cut = g_strndup (text, HR_STATUS_TEXT_MAX);

  g_free (self->status_text);
  self->status_text = g_utf8_make_valid (cut, -1);
  g_signal_emit (self, signals[SIGNAL_STATUS], 0);
}

static void
instance_notified (HrInstance *instance, char **assignments, HrGeneration *self)
{
  for (guint i = 0; assignments[i] != NULL; i++)
    {
      const char *line = assignments[i];

      if (g_str_equal (line, "READY=1"))
        {
          self->notified = TRUE;
          g_signal_emit (self, signals[SIGNAL_STATUS], 0);
          if (self->spec->ready == HR_READY_NOTIFY || self->spec->ready == HR_READY_AUTO)
            become_ready (self);
        }
      else if (g_str_equal (line, "STOPPING=1"))
        self->said_stopping = TRUE;
      else if (g_str_has_prefix (line, "STATUS="))
        set_status_text (self, line + strlen ("STATUS="));
    }
}

static void
instance_listening (HrInstance *instance, HrGeneration *self)
{
  if (self->spec->ready == HR_READY_LISTEN || (self->spec->ready == HR_READY_AUTO && !self->ever_notified))
    become_ready (self);
}

static void
instance_exited (HrInstance *instance, int wait_status, gboolean known, HrGeneration *self)
{
  g_autoptr (HrGeneration) guard = g_object_ref (self);

  self->alive = FALSE;
  self->wait_status = wait_status;
  self->status_known = known;
  hr_clock_cancel (generation_clock (self), &self->start_timer);
  hr_clock_cancel (generation_clock (self), &self->stop_timer);
  g_clear_object (&self->offer);
  hr_listeners_revive (self->listeners);
  g_signal_emit (self, signals[SIGNAL_EXITED], 0);
}

static void
state_opened (HrStateOffer *offer, HrGeneration *self)
{
  if (self->opened_state)
    return;
  self->opened_state = TRUE;
  if (self->state_given)
    hr_state_offer_give (offer, NULL, NULL);
  else
    arm_alive_timer (self);
  g_signal_emit (self, signals[SIGNAL_STATE_OPENED], 0);
}

static void
take (GPtrArray *list, const char *key, char *value)
{
  g_ptr_array_add (list, g_strconcat (key, "=", value, NULL));
  g_free (value);
}

/* The last assignment of a key wins, so what tells the program who it is comes last. */
static char **
build_environment (HrGeneration *self, GError **error)
{
  g_auto (GStrv) base = NULL;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) merged = g_new0 (char *, 1);

  base = hr_platform_base_environment (self->platform, self->spec, error);
  if (base == NULL)
    return NULL;
  if (self->caller != NULL)
    for (guint i = 0; self->caller->environment[i] != NULL; i++)
      g_ptr_array_add (all, g_strdup (self->caller->environment[i]));
  for (guint i = 0; base[i] != NULL; i++)
    g_ptr_array_add (all, g_strdup (base[i]));
  take (all, HR_ENV_SERVICE, g_strdup (self->spec->name));
  take (all, HR_ENV_RELEASE, g_strdup_printf ("%" G_GUINT64_FORMAT, self->release));
  take (all, HR_ENV_COMMIT, g_strdup (self->commit != NULL ? self->commit : ""));
  take (all, HR_ENV_SLOT, g_strdup (hr_slot_to_string (self->slot)));
  take (all, HR_ENV_STATE_IN, g_strdup (hr_state_offer_get_in_path (self->offer)));
  take (all, HR_ENV_STATE_OUT, g_strdup (hr_state_offer_get_out_path (self->offer)));

  for (guint i = 0; i < all->len; i++)
    {
      const char *line = g_ptr_array_index (all, i);
      const char *equals = strchr (line, '=');
      g_autofree char *key = equals != NULL ? g_strndup (line, (gsize)(equals - line)) : NULL;

      if (key != NULL)
        merged = g_environ_setenv (g_steal_pointer (&merged), key, equals + 1, TRUE);
    }
  return g_steal_pointer (&merged);
}

static guint16
first_tcp_port (HrListeners *listeners)
{
  GPtrArray *list = hr_listeners_list (listeners);

  for (guint i = 0; i < list->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (list, i);

      if (listener->kind == HR_LISTEN_TCP)
        return listener->port;
    }
  return 0;
}

static char *
working_directory (HrGeneration *self)
{
  const char *base = self->view != NULL ? hr_view_program_dir (self->view) : NULL;

  if (self->caller != NULL && self->spec->working_directory == NULL)
    return g_strdup (self->caller->directory);
  if (base == NULL)
    base = "/";
  if (self->spec->working_directory == NULL)
    return g_strdup (base);
  return g_canonicalize_filename (self->spec->working_directory, base);
}

static gboolean
launch (HrGeneration *self, GError **error)
{
  const HrSpecifierValues values = {
    .port = first_tcp_port (self->listeners),
    .directory = self->view != NULL ? hr_view_program_dir (self->view) : NULL,
    .release = self->release,
    .name = self->spec->name,
  };
  g_auto (GStrv) argv = hr_command_line_expand ((const char *const *)self->spec->exec, &values, error);
  g_autofree char *directory = working_directory (self);
  g_autofree char *log_name = g_strdup_printf ("%" G_GUINT64_FORMAT "-%s", self->release, self->id);
  HrLaunch request = { 0 };

  if (argv == NULL)
    return FALSE;
  if (self->caller == NULL)
    self->log_file = hr_platform_log_file (self->platform, self->spec->name, log_name);
  request.service = self->spec->name;
  request.id = self->id;
  request.argv = (const char *const *)argv;
  request.environment = (const char *const *)self->environment;
  request.directory = directory;
  request.view = self->view;
  request.listeners = self->listeners;
  request.pass = self->spec->sockets == HR_SOCKETS_AUTO || self->spec->sockets == HR_SOCKETS_PASS;
  request.adopt = self->spec->sockets == HR_SOCKETS_AUTO || self->spec->sockets == HR_SOCKETS_ADOPT;
  request.log_file = self->log_file;
  request.stdout_fd = self->caller != NULL ? self->caller->stdout_fd : -1;
  request.stderr_fd = self->caller != NULL ? self->caller->stderr_fd : -1;
  self->instance = hr_launcher_launch (hr_platform_get_launcher (self->platform), &request, error);
  return self->instance != NULL;
}

/**
 * hr_generation_start:
 * @self: a generation that has not been started
 * @state: (nullable): what HOTRELOAD_STATE_IN holds
 * @barrier: whether the open of it shall wait for hr_generation_give_state(); else @state is given at once
 * @error: return location
 *
 * Returns: whether there is a process now; else an error that says what could not be done
 */
gboolean
hr_generation_start (HrGeneration *self, GBytes *state, gboolean barrier, GError **error)
{
  g_autoptr (GError) local = NULL;

  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);
  g_return_val_if_fail (self->instance == NULL, FALSE);

  self->offer = hr_state_files_offer (self->state_files, self->id, state, &local);
  if (self->offer == NULL)
    {
      self->launch_error = g_error_copy (local);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  self->state_given = !barrier || !hr_state_offer_is_barrier (self->offer);
  self->environment = build_environment (self, &local);
  if (self->environment == NULL || !launch (self, &local))
    {
      g_clear_object (&self->offer);
      self->launch_error = g_error_copy (local);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }

  self->alive = TRUE;
  self->started_at = hr_clock_now (generation_clock (self));
  g_signal_connect (self->offer, "opened", G_CALLBACK (state_opened), self);
  g_signal_connect (self->instance, "notify-socket", G_CALLBACK (instance_notified), self);
  g_signal_connect (self->instance, "listening", G_CALLBACK (instance_listening), self);
  g_signal_connect (self->instance, "exited", G_CALLBACK (instance_exited), self);
  arm_alive_timer (self);
  return TRUE;
}

/**
 * hr_generation_give_state:
 * @self: a generation that may be waiting for its state
 * @data: (nullable): the state; %NULL leaves what it was started with
 * @error: return location
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED
 */
gboolean
hr_generation_give_state (HrGeneration *self, GBytes *data, GError **error)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);

  if (self->offer == NULL)
    return TRUE;
  if (!hr_state_offer_give (self->offer, data, error))
    return FALSE;
  self->state_given = TRUE;
  arm_alive_timer (self);
  return TRUE;
}

static void
stop_timed_out (gpointer user_data)
{
  HrGeneration *self = user_data;

  self->stop_timer = 0;
  hr_generation_kill (self);
}

/**
 * hr_generation_stop:
 * @self: a generation
 * @timeout_usec: after this, SIGKILL to all of it
 *
 * Sends StopSignal, once. A later call can only shorten the time.
 */
void
hr_generation_stop (HrGeneration *self, gint64 timeout_usec)
{
  gint64 now;

  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->killed)
    return;
  now = hr_clock_now (generation_clock (self));
  if (!self->stopping)
    {
      self->stopping = TRUE;
      hr_clock_cancel (generation_clock (self), &self->start_timer);
      /* It cannot act on a signal while it waits in the open. */
      if (self->opened_state && !self->state_given)
        hr_generation_give_state (self, NULL, NULL);
      hr_instance_stop (self->instance, self->spec->stop_signal);
    }
  if (self->stop_timer != 0 && self->kill_at <= now + timeout_usec)
    return;
  self->kill_at = now + timeout_usec;
  hr_clock_cancel (generation_clock (self), &self->stop_timer);
  self->stop_timer = hr_clock_after (generation_clock (self), timeout_usec, stop_timed_out, self);
}

/**
 * hr_generation_kill:
 * @self: a generation
 *
 * SIGKILL to all of it, now.
 */
void
hr_generation_kill (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  hr_clock_cancel (generation_clock (self), &self->stop_timer);
  if (!self->alive)
    return;
  self->stopping = TRUE;
  self->killed = TRUE;
  hr_instance_kill (self->instance);
}

/**
 * hr_generation_set_ready:
 * @self: a generation
 *
 * For Ready=probe: its probe passed.
 */
void
hr_generation_set_ready (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));
  become_ready (self);
}

/**
 * hr_generation_get_id:
 * @self: a generation
 *
 * Returns: (transfer none): HOTRELOAD_INSTANCE
 */
const char *
hr_generation_get_id (HrGeneration *self)
{
  return self->id;
}

/**
 * hr_generation_get_spec:
 * @self: a generation
 *
 * Returns: (transfer none): what it was started by, which may no longer be the service's newest
 */
HrServiceSpec *
hr_generation_get_spec (HrGeneration *self)
{
  return self->spec;
}

/**
 * hr_generation_get_release:
 * @self: a generation
 *
 * Returns: its release, 0 without source
 */
guint64
hr_generation_get_release (HrGeneration *self)
{
  return self->release;
}

/**
 * hr_generation_get_slot:
 * @self: a generation
 *
 * Returns: where its files are
 */
HrSlot
hr_generation_get_slot (HrGeneration *self)
{
  return self->slot;
}

/**
 * hr_generation_get_log_file:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): the file with its output; %NULL before its start and for a transient service
 */
const char *
hr_generation_get_log_file (HrGeneration *self)
{
  return self->log_file;
}

/**
 * hr_generation_get_view:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): how it sees them
 */
HrView *
hr_generation_get_view (HrGeneration *self)
{
  return self->view;
}

/**
 * hr_generation_get_pid:
 * @self: a generation
 *
 * Returns: the main process's PID, 0 before the start and after the end
 */
GPid
hr_generation_get_pid (HrGeneration *self)
{
  return self->alive ? hr_instance_get_pid (self->instance) : 0;
}

/**
 * hr_generation_is_alive:
 * @self: a generation
 *
 * Returns: whether its main process runs
 */
gboolean
hr_generation_is_alive (HrGeneration *self)
{
  return self->alive;
}

/**
 * hr_generation_is_ready:
 * @self: a generation
 *
 * Returns: whether it ever became ready
 */
gboolean
hr_generation_is_ready (HrGeneration *self)
{
  return self->ready;
}

/**
 * hr_generation_is_serving:
 * @self: a generation
 *
 * Returns: whether it is alive, ready and not told to stop: what downtime is counted by
 */
gboolean
hr_generation_is_serving (HrGeneration *self)
{
  return self->alive && self->ready && !self->stopping;
}

/**
 * hr_generation_is_stopping:
 * @self: a generation
 *
 * Returns: whether it was told to stop
 */
gboolean
hr_generation_is_stopping (HrGeneration *self)
{
  return self->stopping;
}

/**
 * hr_generation_was_killed:
 * @self: a generation
 *
 * Returns: whether SIGKILL was sent
 */
gboolean
hr_generation_was_killed (HrGeneration *self)
{
  return self->killed;
}

/**
 * hr_generation_has_opened_state:
 * @self: a generation
 *
 * Returns: whether it opened HOTRELOAD_STATE_IN, as far as that can be seen
 */
gboolean
hr_generation_has_opened_state (HrGeneration *self)
{
  return self->opened_state;
}

/**
 * hr_generation_can_wait:
 * @self: a started generation
 *
 * Returns: whether its open of HOTRELOAD_STATE_IN waits and is seen
 */
gboolean
hr_generation_can_wait (HrGeneration *self)
{
  return self->offer != NULL && hr_state_offer_is_barrier (self->offer);
}

/**
 * hr_generation_may_accept:
 * @self: a generation
 *
 * Returns: whether it still has one of the service's listeners open, and so may take a new connection
 */
gboolean
hr_generation_may_accept (HrGeneration *self)
{
  return self->alive && hr_instance_holds_listener (self->instance, self->listeners);
}

/**
 * hr_generation_has_notified:
 * @self: a generation
 *
 * Returns: whether it said READY=1
 */
gboolean
hr_generation_has_notified (HrGeneration *self)
{
  return self->notified;
}

/**
 * hr_generation_get_started_at:
 * @self: a generation
 *
 * Returns: when its process was made, on the platform's clock
 */
gint64
hr_generation_get_started_at (HrGeneration *self)
{
  return self->started_at;
}

/**
 * hr_generation_ended_well:
 * @self: a generation that has ended
 *
 * Returns: whether it exited with 0, a status of SuccessExitStatus, or by the StopSignal it was sent
 */
gboolean
hr_generation_ended_well (HrGeneration *self)
{
  if (self->alive || !self->status_known)
    return !self->alive && (self->said_stopping && !self->killed);
  if (self->killed)
    return FALSE;
  if (WIFSIGNALED (self->wait_status))
    return self->stopping && WTERMSIG (self->wait_status) == self->spec->stop_signal;
  if (WEXITSTATUS (self->wait_status) == 0)
    return TRUE;
  for (guint i = 0; i < self->spec->success_exit_status->len; i++)
    if (g_array_index (self->spec->success_exit_status, int, i) == WEXITSTATUS (self->wait_status))
      return TRUE;
  return FALSE;
}

/**
 * hr_generation_describe_end:
 * @self: a generation that has ended
 *
 * Returns: (transfer full): for people: "it exited with status 1"
 */
char *
hr_generation_describe_end (HrGeneration *self)
{
  const GError *start_error = self->launch_error != NULL ? self->launch_error : hr_generation_get_start_error (self);

  if (start_error != NULL)
    return g_strdup (start_error->message);
  if (!self->status_known)
    return g_strdup ("it ended with an unknown status");
  if (WIFSIGNALED (self->wait_status))
    return g_strdup_printf ("it was ended by signal %d (%s)%s", WTERMSIG (self->wait_status),
                            g_strsignal (WTERMSIG (self->wait_status)),
                            self->killed ? " because it did not stop in time" : "");
  return g_strdup_printf ("it exited with status %d", WEXITSTATUS (self->wait_status));
}

/**
 * hr_generation_last_words:
 * @self: a generation that failed
 *
 * Returns: (transfer full): a newline and the last lines of its output, "" where there are none
 */
char *
hr_generation_last_words (HrGeneration *self)
{
  g_autofree char *lines = NULL;

  if (self->log_file != NULL && hr_generation_get_start_error (self) == NULL)
    lines = hr_fs_read_last_lines (self->log_file, HR_LAST_WORDS_SIZE, HR_LAST_WORDS_LINES);
  return lines != NULL ? g_strconcat ("\n", lines, NULL) : g_strdup ("");
}

/**
 * hr_generation_get_start_error:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): why its program could not be executed
 */
const GError *
hr_generation_get_start_error (HrGeneration *self)
{
  return self->instance != NULL ? hr_instance_get_start_error (self->instance) : NULL;
}

/**
 * hr_generation_get_status_text:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): its last STATUS=
 */
const char *
hr_generation_get_status_text (HrGeneration *self)
{
  return self->status_text;
}

/**
 * hr_generation_dup_environment:
 * @self: a started generation
 *
 * Returns: (transfer full): what it was started with, for what runs beside it (probes)
 */
char **
hr_generation_dup_environment (HrGeneration *self)
{
  return g_environ_setenv (g_strdupv (self->environment), HR_ENV_INSTANCE, self->id, TRUE);
}
