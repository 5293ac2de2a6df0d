/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-launcher.h: starting a program of a service and being told what becomes of it.
 *
 * HrLauncher is an interface, HrInstance an abstract class: the real ones are HrExecLauncher and HrExecInstance, which
 * go through hotreload-exec. An instance is one process with all that it starts.
 */
#pragma once

#include <gio/gio.h>

#include "hr-isolation.h"
#include "hr-fd-store.h"
#include "hr-listeners.h"
#include "hr-run-process.h"
#include "hr-sent-fds.h"
#include "hr-unseen.h"
#include "hr-view.h"

G_BEGIN_DECLS

#define HR_TYPE_INSTANCE (hr_instance_get_type ())
G_DECLARE_DERIVABLE_TYPE (HrInstance, hr_instance, HR, INSTANCE, GObject)

/**
 * HrInstanceSight:
 * @is_watched: whether "listening" would be emitted if it listened: not so for static programs, for example
 * @misses_listener: whether it listens on TCP sockets that the daemon does not have, because nobody sees what it binds
 */
typedef struct {
  gboolean is_watched;
  gboolean misses_listener;
} HrInstanceSight;

/**
 * HrInstanceClass:
 *
 * Signals, all emitted from the main loop, never from within hr_launcher_launch() or a method:
 *
 * - "notify-socket" (GStrv assignments, HrSentFds *sent): a message at $NOTIFY_SOCKET from a process of this instance,
 *   "READY=1", with what came along
 * - "listening" (): the program listens on, or first accepts from or polls, an adopted or passed listener
 * - "ended" (): the main process has ended, so that nobody is served by it any more; emitted at the moment that this is
 *   seen, once, before "exited"
 * - "exited" (int wait_status, gboolean known): the same when nothing of the instance is left, which may take a while after
 *   "ended"; waitpid's status; the last signal of an instance. @known is %FALSE when nobody could learn the status; wait_status is then -1. When the program could not
 *   be started at all, hr_instance_get_start_error() says why.
 */
struct _HrInstanceClass {
  GObjectClass parent_class;

  GPid (*get_pid) (HrInstance *self);
  void (*stop) (HrInstance *self, int signal_number);
  void (*kill) (HrInstance *self);
  const GError *(*get_start_error) (HrInstance *self);
  const char *(*get_cgroup) (HrInstance *self);
  const char *(*get_cause) (HrInstance *self);
  gboolean (*retire) (HrInstance *self);
  char *(*abandon) (HrInstance *self);
  void (*finish) (HrInstance *self, HrListeners *listeners, gboolean ends);
  gboolean (*may_accept) (HrInstance *self, HrListeners *listeners);
  void (*count_connections_async) (HrInstance *self, HrListeners *listeners, gboolean busy,
                                   GAsyncReadyCallback callback, gpointer user_data);
  int (*count_connections_finish) (HrInstance *self, GAsyncResult *result, GError **error);
  gboolean (*has_ended) (HrInstance *self);
  void (*look_async) (HrInstance *self, GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*look_finish) (HrInstance *self, GAsyncResult *result, HrInstanceSight *sight, GError **error);
  void (*measure_wait) (HrInstance *self, gboolean measure);
  gint64 (*get_wait) (HrInstance *self);
};

GPid hr_instance_get_pid (HrInstance *self);
void hr_instance_stop (HrInstance *self, int signal_number);
void hr_instance_kill (HrInstance *self);
const GError *hr_instance_get_start_error (HrInstance *self);
const char *hr_instance_get_cgroup (HrInstance *self);
const char *hr_instance_get_cause (HrInstance *self);
gboolean hr_instance_retire (HrInstance *self);
char *hr_instance_abandon (HrInstance *self);
void hr_instance_finish (HrInstance *self, HrListeners *listeners, gboolean ends);
gboolean hr_instance_may_accept (HrInstance *self, HrListeners *listeners);
void hr_instance_count_connections_async (HrInstance *self, HrListeners *listeners, gboolean busy,
                                          GAsyncReadyCallback callback, gpointer user_data);
