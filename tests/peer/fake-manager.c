/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-manager.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#include "fake-answers.h"
#include "hr-dbus-generated.h"
#include "hr-error.h"
#include "hr-names.h"
#include "hr-object-path.h"

#define JOB_STEPS 3

/* Of these another job runs, for as long as anybody looks; it is of the kind that the name ends with. */
#define QUEUED "queued-"

struct _FakeManager {
  GDBusConnection *bus;
  GDBusObjectManagerServer *objects;
  HrDbusManager *manager;
  HrDbusService *being;
  guint name;
  guint filter;
  guint n_jobs;
  GString *calls; /* what was asked for, a line each */
  char *directory;
  FakeRun run;
  const char *configured; /* the service whose file has changed */
  gboolean file_is_broken;
  gboolean running;
  gboolean being_paused;
  char *transient;
  gboolean reexecuted;
  guint32 job_question; /* who asked for the properties of a job; of the bus's thread alone */
  int job_was_read;     /* atomic: they have been given */
};

typedef struct {
  FakeManager *manager;
  HrDbusJob *job;
  char *service;
  guint step;
} Job;

static void
job_free (gpointer data)
{
  Job *self = data;

  g_object_unref (self->job);
  g_free (self->service);
  g_free (self);
}

static void
job_end (Job *self)
{
  gboolean success = !fake_answer_fails (self->service);

  hr_dbus_job_set_details (self->job, fake_answer_details (self->service, success));
  hr_dbus_job_set_error (self->job, success ? "" : "app.py:3: SyntaxError\n  def f(:\033[2J");
  hr_dbus_job_set_result (self->job, success ? "completed" : "failed");
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self->job));
  hr_dbus_job_emit_finished (self->job, success, "");
}

static gboolean
on_job_step (gpointer user_data)
{
  static const char *const phases[JOB_STEPS] = { "check", "start", "switch" };
  Job *self = user_data;

  if (g_str_equal (self->service, "hang") || g_str_has_prefix (self->service, QUEUED))
    return G_SOURCE_REMOVE;
  if (g_str_equal (self->service, "leave"))
    {
      /* Who waits for it is to know its phase by then. */
      if (!g_atomic_int_get (&self->manager->job_was_read))
        return G_SOURCE_CONTINUE;
      fake_manager_leave (self->manager);
      return G_SOURCE_REMOVE;
    }
  if (self->step == JOB_STEPS)
    {
      job_end (self);
      return G_SOURCE_REMOVE;
    }

  hr_dbus_job_set_phase (self->job, phases[self->step++]);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self->job));
  return G_SOURCE_CONTINUE;
}

static void
set_running (HrDbusJob *job)
{
  hr_dbus_job_set_phase (job, "ready");
  hr_dbus_job_set_caller (job, "root (hrctl)");
}

/* A new job on the bus; its path belongs to the job. */
static const char *
add_job (FakeManager *self, const char *service, const char *kind)
{
  gboolean waits = g_str_has_prefix (service, QUEUED) && !g_str_equal (service + strlen (QUEUED), kind);
  g_autofree char *path = hr_job_object_path (++self->n_jobs);
  g_autoptr (HrDbusObjectSkeleton) object = hr_dbus_object_skeleton_new (path);
  Job *job = g_new0 (Job, 1);

  job->manager = self;
  job->service = g_strdup (service);
  job->job = hr_dbus_job_skeleton_new ();
  hr_dbus_job_set_service (job->job, service);
  hr_dbus_job_set_kind (job->job, kind);
  hr_dbus_job_set_caller (job->job, "");
  hr_dbus_job_set_phase (job->job, "settle");
  hr_dbus_job_set_result (job->job, "running");
  hr_dbus_job_set_error (job->job, "");
  hr_dbus_job_set_details (job->job, g_variant_new ("a{sv}", NULL));
  hr_dbus_job_set_children (job->job, (const char *const[]){ NULL });
  hr_dbus_object_skeleton_set_job (object, job->job);
  if (waits)
    {
      hr_dbus_job_set_result (job->job, "waiting");
      hr_dbus_job_set_phase (job->job, "");
      add_job (self, service, service + strlen (QUEUED));
    }
  else if (g_str_has_prefix (service, QUEUED))
    set_running (job->job);
  g_dbus_object_manager_server_export (self->objects, G_DBUS_OBJECT_SKELETON (object));

  if (g_str_equal (service, "instant"))
    {
      job_end (job);
      job_free (job);
    }
  else
    g_timeout_add_full (G_PRIORITY_DEFAULT, 1, on_job_step, job, job_free);

  return g_dbus_object_get_object_path (G_DBUS_OBJECT (object));
}

