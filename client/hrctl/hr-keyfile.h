/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-keyfile.h: service files as text: made from a command line, and moved from one directory to another.
 *
 * Values of service files are raw: one line each, nothing escaped but ";" in lists.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Longest name of a service. */
#define HR_NAME_MAX 64

char *hr_keyfile_listen_address (const char *text, GError **error);
char *hr_keyfile_for_command (const char *const *words, const char *source, const char *listen, gboolean validate,
                              GError **error);
char *hr_keyfile_move (const char *text, const char *from_dir);
char *hr_keyfile_suggest_name (const char *directory, const char *program, const char *const *taken);

G_END_DECLS
