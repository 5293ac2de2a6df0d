/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-local-platform.h"

#include <fcntl.h>
#include <signal.h>

#include "hr-cgroup-base.h"
#include "hr-base-environment.h"
#include "hr-dir-slots.h"
#include "hr-error.h"
#include "hr-exec-args.h"
#include "hr-exec-launcher.h"
#include "hr-fd.h"
#include "hr-file-watcher.h"
#include "hr-fs.h"
#include "hr-git-locks.h"
#include "hr-git-store.h"
#include "hr-instance-socket.h"
#include "hr-kept-note.h"
#include "hr-lease-state-files.h"
#include "hr-lease-state-offer.h"
#include "hr-leftover.h"
#include "hr-local-metric-reader.h"
#include "hr-local-prober.h"
#include "hr-log-files.h"
#include "hr-log.h"
#include "hr-owner.h"
#include "hr-process-checker.h"
#include "hr-socket-listeners.h"
#include "hr-state-lock.h"
#include "hr-strays.h"

/* In the state directory. */
#define STORE_DIR "store.git"
/* StopTimeout of what no service file tells of any more. */
#define STRAY_TIMEOUT_USEC (10 * G_USEC_PER_SEC)

/* Leases of an earlier daemon are held for so long. */
#define LEASES_KEPT_SEC 10

struct _HrLocalPlatform {
  HrPlatform parent_instance;

  char *state_dir;
  char *runtime_dir;
  HrInheritedSockets *inherited;
  HrKeeper *keeper;
  int nothing;       /* what notes are stored with */
  GPtrArray *strays; /* HrStray */
  guint n_ending;    /* of them */
  HrLogFiles *logs;
  int lock;
  gboolean reexecuted; /* the daemon before was this process */
  HrClock *clock;
  HrLauncher *launcher;
  HrChecker *checker;
  HrMetricReader *metric_reader;
  HrProber *prober;
  HrHistory *history;
  HrRunState *run_state;
};

G_DEFINE_FINAL_TYPE (HrLocalPlatform, hr_local_platform, HR_TYPE_PLATFORM)

static HrClock *
get_clock (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->clock;
}

static HrLauncher *
get_launcher (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->launcher;
}

static HrChecker *
get_checker (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->checker;
}

static HrMetricReader *
get_metric_reader (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->metric_reader;
}

static HrProber *
get_prober (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->prober;
}

static HrHistory *
get_history (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->history;
}

static HrRunState *
get_run_state (HrPlatform *platform)
{
  return HR_LOCAL_PLATFORM (platform)->run_state;
}

static gboolean
open_source_parts (HrLocalPlatform *self, HrServiceSpec *spec, HrParts *parts, GError **error)
{
  g_autofree char *repository = g_build_filename (self->state_dir, STORE_DIR, NULL);
  g_autofree char *slots = g_build_filename (self->state_dir, "slots", NULL);

  parts->store = hr_git_store_open (repository, spec, error);
  if (parts->store == NULL)
    return FALSE;
  parts->slots = hr_dir_slots_new (spec, parts->store, slots, self->runtime_dir, hr_exec_mount_obstacle ());
  if (spec->watch_enabled)
    parts->watcher = hr_file_watcher_new (spec);
  return TRUE;
}

static gboolean
open_parts (HrPlatform *platform, HrServiceSpec *spec, const HrParts *old, HrParts *parts, GError **error)
{
  HrLocalPlatform *self = HR_LOCAL_PLATFORM (platform);
  g_autofree char *snapshots = g_build_filename (self->state_dir, "snapshots", spec->name, NULL);
  g_autofree char *exchange = g_build_filename (self->state_dir, "exchange", spec->name, NULL);
  HrOwner owner = hr_owner_of (&spec->isolation);
  HrParts fresh = { 0 };

  hr_owner_let_through (&owner, self->state_dir);
  hr_owner_let_through (&owner, self->runtime_dir);
  if (old != NULL && old->store != NULL)
    hr_git_store_flush (old->store);
  if (spec->source != NULL && !open_source_parts (self, spec, &fresh, error))
    {
      hr_parts_clear (&fresh);
      return FALSE;
    }
  if (old != NULL && old->listeners != NULL)
    fresh.listeners = g_object_ref (old->listeners);
  else
    {
      fresh.listeners = hr_socket_listeners_new ();
      hr_socket_listeners_set_keeper (HR_SOCKET_LISTENERS (fresh.listeners), self->keeper, spec->name,
                                      self->reexecuted);
    }
  hr_socket_listeners_claim (HR_SOCKET_LISTENERS (fresh.listeners), self->inherited, spec);
  fresh.stored =
      old != NULL && old->stored != NULL ? g_object_ref (old->stored) : hr_fd_store_new (spec->name, self->keeper);
  hr_fd_store_set_max (fresh.stored, spec->fd_store_max);
  hr_log_files_limit (self->logs, spec->name, spec->log_max);
  hr_log_files_use_journal (self->logs, spec->name, spec->journal);
  fresh.state = hr_lease_state_files_new (spec, snapshots, exchange);
  hr_lease_state_files_set_keeper (HR_LEASE_STATE_FILES (fresh.state), self->keeper);
  *parts = fresh;
  return TRUE;
}

