/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-check.h"

#include "hr-command-line.h"
#include "hr-duration.h"
#include "hr-error.h"
#include "hr-rollback-policy.h"
#include "hr-spec-canary.h"
#include "hr-spec-health.h"
#include "hr-spec-isolation.h"
#include "hr-words.h"

static gboolean
has_tcp (const HrServiceSpec *spec)
{
  for (guint i = 0; i < spec->listen->len; i++)
    if (((const HrListenSpec *)g_ptr_array_index (spec->listen, i))->kind == HR_LISTEN_TCP)
      return TRUE;
  return FALSE;
}

/**
 * hr_spec_check_specifiers:
 * @spec: with each key set
 * @words: of a command line or the like
 * @entry: where they stand
 * @error: return location
 *
 * Returns: whether there is what the specifiers in @words stand for; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_check_specifiers (const HrServiceSpec *spec, const char *const *words, const HrSpecEntry *entry, GError **error)
{
  g_autoptr (GError) local = NULL;
  HrSpecifiers used;

  if (!hr_command_line_scan (words, &used, &local))
    return hr_spec_entry_fail (entry, error, "%s", local->message);
  if ((used & HR_SPECIFIER_PORT) != 0 && !has_tcp (spec))
    return hr_spec_entry_fail (entry, error, "'%%p' stands for the port of the first TCP listener: name one in Listen");
  if ((used & HR_SPECIFIER_DIRECTORY) != 0 && spec->source == NULL)
    return hr_spec_entry_fail (entry, error, "'%%s' stands for the directory of the code: name it in Source");
  return TRUE;
}

static gboolean
check_exec (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const HrSpecEntry *exec = hr_spec_table_get (table, "Service", "Exec");

  if (spec->exec[0] == NULL)
    {
      g_autofree char *shown = hr_words_path (spec->file);
      g_set_error (
          error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
          "%s: group 'Service': key 'Exec': it is missing: write the program to run, for example Exec=node server.js",
          shown);
      return FALSE;
    }
  return hr_spec_check_specifiers (spec, (const char *const *)spec->exec, exec, error);
}

static gboolean
check_sockets (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const HrSpecEntry *sockets = hr_spec_table_get (table, "Service", "Sockets");
  const HrSpecEntry *ready = hr_spec_table_get (table, "Service", "Ready");

  if (spec->sockets == HR_SOCKETS_NONE && spec->listen->len > 0)
    return hr_spec_entry_fail (
        sockets, error,
        "'none' means that the program binds for itself, and Listen that the daemon does: remove one of them");
  if (spec->sockets == HR_SOCKETS_NONE && spec->ready == HR_READY_LISTEN)
    return hr_spec_entry_fail (
        ready, error, "'listen' is seen at a listener of the daemon, and Sockets=none has none: write another");
  if (spec->sockets == HR_SOCKETS_PASS && spec->ready == HR_READY_LISTEN && spec->listen->len == 0)
    return hr_spec_entry_fail (
        ready, error, "'listen' is seen at what Sockets=pass passes, and that is nothing: name a listener in Listen");
  return TRUE;
}

/* The daemon writes nothing into a source directory, and what is bound in a slot would be found by nobody. */
static gboolean
check_listen (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  g_autofree char *below = spec->source != NULL ? g_strconcat (spec->source, "/", NULL) : NULL;

  for (guint i = 0; below != NULL && i < spec->listen->len; i++)
    {
      const HrListenSpec *listen = g_ptr_array_index (spec->listen, i);

      if (listen->path != NULL && g_str_has_prefix (listen->path, below))
        return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "Listen"), error,
                                   "'%s' is below Source, where the daemon writes nothing: write a path elsewhere, as "
                                   "in 'unix:/run/NAME/NAME.sock'",
                                   listen->path);
    }
  return TRUE;
}

