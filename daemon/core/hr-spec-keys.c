/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-keys.h"

#include <string.h>

#include "hr-command-line.h"
#include "hr-error.h"
#include "hr-spec-canary.h"
#include "hr-spec-health.h"
#include "hr-spec-isolation.h"
#include "hr-spec-set.h"
#include "hr-spec-value.h"
#include "hr-nearest.h"
#include "hr-words.h"

/* Numbers beyond these are taken for mistakes. */
#define RESTART_LIMIT_MAX 1000000
#define STATE_KEEP_MAX 10000
#define PROBE_FAILURES_MAX 1000
/* What is freed of a file is freed by blocks. */
#define LOG_MAX_MIN 4096
/* What looks more often measures itself, in microseconds. */
#define POST_INTERVAL_MIN_USEC 100000

static const HrSpecWord slots_words[] = { { "yes", HR_SLOTS_YES }, { "no", HR_SLOTS_NO }, { NULL } };
static const HrSpecWord view_words[] = {
  { "auto", HR_VIEW_AUTO }, { "source", HR_VIEW_SOURCE }, { "slot", HR_VIEW_SLOT }, { NULL }
};
static const HrSpecWord sockets_words[] = { { "auto", HR_SOCKETS_AUTO },
                                            { "pass", HR_SOCKETS_PASS },
                                            { "adopt", HR_SOCKETS_ADOPT },
                                            { "none", HR_SOCKETS_NONE },
                                            { NULL } };
static const HrSpecWord handover_words[] = { { "overlap", HR_HANDOVER_OVERLAP },
                                             { "sequential", HR_HANDOVER_SEQUENTIAL },
                                             { "standby", HR_SPEC_WORD_LATER },
                                             { NULL } };
static const HrSpecWord restart_words[] = {
  { "on-failure", HR_RESTART_ON_FAILURE }, { "always", HR_RESTART_ALWAYS }, { "no", HR_RESTART_NO }, { NULL }
};
static const HrSpecWord protect_words[] = { { "no", HR_PROTECT_NO },
                                            { "yes", HR_PROTECT_YES },
                                            { "full", HR_PROTECT_FULL },
                                            { "strict", HR_PROTECT_STRICT },
                                            { NULL } };
static const HrSpecWord auto_words[] = { { "auto", TRUE }, { "no", FALSE }, { NULL } };

#define SET(member) G_STRUCT_OFFSET (HrServiceSpec, member)
#define WORD(member, list) hr_spec_set_word, SET (member), .words = list
#define BOOLEAN(member) hr_spec_set_boolean, SET (member)
#define NUMBER(member, from, to) hr_spec_set_number, SET (member), .least = from, .most = to
/* A wait that something else depends on needs an end and cannot be 0. */
#define TIMEOUT(member) hr_spec_set_duration, SET (member), .least = 1
#define DURATION(member) hr_spec_set_duration, SET (member), .least = 0
#define COMMAND(member) hr_spec_set_command, SET (member)
#define PROBE(member) hr_spec_set_probe, SET (member)
#define LIMIT(kind) hr_spec_set_limit, .least = HR_LIMIT_##kind
#define RESOURCE(kind) hr_spec_set_resource, .least = HR_RESOURCE_##kind
#define LATER NULL