/* Whether the name is one of ours and allowed; else the answer is given. */
static gboolean
admit (FakeManager *self, GDBusMethodInvocation *invocation, const char *service)
{
  static const char *const known[] = { "being-system", "instant", "hang", "leave", NULL };

  g_string_append_printf (self->calls, "%s %s\n", g_dbus_method_invocation_get_method_name (invocation), service);

  if (g_str_equal (service, "secret"))
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_NOT_AUTHORIZED, "you may not do this");
  else if (g_str_equal (service, "denied"))
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "the bus says no");
  else if (g_str_equal (service, "busy"))
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_BUSY, "something else is under way");
  else if (!g_strv_contains (known, service) && !fake_answer_fails (service) && !g_str_has_prefix (service, QUEUED))
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE, "there is no service '%s'",
                                           service);
  else
    return TRUE;

  return FALSE;
}

static gboolean
on_job_method (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  g_autofree char *kind = g_ascii_strdown (g_dbus_method_invocation_get_method_name (invocation), -1);

  if (admit (self, invocation, service))
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", add_job (self, service, kind)));
  return TRUE;
}

static gboolean
on_rollback (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, guint64 release,
             FakeManager *self)
{
  if (!admit (self, invocation, service))
    return TRUE;

  g_string_append_printf (self->calls, "to %" G_GUINT64_FORMAT "\n", release);
  if (release == 99)
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "there is no release 99");
  else
    hr_dbus_manager_complete_rollback (manager, invocation, add_job (self, service, "rollback"));
  return TRUE;
}

static gboolean
on_restore (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, const char *id,
            FakeManager *self)
{
  if (!admit (self, invocation, service))
    return TRUE;

  g_string_append_printf (self->calls, "snapshot %s\n", id);
  hr_dbus_manager_complete_restore_snapshot (manager, invocation, add_job (self, service, "restore-snapshot"));
  return TRUE;
}

static gboolean
on_reload_all (HrDbusManager *manager, GDBusMethodInvocation *invocation, FakeManager *self)
{
  g_autofree char *good = g_strdup (add_job (self, "instant", "reload"));
  g_autofree char *bad = g_strdup (add_job (self, "broken", "reload"));
  const char *path = add_job (self, "", "reload-all");
  g_autoptr (GDBusObject) object = NULL;
  g_autoptr (HrDbusJob) job = NULL;

  object = g_dbus_object_manager_get_object (G_DBUS_OBJECT_MANAGER (self->objects), path);
  job = hr_dbus_object_get_job (HR_DBUS_OBJECT (object));
  hr_dbus_job_set_children (job, (const char *const[]){ good, bad, NULL });
  hr_dbus_manager_complete_reload_all (manager, invocation, path);
  return TRUE;
}

static gboolean
on_pause (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  gboolean pause = g_str_equal (g_dbus_method_invocation_get_method_name (invocation), "Pause");

  if (*service != '\0' && !admit (self, invocation, service))
    return TRUE;
  if (*service == '\0')
    hr_dbus_manager_set_paused (manager, pause);
  else
    self->being_paused = pause;
  hr_dbus_service_set_paused (self->being, self->being_paused || hr_dbus_manager_get_paused (manager));
  g_dbus_method_invocation_return_value (invocation, NULL);
  return TRUE;
}

/* Only one of them has a canary. */
static gboolean
on_decide (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  if (!admit (self, invocation, service))
    return TRUE;
  if (g_str_equal (service, "being-system"))
    g_dbus_method_invocation_return_value (invocation, NULL);
  else
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_FAILED,
                                           "'%s' has no canary: none is asked for", service);
  return TRUE;
}

