/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-daemon.h"

#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "hr-bus-flush.h"
#include "hr-bus-freeze.h"
#include "hr-bus-manager.h"
#include "hr-bus-name.h"
#include "hr-config-dir.h"
#include "hr-configuration.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-handed.h"
#include "hr-helpers.h"
#include "hr-inherited-sockets.h"
#include "hr-instance-socket.h"
#include "hr-lease.h"
#include "hr-local-platform.h"
#include "hr-log.h"
#include "hr-names.h"
#include "hr-reexec.h"
#include "hr-sd-notify.h"
#include "hr-takeover.h"

/* What a daemon that is replaced may need besides the times of its services. */
#define REPLACE_MARGIN_USEC (15 * G_USEC_PER_SEC)

/* With --exit-idle: how long to wait for the first transient service, in seconds. */
#define FIRST_TRANSIENT_SEC 30

#define OWN_FLAGS (G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE | G_BUS_NAME_OWNER_FLAGS_ALLOW_REPLACEMENT)

typedef struct {
  GMainLoop *loop;
  HrInheritedSockets *inherited;
  HrPlatform *platform;
  HrManager *manager;
  HrConfiguration *configuration;
  GDBusConnection *connection;
  HrBusManager *bus;
  HrTakeover *takeover;
  HrHanded *handed; /* by the program that this process was before, until it is gone on with */
  HrReexec *reexec;
  HrBusName *name; /* NULL: it is not ours */
  guint idle;
  gboolean serving; /* the name is ours, or was */
  gboolean stopping;
  gboolean keeps;    /* services run on when it ends */
  gboolean replaces; /* another daemon is to give way */
  gboolean left;     /* they do */
  int status;
} Daemon;

static void
all_stopped (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Daemon *self = user_data;

  hr_manager_shutdown_finish (HR_MANAGER (source), result);
  g_main_loop_quit (self->loop);
}

static void
all_left (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Daemon *self = user_data;

  hr_manager_leave_finish (HR_MANAGER (source), result);
  self->left = TRUE;
  g_main_loop_quit (self->loop);
}

static void
stop (Daemon *self, int status)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  self->status = status;
  hr_sd_notify ("STOPPING=1");
  g_clear_pointer (&self->reexec, hr_reexec_free);
  if (self->keeps)
    hr_manager_leave_async (self->manager, all_left, self);
  else
    hr_manager_shutdown_async (self->manager, all_stopped, self);
}

static gboolean
has_transient (Daemon *self)
{
  g_autoptr (GPtrArray) services = hr_manager_list (self->manager);

  for (guint i = 0; i < services->len; i++)
    if (hr_service_is_transient (g_ptr_array_index (services, i)))
      return TRUE;
  return FALSE;
}

static void own_name (Daemon *self, GBusNameOwnerFlags flags);

/* Whoever asks for the daemon from now on is to start another one. What was sent to this one before is in the queue of
 * the main context when the name is released, and has been served when there is nothing else to do again. */
static gboolean
maybe_idle (gpointer user_data)
{
  Daemon *self = user_data;

  self->idle = 0;
  if (self->stopping)
    return G_SOURCE_REMOVE;
  if (has_transient (self))
    {
      if (self->name == NULL)
        own_name (self, OWN_FLAGS);
      return G_SOURCE_REMOVE;
    }
  if (self->name != NULL)
    {
      g_clear_pointer (&self->name, hr_bus_name_release);
      self->idle = g_idle_add (maybe_idle, self);
      return G_SOURCE_REMOVE;
    }
  hr_log_info (NULL, "no transient service is left; stopping");
  stop (self, HR_EXIT_OK);
  return G_SOURCE_REMOVE;
}

static void
service_removed (HrManager *manager, HrService *service, Daemon *self)
{
  if (!hr_service_is_transient (service))
    return;
  g_clear_handle_id (&self->idle, g_source_remove);
  self->idle = g_idle_add (maybe_idle, self);
}