/* Sorted by group, as the manual has them. A key that ends in '*' stands for all that begin so. */
static const HrSpecKey keys[] = {
  { "Service", "Exec", COMMAND (exec) },
  { "Service", "Description", hr_spec_set_string, SET (description) },
  { "Service", "Version", hr_spec_set_version, SET (version) },
  { "Service", "Source", hr_spec_set_path, SET (source) },
  { "Service", "Slots", WORD (slots, slots_words) },
  { "Service", "Share", hr_spec_set_share },
  { "Service", "View", WORD (view, view_words) },
  { "Service", "WorkingDirectory", hr_spec_set_working_directory },
  { "Service", "Environment", hr_spec_set_environment },
  { "Service", "EnvironmentFile", hr_spec_set_environment_files },
  { "Service", "Listen", hr_spec_set_listen },
  { "Service", "Sockets", WORD (sockets, sockets_words) },
  { "Service", "Ready", hr_spec_set_ready },
  { "Service", "Handover", WORD (handover, handover_words) },
  { "Service", "StartTimeout", TIMEOUT (start_timeout) },
  { "Service", "StopTimeout", TIMEOUT (stop_timeout) },
  { "Service", "StopSignal", hr_spec_set_signal, SET (stop_signal) },
  { "Service", "DrainTimeout", DURATION (drain_timeout) },
  { "Service", "Restart", WORD (restart, restart_words) },
  { "Service", "SuccessExitStatus", hr_spec_set_exit_status },
  { "Service", "RestartDelay", DURATION (restart_delay) },
  { "Service", "RestartDelayMax", DURATION (restart_delay_max) },
  { "Service", "RestartLimit", NUMBER (restart_limit, 0, RESTART_LIMIT_MAX) },
  { "Service", "RestartWindow", TIMEOUT (restart_window) },
  { "Service", "Journal", BOOLEAN (journal) },
  { "Service", "LogMax", hr_spec_set_size, SET (log_max), .least = LOG_MAX_MIN },
  { "Service", "FileDescriptorStoreMax", NUMBER (fd_store_max, 0, HR_SPEC_FD_STORE_MAX) },
  { "Service", "Instances", NUMBER (instances, 1, HR_SPEC_INSTANCES_MAX) },
  { "Service", "MemoryMax", RESOURCE (MEMORY) },
  { "Service", "CPUWeight", RESOURCE (CPU) },
  { "Service", "TasksMax", RESOURCE (TASKS) },
  { "Service", "User", hr_spec_set_account, SET (isolation.user) },
  { "Service", "Group", hr_spec_set_account, SET (isolation.group) },
  { "Service", "SupplementaryGroups", hr_spec_set_groups },
  { "Service", "NoNewPrivileges", BOOLEAN (isolation.no_new_privileges) },
  { "Service", "PrivateTmp", BOOLEAN (isolation.private_tmp) },
  { "Service", "ProtectSystem", WORD (isolation.protect_system, protect_words) },
  { "Service", "ReadWritePaths", hr_spec_set_read_write_paths },
  { "Service", "Nice", hr_spec_set_nice },
  { "Service", "UMask", hr_spec_set_umask },
  { "Service", "LimitCPU", LIMIT (CPU) },
  { "Service", "LimitFSIZE", LIMIT (FSIZE) },
  { "Service", "LimitDATA", LIMIT (DATA) },
  { "Service", "LimitSTACK", LIMIT (STACK) },
  { "Service", "LimitCORE", LIMIT (CORE) },
  { "Service", "LimitRSS", LIMIT (RSS) },
  { "Service", "LimitNOFILE", LIMIT (NOFILE) },
  { "Service", "LimitAS", LIMIT (AS) },
  { "Service", "LimitNPROC", LIMIT (NPROC) },
  { "Service", "LimitMEMLOCK", LIMIT (MEMLOCK) },
  { "Service", "LimitLOCKS", LIMIT (LOCKS) },
  { "Service", "LimitSIGPENDING", LIMIT (SIGPENDING) },
  { "Service", "LimitMSGQUEUE", LIMIT (MSGQUEUE) },
  { "Service", "LimitNICE", LIMIT (NICE) },
  { "Service", "LimitRTPRIO", LIMIT (RTPRIO) },
  { "Service", "LimitRTTIME", LIMIT (RTTIME) },

  { "Watch", "Enabled", BOOLEAN (watch_enabled) },
  { "Watch", "Paths", hr_spec_set_watch_paths },
  { "Watch", "Extensions", hr_spec_set_extensions },
  { "Watch", "Ignore", hr_spec_set_globs, SET (watch_ignore) },
  { "Watch", "Recursive", BOOLEAN (watch_recursive) },
  { "Watch", "UseGitignore", BOOLEAN (watch_gitignore) },
  { "Watch", "Settle", hr_spec_set_settle },
  { "Watch", "MaxWait", DURATION (max_wait) },

  { "Check", "Validate", WORD (validate, auto_words) },
  { "Check", "Build", COMMAND (build) },
  { "Check", "PreCheck", COMMAND (precheck) },
  { "Check", "Forbid", hr_spec_set_forbid },
  { "Check", "Timeout", TIMEOUT (check_timeout) },

  { "State", "Preserve", WORD (preserve, auto_words) },
  { "State", "Version", hr_spec_set_one },
  { "State", "Keep", NUMBER (state_keep, 1, STATE_KEEP_MAX) },
  { "State", "Save", LATER },
  { "State", "Restore", LATER },
  { "State", "Migrate*", LATER },

  { "Health", "Probe", PROBE (probe) },
  { "Health", "StartProbe", PROBE (start_probe) },
  { "Health", "Status", hr_spec_set_probe_status },
  { "Health", "Text", hr_spec_set_string, SET (probe_text) },
  { "Health", "Interval", TIMEOUT (probe_interval) },
  { "Health", "Timeout", TIMEOUT (probe_timeout) },
  { "Health", "Failures", NUMBER (probe_failures, 1, PROBE_FAILURES_MAX) },

  { "PostCheck", "RollbackAfter", DURATION (rollback_after) },
  { "PostCheck", "ErrorRate", hr_spec_set_percent, SET (error_rate) },
  { "PostCheck", "SuccessRate", hr_spec_set_percent, SET (success_rate) },
  { "PostCheck", "Command", COMMAND (post_command) },
  { "PostCheck", "ErrorMetric", hr_spec_set_metric, SET (error_metric) },
  { "PostCheck", "SuccessMetric", hr_spec_set_metric, SET (success_metric) },
  { "PostCheck", "TotalMetric", hr_spec_set_metric, SET (total_metric) },
  { "PostCheck", "Baseline", BOOLEAN (baseline) },
  { "PostCheck", "Interval", hr_spec_set_duration, SET (post_interval), .least = POST_INTERVAL_MIN_USEC },
  { "PostCheck", "Timeout", TIMEOUT (post_timeout) },

  { "Canary", "Percentage", hr_spec_set_canary_share, SET (canary_from) },
  { "Canary", "RampTo", hr_spec_set_canary_share, SET (canary_to), .least = 1 },
  { "Canary", "RampDuration", hr_spec_set_canary_duration },
  { "Canary", "Steps", hr_spec_set_canary_steps },
  { "Canary", "Sticky", BOOLEAN (canary_sticky) },

  { "Dependencies", "*", LATER },
};