static GPtrArray *
take_strays (HrPlatform *platform, const char *service)
{
  HrLocalPlatform *self = HR_LOCAL_PLATFORM (platform);
  GPtrArray *taken = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);

  for (guint i = self->strays->len; i > 0; i--)
    {
      HrStray *stray = g_ptr_array_index (self->strays, i - 1);

      if (!g_str_equal (stray->service, service))
        continue;
      g_ptr_array_add (taken, g_steal_pointer (&stray->process));
      g_ptr_array_remove_index_fast (self->strays, i - 1);
    }
  return taken;
}

static void
keep_note (HrPlatform *platform, const char *service, const char *note)
{
  HrLocalPlatform *self = HR_LOCAL_PLATFORM (platform);

  hr_kept_note_set (self->keeper, self->nothing, self->runtime_dir, service, note);
}

static char *
take_note (HrPlatform *platform, const char *service)
{
  HrLocalPlatform *self = HR_LOCAL_PLATFORM (platform);

  return hr_kept_note_take (self->keeper, self->runtime_dir, service);
}

static char *
log_file (HrPlatform *platform, const char *service, const char *instance)
{
  HrLogFiles *logs = HR_LOCAL_PLATFORM (platform)->logs;

  return instance != NULL ? hr_log_files_next (logs, service, instance) : hr_log_files_newest (logs, service);
}

static char **
base_environment (HrPlatform *platform, HrServiceSpec *spec, GError **error)
{
  return hr_base_environment (spec, error);
}

static gboolean
prepare (HrLocalPlatform *self, GError **error)
{
  g_autofree char *history = g_build_filename (self->state_dir, "history.jsonl", NULL);
  g_autofree char *run_state = g_build_filename (self->state_dir, HR_RUN_STATE_FILE, NULL);
  g_autofree char *logs = g_build_filename (self->state_dir, "logs", NULL);
  g_autofree char *exchange = g_build_filename (self->state_dir, "exchange", NULL);
  g_autofree char *store = g_build_filename (self->state_dir, STORE_DIR, NULL);
  g_autofree char *why = NULL;
  HrCgroupBase *cgroups;

  if (!hr_state_dir_prepare (self->state_dir, "--state-dir", error)
      || !hr_state_dir_prepare (self->runtime_dir, "--runtime-dir", error))
    return FALSE;
  if (self->lock < 0)
    self->lock = hr_state_lock_take (self->state_dir, error);
  if (self->lock < 0 || !hr_state_dir_check_space (self->state_dir, error) || !hr_fs_make_dir (logs, 0700, error))
    return FALSE;
  /* Before anything is touched that a newer daemon left behind. */
  self->run_state = hr_run_state_new (run_state, error);
  self->launcher = self->run_state != NULL ? hr_exec_launcher_new (self->runtime_dir, error) : NULL;
  if (self->launcher == NULL)
    return FALSE;
  hr_git_locks_clear (store);
  cgroups = hr_cgroup_base_find (self->state_dir, &why);
  if (why != NULL)
    hr_log_debug (NULL, "no control groups: %s", why);
  hr_exec_launcher_set_cgroups (HR_EXEC_LAUNCHER (self->launcher), cgroups, why);
  self->keeper = hr_keeper_new (self->runtime_dir);
  self->nothing = open ("/dev/null", O_RDWR | O_CLOEXEC);
  self->strays = hr_strays_find (exchange);
  hr_exec_launcher_set_keeper (HR_EXEC_LAUNCHER (self->launcher), self->keeper);
  self->logs = hr_log_files_new (logs);
  self->clock = hr_system_clock_new ();
  self->checker = hr_process_checker_new ();
  self->metric_reader = hr_local_metric_reader_new ();
  self->prober = hr_local_prober_new ();
  self->history = hr_history_new (history);
  return TRUE;
}