static gboolean
asked_to_stop (gpointer user_data)
{
  stop (user_data, HR_EXIT_OK);
  return G_SOURCE_CONTINUE;
}

static gboolean
asked_to_reload (gpointer user_data)
{
  Daemon *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrConfigChange) change = hr_configuration_load (self->configuration, &error);

  if (change == NULL)
    hr_log_warning (NULL, "%s", error->message);
  return G_SOURCE_CONTINUE;
}

static void
name_acquired (GDBusConnection *connection, const char *name, gpointer user_data)
{
  Daemon *self = user_data;

  self->serving = TRUE;
  g_clear_pointer (&self->takeover, hr_takeover_free);
  hr_sd_notify ("READY=1");
  hr_log_info (NULL, "ready");
}

static void
name_lost (GDBusConnection *connection, const char *name, gpointer user_data)
{
  Daemon *self = user_data;

  if (self->stopping || connection == NULL || g_dbus_connection_is_closed (connection))
    return;
  if (self->serving)
    {
      hr_log_info (NULL, "another daemon takes over; stopping");
      /* Not ours to give back. */
      g_clear_pointer (&self->name, hr_bus_name_free);
      stop (self, HR_EXIT_OK);
      return;
    }
  hr_log_warning (NULL, "the name %s is owned by another daemon; stopping", name);
  stop (self, HR_EXIT_FAILED);
}

static void
own_name (Daemon *self, GBusNameOwnerFlags flags)
{
  self->name = hr_bus_name_own (self->connection, flags, name_acquired, name_lost, self);
}

/* Without it nobody can reach the services: what becomes of them is as at any end. */
static void
bus_closed (GDBusConnection *connection, gboolean remote, GError *error, gpointer user_data)
{
  Daemon *self = user_data;

  if (!self->stopping)
    hr_log_warning (NULL, "the bus is gone; stopping");
  stop (self, HR_EXIT_FAILED);
}

/* How long a daemon with these services may take to end. A reload that is under way may have to stop an instance and
 * start another before that one can be stopped. */
static gint64
longest_end (const HrOptions *options)
{
  g_autoptr (GPtrArray) entries = hr_config_dir_load (options->config_dir, options->profile, NULL);
  gint64 longest = 0;

  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      const HrConfigEntry *entry = g_ptr_array_index (entries, i);

      if (entry->spec != NULL)
        longest = MAX (longest, 2 * entry->spec->stop_timeout + entry->spec->start_timeout);
    }
  return longest + REPLACE_MARGIN_USEC;
}

static gboolean
connect_to_bus (Daemon *self, const HrOptions *options, GError **error)
{
  if (self->handed != NULL)
    self->connection = hr_bus_connection_from_fd (hr_fd_steal (&self->handed->bus), error);
  else
    self->connection = g_bus_get_sync (options->bus, NULL, error);
  if (self->connection == NULL)
    {
      g_prefix_error (error,
                      "while connecting to the %s bus: ", options->bus == G_BUS_TYPE_SYSTEM ? "system" : "session");
      return FALSE;
    }
  g_dbus_connection_set_exit_on_close (self->connection, FALSE);
  /* Before anything is started. */
  if (self->handed == NULL && !options->replace && !hr_takeover_check_free (self->connection, error))
    return FALSE;
  g_signal_connect (self->connection, "closed", G_CALLBACK (bus_closed), self);
  return TRUE;
}

/* When nothing is under way, and what was is forgotten, what it needed goes back to the system. */
static void
job_removed (HrManager *manager, HrJob *job, gpointer user_data)
{
  g_autoptr (GPtrArray) jobs = hr_manager_list_jobs (manager);

  if (jobs->len == 0)
    malloc_trim (0);
}

