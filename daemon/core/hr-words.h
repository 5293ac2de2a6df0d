/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-words.h: words in messages: text of a user quoted within bounds, and the name that was probably meant.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of a quoted text, in characters; the rest becomes "…". */
#define HR_WORDS_QUOTE_MAX 80

char *hr_words_quote (const char *text);
char *hr_words_path (const char *path);

G_END_DECLS
