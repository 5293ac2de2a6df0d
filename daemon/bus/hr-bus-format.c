/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-format.h"

#include "hr-bus-text.h"
#include "hr-bus-usage.h"
#include "hr-error.h"
#include "hr-figures.h"

/* Not a GVariantDict: that would hash what is only written out, which takes as long again. */
static void
add_value (GVariantBuilder *dict, const char *key, GVariant *value)
{
  g_variant_builder_add_value (dict,
                               g_variant_new_dict_entry (g_variant_new_string (key), g_variant_new_variant (value)));
}

static void
add_string (GVariantBuilder *dict, const char *key, const char *value)
{
  if (value != NULL)
    add_value (dict, key, g_variant_new_take_string (hr_bus_text (value)));
}

static void
add_strv (GVariantBuilder *dict, const char *key, char **value)
{
  g_auto (GStrv) texts = hr_bus_texts ((const char *const *)value);

  add_value (dict, key, g_variant_new_strv ((const char *const *)texts, -1));
}

static void
add_number (GVariantBuilder *dict, const char *key, guint64 value)
{
  add_value (dict, key, g_variant_new_uint64 (value));
}

static void
add_wait (GVariantBuilder *dict, gint64 usec)
{
  if (usec >= 0)
    add_number (dict, "queueWaitUsec", (guint64)usec);
}

static void
add_phases (GVariantBuilder *dict, const HrPhaseTimes *phases)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(st)"));
  for (guint i = 0; i < hr_phase_times_count (phases); i++)
    {
      gint64 usec;
      const char *phase = hr_phase_times_get (phases, i, &usec);
      g_autofree char *text = hr_bus_text (phase);

      g_variant_builder_add (&list, "(st)", text, (guint64)usec);
    }
  add_value (dict, "phases", g_variant_builder_end (&list));
}

/* "0.0s", as people read it. */
static void
add_downtime (GVariantBuilder *dict, gint64 usec)
{
  g_autofree char *text = g_strdup_printf ("%.1fs", (double)usec / G_USEC_PER_SEC);

  add_string (dict, "downtime", text);
  add_number (dict, "downtimeUsec", (guint64)usec);
}

static char *
format_time (gint64 usec)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (usec / G_USEC_PER_SEC);

  return g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ");
}

/**
 * hr_bus_format_details:
 * @job: a job
 * @error: (nullable): what it fails with; before its end it has no error of its own
 *
 * Returns: (transfer floating): a{sv} of Job.Details
 */
GVariant *
hr_bus_format_details (HrJob *job, const GError *error)
{
  const HrOutcome *outcome = hr_job_get_outcome (job);
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_string (&dict, "service", outcome->service);
  add_string (&dict, "message", outcome->message != NULL ? outcome->message : "");
  add_number (&dict, "release", outcome->release);
  add_number (&dict, "previousRelease", outcome->previous_release);
  add_number (&dict, "rollbackTo", outcome->rollback_to);
  add_value (&dict, "statePreserved", g_variant_new_boolean (outcome->state_preserved));
  add_strv (&dict, "dependentsReloaded", NULL);
  add_number (&dict, "downtimeUsec", (guint64)outcome->downtime_usec);
  add_number (&dict, "durationUsec", (guint64)outcome->duration_usec);
  add_wait (&dict, outcome->queue_wait_usec);
  add_number (&dict, "connectionsCut", outcome->connections_cut);
  add_phases (&dict, outcome->phases);
  add_string (&dict, "phase", outcome->phase != NULL ? outcome->phase : "");
  add_string (&dict, "canary", outcome->canary != NULL ? outcome->canary : "");
  add_strv (&dict, "checks", outcome->checks);
  add_strv (&dict, "carried", outcome->carried);
  add_strv (&dict, "files", outcome->files);
  add_string (&dict, "error", error != NULL ? error->message : "");
  add_string (&dict, "errorName", error != NULL ? hr_error_name (error) : "");
  return g_variant_builder_end (&dict);
}