/* The second time another program is there that cannot start. */
static gboolean
on_reexecute (HrDbusManager *manager, GDBusMethodInvocation *invocation, FakeManager *self)
{
  if (self->reexecuted)
    g_dbus_method_invocation_return_error_literal (invocation, HR_ERROR, HR_ERROR_FAILED,
                                                   "'/bin/hotreloadd' cannot go on with what is there: exit code 3");
  else
    g_dbus_method_invocation_return_value (invocation, NULL);
  self->reexecuted = TRUE;
  return TRUE;
}

static gboolean
on_list_services (HrDbusManager *manager, GDBusMethodInvocation *invocation, FakeManager *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssstu)"));
  g_variant_builder_add (&builder, "(ssstu)", "being-system", "running", "healthy", (guint64)7, 1234);
  g_variant_builder_add (&builder, "(ssstu)", "broken", "failed", "unknown", (guint64)0, 0);
  hr_dbus_manager_complete_list_services (manager, invocation, g_variant_builder_end (&builder));
  return TRUE;
}

static gboolean
on_get_status (HrDbusManager *manager, GDBusMethodInvocation *invocation, FakeManager *self)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  GVariantBuilder services;

  g_variant_builder_init (&services, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_value (&services, fake_answer_service_status (TRUE));
  g_variant_builder_add_value (&services, fake_answer_service_status (FALSE));
  g_variant_dict_insert (&dict, "enabled", "b", TRUE);
  g_variant_dict_insert (&dict, "paused", "b", FALSE);
  g_variant_dict_insert (&dict, "profile", "s", "development");
  g_variant_dict_insert (&dict, "watchedFiles", "u", 8);
  g_variant_dict_insert (&dict, "reloadCount", "u", 23);
  g_variant_dict_insert (&dict, "failedReloads", "u", 2);
  g_variant_dict_insert (&dict, "successRate", "s", "91%");
  g_variant_dict_insert (&dict, "lastReload", "s", "2025-10-05T14:30:00Z");
  g_variant_dict_insert (&dict, "pending", "^as", (const char *const[]){ NULL });
  g_variant_dict_insert_value (&dict, "services", g_variant_builder_end (&services));
  g_variant_dict_insert_value (&dict, "daemon", fake_answer_daemon ());
  hr_dbus_manager_complete_get_status (manager, invocation, g_variant_dict_end (&dict));
  return TRUE;
}

