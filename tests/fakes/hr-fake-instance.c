/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-instance.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "hr-error.h"
#include "hr-fake-state-offer.h"
#include "hr-fd.h"
#include "hr-names.h"

G_DEFINE_FINAL_TYPE (HrFakeInstance, hr_fake_instance, HR_TYPE_INSTANCE)

static void
stop_script (HrFakeInstance *self)
{
  g_clear_handle_id (&self->begin_id, g_source_remove);
  hr_clock_cancel (self->clock, &self->ready_timer);
  hr_clock_cancel (self->clock, &self->end_timer);
}

static HrFakeStateOffer *
find_offer (HrFakeInstance *self)
{
  return hr_fake_state_offer_find (hr_fake_instance_getenv (self, HR_ENV_STATE_IN));
}

static void
tell_end (HrFakeInstance *self)
{
  gboolean well = self->end_known && WIFEXITED (self->end_status);
  HrFakeStateOffer *offer = find_offer (self);

  self->alive = FALSE;
  if (well && offer != NULL && self->start_error == NULL)
    hr_fake_state_offer_write (offer, self->program.keeps ? self->state : self->program.leaves);
  hr_instance_emit_exited (HR_INSTANCE (self), self->end_status, self->end_known);
}

static void
told_timer_fired (gpointer user_data)
{
  g_autoptr (HrFakeInstance) self = g_object_ref (user_data);

  self->end_timer = 0;
  tell_end (self);
}

static void
end (HrFakeInstance *self, int wait_status, gboolean known)
{
  if (!self->alive || self->ended)
    return;
  stop_script (self);
  self->ended = TRUE;
  self->end_status = wait_status;
  self->end_known = known;
  self->waits = FALSE;
  if (self->program.told_after > 0)
    self->end_timer = hr_clock_after (self->clock, self->program.told_after, told_timer_fired, self);
  hr_instance_emit_ended (HR_INSTANCE (self));
  if (self->program.told_after == 0)
    tell_end (self);
}

static void
end_timer_fired (gpointer user_data)
{
  g_autoptr (HrFakeInstance) self = g_object_ref (user_data);

  self->end_timer = 0;
  end (self, self->end_status, TRUE);
}

static void
end_after (HrFakeInstance *self, gint64 delay, int wait_status)
{
  if (self->ended)
    return;
  hr_clock_cancel (self->clock, &self->end_timer);
  self->end_status = wait_status;
  self->end_timer = hr_clock_after (self->clock, delay, end_timer_fired, self);
}

static void
say_ready (gpointer user_data)
{
  g_autoptr (HrFakeInstance) self = g_object_ref (user_data);

  self->ready_timer = 0;
  if (self->program.readiness == HR_FAKE_NOTIFIES)
    hr_fake_instance_say (self, "READY=1");
  else if (self->program.readiness == HR_FAKE_LISTENS)
    hr_instance_emit_listening (HR_INSTANCE (self));
  if (self->program.opens_after_ready && self->alive)
    hr_fake_instance_open_state (self);
}

static void
work (HrFakeInstance *self)
{
  if (self->ready_timer == 0)
    self->ready_timer = hr_clock_after (self->clock, self->program.ready_after, say_ready, self);
}

static void
state_read (const char *data, gpointer user_data)
{
  HrFakeInstance *self = user_data;

  self->waits = FALSE;
  g_free (self->state);
  self->state = g_strdup (data);
  if (self->alive && self->program.opens_state)
    work (self);
}

static gboolean
begin (gpointer user_data)
{
  g_autoptr (HrFakeInstance) self = g_object_ref (user_data);

  self->begin_id = 0;
  if (self->program.cannot_execute != NULL)
    {
      self->start_error = g_error_new_literal (HR_ERROR, HR_ERROR_START_FAILED, self->program.cannot_execute);
      end (self, W_EXITCODE (127, 0), TRUE);
      return G_SOURCE_REMOVE;
    }
  if (self->program.exits_after > 0)
    end_after (self, self->program.exits_after, W_EXITCODE (self->program.exit_code, 0));
  if (self->program.opens_state)
    hr_fake_instance_open_state (self);
  else
    work (self);
  return G_SOURCE_REMOVE;
}

static GPid
fake_get_pid (HrInstance *instance)
{
  return HR_FAKE_INSTANCE (instance)->pid;
}

static void
fake_stop (HrInstance *instance, int signal_number)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  g_assert_cmpint (self->signalled, ==, 0);
  self->signalled = signal_number;
  /* Whoever waits in an open acts on no signal: it must have been let go. */
  g_assert_false (self->waits);
  if (!self->program.ignores_stop && self->alive)
    end_after (self, self->program.stop_takes, W_EXITCODE (self->program.stop_code, 0));
}