/* Better no daemon than one of which every service fails. What lacks less is said. */
static gboolean
look_for_helpers (GError **error)
{
  g_auto (GStrv) missing = hr_helpers_describe_missing ();

  if (!hr_helpers_check (error))
    return FALSE;
  for (guint i = 0; missing[i] != NULL; i++)
    hr_log_warning (NULL, "%s", missing[i]);
  return TRUE;
}

static gboolean
open_all (Daemon *self, const HrOptions *options, GError **error)
{
  g_autoptr (HrConfigChange) change = NULL;
  int lock = self->handed != NULL ? hr_fd_steal (&self->handed->lock) : -1;

  if (!look_for_helpers (error))
    return FALSE;
  if (options->replace && self->handed == NULL)
    {
      self->takeover = hr_takeover_new (options->bus, longest_end (options), error);
      if (self->takeover == NULL)
        return FALSE;
    }
  self->platform = hr_local_platform_new (options->state_dir, options->runtime_dir, self->inherited, lock, error);
  if (self->platform == NULL)
    return FALSE;
  if (self->connection == NULL && !connect_to_bus (self, options, error))
    return FALSE;
  hr_local_platform_set_bus (HR_LOCAL_PLATFORM (self->platform), self->connection);
  self->manager = hr_manager_new (self->platform, options->profile);
  self->configuration = hr_configuration_new (self->manager, options->config_dir);
  self->bus = hr_bus_manager_new (self->configuration, self->connection);
  /* Behind that of the bus, which holds objects of the job. */
  g_signal_connect (self->manager, "job-removed", G_CALLBACK (job_removed), NULL);
  if (options->exit_idle)
    {
      g_signal_connect (self->manager, "service-removed", G_CALLBACK (service_removed), self);
      self->idle = g_timeout_add_seconds (FIRST_TRANSIENT_SEC, maybe_idle, self);
    }
  if (self->handed != NULL)
    hr_manager_take_carried (self->manager, self->handed->manager);
  change = hr_configuration_load (self->configuration, error);
  if (change == NULL)
    return FALSE;
  hr_configuration_take_carried (self->configuration);
  hr_inherited_sockets_warn_unused (self->inherited);
  return TRUE;
}

static void
allow_reexec (Daemon *self, const HrOptions *options)
{
  const HrReexecPlan plan = {
    .program = options->program,
    .arguments = options->arguments,
    .configuration = self->configuration,
    .platform = HR_LOCAL_PLATFORM (self->platform),
    .inherited = self->inherited,
    .bus = self->bus,
    .connection = self->connection,
  };

  if (options->program != NULL)
    self->reexec = hr_reexec_new (&plan);
}

/* Goes on as the same client of the bus: the name is ours, and what was called meanwhile is answered now. */
static void
go_on (Daemon *self)
{
  self->serving = TRUE;
  self->name = hr_bus_name_keep (self->connection, name_lost, self);
  hr_handed_answer (self->handed, self->connection, NULL);
  g_dbus_connection_start_message_processing (self->connection);
  hr_sd_notify ("READY=1");
  hr_log_info (NULL, "ready, re-executed in %" G_GINT64_FORMAT " ms",
               (g_get_monotonic_time () - self->handed->began_at) / G_TIME_SPAN_MILLISECOND);
  g_clear_pointer (&self->handed, hr_handed_free);
}

/* It cannot: whoever asked for it is told, the services run on. */
static void
give_up (Daemon *self, const GError *error)
{
  if (self->handed == NULL || self->connection == NULL)
    return;
  hr_handed_answer (self->handed, self->connection, error);
  hr_bus_flush (self->connection, HR_BUS_FLUSH_USEC, NULL);
  self->left = self->platform != NULL;
}

