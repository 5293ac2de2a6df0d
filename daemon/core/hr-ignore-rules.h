/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ignore-rules.h: the lines of one .gitignore, or the globs of Watch.Ignore, ready to be matched. Immutable.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Text behind this many bytes, and rules behind this many, are not looked at: no honest file has them. */
#define HR_GITIGNORE_SIZE_MAX (1024 * 1024)
#define HR_IGNORE_RULES_MAX 4096

typedef struct _HrIgnoreRules HrIgnoreRules;

/**
 * HrIgnoreRule:
 *
 * One rule; its address is its identity: two paths ignored for the same reason have the same.
 */
typedef struct _HrIgnoreRule HrIgnoreRule;

HrIgnoreRules *hr_ignore_rules_new_gitignore (const char *text, gsize size);
HrIgnoreRules *hr_ignore_rules_new_globs (const char *const *globs);
HrIgnoreRules *hr_ignore_rules_ref (HrIgnoreRules *self);
void hr_ignore_rules_unref (HrIgnoreRules *self);
gboolean hr_ignore_rules_are (const HrIgnoreRules *self, const char *text, gsize size);
const HrIgnoreRule *hr_ignore_rules_match (const HrIgnoreRules *self, const char *path, const char *base,
                                           gboolean is_dir);
gboolean hr_ignore_rule_is_negated (const HrIgnoreRule *rule);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrIgnoreRules, hr_ignore_rules_unref)

G_END_DECLS