static void
add_samples (GVariantBuilder *dict, const char *probes, const char *failed, const char *latency,
             const HrCanarySamples *samples)
{
  gint64 median = hr_canary_samples_latency (samples);

  add_value (dict, probes, g_variant_new_uint32 (samples->probes));
  add_value (dict, failed, g_variant_new_uint32 (samples->failed));
  if (median >= 0)
    add_number (dict, latency, (guint64)median);
}

/**
 * hr_bus_format_canary:
 * @info: (nullable): how a canary stands
 * @text: (nullable): the same for people
 *
 * Returns: (transfer floating): a{sv} of Service:Canary, empty without a canary
 */
GVariant *
hr_bus_format_canary (const HrCanaryInfo *info, const char *text)
{
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  if (info == NULL)
    return g_variant_builder_end (&dict);
  add_number (&dict, "release", info->release);
  add_number (&dict, "previousRelease", info->previous_release);
  add_value (&dict, "sharePermyriad", g_variant_new_uint32 (info->share));
  add_value (&dict, "held", g_variant_new_boolean (info->held));
  add_number (&dict, "sinceUsec", (guint64)info->since_real);
  add_samples (&dict, "probes", "failedProbes", "latencyUsec", info->candidate);
  add_samples (&dict, "previousProbes", "previousFailedProbes", "previousLatencyUsec", info->running);
  add_string (&dict, "text", text);
  return g_variant_builder_end (&dict);
}

/**
 * hr_bus_format_service_canary:
 * @service: a service
 *
 * Returns: (transfer floating): as hr_bus_format_canary(), of the canary that runs
 */
GVariant *
hr_bus_format_service_canary (HrService *service)
{
  HrCanary *canary = hr_service_get_canary (service);
  g_autofree char *text = canary != NULL ? hr_canary_describe (canary) : NULL;
  HrCanaryInfo info = { 0 };

  if (canary != NULL)
    info = hr_canary_get_info (canary);
  return hr_bus_format_canary (canary != NULL ? &info : NULL, text);
}

/**
 * hr_bus_format_pids:
 * @service: a service
 *
 * Returns: (transfer floating): au, main processes of its instances
 */
GVariant *
hr_bus_format_pids (HrService *service)
{
  g_autoptr (GArray) pids = hr_service_get_pids (service);

  return g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, pids->data, pids->len, sizeof (guint32));
}

/**
 * hr_bus_format_ends:
 * @service: a service
 *
 * Returns: (transfer floating): aa{sv} of Service:Ends
 */
GVariant *
hr_bus_format_ends (HrService *service)
{
  const HrEnds *ends = hr_service_get_ends (service);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < hr_ends_count (ends); i++)
    {
      const HrEnd *end = hr_ends_get (ends, i);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      add_number (&dict, "timeUsec", (guint64)end->time_usec);
      if (end->release != 0)
        add_number (&dict, "release", end->release);
      add_value (&dict, "instance", g_variant_new_uint32 (end->index));
      if (end->pid != 0)
        add_value (&dict, "pid", g_variant_new_uint32 ((guint32)end->pid));
      if (end->exit_status >= 0)
        add_value (&dict, "exitStatus", g_variant_new_uint32 ((guint32)end->exit_status));
      if (end->signal_number != 0)
        add_value (&dict, "signal", g_variant_new_uint32 ((guint32)end->signal_number));
      add_string (&dict, "text", end->text);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}