static gboolean
check_ready (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const HrSpecEntry *ready = hr_spec_table_get (table, "Service", "Ready");
  g_autofree char *delay = hr_duration_to_string (spec->ready_delay);
  g_autofree char *timeout = hr_duration_to_string (spec->start_timeout);

  if (spec->ready == HR_READY_PROBE && spec->probe == NULL)
    return hr_spec_entry_fail (ready, error,
                               "'probe' needs one: write Probe=http://HOST:PORT/PATH or the like in group 'Health'");
  if (spec->ready == HR_READY_DELAY && spec->ready_delay >= spec->start_timeout)
    return hr_spec_entry_fail (
        ready, error,
        "'delay' of %s never passes before StartTimeout (%s): write a shorter one, or a longer StartTimeout", delay,
        timeout);
  return TRUE;
}

/* What says how slots are used, without slots. The default may be written: a profile takes back a value with it. */
static gboolean
check_slots (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const char why[] = "it says how slots are used, and Slots=no has none: remove one of them";

  if (spec->slots != HR_SLOTS_NO)
    return TRUE;
  if (spec->view != HR_VIEW_AUTO)
    return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "View"), error, "%s", why);
  if (!spec->share_auto || spec->share[0] != NULL)
    return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "Share"), error, "%s", why);
  return TRUE;
}

/* A limit is compared with something: with a metric of its own where any is named, else with results. */
static gboolean
check_post_rates (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const struct {
    const char *rate, *metric, *other;
    double limit;
    const HrMetricSpec *named;
  } rates[] = { { "ErrorRate", "ErrorMetric", "SuccessMetric", spec->error_rate, spec->error_metric },
                { "SuccessRate", "SuccessMetric", "ErrorMetric", spec->success_rate, spec->success_metric } };

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++)
    {
      const HrSpecEntry *rate = hr_spec_table_get (table, "PostCheck", rates[i].rate);

      if (rates[i].limit < 0 && rates[i].named != NULL)
        return hr_spec_entry_fail (hr_spec_table_get (table, "PostCheck", rates[i].metric), error,
                                   "it says where %s is read, and there is no %s in group 'PostCheck'", rates[i].rate,
                                   rates[i].rate);
      if (rates[i].limit < 0 || rates[i].named != NULL)
        continue;
      if (hr_rollback_policy_by_metrics (spec))
        return hr_spec_entry_fail (rate, error, "rates are of metrics here, as %s is named: name %s too",
                                   rates[i].other, rates[i].metric);
      if (spec->probe == NULL && spec->post_command[0] == NULL)
        return hr_spec_entry_fail (rate, error,
                                   "there is nothing that it is a rate of: name %s, or a Command, or a Probe in group "
                                   "'Health'",
                                   rates[i].metric);
    }
  return TRUE;
}

static gboolean
check_post_metrics (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const struct {
    const char *key;
    const HrMetricSpec *metric;
  } metrics[] = { { "ErrorMetric", spec->error_metric },
                  { "SuccessMetric", spec->success_metric },
                  { "TotalMetric", spec->total_metric } };

  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    if (metrics[i].metric != NULL && hr_metric_spec_needs_port (metrics[i].metric) && !has_tcp (spec)
        && (spec->sockets == HR_SOCKETS_NONE || spec->sockets == HR_SOCKETS_PASS))
      return hr_spec_entry_fail (hr_spec_table_get (table, "PostCheck", metrics[i].key), error,
                                 "'%%p' stands for the port of the first TCP listener, and Sockets keeps the daemon "
                                 "from knowing one: name one in Listen, or write the port");
  if (spec->total_metric != NULL && !hr_rollback_policy_by_metrics (spec))
    return hr_spec_entry_fail (hr_spec_table_get (table, "PostCheck", "TotalMetric"), error,
                               "it is the whole of which ErrorMetric or SuccessMetric is a part: name one of them");
  return TRUE;
}

/* Keys that say how to look, where nothing is looked at. One that a drop-in or profile took back leaves them. */
static gboolean
check_post_use (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const char *const names[] = { "ErrorRate", "SuccessRate", "Command" };
  static const char *const needy[] = { "Baseline", "Interval", "Timeout" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (hr_spec_table_get (table, "PostCheck", names[i]) != NULL)
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (needy); i++)
    {
      const HrSpecEntry *entry = hr_spec_table_get (table, "PostCheck", needy[i]);

      if (entry != NULL)
        return hr_spec_entry_fail (entry, error,
                                   "it says how a release is judged, and there is no ErrorRate, SuccessRate or Command "
                                   "in group 'PostCheck'");
    }
  return TRUE;
}