/* For suggestions; those with keys of the user's own are not in the table. */
static const char *const groups[] = { "Service",
                                      "Watch",
                                      "Check",
                                      "State",
                                      "Health",
                                      "PostCheck",
                                      "Canary",
                                      HR_SPEC_GROUP_ACTIONS,
                                      HR_SPEC_GROUP_ENVIRONMENT,
                                      "Profile NAME",
                                      NULL };
static const char *const profiles[] = { "development", "production", "testing", NULL };

/**
 * hr_profile_is_valid:
 * @profile: a name
 *
 * Returns: whether there is such a profile
 */
gboolean
hr_profile_is_valid (const char *profile)
{
  return profile != NULL && g_strv_contains (profiles, profile);
}

static gboolean
has_own_keys (const char *group)
{
  return g_str_equal (group, HR_SPEC_GROUP_ACTIONS) || g_str_equal (group, HR_SPEC_GROUP_ENVIRONMENT);
}

static const HrSpecKey *
find_key (const char *group, const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      gsize length = strlen (keys[i].key);

      if (!g_str_equal (keys[i].group, group))
        continue;
      if (keys[i].key[length - 1] == '*' ? strncmp (keys[i].key, key, length - 1) == 0 : g_str_equal (keys[i].key, key))
        return &keys[i];
    }
  return NULL;
}

static gboolean
refuse_group (const HrSpecEntry *entry, GError **error)
{
  const char *nearest = hr_nearest_find (entry->group, groups);
  g_autofree char *all = NULL;

  if (nearest != NULL)
    return hr_spec_entry_fail (entry, error, "there is no such group; did you mean '%s'?", nearest);
  all = g_strjoinv (", ", (char **)groups);
  return hr_spec_entry_fail (entry, error, "there is no such group; the groups are %s", all);
}