static void
fake_kill (HrInstance *instance)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  if (self->survives)
    return;
  self->killed = TRUE;
  if (self->alive && !self->program.ignores_kill)
    end_after (self, 0, W_EXITCODE (0, SIGKILL));
}

static const char *
fake_get_cgroup (HrInstance *instance)
{
  return NULL;
}

static const char *
fake_get_cause (HrInstance *instance)
{
  return HR_FAKE_INSTANCE (instance)->program.cause;
}

static const GError *
fake_get_start_error (HrInstance *instance)
{
  return HR_FAKE_INSTANCE (instance)->start_error;
}

static gboolean
fake_has_ended (HrInstance *instance)
{
  return HR_FAKE_INSTANCE (instance)->ended;
}

static void
fake_look_async (HrInstance *instance, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (instance, NULL, callback, user_data);
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  self->n_looks++;
  if (self->program.cannot_be_seen || self->n_late_looks > 0)
    {
      self->n_late_looks -= self->n_late_looks > 0 ? 1 : 0;
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_TIMED_OUT, "it took too long");
    }
  else
    g_task_return_boolean (task, TRUE);
}

static gboolean
fake_look_finish (HrInstance *instance, GAsyncResult *result, HrInstanceSight *sight, GError **error)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  sight->is_watched = !self->program.is_static;
  sight->misses_listener = self->program.binds;
  return TRUE;
}

static gboolean
fake_retire (HrInstance *instance)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  g_assert_cmpuint (self->n_looks, >, 0);
  self->retired = self->program.retires;
  return self->retired;
}

static char *
fake_abandon (HrInstance *instance)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  g_assert_true (self->killed && self->alive && !self->abandoned);
  self->abandoned = TRUE;
  return g_strdup ("it is in state D, waiting in 'fake_wait'");
}

static void
fake_finish (HrInstance *instance, HrListeners *listeners, gboolean ends)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  self->finishes = TRUE;
  self->ends = ends;
  if (ends)
    {
      self->idle_connections -= self->late_requests;
      self->late_requests = 0;
    }
}

static gboolean
fake_may_accept (HrInstance *instance, HrListeners *listeners)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);

  if (!self->retired && self->signalled == 0)
    return self->alive && !self->program.drops_listeners;
  return self->alive && self->program.keeps_listeners;
}

static void
fake_count_connections_async (HrInstance *instance, HrListeners *listeners, gboolean busy, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (instance);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);

  if (self->failing_counts > 0)
    {
      self->failing_counts--;
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES, "no descriptor is left");
    }
  else if (self->connections < 0)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "nobody knows");
  else
    g_task_return_int (task, self->connections - (busy ? self->idle_connections : 0));
}

static int
fake_count_connections_finish (HrInstance *instance, GAsyncResult *result, GError **error)
{
  return (int)g_task_propagate_int (G_TASK (result), error);
}

static void
fake_measure_wait (HrInstance *instance, gboolean measure)
{
  HR_FAKE_INSTANCE (instance)->measures = measure;
}

static gint64
fake_get_wait (HrInstance *instance)
{
  return HR_FAKE_INSTANCE (instance)->wait;
}

static void
hr_fake_instance_dispose (GObject *object)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (object);

  if (self->clock != NULL)
    stop_script (self);
  g_clear_object (&self->clock);
  G_OBJECT_CLASS (hr_fake_instance_parent_class)->dispose (object);
}

static void
hr_fake_instance_finalize (GObject *object)
{
  HrFakeInstance *self = HR_FAKE_INSTANCE (object);

  g_free (self->service);
  g_strfreev (self->argv);
  g_strfreev (self->environment);
  g_free (self->directory);
  g_free (self->log_file);
  g_clear_pointer (&self->view, hr_view_unref);
  g_clear_error (&self->start_error);
  g_free (self->state);
  g_free (self->given);
  G_OBJECT_CLASS (hr_fake_instance_parent_class)->finalize (object);
}

static void
hr_fake_instance_class_init (HrFakeInstanceClass *klass)
{
  HrInstanceClass *instance_class = HR_INSTANCE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = hr_fake_instance_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_fake_instance_finalize;
  instance_class->get_pid = fake_get_pid;
  instance_class->stop = fake_stop;
  instance_class->kill = fake_kill;
  instance_class->get_start_error = fake_get_start_error;
  instance_class->get_cgroup = fake_get_cgroup;
  instance_class->get_cause = fake_get_cause;
  instance_class->retire = fake_retire;
  instance_class->abandon = fake_abandon;
  instance_class->finish = fake_finish;
  instance_class->may_accept = fake_may_accept;
  instance_class->count_connections_async = fake_count_connections_async;
  instance_class->count_connections_finish = fake_count_connections_finish;
  instance_class->has_ended = fake_has_ended;
  instance_class->look_async = fake_look_async;
  instance_class->look_finish = fake_look_finish;
  instance_class->measure_wait = fake_measure_wait;
  instance_class->get_wait = fake_get_wait;
}