static gboolean
check_restart (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const HrSpecEntry *most = hr_spec_table_get (table, "Service", "RestartDelayMax");
  const HrSpecEntry *delay = hr_spec_table_get (table, "Service", "RestartDelay");
  g_autofree char *first = hr_duration_to_string (spec->restart_delay);
  g_autofree char *last = hr_duration_to_string (spec->restart_delay_max);

  if (spec->restart_delay_max >= spec->restart_delay)
    return TRUE;
  return hr_spec_entry_fail (most != NULL ? most : delay, error,
                             "RestartDelayMax (%s) is shorter than RestartDelay (%s): write at least that", last,
                             first);
}

/* What several instances that serve at the same time cannot have. */
static gboolean
check_instances (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const char *const needy[] = { "Version", "Keep" };

  if (spec->instances == 1)
    return TRUE;
  if (spec->handover == HR_HANDOVER_SEQUENTIAL)
    return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "Handover"), error,
                               "'sequential' means that the program must not run twice, and Instances=%u that it does: "
                               "remove one of them",
                               spec->instances);
  if (spec->sockets == HR_SOCKETS_NONE)
    return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "Sockets"), error,
                               "with 'none' each instance binds for itself, and Instances=%u have one address: write "
                               "pass, adopt or auto",
                               spec->instances);
  for (guint i = 0; i < G_N_ELEMENTS (needy); i++)
    {
      const HrSpecEntry *entry = hr_spec_table_get (table, "State", needy[i]);

      if (entry != NULL)
        return hr_spec_entry_fail (entry, error,
                                   "it says how state is kept, and of Instances=%u none has the state of the service: "
                                   "remove one of them",
                                   spec->instances);
    }
  return TRUE;
}

/* What says something about the code means nothing without any. */
static gboolean
check_source (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const struct {
    const char *group;
    const char *key;
  } needy[] = {
    { "Watch", "Paths" },         { "Watch", "Extensions" },      { "Watch", "Ignore" },      { "Watch", "Recursive" },
    { "Watch", "UseGitignore" },  { "Watch", "Settle" },          { "Watch", "MaxWait" },     { "Check", "Forbid" },
    { "PostCheck", "ErrorRate" }, { "PostCheck", "SuccessRate" }, { "PostCheck", "Command" },
  };
  const HrSpecEntry *entry = NULL;

  if (spec->source != NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (needy) && entry == NULL; i++)
    entry = hr_spec_table_get (table, needy[i].group, needy[i].key);
  if (entry == NULL && spec->watch_enabled)
    entry = hr_spec_table_get (table, "Watch", "Enabled");
  if (entry == NULL)
    entry = hr_spec_table_first (table, HR_SPEC_GROUP_ACTIONS);
  if (entry == NULL && spec->share[0] != NULL)
    entry = hr_spec_table_get (table, "Service", "Share");
  if (entry == NULL && spec->view == HR_VIEW_SOURCE)
    entry = hr_spec_table_get (table, "Service", "View");
  if (entry != NULL)
    return hr_spec_entry_fail (entry, error,
                               "it says something about the code, and there is no Source in group 'Service'");
  if (spec->working_directory != NULL && !g_path_is_absolute (spec->working_directory))
    return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "WorkingDirectory"), error,
                               "'%s' is relative to Source, and there is none: write an absolute path",
                               spec->working_directory);
  return TRUE;
}

/**
 * hr_spec_check:
 * @spec: with each key set
 * @table: the keys in force, for their places
 * @error: return location
 *
 * Returns: whether the keys of @spec fit together; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_check (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  g_return_val_if_fail (spec != NULL && table != NULL, FALSE);

  return check_exec (spec, table, error) && check_sockets (spec, table, error) && check_listen (spec, table, error)
         && check_ready (spec, table, error) && check_restart (spec, table, error) && check_source (spec, table, error)
         && check_slots (spec, table, error) && hr_spec_check_health (spec, table, error)
         && check_instances (spec, table, error) && check_post_rates (spec, table, error)
         && check_post_metrics (spec, table, error) && check_post_use (spec, table, error)
         && hr_spec_check_canary (spec, table, error) && hr_spec_check_isolation (spec, table, error);
}
