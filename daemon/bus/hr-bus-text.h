/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-text.h: names of files and words of programs are bytes; D-Bus takes only UTF-8.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *hr_bus_text (const char *bytes);
char **hr_bus_texts (const char *const *list);

G_END_DECLS
