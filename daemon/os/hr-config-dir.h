/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-config-dir.h: the configuration directory: services.d/NAME.conf with drop-ins NAME.conf.d, read into specs.
 *
 * One bad file never keeps the others from loading: each file gives an entry with either a spec or an error. Files that
 * do not end in ".conf" and hidden ones, as editors make them, are passed over. Blocks: reads files, looks at Source.
 */
#pragma once

#include <gio/gio.h>

#include "hr-config-check.h"
#include "hr-service-spec.h"

G_BEGIN_DECLS

/* More service files are an error of the directory. */
#define HR_CONFIG_SERVICES_MAX 10000
/* More drop-ins of one service are an error of that service. */
#define HR_CONFIG_DROP_INS_MAX 256

/**
 * HrConfigEntry:
 * @name: the service's name; for a file whose name is outside the pattern, the file's name
 * @file: path of its main file
 * @spec: (nullable): what it says
 * @error: (nullable): why it does not load: names file, group, key and what would be right
 */
typedef struct {
  char *name;
  char *file;
  HrServiceSpec *spec;
  GError *error;
} HrConfigEntry;

void hr_config_entry_free (HrConfigEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrConfigEntry, hr_config_entry_free)

GPtrArray *hr_config_dir_load (const char *config_dir, const char *profile, GError **error);
HrConfigEntry *hr_config_file_load (const char *file, const char *name, const char *profile);

G_END_DECLS
