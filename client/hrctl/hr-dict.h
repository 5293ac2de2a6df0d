/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-dict.h: reading the dictionaries (a{sv}) of the contract, in which a key without a value is left out.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_dict_has (GVariant *dict, const char *key);
const char *hr_dict_string (GVariant *dict, const char *key);
guint64 hr_dict_number (GVariant *dict, const char *key);
gboolean hr_dict_bool (GVariant *dict, const char *key);
const char **hr_dict_strings (GVariant *dict, const char *key);
char *hr_dict_join (GVariant *dict, const char *key, const char *separator);

G_END_DECLS