static gboolean
on_get_processes (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  if (admit (self, invocation, service))
    hr_dbus_manager_complete_get_processes (manager, invocation,
                                            g_str_equal (service, "being-system")
                                                ? fake_answer_processes ()
                                                : g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
  return TRUE;
}

/* Half a processor all the time, by the clock. */
static gboolean
on_get_usage (HrDbusManager *manager, GDBusMethodInvocation *invocation, FakeManager *self)
{
  g_string_append (self->calls, "GetUsage\n");
  hr_dbus_manager_complete_get_usage (manager, invocation, fake_answer_usage ((guint64)g_get_monotonic_time () / 2));
  return TRUE;
}

static gboolean
on_get_history (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, guint limit,
                FakeManager *self)
{
  GVariantBuilder entries;

  if (*service != '\0' && !admit (self, invocation, service))
    return TRUE;

  g_string_append_printf (self->calls, "limit %u\n", limit);
  g_variant_builder_init (&entries, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_value (&entries, fake_answer_history_entry (TRUE));
  if (limit > 1)
    g_variant_builder_add_value (&entries, fake_answer_history_entry (FALSE));
  hr_dbus_manager_complete_get_history (manager, invocation, g_variant_builder_end (&entries));
  return TRUE;
}

static gboolean
on_list_releases (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  GVariantBuilder releases;

  if (!admit (self, invocation, service))
    return TRUE;

  g_variant_builder_init (&releases, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_value (&releases, fake_answer_release (5, "rejected"));
  g_variant_builder_add_value (&releases, fake_answer_release (6, "good"));
  g_variant_builder_add_value (&releases, fake_answer_release (7, "good"));
  hr_dbus_manager_complete_list_releases (manager, invocation, g_variant_builder_end (&releases));
  return TRUE;
}

static gboolean
on_diff (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, guint64 from, guint64 to,
         FakeManager *self)
{
  g_string_append_printf (self->calls, "Diff %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", from, to);
  hr_dbus_manager_complete_diff (manager, invocation, "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-a\n+b\n");
  return TRUE;
}

static gboolean
on_plan (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  GVariantBuilder steps;

  g_variant_builder_init (&steps, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_parsed (&steps, "{'phase': <'check'>, 'text': <'python3 looks at app.py'>}");
  g_variant_builder_add_parsed (&steps, "{'phase': <'start'>, 'text': <'start'>, "
                                        "'handover': <'sequential'>, 'reason': <'it is written in Go'>}");
  hr_dbus_manager_complete_plan (manager, invocation, g_variant_builder_end (&steps));
  return TRUE;
}

static gboolean
on_create_snapshot (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  if (g_str_equal (service, "being-system"))
    hr_dbus_manager_complete_create_snapshot (manager, invocation, "20251005-1");
  else
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                                           "it gives its state only when it ends");
  return TRUE;
}

static gboolean
on_list_snapshots (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  g_autofree char *path = g_build_filename (self->directory, "20251005-1.json", NULL);
  GVariantBuilder snapshots;

  if (!admit (self, invocation, service))
    return TRUE;

  g_variant_builder_init (&snapshots, G_VARIANT_TYPE ("aa{sv}"));
  if (g_strv_contains ((const char *const[]){ "being-system", "unwanted", NULL }, service))
    g_variant_builder_add_parsed (&snapshots,
                                  "{'id': <'20251005-1'>, 'time': <uint64 1759674600>, 'release': <uint64 7>,"
                                  " 'version': <uint32 1>, 'checksum': <'sha256:00'>, 'size': <uint64 17>,"
                                  " 'path': <%s>}",
                                  path);
  hr_dbus_manager_complete_list_snapshots (manager, invocation, g_variant_builder_end (&snapshots));
  return TRUE;
}

static gboolean
on_add_service (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *name, const char *keyfile,
                FakeManager *self)
{
  g_string_append_printf (self->calls, "AddService %s\n%s", name, keyfile);
  if (g_str_equal (name, "taken"))
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                                           "there is a service 'taken'");
  else
    {
      const char *job = add_job (self, g_str_equal (name, "shop") ? "being-system" : "broken", "start");

      hr_dbus_manager_emit_configuration_reloaded (manager, g_dbus_method_invocation_get_sender (invocation),
                                                   (const char *const[]){ name, NULL }, (const char *const[]){ NULL },
                                                   (const char *const[]){ NULL }, (const char *const[]){ job, NULL });
      hr_dbus_manager_complete_add_service (manager, invocation);
    }
  return TRUE;
}

static gboolean
on_remove_service (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *name, FakeManager *self)
{
  if (admit (self, invocation, name) && !g_str_equal (name, "hang"))
    hr_dbus_manager_complete_remove_service (manager, invocation);
  return TRUE;
}

static gboolean
on_reload_configuration (HrDbusManager *manager, GDBusMethodInvocation *invocation, FakeManager *self)
{
  static const char *const none[] = { NULL };
  const char *job = self->configured != NULL ? add_job (self, self->configured, "reload") : NULL;

  g_string_append (self->calls, "ReloadConfiguration\n");
  /* What another caller began is not ours to wait for. */
  hr_dbus_manager_emit_configuration_reloaded (manager, ":1.99", (const char *const[]){ "strange", NULL }, none, none,
                                               none);
  hr_dbus_manager_emit_configuration_reloaded (manager, g_dbus_method_invocation_get_sender (invocation), none,
                                               job != NULL ? (const char *const[]){ self->configured, NULL } : none,
                                               job != NULL ? (const char *const[]){ "old", NULL } : none,
                                               (const char *const[]){ job, NULL });
  if (self->file_is_broken)
    g_dbus_method_invocation_return_error (invocation, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                                           "a service file does not load; the others were applied\n"
                                           "/c/bad.conf: group 'Service': there is no key 'Exce'");
  else
    hr_dbus_manager_complete_reload_configuration (manager, invocation);
  return TRUE;
}

static void
emit_state (FakeManager *self, const char *old, const char *new)
{
  hr_dbus_manager_emit_service_state_changed (self->manager, self->transient, old, new);
}

static gboolean
on_transient_running (gpointer user_data)
{
  FakeManager *self = user_data;

  emit_state (self, "starting", "running");
  self->running = TRUE;
  if (self->run == FAKE_RUN_STAYS || self->run == FAKE_RUN_FOLLOWS)
    return G_SOURCE_REMOVE;

  if (self->run == FAKE_RUN_ENDS_WELL)
    {
      hr_dbus_manager_emit_reload_completed (self->manager, self->transient, "/org/hotreload/job/1", 3, 0,
                                             fake_answer_details (self->transient, TRUE));
      hr_dbus_manager_emit_rolled_back (self->manager, self->transient, 3, 2, "it ended");
      emit_state (self, "running", "stopped");
    }
  else
    {
      hr_dbus_manager_emit_reload_failed (
          self->manager, self->transient, "/org/hotreload/job/1", self->run == FAKE_RUN_REFUSED ? "check" : "ready",
          "app.py:3: SyntaxError\n  def f(:", fake_answer_details (self->transient, FALSE));
      emit_state (self, "running", "failed");
      if (self->run != FAKE_RUN_REFUSED)
        emit_state (self, "failed", "stopped");
    }

  return G_SOURCE_REMOVE;
}

static gboolean
on_run_transient (HrDbusManager *manager, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *name,
                  const char *keyfile, GVariant *options, GVariant *out, GVariant *err, FakeManager *self)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) environment = NULL;
  const char *directory = "";
  const char *greeting;
  int fd = g_unix_fd_list_get (fds, g_variant_get_handle (out), &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (options, "environment", "^as", &environment));
  g_assert_true (g_variant_lookup (options, "working-directory", "&s", &directory));
  greeting = g_environ_getenv (environment, "GREETING");
  g_string_append_printf (self->calls, "RunTransient %s\n%sin %s\n", name, keyfile, directory);

  if (greeting != NULL)
    g_assert_cmpint (write (fd, greeting, strlen (greeting)), ==, (int)strlen (greeting));
  close (fd);

  g_free (self->transient);
  self->transient = g_strdup (name);
  if (self->run == FAKE_RUN_FOLLOWS)
    {
      g_clear_handle_id (&self->name, g_bus_unown_name);
      emit_state (self, "stopping", "stopped");
    }
  emit_state (self, "stopped", "starting");
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", add_job (self, name, "start")));
  g_idle_add (on_transient_running, self);
  return TRUE;
}