static GVariant *
format_service (HrService *service, gboolean in_full)
{
  GVariantBuilder dict;
  g_auto (GStrv) listen = hr_service_get_listen (service);
  g_auto (GStrv) stored = hr_service_get_stored (service);
  g_autofree char *advice = hr_service_get_sockets_advice (service);
  gint64 uptime = hr_service_get_uptime (service);
  gint64 memory = hr_service_get_memory (service);

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_string (&dict, "name", hr_service_get_name (service));
  add_string (&dict, "state", hr_service_get_state (service));
  add_string (&dict, "health", hr_service_get_health (service));
  if (hr_service_get_pid (service) != 0)
    add_value (&dict, "pid", g_variant_new_uint32 ((guint32)hr_service_get_pid (service)));
  if (hr_service_get_release (service) != 0)
    add_number (&dict, "release", hr_service_get_release (service));
  add_value (&dict, "instances", g_variant_new_uint32 (hr_service_get_instances (service)));
  add_value (&dict, "serving", g_variant_new_uint32 (hr_service_get_serving (service)));
  add_value (&dict, "pids", hr_bus_format_pids (service));
  add_value (&dict, "restarts", g_variant_new_uint32 (hr_service_get_restarts (service)));
  add_value (&dict, "drainsCut", g_variant_new_uint32 (hr_service_get_tally (service)->n_cut));
  add_number (&dict, "connectionsCut", hr_service_get_tally (service)->connections);
  add_number (&dict, "connectionsCutBusy", hr_service_get_tally (service)->busy);
  add_value (&dict, "connectionsWaiting", g_variant_new_uint32 (hr_service_count_waiting (service)));
  if (uptime >= 0)
    add_number (&dict, "uptimeUsec", (guint64)uptime);
  if (memory >= 0)
    add_number (&dict, "memoryBytes", (guint64)memory);
  add_strv (&dict, "listen", listen);
  add_strv (&dict, "stored", stored);
  if (hr_service_get_view (service)[0] != '\0')
    add_string (&dict, "view", hr_service_get_view (service));
  add_string (&dict, "socketsAdvice", advice);
  if (hr_service_get_canary (service) != NULL)
    add_value (&dict, "canary", hr_bus_format_service_canary (service));
  if (in_full || hr_service_get_error (service) == NULL)
    add_string (&dict, "error", hr_service_get_error (service));
  else
    add_string (&dict, "error", "only root or the user whose daemon it is may see it");
  if (in_full)
    add_value (&dict, "ends", hr_bus_format_ends (service));
  return g_variant_builder_end (&dict);
}

/**
 * hr_bus_format_status:
 * @manager: the manager
 * @in_full: with names of files and what went wrong, a compiler's words with lines of code among it
 *
 * Returns: (transfer floating): a{sv} of GetStatus
 */
GVariant *
hr_bus_format_status (HrManager *manager, gboolean in_full)
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);
  g_auto (GStrv) pending = in_full ? hr_figures_get_pending (manager) : NULL;
  guint count = hr_manager_get_reload_count (manager);
  guint failed = hr_manager_get_failed_reloads (manager);
  GVariantBuilder list;
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_value (&dict, "enabled", g_variant_new_boolean (hr_figures_get_enabled (manager)));
  add_value (&dict, "paused", g_variant_new_boolean (hr_manager_get_paused (manager)));
  add_string (&dict, "profile", hr_manager_get_profile (manager));
  add_value (&dict, "watchedFiles", g_variant_new_uint32 (hr_figures_get_watched_files (manager)));
  add_value (&dict, "reloadCount", g_variant_new_uint32 (count));
  add_value (&dict, "failedReloads", g_variant_new_uint32 (failed));
  if (count > 0)
    {
      g_autofree char *rate = g_strdup_printf ("%.0f%%", 100.0 * (count - failed) / count);

      add_string (&dict, "successRate", rate);
    }
  if (hr_manager_get_last_reload (manager) != 0)
    {
      g_autofree char *last = format_time (hr_manager_get_last_reload (manager));

      add_string (&dict, "lastReload", last);
    }
  add_strv (&dict, "pending", pending);
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < services->len; i++)
    g_variant_builder_add_value (&list, format_service (g_ptr_array_index (services, i), in_full));
  add_value (&dict, "services", g_variant_builder_end (&list));
  add_value (&dict, "daemon", hr_bus_format_daemon (manager));
  return g_variant_builder_end (&dict);
}

/**
 * hr_bus_format_services:
 * @manager: the manager
 *
 * Returns: (transfer floating): a(ssstu) of ListServices
 */
GVariant *
hr_bus_format_services (HrManager *manager)
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(ssstu)"));
  for (guint i = 0; i < services->len; i++)
    {
      HrService *service = g_ptr_array_index (services, i);

      g_variant_builder_add (&list, "(ssstu)", hr_service_get_name (service), hr_service_get_state (service),
                             hr_service_get_health (service), hr_service_get_release (service),
                             (guint32)hr_service_get_pid (service));
    }
  return g_variant_builder_end (&list);
}

