/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-value.h: the kinds of values in a service file, each from its raw text.
 *
 * Durations, command lines and listeners have files of their own. Each function sets %HR_ERROR_INVALID_CONFIGURATION
 * with what is wrong and what would be right; the caller adds the place.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrSpecWord:
 * @word: as written; %NULL ends a list of words
 * @value: what it means, or %HR_SPEC_WORD_LATER
 */
typedef struct {
  const char *word;
  int value;
} HrSpecWord;

/* A word with a meaning that is not there yet. */
#define HR_SPEC_WORD_LATER -1

gboolean hr_spec_value_word (const char *text, const HrSpecWord *words, int *value, GError **error);
gboolean hr_spec_value_boolean (const char *text, gboolean *value, GError **error);
gboolean hr_spec_value_number (const char *text, guint least, guint most, guint *value, GError **error);
gboolean hr_spec_value_percent (const char *text, double *value, GError **error);
gboolean hr_spec_value_signal (const char *text, int *value, GError **error);
gboolean hr_spec_value_version (const char *text, GError **error);
gboolean hr_spec_value_assignment (const char *text, GError **error);
char **hr_spec_value_list (const char *text, GError **error);
char *hr_spec_value_path (const char *text, const char *directory, GError **error);
char **hr_spec_value_paths (const char *text, const char *file, GError **error);
char *hr_spec_value_inside (const char *text, GError **error);

G_END_DECLS