static void
hr_local_platform_finalize (GObject *object)
{
  HrLocalPlatform *self = HR_LOCAL_PLATFORM (object);

  g_clear_object (&self->launcher);
  g_clear_object (&self->checker);
  g_clear_object (&self->metric_reader);
  g_clear_object (&self->prober);
  g_clear_object (&self->clock);
  g_clear_object (&self->history);
  g_clear_object (&self->run_state);
  g_clear_pointer (&self->logs, hr_log_files_free);
  g_clear_object (&self->inherited);
  g_clear_object (&self->keeper);
  hr_fd_clear (&self->nothing);
  g_clear_pointer (&self->strays, g_ptr_array_unref);
  g_free (self->state_dir);
  g_free (self->runtime_dir);
  /* Last: with the lock another daemon may take over all of it. */
  hr_fd_clear (&self->lock);
  G_OBJECT_CLASS (hr_local_platform_parent_class)->finalize (object);
}

static void
hr_local_platform_class_init (HrLocalPlatformClass *klass)
{
  HrPlatformClass *platform_class = HR_PLATFORM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = hr_local_platform_finalize;
  platform_class->get_clock = get_clock;
  platform_class->get_launcher = get_launcher;
  platform_class->get_checker = get_checker;
  platform_class->get_metric_reader = get_metric_reader;
  platform_class->get_prober = get_prober;
  platform_class->get_history = get_history;
  platform_class->get_run_state = get_run_state;
  platform_class->open_parts = open_parts;
  platform_class->log_file = log_file;
  platform_class->take_strays = take_strays;
  platform_class->keep_note = keep_note;
  platform_class->take_note = take_note;
  platform_class->base_environment = base_environment;
}

static void
hr_local_platform_init (HrLocalPlatform *self)
{
  self->lock = -1;
  self->nothing = -1;
}

/**
 * hr_local_platform_new:
 * @state_dir: what must survive the daemon, absolute; created where it is missing
 * @runtime_dir: sockets and mount points, absolute; created where it is missing
 * @inherited: sockets that the daemon was passed, for listeners of the services
 * @lock: (transfer full): the state directory's, if this process has it already, else -1
 * @error: return location
 *
 * Takes the state directory's lock; where another daemon holds it, this waits for up to 5 s.
 *
 * Returns: (transfer full): the platform; %NULL with %HR_ERROR_BUSY that names the holder, or an error that names the
 *   directory and the remedy
 */
HrPlatform *
hr_local_platform_new (const char *state_dir, const char *runtime_dir, HrInheritedSockets *inherited, int lock,
                       GError **error)
{
  g_autoptr (HrLocalPlatform) self = g_object_new (HR_TYPE_LOCAL_PLATFORM, NULL);

  g_return_val_if_fail (state_dir != NULL && g_path_is_absolute (state_dir), NULL);
  g_return_val_if_fail (runtime_dir != NULL && g_path_is_absolute (runtime_dir), NULL);
  g_return_val_if_fail (HR_IS_INHERITED_SOCKETS (inherited), NULL);

  self->inherited = g_object_ref (inherited);
  self->lock = lock;
  self->reexecuted = lock >= 0;
  self->state_dir = g_strdup (state_dir);
  self->runtime_dir = g_strdup (runtime_dir);
  return prepare (self, error) ? HR_PLATFORM (g_steal_pointer (&self)) : NULL;
}

typedef struct {
  GTask *task;
  char *service;
} EndingStray;

static void
stray_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  EndingStray *stray = user_data;
  HrLocalPlatform *self = g_task_get_source_object (stray->task);
  g_autoptr (GError) error = NULL;

  if (!hr_leftover_end_finish (result, &error))
    hr_log_warning (stray->service, "%s", error->message);
  if (--self->n_ending == 0)
    g_task_return_boolean (stray->task, TRUE);
  g_object_unref (stray->task);
  g_free (stray->service);
  g_free (stray);
}