static void
close_all (Daemon *self)
{
  g_clear_pointer (&self->name, hr_bus_name_release);
  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      hr_bus_flush (self->connection, HR_BUS_FLUSH_USEC, NULL);
    }
  g_clear_handle_id (&self->idle, g_source_remove);
  if (self->manager != NULL)
    g_signal_handlers_disconnect_by_data (self->manager, self);
  g_clear_object (&self->bus);
  g_clear_object (&self->configuration);
  g_clear_object (&self->manager);
  if (self->platform != NULL)
    hr_local_platform_close (HR_LOCAL_PLATFORM (self->platform));
  g_clear_object (&self->platform);
  g_clear_object (&self->inherited);
  g_clear_object (&self->connection);
  g_clear_pointer (&self->takeover, hr_takeover_free);
  g_clear_pointer (&self->handed, hr_handed_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
}

/* As if it had died, but for what it said: what runs on must not be taken down with what knows it. */
static void
leave (Daemon *self)
{
  g_clear_pointer (&self->name, hr_bus_name_release);
  hr_bus_flush (self->connection, HR_BUS_FLUSH_USEC, NULL);
  hr_local_platform_close (HR_LOCAL_PLATFORM (self->platform));
  fflush (NULL);
  _exit (self->status);
}

/* What an earlier daemon left behind is gone: whoever comes now finds no address taken by it. One that was re-executed
 * has its name already. */
static void
settled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Daemon *self = user_data;

  hr_local_platform_settle_finish (HR_LOCAL_PLATFORM (source), result);
  if (!self->stopping && self->name == NULL)
    own_name (self, self->replaces ? OWN_FLAGS | G_BUS_NAME_OWNER_FLAGS_REPLACE : OWN_FLAGS);
}

/* Before there are threads, and before anything else is opened. */
static gboolean
take_over_process (Daemon *self, const HrOptions *options, GError **error)
{
  self->handed = hr_handed_take (error);
  if (self->handed == NULL && error != NULL && *error != NULL)
    return FALSE;
  self->inherited = self->handed != NULL ? hr_inherited_sockets_new_carried (self->handed->inherited)
                                         : hr_inherited_sockets_new (HR_LISTEN_FDS_START);
  if (self->handed != NULL)
    hr_instance_sockets_take_carried (self->handed->sockets);
  /* Threads inherit the mask. */
  return hr_lease_init (error) && (self->handed == NULL || connect_to_bus (self, options, error));
}

static void
listen_to_signals (Daemon *self)
{
  sigset_t signals;

  g_unix_signal_add (SIGTERM, asked_to_stop, self);
  g_unix_signal_add (SIGINT, asked_to_stop, self);
  g_unix_signal_add (SIGHUP, asked_to_reload, self);
  /* The program that this process was before has held them for us. */
  sigemptyset (&signals);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGHUP);
  pthread_sigmask (SIG_UNBLOCK, &signals, NULL);
}

/**
 * hr_daemon_run:
 * @options: the command line
 *
 * Runs until it is told to stop.
 *
 * Returns: the exit status
 */
int
hr_daemon_run (const HrOptions *options)
{
  Daemon self = { 0 };
  g_autoptr (GError) error = NULL;

  signal (SIGPIPE, SIG_IGN);
  self.keeps = options->keep;
  self.replaces = options->replace;
  self.status = HR_EXIT_FAILED;
  if (take_over_process (&self, options, &error))
    self.loop = g_main_loop_new (NULL, FALSE);
  if (error != NULL || !open_all (&self, options, &error))
    {
      hr_log_warning (NULL, "%s", error->message);
      give_up (&self, error);
      if (self.left)
        leave (&self);
      close_all (&self);
      return HR_EXIT_FAILED;
    }
  listen_to_signals (&self);
  allow_reexec (&self, options);
  hr_local_platform_settle_async (HR_LOCAL_PLATFORM (self.platform), settled, &self);
  hr_manager_release (self.manager);
  if (self.handed != NULL)
    go_on (&self);
  g_main_loop_run (self.loop);
  if (self.left)
    leave (&self);
  close_all (&self);
  return self.status;
}