static gboolean
on_stop (HrDbusManager *manager, GDBusMethodInvocation *invocation, const char *service, FakeManager *self)
{
  if (g_strcmp0 (service, self->transient) != 0)
    return on_job_method (manager, invocation, service, self);

  g_string_append_printf (self->calls, "Stop %s\n", service);
  hr_dbus_manager_complete_stop (manager, invocation, add_job (self, service, "stop"));
  emit_state (self, "stopping", "stopped");
  return TRUE;
}

static void
connect_handlers (FakeManager *self)
{
  static const struct {
    const char *signal;
    GCallback handler;
  } handlers[] = {
    { "handle-reload", G_CALLBACK (on_job_method) },
    { "handle-start", G_CALLBACK (on_job_method) },
    { "handle-restart", G_CALLBACK (on_job_method) },
    { "handle-stop", G_CALLBACK (on_stop) },
    { "handle-rollback", G_CALLBACK (on_rollback) },
    { "handle-restore-snapshot", G_CALLBACK (on_restore) },
    { "handle-reload-all", G_CALLBACK (on_reload_all) },
    { "handle-pause", G_CALLBACK (on_pause) },
    { "handle-resume", G_CALLBACK (on_pause) },
    { "handle-reset-failed", G_CALLBACK (on_pause) },
    { "handle-promote", G_CALLBACK (on_decide) },
    { "handle-abort", G_CALLBACK (on_decide) },
    { "handle-hold", G_CALLBACK (on_decide) },
    { "handle-list-services", G_CALLBACK (on_list_services) },
    { "handle-get-status", G_CALLBACK (on_get_status) },
    { "handle-get-processes", G_CALLBACK (on_get_processes) },
    { "handle-get-usage", G_CALLBACK (on_get_usage) },
    { "handle-get-history", G_CALLBACK (on_get_history) },
    { "handle-list-releases", G_CALLBACK (on_list_releases) },
    { "handle-diff", G_CALLBACK (on_diff) },
    { "handle-plan", G_CALLBACK (on_plan) },
    { "handle-create-snapshot", G_CALLBACK (on_create_snapshot) },
    { "handle-list-snapshots", G_CALLBACK (on_list_snapshots) },
    { "handle-add-service", G_CALLBACK (on_add_service) },
    { "handle-remove-service", G_CALLBACK (on_remove_service) },
    { "handle-reload-configuration", G_CALLBACK (on_reload_configuration) },
    { "handle-reexecute", G_CALLBACK (on_reexecute) },
    { "handle-run-transient", G_CALLBACK (on_run_transient) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_signal_connect (self->manager, handlers[i].signal, handlers[i].handler, self);
}

static void
export_service (FakeManager *self)
{
  g_autofree char *path = hr_service_object_path ("being-system");
  g_autoptr (HrDbusObjectSkeleton) object = hr_dbus_object_skeleton_new (path);

  self->being = hr_dbus_service_skeleton_new ();
  hr_dbus_service_set_name (self->being, "being-system");
  hr_dbus_service_set_description (self->being, "Läuft und läuft");
  hr_dbus_service_set_state (self->being, "running");
  hr_dbus_service_set_since_usec (self->being, (guint64)1759674600 * G_USEC_PER_SEC);
  hr_dbus_service_set_state_since_usec (self->being, (guint64)1759674600 * G_USEC_PER_SEC);
  hr_dbus_service_set_rollback_point (self->being, 6);
  hr_dbus_service_set_pending (self->being, (const char *const[]){ NULL });
  hr_dbus_service_set_listen (self->being, (const char *const[]){ NULL });
  hr_dbus_service_set_notes (self->being, (const char *const[]){ "data.db is shared", "check: python3: 2 files", "cache is kept", NULL });
  hr_dbus_service_set_status_text (self->being, "thinking");
  hr_dbus_object_skeleton_set_service (object, self->being);
  g_dbus_object_manager_server_export (self->objects, G_DBUS_OBJECT_SKELETON (object));
}

static void
on_acquired (GDBusConnection *bus, const char *name, gpointer user_data)
{
  *(gboolean *)user_data = TRUE;
}

/* Notices that somebody is given the properties of a job; in the thread of the bus. */
static GDBusMessage *
on_message (GDBusConnection *bus, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  FakeManager *self = user_data;
  const char *path = g_dbus_message_get_path (message);

  if (incoming && path != NULL && g_str_has_prefix (path, HR_ROOT_PATH "/job/")
      && g_strcmp0 (g_dbus_message_get_member (message), "GetAll") == 0)
    self->job_question = g_dbus_message_get_serial (message);
  else if (!incoming && self->job_question != 0 && g_dbus_message_get_reply_serial (message) == self->job_question)
    g_atomic_int_set (&self->job_was_read, TRUE);
  return message;
}

/**
 * fake_manager_new:
 * @bus: a message bus
 *
 * Returns: (transfer full): a manager that owns its name
 */
FakeManager *
fake_manager_new (GDBusConnection *bus)
{
  FakeManager *self = g_new0 (FakeManager, 1);
  gboolean acquired = FALSE;

  self->bus = g_object_ref (bus);
  self->calls = g_string_new (NULL);
  self->directory = g_strdup ("/nonexistent");
  self->objects = g_dbus_object_manager_server_new (HR_ROOT_PATH);
  self->manager = hr_dbus_manager_skeleton_new ();
  self->filter = g_dbus_connection_add_filter (bus, on_message, self, NULL);
  connect_handlers (self);
  export_service (self);
  g_assert_true (
      g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->manager), bus, HR_MANAGER_PATH, NULL));
  g_dbus_object_manager_server_set_connection (self->objects, bus);

  self->name =
      g_bus_own_name_on_connection (bus, HR_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_NONE, on_acquired, NULL, &acquired, NULL);
  while (!acquired)
    g_main_context_iteration (NULL, TRUE);
  return self;
}