static void
hr_fake_instance_init (HrFakeInstance *self)
{
}

/**
 * hr_fake_instance_new:
 * @clock: time
 * @program: what it does
 * @launch: what was asked for
 * @pid: its PID
 *
 * Returns: (transfer full): an instance that begins from the main loop
 */
HrFakeInstance *
hr_fake_instance_new (HrClock *clock, const HrFakeProgram *program, const HrLaunch *launch, GPid pid)
{
  HrFakeInstance *self = g_object_new (HR_TYPE_FAKE_INSTANCE, NULL);

  self->clock = g_object_ref (clock);
  self->program = *program;
  self->wait = program->wait;
  self->pid = pid;
  self->service = g_strdup (launch->service);
  self->argv = g_strdupv ((char **)launch->argv);
  self->environment = g_environ_setenv (g_strdupv ((char **)launch->environment), HR_ENV_INSTANCE, launch->id, TRUE);
  self->directory = g_strdup (launch->directory);
  self->log_file = g_strdup (launch->log_file);
  self->view = launch->view != NULL ? hr_view_ref (launch->view) : NULL;
  self->pass = launch->pass;
  self->adopt = launch->adopt;
  self->stdout_fd = launch->stdout_fd;
  self->alive = TRUE;
  self->begin_id = g_idle_add_full (G_PRIORITY_DEFAULT, begin, self, NULL);
  return self;
}

/**
 * hr_fake_instance_getenv:
 * @self: an instance
 * @key: a variable
 *
 * Returns: (transfer none) (nullable): its value in the program's environment
 */
const char *
hr_fake_instance_getenv (HrFakeInstance *self, const char *key)
{
  return g_environ_getenv (self->environment, key);
}

/**
 * hr_fake_instance_release:
 * @self: an instance
 *
 * Returns: HOTRELOAD_RELEASE
 */
guint64
hr_fake_instance_release (HrFakeInstance *self)
{
  return strtoull (hr_fake_instance_getenv (self, HR_ENV_RELEASE), NULL, 10);
}

/**
 * hr_fake_instance_say:
 * @self: a running instance
 * @message: what it sends to NOTIFY_SOCKET: a line, or several
 */
void
hr_fake_instance_say (HrFakeInstance *self, const char *message)
{
  g_auto (GStrv) assignments = g_strsplit (message, "\n", -1);

  if (self->alive)
    hr_instance_emit_notify (HR_INSTANCE (self), (const char *const *)assignments, NULL);
}

/**
 * hr_fake_instance_send:
 * @self: a running instance
 * @message: as of hr_fake_instance_say()
 * @fd: (transfer full): what comes along
 */
void
hr_fake_instance_send (HrFakeInstance *self, const char *message, int fd)
{
  g_auto (GStrv) assignments = g_strsplit (message, "\n", -1);
  HrSentFds sent = { &fd, 1 };

  g_assert_true (self->alive);
  hr_instance_emit_notify (HR_INSTANCE (self), (const char *const *)assignments, &sent);
  hr_fd_clear (&fd);
}

/**
 * hr_fake_instance_open_state:
 * @self: a running instance; it opens HOTRELOAD_STATE_IN
 */
void
hr_fake_instance_open_state (HrFakeInstance *self)
{
  HrFakeStateOffer *offer = find_offer (self);

  g_assert_nonnull (offer);
  self->waits = TRUE;
  hr_fake_state_offer_open (offer, state_read, self);
}

/**
 * hr_fake_instance_exit:
 * @self: a running instance; it ends by itself
 * @code: with what
 */
void
hr_fake_instance_exit (HrFakeInstance *self, int code)
{
  g_autoptr (HrFakeInstance) guard = g_object_ref (self);

  end (self, W_EXITCODE (code, 0), TRUE);
}

/**
 * hr_fake_instance_end_by:
 * @self: a running instance
 * @signal_number: what ends it, sent by somebody else
 */
void
hr_fake_instance_end_by (HrFakeInstance *self, int signal_number)
{
  g_autoptr (HrFakeInstance) guard = g_object_ref (self);

  end (self, W_EXITCODE (0, signal_number), TRUE);
}

/**
 * hr_fake_instance_vanish:
 * @self: a running instance; it ends and nobody learns how
 */
void
hr_fake_instance_vanish (HrFakeInstance *self)
{
  g_autoptr (HrFakeInstance) guard = g_object_ref (self);

  end (self, -1, FALSE);
}