static gboolean
refuse_key (const HrSpecEntry *entry, GError **error)
{
  const char *known[G_N_ELEMENTS (keys) + 1] = { NULL };
  g_autofree char *all = NULL;
  const char *nearest;
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (g_str_equal (keys[i].group, entry->group) && keys[i].set != LATER)
      known[n++] = keys[i].key;
  nearest = hr_nearest_find (entry->key, known);
  if (nearest != NULL && strlen (nearest) > 2)
    return hr_spec_entry_fail (entry, error, "there is no such key; did you mean '%s'?", nearest);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (g_str_equal (keys[i].key, entry->key) && keys[i].set != LATER)
      return hr_spec_entry_fail (entry, error, "there is no such key here; it belongs to group '%s'", keys[i].group);
  all = g_strjoinv (", ", (char **)known);
  return hr_spec_entry_fail (entry, error, "there is no such key; the keys of this group are %s", all);
}

static gboolean
check_profile (const HrSpecEntry *entry, GError **error)
{
  const char *nearest;

  if (hr_profile_is_valid (entry->profile))
    return TRUE;
  nearest = hr_nearest_find (entry->profile, profiles);
  if (nearest != NULL)
    return hr_spec_entry_fail (entry, error, "there is no such profile; did you mean '%s'?", nearest);
  return hr_spec_entry_fail (entry, error, "there is no such profile; write development, production or testing");
}

/**
 * hr_spec_keys_check:
 * @entry: a group or key of a service file
 * @error: return location
 *
 * Returns: whether there is such a group and key, and it is supported; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_keys_check (const HrSpecEntry *entry, GError **error)
{
  const HrSpecKey *key;
  gboolean known = FALSE;

  g_return_val_if_fail (entry != NULL, FALSE);

  if (entry->profile != NULL && (!check_profile (entry, error) || entry->key == NULL))
    return hr_profile_is_valid (entry->profile);
  if (has_own_keys (entry->group))
    return TRUE;
  if (find_key (entry->group, "*") != NULL)
    return hr_spec_entry_fail (entry, error, "this group is not supported yet: remove it");
  for (guint i = 0; i < G_N_ELEMENTS (keys) && !known; i++)
    known = g_str_equal (keys[i].group, entry->group);
  if (!known)
    return refuse_group (entry, error);
  if (entry->key == NULL)
    return TRUE;
  key = find_key (entry->group, entry->key);
  if (key == NULL)
    return refuse_key (entry, error);
  if (key->set == LATER)
    return hr_spec_entry_fail (entry, error, "this key is not supported yet: remove it");
  return TRUE;
}

/**
 * hr_spec_keys_set:
 * @spec: to be changed
 * @entry: that hr_spec_keys_check() accepts, with a key
 * @error: return location
 *
 * Puts the value into @spec; but for a variable of [Environment], which is only checked.
 *
 * Returns: whether the value is right; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_keys_set (HrServiceSpec *spec, const HrSpecEntry *entry, GError **error)
{
  g_autoptr (GError) local = NULL;
  const HrSpecKey *key;
  gboolean ok;

  g_return_val_if_fail (spec != NULL && entry != NULL && entry->key != NULL, FALSE);

  if (g_str_equal (entry->group, HR_SPEC_GROUP_ACTIONS))
    ok = hr_spec_add_action (spec, entry->key, entry->value, &local);
  else if (g_str_equal (entry->group, HR_SPEC_GROUP_ENVIRONMENT))
    {
      g_autofree char *assignment = g_strconcat (entry->key, "=", entry->value, NULL);
      ok = hr_spec_value_assignment (assignment, &local);
    }
  else
    {
      key = find_key (entry->group, entry->key);
      g_return_val_if_fail (key != NULL && key->set != NULL, FALSE);
      ok = key->set (spec, key, entry->value, &local);
    }
  return ok || hr_spec_entry_fail (entry, error, "%s", local->message);
}
