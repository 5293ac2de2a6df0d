/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-text.h"

/**
 * hr_bus_text:
 * @bytes: (nullable): any bytes; %NULL counts as none
 *
 * Returns: (transfer full): the same where it is UTF-8, with replacement characters where it is not
 */
char *
hr_bus_text (const char *bytes)
{
  return g_utf8_make_valid (bytes != NULL ? bytes : "", -1);
}

/**
 * hr_bus_texts:
 * @list: (nullable): any strings; %NULL counts as none
 *
 * Returns: (transfer full): hr_bus_text() of each
 */
char **
hr_bus_texts (const char *const *list)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();

  for (guint i = 0; list != NULL && list[i] != NULL; i++)
    g_ptr_array_add (texts, hr_bus_text (list[i]));
  g_ptr_array_add (texts, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&texts), FALSE);
}