void
fake_manager_free (FakeManager *self)
{
  if (self == NULL)
    return;

  g_clear_handle_id (&self->name, g_bus_unown_name);
  g_dbus_connection_remove_filter (self->bus, self->filter);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->manager));
  g_dbus_object_manager_server_set_connection (self->objects, NULL);
  g_object_unref (self->objects);
  g_object_unref (self->manager);
  g_object_unref (self->being);
  g_object_unref (self->bus);
  g_string_free (self->calls, TRUE);
  g_free (self->directory);
  g_free (self->transient);
  g_free (self);
}

static void
set_instance_logs (FakeManager *self, const char *first, const char *second)
{
  const char *const logs[] = { first, second, NULL };

  hr_dbus_service_set_instance_log_file (self->being, first);
  hr_dbus_service_set_instance_log_files (self->being, logs);
}

/* Where the log file and the snapshot of "being-system" are. */
void
fake_manager_set_directory (FakeManager *self, const char *directory)
{
  g_autofree char *log = g_build_filename (directory, "being-system.log", NULL);

  g_free (self->directory);
  self->directory = g_strdup (directory);
  hr_dbus_service_set_log_file (self->being, log);
  set_instance_logs (self, log, NULL);
}

void
fake_manager_set_run (FakeManager *self, FakeRun run)
{
  self->run = run;
}