int hr_instance_count_connections_finish (HrInstance *self, GAsyncResult *result, GError **error);
gboolean hr_instance_has_ended (HrInstance *self);
void hr_instance_look_async (HrInstance *self, GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_instance_look_finish (HrInstance *self, GAsyncResult *result, HrInstanceSight *sight, GError **error);
void hr_instance_measure_wait (HrInstance *self, gboolean measure);
gint64 hr_instance_get_wait (HrInstance *self);

/* For implementations. */
void hr_instance_emit_notify (HrInstance *self, const char *const *assignments, HrSentFds *sent);
void hr_instance_emit_listening (HrInstance *self);
void hr_instance_emit_ended (HrInstance *self);
void hr_instance_emit_exited (HrInstance *self, int wait_status, gboolean known);

/**
 * HrLaunch:
 * @service: name, for messages
 * @id: unique per instance, HOTRELOAD_INSTANCE: the launcher puts it there
 * @argv: program and arguments, % expanded
 * @environment: complete, KEY=VALUE; the launcher adds LISTEN_*, PORT, NOTIFY_SOCKET, LD_PRELOAD, HOTRELOAD_INSTANCE
 *   and HOTRELOAD_ADOPT
 * @directory: working directory as the program sees it, absolute
 * @view: (nullable): where it sees its files
 * @isolation: (nullable): its rights and limits; %NULL: the daemon's
 * @listeners: (nullable): sockets for it; where they are passed or adopted, the adopt library is preloaded
 * @pass: whether they are passed as LISTEN_FDS
 * @adopt: whether the program's own bind is answered with them
 * @stored: (nullable): what it gets behind the passed listeners
 * @log_file: (nullable): standard output and error are appended to it
 * @stdout_fd: used instead of @log_file when not -1; stays the caller's
 * @stderr_fd: the same for standard error
 *
 * What to start and how. All members stay the caller's.
 */
typedef struct {
  const char *service;
  const char *id;
  const char *const *argv;
  const char *const *environment;
  const char *directory;
  HrView *view;
  const HrIsolation *isolation;
  HrListeners *listeners;
  gboolean pass;
  gboolean adopt;
  HrFdStore *stored;
  const char *log_file;
  int stdout_fd;
  int stderr_fd;
} HrLaunch;

#define HR_TYPE_LAUNCHER (hr_launcher_get_type ())
G_DECLARE_INTERFACE (HrLauncher, hr_launcher, HR, LAUNCHER, GObject)

struct _HrLauncherInterface {
  GTypeInterface parent;

  HrUnseen (*look) (HrLauncher *self, const HrLaunch *launch);
  char *(*get_cgroup) (HrLauncher *self, char **why);
  gboolean (*can_limit) (HrLauncher *self, const HrIsolation *isolation, GError **error);
  HrInstance *(*launch) (HrLauncher *self, const HrLaunch *launch, GError **error);
  gboolean (*finds) (HrLauncher *self, const HrRunProcess *process);
  HrInstance *(*take_over) (HrLauncher *self, const HrLaunch *launch, const HrRunProcess *process, GError **error);
};

HrUnseen hr_launcher_look (HrLauncher *self, const HrLaunch *launch);
char *hr_launcher_get_cgroup (HrLauncher *self, char **why);
gboolean hr_launcher_can_limit (HrLauncher *self, const HrIsolation *isolation, GError **error);
HrInstance *hr_launcher_launch (HrLauncher *self, const HrLaunch *launch, GError **error);
gboolean hr_launcher_finds (HrLauncher *self, const HrRunProcess *process);
HrInstance *hr_launcher_take_over (HrLauncher *self, const HrLaunch *launch, const HrRunProcess *process,
                                   GError **error);

G_END_DECLS
