/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-launcher.h"

G_DEFINE_ABSTRACT_TYPE (HrInstance, hr_instance, G_TYPE_OBJECT)
G_DEFINE_INTERFACE (HrLauncher, hr_launcher, G_TYPE_OBJECT)

enum { SIGNAL_NOTIFY, SIGNAL_LISTENING, SIGNAL_ENDED, SIGNAL_EXITED, N_SIGNALS };

static guint signals[N_SIGNALS];

static void
hr_instance_class_init (HrInstanceClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  signals[SIGNAL_NOTIFY] = g_signal_new ("notify-socket", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                         G_TYPE_STRV, G_TYPE_POINTER);
  signals[SIGNAL_LISTENING] = g_signal_new ("listening", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_ENDED] = g_signal_new ("ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_EXITED] =
      g_signal_new ("exited", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_BOOLEAN);
}

static void
hr_instance_init (HrInstance *self)
{
}

static void
hr_launcher_default_init (HrLauncherInterface *iface)
{
}

/**
 * hr_instance_get_pid:
 * @self: an instance
 *
 * Returns: its main process's PID, for people and status; never to be signalled
 */
GPid
hr_instance_get_pid (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), 0);
  return HR_INSTANCE_GET_CLASS (self)->get_pid (self);
}

/**
 * hr_instance_stop:
 * @self: an instance
 * @signal_number: StopSignal
 *
 * Asks the main process to end; a launcher that is the main process (npm, a shell) may pass it on or not, so what is
 * left of the instance after its exit is killed.
 */
void
hr_instance_stop (HrInstance *self, int signal_number)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  HR_INSTANCE_GET_CLASS (self)->stop (self, signal_number);
}

/**
 * hr_instance_kill:
 * @self: an instance
 *
 * SIGKILL to every process of it.
 */
void
hr_instance_kill (HrInstance *self)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  HR_INSTANCE_GET_CLASS (self)->kill (self);
}

/**
 * hr_instance_get_start_error:
 * @self: an instance
 *
 * Returns: (transfer none) (nullable): why the program could not be started, without the name of its service; known
 *   when "exited" is emitted
 */
const GError *
hr_instance_get_start_error (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), NULL);
  return HR_INSTANCE_GET_CLASS (self)->get_start_error (self);
}

/**
 * hr_instance_get_cgroup:
 * @self: an instance
 *
 * Returns: (transfer none) (nullable): the path of the control group that all its processes are in; %NULL: there is none
 */
const char *
hr_instance_get_cgroup (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), NULL);
  return HR_INSTANCE_GET_CLASS (self)->get_cgroup (self);
}

/**
 * hr_instance_get_cause:
 * @self: an instance
 *
 * Returns: (transfer none) (nullable): why the kernel killed a process of it: "it exceeded MemoryMax=64M"; known when
 *   "exited" is emitted; %NULL: it did not, as far as is known
 */
const char *
hr_instance_get_cause (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), NULL);
  return HR_INSTANCE_GET_CLASS (self)->get_cause (self);
}

/**
 * hr_instance_retire:
 * @self: an instance whose successor serves
 *
 * Lets it accept no connection any more; what it has accepted it keeps. hr_instance_look_async() comes first.
 *
 * Returns: whether it can be held to that; %FALSE: as long as it runs it may accept
 */
gboolean
hr_instance_retire (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), FALSE);
  return HR_INSTANCE_GET_CLASS (self)->retire (self);
}

/**
 * hr_instance_abandon:
 * @self: an instance that was killed and has not ended
 *
 * It runs nothing of its program any more, and nobody waits for it: it is listened to no longer, and what waits in its
 * sockets is for others. "exited" is emitted all the same when it does end.
 *
 * Returns: (transfer full): for people, what holds it: "it is in state D, waiting in 'nfs_wait_bit_killable'"
 */
char *
hr_instance_abandon (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), NULL);
  return HR_INSTANCE_GET_CLASS (self)->abandon (self);
}

/**
 * hr_instance_finish:
 * @self: an instance that was retired
 * @listeners: where its connections came in
 * @ends: whether it will be told to stop at any moment, nothing being under way
 *
 * Keeps further requests from connections that stay: of those that can be told to have been answered, and with @ends of
 * all that were answered before. Where nothing can be done about that, nothing is.
 */
void
hr_instance_finish (HrInstance *self, HrListeners *listeners, gboolean ends)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  HR_INSTANCE_GET_CLASS (self)->finish (self, listeners, ends);
}