static void
end_stray (HrLocalPlatform *self, const HrStray *stray, GTask *task)
{
  const HrRunProcess *process = stray->process;
  EndingStray *ending = g_new (EndingStray, 1);

  hr_log_warning (stray->service,
                  "PID %d was left running by an earlier daemon, and there is no such service; ending it",
                  (int)process->pid);
  self->n_ending++;
  *ending = (EndingStray){ g_object_ref (task), g_strdup (stray->service) };
  hr_leftover_end_async (process->pid, process->start, process->instance, SIGTERM, STRAY_TIMEOUT_USEC, stray_ended,
                         ending);
}

static gboolean
drop_leases (gpointer leases)
{
  return G_SOURCE_REMOVE;
}

/**
 * hr_local_platform_settle_async:
 * @self: the platform
 * @callback: called when all has ended, some %STRAY_TIMEOUT_USEC from now at the latest
 * @user_data: for @callback
 *
 * All services are known and have what an earlier daemon had kept for them: the rest of that is let go of, and what runs
 * of services that are no more is ended. Until then it has addresses that a new service may want.
 */
void
hr_local_platform_settle_async (HrLocalPlatform *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (HR_IS_LOCAL_PLATFORM (self));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, hr_local_platform_settle_async);
  for (guint i = 0; i < self->strays->len; i++)
    end_stray (self, g_ptr_array_index (self->strays, i), task);
  g_ptr_array_set_size (self->strays, 0);
  hr_exec_launcher_sweep (HR_EXEC_LAUNCHER (self->launcher));
  /* Whoever still waits for its state is being ended, and must not go on before it has. */
  g_timeout_add_seconds_full (G_PRIORITY_DEFAULT, LEASES_KEPT_SEC, drop_leases,
                              hr_keeper_take (self->keeper, HR_STATE_KEEP_PREFIX), (GDestroyNotify)g_ptr_array_unref);
  hr_fd_store_settle (self->keeper);
  hr_keeper_settle (self->keeper);
  hr_instance_sockets_settle ();
  if (self->n_ending == 0)
    g_task_return_boolean (task, TRUE);
}

/**
 * hr_local_platform_settle_finish:
 * @self: the platform
 * @result: of hr_local_platform_settle_async()
 *
 * What could not be ended has been warned of.
 */
void
hr_local_platform_settle_finish (HrLocalPlatform *self, GAsyncResult *result)
{
  g_return_if_fail (g_task_is_valid (result, self));
  g_task_propagate_boolean (G_TASK (result), NULL);
}

/**
 * hr_local_platform_close:
 * @self: the platform
 *
 * The daemon ends. Threads may hold on to parts of it until it has.
 */
void
hr_local_platform_close (HrLocalPlatform *self)
{
  g_return_if_fail (HR_IS_LOCAL_PLATFORM (self));
  hr_keeper_close (self->keeper);
}

/**
 * hr_local_platform_get_lock:
 * @self: the platform
 *
 * Returns: the descriptor that holds the state directory's lock, which stays the platform's
 */
int
hr_local_platform_get_lock (HrLocalPlatform *self)
{
  g_return_val_if_fail (HR_IS_LOCAL_PLATFORM (self), -1);
  return self->lock;
}

/**
 * hr_local_platform_is_kept:
 * @self: the platform
 *
 * Returns: whether the keeper has been told of all that it is to keep
 */
gboolean
hr_local_platform_is_kept (HrLocalPlatform *self)
{
  g_return_val_if_fail (HR_IS_LOCAL_PLATFORM (self), FALSE);
  return hr_keeper_is_idle (self->keeper);
}

/**
 * hr_local_platform_set_bus:
 * @self: the platform
 * @bus: the daemon's bus, on which probes look for names
 */
void
hr_local_platform_set_bus (HrLocalPlatform *self, GDBusConnection *bus)
{
  g_return_if_fail (HR_IS_LOCAL_PLATFORM (self));
  hr_local_prober_set_bus (HR_LOCAL_PROBER (self->prober), bus);
}
