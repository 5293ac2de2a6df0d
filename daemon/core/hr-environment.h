/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-environment.h: lists of KEY=VALUE: environment files by systemd's rules, merging, and what a service gets of the
 * daemon's own environment.
 *
 * Pure: takes text and lists, reads neither files nor the process's environment, so that what a service gets is
 * computed anew at every start and nothing is left over from the last one.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A larger environment file is refused by whoever reads it, in bytes. */
#define HR_ENVIRONMENT_FILE_MAX (1024 * 1024)

char **hr_environment_parse (const char *file, const char *text, gsize size, GError **error);
char **hr_environment_merge (const char *const *first, const char *const *second);
char **hr_environment_base (const char *const *daemon_environ);

G_END_DECLS