/**
 * hr_instance_may_accept:
 * @self: an instance
 * @listeners: sockets
 *
 * Returns: whether any process of it, as far as that can be seen, has one of them open and may still accept a
 *   connection
 */
gboolean
hr_instance_may_accept (HrInstance *self, HrListeners *listeners)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), FALSE);
  return HR_INSTANCE_GET_CLASS (self)->may_accept (self, listeners);
}

/**
 * hr_instance_count_connections_async:
 * @self: an instance
 * @listeners: its sockets
 * @busy: whether only those count on which something is under way, as far as that can be told
 * @callback: called when they are counted
 * @user_data: for @callback
 *
 * Counts the connections that it has accepted and not closed.
 */
void
hr_instance_count_connections_async (HrInstance *self, HrListeners *listeners, gboolean busy,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  HR_INSTANCE_GET_CLASS (self)->count_connections_async (self, listeners, busy, callback, user_data);
}

/**
 * hr_instance_count_connections_finish:
 * @self: an instance
 * @result: of hr_instance_count_connections_async()
 * @error: return location
 *
 * Returns: how many there are; -1 with an error set when that cannot be known
 */
int
hr_instance_count_connections_finish (HrInstance *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), -1);
  return HR_INSTANCE_GET_CLASS (self)->count_connections_finish (self, result, error);
}

/**
 * hr_instance_has_ended:
 * @self: an instance
 *
 * Returns: whether its main process has ended: "exited" comes when all that it left is gone, too
 */
gboolean
hr_instance_has_ended (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), TRUE);
  return HR_INSTANCE_GET_CLASS (self)->has_ended (self);
}

/**
 * hr_instance_look_async:
 * @self: an instance that runs
 * @callback: called when it was looked at, within a second
 * @user_data: for @callback
 *
 * Looks at its processes: whether what they do is seen. What hr_instance_retire() can do is known from this, too, so
 * that it should be asked shortly before.
 */
void
hr_instance_look_async (HrInstance *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  HR_INSTANCE_GET_CLASS (self)->look_async (self, callback, user_data);
}

/**
 * hr_instance_look_finish:
 * @self: an instance, which may have ended
 * @result: of hr_instance_look_async()
 * @sight: (out): what was seen; untouched on failure
 * @error: return location
 *
 * Returns: success; else %HR_ERROR_TIMED_OUT or %HR_ERROR_LIMIT_EXCEEDED: its processes hold up whoever looks at them
 */
gboolean
hr_instance_look_finish (HrInstance *self, GAsyncResult *result, HrInstanceSight *sight, GError **error)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), FALSE);
  return HR_INSTANCE_GET_CLASS (self)->look_finish (self, result, sight, error);
}

/**
 * hr_instance_measure_wait:
 * @self: an instance
 * @measure: whether it is to be measured how long connections had waited when it accepts them
 *
 * Beginning forgets what was measured before. To be ended: it costs the program a system call for each connection.
 */
void
hr_instance_measure_wait (HrInstance *self, gboolean measure)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  HR_INSTANCE_GET_CLASS (self)->measure_wait (self, measure);
}

/**
 * hr_instance_get_wait:
 * @self: an instance, which may have ended
 *
 * Returns: the longest that a connection had waited in the queue that it accepted while that was measured, in
 *   microseconds; -1 when it cannot be known how it accepts
 */
gint64
hr_instance_get_wait (HrInstance *self)
{
  g_return_val_if_fail (HR_IS_INSTANCE (self), -1);
  return HR_INSTANCE_GET_CLASS (self)->get_wait (self);
}

/**
 * hr_instance_emit_notify:
 * @self: an instance
 * @assignments: what it said
 * @sent: (inout): what came along; what is taken out of it is kept
 */
void
hr_instance_emit_notify (HrInstance *self, const char *const *assignments, HrSentFds *sent)
{
  g_signal_emit (self, signals[SIGNAL_NOTIFY], 0, assignments, sent);
}

/**
 * hr_instance_emit_listening:
 * @self: an instance
 */
void
hr_instance_emit_listening (HrInstance *self)
{
  g_signal_emit (self, signals[SIGNAL_LISTENING], 0);
}

/**
 * hr_instance_emit_ended:
 * @self: an instance whose main process has just been seen to have ended
 */
void
hr_instance_emit_ended (HrInstance *self)
{
  g_return_if_fail (HR_IS_INSTANCE (self));
  g_signal_emit (self, signals[SIGNAL_ENDED], 0);
}

