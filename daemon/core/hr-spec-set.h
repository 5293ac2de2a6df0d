/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-set.h: from the raw value of one key to the member of the spec.
 *
 * Each function takes the raw value and puts it into @spec, or sets %HR_ERROR_INVALID_CONFIGURATION with what would be
 * right. An empty value takes back what an earlier file says where the default of the key is empty or a list; anywhere
 * else it is an error.
 */
#pragma once

#include "hr-service-spec.h"
#include "hr-spec-value.h"

G_BEGIN_DECLS

typedef struct _HrSpecKey HrSpecKey;

typedef gboolean (*HrSpecSetFunc) (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);

/**
 * HrSpecKey:
 * @group: name of the group
 * @key: name in the file
 * @set: (nullable): what puts the value into the spec; %NULL: not supported yet
 * @offset: of the member, for a setter of many keys
 * @least: smallest value; of a duration in microseconds, where 1 means more than nothing; of a size besides 0
 * @most: largest value
 * @words: what to choose from
 *
 * One key of the file.
 */
struct _HrSpecKey {
  const char *group;
  const char *key;
  HrSpecSetFunc set;
  gsize offset;
  guint least;
  guint most;
  const HrSpecWord *words;
};

/* Of any key, by offset. */
gboolean hr_spec_set_string (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_version (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_path (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_word (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_boolean (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_number (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_size (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_duration (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_percent (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_metric (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_command (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_signal (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_globs (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
/* Accepts 1 and stores nothing. */
gboolean hr_spec_set_one (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);

/* Of one key. */
gboolean hr_spec_set_share (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_working_directory (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_environment (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_environment_files (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_listen (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_ready (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_exit_status (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_watch_paths (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_extensions (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_settle (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_forbid (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);

/* Of the groups whose keys are the user's own. */
gboolean hr_spec_add_action (HrServiceSpec *spec, const char *glob, const char *action, GError **error);

G_END_DECLS
