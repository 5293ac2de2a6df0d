/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ignore-config.h: what a service file says about the paths below its source, ready to be asked. Immutable; any
 * thread may ask.
 */
#pragma once

#include "hr-ignore-programs.h"
#include "hr-ignore-rules.h"

G_BEGIN_DECLS

/**
 * HrIgnoreConfig:
 * @share_auto: Share=auto
 * @gitignore: UseGitignore
 * @recursive: Watch.Recursive
 * @share: the paths of Share
 * @paths: of Watch.Paths; "" is the source
 * @extensions: of Watch.Extensions, with the dot
 * @actions: of the group Actions, in order
 * @globs: Watch.Ignore
 * @programs: (element-type HrIgnoreProgram): of Exec
 */
typedef struct {
  gboolean share_auto;
  gboolean gitignore;
  gboolean recursive;
  char **share;
  char **paths;
  char **extensions;
  GArray *actions;
  HrIgnoreRules *globs;
  GPtrArray *programs;
} HrIgnoreConfig;

HrIgnoreConfig *hr_ignore_config_new (const HrServiceSpec *spec);
HrIgnoreConfig *hr_ignore_config_ref (HrIgnoreConfig *self);
void hr_ignore_config_unref (HrIgnoreConfig *self);
gboolean hr_ignore_config_shares (const HrIgnoreConfig *self, const char *path);
gboolean hr_ignore_config_holds_shared (const HrIgnoreConfig *self, const char *path);
gboolean hr_ignore_config_triggers (const HrIgnoreConfig *self, const char *path);
gboolean hr_ignore_config_watches (const HrIgnoreConfig *self, const char *dir);

G_END_DECLS