/* The instances that run; @file and @other are in the directory, @other may be %NULL. */
void
fake_manager_set_instance_logs (FakeManager *self, const char *file, const char *other)
{
  g_autofree char *log = g_build_filename (self->directory, file, NULL);
  g_autofree char *other_log = other != NULL ? g_build_filename (self->directory, other, NULL) : NULL;

  set_instance_logs (self, log, other_log);
}

/* What is found when the configuration is read again: the service whose file has changed, %NULL: none, and "old" is
 * gone; and whether a file is broken. */
void
fake_manager_set_configuration (FakeManager *self, const char *changed, gboolean broken)
{
  self->configured = changed;
  self->file_is_broken = broken;
}

/* Leaves the bus, as a daemon that ends does. */
void
fake_manager_leave (FakeManager *self)
{
  g_clear_handle_id (&self->name, g_bus_unown_name);
  g_dbus_connection_flush_sync (self->bus, NULL, NULL);
  g_dbus_connection_close_sync (self->bus, NULL, NULL);
}

/* Every signal once. */
void
fake_manager_emit_all (FakeManager *self)
{
  static const char *const files[] = { "app.py", "b.py", NULL };
  const char *name = "being-system";
  const char *job = "/org/hotreload/job/1";

  hr_dbus_manager_emit_file_changed (self->manager, name, files);
  hr_dbus_manager_emit_reload_started (self->manager, name, job, 7, files);
  hr_dbus_manager_emit_state_preserved (self->manager, name, "20251005-1", 17);
  hr_dbus_manager_emit_state_restored (self->manager, name, "20251005-1");
  hr_dbus_manager_emit_reload_completed (self->manager, name, job, 7, 0, fake_answer_details (name, TRUE));
  hr_dbus_manager_emit_reload_failed (self->manager, name, job, "check", "bad\033[2J",
                                      fake_answer_details (name, FALSE));
  hr_dbus_manager_emit_rolled_back (self->manager, name, 7, 6, "it ended");
  hr_dbus_manager_emit_canary_progress (self->manager, name, 20, fake_answer_canary ());
  hr_dbus_manager_emit_service_state_changed (self->manager, name, "running", "reloading");
}

/* What was asked for, a line each. */
const char *
fake_manager_get_calls (FakeManager *self)
{
  return self->calls->str;
}

/* Whether a transient service was started and has said so. */
gboolean
fake_manager_is_running (FakeManager *self)
{
  return self->running;
}
