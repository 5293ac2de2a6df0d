/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-isolation.h: the keys of [Service] that say with which rights and limits its program runs.
 */
#pragma once

#include "hr-spec-set.h"
#include "hr-spec-table.h"

G_BEGIN_DECLS

/* @key->least is the #HrLimitKind. */
gboolean hr_spec_set_limit (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
/* @key->least is the #HrResourceKind. */
gboolean hr_spec_set_resource (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_nice (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_umask (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
/* Of a user or group, by offset. */
gboolean hr_spec_set_account (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_groups (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_read_write_paths (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);

gboolean hr_spec_check_isolation (const HrServiceSpec *spec, const HrSpecTable *table, GError **error);

G_END_DECLS