/**
 * hr_instance_emit_exited:
 * @self: an instance
 * @wait_status: as of waitpid(2), -1 when unknown
 * @known: whether it is
 */
void
hr_instance_emit_exited (HrInstance *self, int wait_status, gboolean known)
{
  g_signal_emit (self, signals[SIGNAL_EXITED], 0, wait_status, known);
}

/**
 * hr_launcher_look:
 * @self: the launcher
 * @launch: what is to be started; of it, program, environment, directory and view are looked at
 *
 * Returns: whether and why the adopt library will not see what the program does, as far as its file tells
 */
HrUnseen
hr_launcher_look (HrLauncher *self, const HrLaunch *launch)
{
  g_return_val_if_fail (HR_IS_LAUNCHER (self), HR_UNSEEN_NOT);
  g_return_val_if_fail (launch != NULL && launch->argv != NULL && launch->argv[0] != NULL, HR_UNSEEN_NOT);
  return HR_LAUNCHER_GET_IFACE (self)->look (self, launch);
}

/**
 * hr_launcher_get_cgroup:
 * @self: the launcher
 * @why: (out) (optional): why there is none, to be freed
 *
 * Returns: (transfer full) (nullable): the path of the control group in which each instance has one; %NULL: there is
 *   none, and processes are known by session, group and environment
 */
char *
hr_launcher_get_cgroup (HrLauncher *self, char **why)
{
  g_return_val_if_fail (HR_IS_LAUNCHER (self), NULL);
  return HR_LAUNCHER_GET_IFACE (self)->get_cgroup (self, why);
}

/**
 * hr_launcher_can_limit:
 * @self: the launcher
 * @isolation: what a service file says
 * @error: return location
 *
 * Returns: whether what it says of all processes together can be had here; else %HR_ERROR_NOT_SUPPORTED that names the key
 *   and says what is missing where
 */
gboolean
hr_launcher_can_limit (HrLauncher *self, const HrIsolation *isolation, GError **error)
{
  g_return_val_if_fail (HR_IS_LAUNCHER (self), FALSE);
  return HR_LAUNCHER_GET_IFACE (self)->can_limit (self, isolation, error);
}

/**
 * hr_launcher_launch:
 * @self: the launcher
 * @launch: what to start
 * @error: return location
 *
 * Starts the process; returns before the program itself runs.
 *
 * Returns: (transfer full): the instance; %NULL with %HR_ERROR_START_FAILED when no process could be made, with
 *   %HR_ERROR_NOT_SUPPORTED when a limit of all its processes cannot be had
 */
HrInstance *
hr_launcher_launch (HrLauncher *self, const HrLaunch *launch, GError **error)
{
  g_return_val_if_fail (HR_IS_LAUNCHER (self), NULL);
  g_return_val_if_fail (launch != NULL && launch->argv != NULL && launch->argv[0] != NULL, NULL);
  return HR_LAUNCHER_GET_IFACE (self)->launch (self, launch, error);
}

/**
 * hr_launcher_finds:
 * @self: the launcher
 * @process: what an earlier daemon wrote of it
 *
 * Returns: whether this very process still runs; a PID that was used again is not it
 */
gboolean
hr_launcher_finds (HrLauncher *self, const HrRunProcess *process)
{
  g_return_val_if_fail (HR_IS_LAUNCHER (self), FALSE);
  g_return_val_if_fail (process != NULL, FALSE);
  return HR_LAUNCHER_GET_IFACE (self)->finds (self, process);
}

/**
 * hr_launcher_take_over:
 * @self: the launcher
 * @launch: what it was started by
 * @process: what an earlier daemon wrote of it
 * @error: return location
 *
 * Goes on with an instance that an earlier daemon started. Nobody is asked to trust what was written: the process must
 * be the one that is meant. What status it ends with may not be known, as it is no child of this process.
 *
 * Returns: (transfer full): the instance; %NULL with %HR_ERROR_FAILED that says what is not as it was written, and
 *   nothing is done to the process
 */
HrInstance *
hr_launcher_take_over (HrLauncher *self, const HrLaunch *launch, const HrRunProcess *process, GError **error)
{
  g_return_val_if_fail (HR_IS_LAUNCHER (self), NULL);
  g_return_val_if_fail (launch != NULL && launch->id != NULL && process != NULL, NULL);
  return HR_LAUNCHER_GET_IFACE (self)->take_over (self, launch, process, error);
}