static GVariant *
format_entry (const HrHistoryEntry *entry)
{
  g_autofree char *time = format_time (entry->time_usec);
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_string (&dict, "timestamp", time);
  add_string (&dict, "service", entry->service);
  if (entry->files != NULL && entry->files[0] != NULL)
    add_string (&dict, "file", entry->files[0]);
  add_strv (&dict, "files", entry->files);
  add_value (&dict, "success", g_variant_new_boolean (entry->success));
  if (entry->release != 0)
    add_number (&dict, "release", entry->release);
  if (entry->previous_release != 0)
    add_number (&dict, "previousRelease", entry->previous_release);
  add_downtime (&dict, entry->downtime_usec);
  add_number (&dict, "durationUsec", (guint64)entry->duration_usec);
  add_wait (&dict, entry->queue_wait_usec);
  add_number (&dict, "connectionsCut", entry->connections_cut);
  if (entry->phases != NULL)
    add_phases (&dict, entry->phases);
  add_string (&dict, "phase", entry->phase);
  add_string (&dict, "error", entry->error);
  add_string (&dict, "trigger", entry->trigger);
  add_string (&dict, "caller", entry->caller);
  add_string (&dict, "reason", entry->reason);
  add_string (&dict, "canary", entry->canary);
  return g_variant_builder_end (&dict);
}

/**
 * hr_bus_format_history:
 * @entries: (element-type HrHistoryEntry): newest first
 *
 * Returns: (transfer floating): aa{sv} of GetHistory
 */
GVariant *
hr_bus_format_history (GPtrArray *entries)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < entries->len; i++)
    g_variant_builder_add_value (&list, format_entry (g_ptr_array_index (entries, i)));
  return g_variant_builder_end (&list);
}

/**
 * hr_bus_format_releases:
 * @service: a service
 * @releases: (element-type HrRelease): its releases
 *
 * Returns: (transfer floating): aa{sv} of ListReleases
 */
GVariant *
hr_bus_format_releases (HrService *service, GPtrArray *releases)
{
  guint64 running = hr_service_get_release (service);
  guint64 point = hr_service_get_rollback_point (service);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < releases->len; i++)
    {
      const HrRelease *release = g_ptr_array_index (releases, i);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      add_number (&dict, "number", release->number);
      add_string (&dict, "fate", hr_fate_to_string (release->fate));
      add_number (&dict, "time", (guint64)release->time_usec);
      add_string (&dict, "commit", release->commit);
      add_string (&dict, "trigger", release->trigger != NULL ? release->trigger : "");
      add_string (&dict, "caller", release->caller);
      add_strv (&dict, "files", release->files);
      add_string (&dict, "phase", release->phase);
      add_string (&dict, "error", release->error);
      add_value (&dict, "running", g_variant_new_boolean (release->number == running));
      add_value (&dict, "rollbackPoint", g_variant_new_boolean (release->number == point));
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}

/**
 * hr_bus_format_snapshots:
 * @service: a service
 *
 * Returns: (transfer floating): aa{sv} of ListSnapshots
 */
GVariant *
hr_bus_format_snapshots (HrService *service)
{
  g_autoptr (GPtrArray) snapshots = hr_service_list_snapshots (service);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < snapshots->len; i++)
    {
      const HrSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      g_autofree char *path = hr_service_get_snapshot_path (service, snapshot->id);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      add_string (&dict, "id", snapshot->id);
      add_number (&dict, "time", (guint64)snapshot->time_sec);
      add_number (&dict, "release", snapshot->release);
      add_value (&dict, "version", g_variant_new_uint32 (snapshot->version));
      add_string (&dict, "checksum", snapshot->checksum);
      add_number (&dict, "size", snapshot->size);
      add_string (&dict, "path", path);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}

/**
 * hr_bus_format_plan:
 * @steps: (element-type HrPlanStep): in order
 *
 * Returns: (transfer floating): aa{sv} of Plan
 */
GVariant *
hr_bus_format_plan (GPtrArray *steps)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < steps->len; i++)
    {
      const HrPlanStep *step = g_ptr_array_index (steps, i);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      add_string (&dict, "phase", step->phase);
      add_string (&dict, "text", step->text);
      add_string (&dict, "handover", step->handover);
      add_string (&dict, "reason", step->reason);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}
