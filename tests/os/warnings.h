/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * warnings.h: what a test's code warned of. Messages come from any thread; g_test_expect_message() does not know
 * structured ones.
 */
#pragma once

#include <glib.h>

static GMutex warnings_lock;
static GPtrArray *warnings;

static inline GLogWriterOutput
warnings_write (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  const char *message = "";

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      message = fields[i].value;
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0
               ? g_log_writer_default (level, fields, n_fields, user_data)
               : G_LOG_WRITER_HANDLED;
  g_mutex_lock (&warnings_lock);
  g_ptr_array_add (warnings, g_strdup (message));
  g_mutex_unlock (&warnings_lock);
  return G_LOG_WRITER_HANDLED;
}

/* Once, after g_test_init(). */
static inline void
warnings_init (void)
{
  warnings = g_ptr_array_new_with_free_func (g_free);
  g_log_set_writer_func (warnings_write, NULL, NULL);
}

/* Takes the oldest warning, which must match @pattern, of g_pattern_match_simple(). */
static inline void
warnings_expect (const char *pattern)
{
  g_mutex_lock (&warnings_lock);
  g_assert_cmpuint (warnings->len, >, 0);
  g_test_message ("%s", (const char *)warnings->pdata[0]);
  if (!g_pattern_match_simple (pattern, warnings->pdata[0]))
    g_assert_cmpstr (warnings->pdata[0], ==, pattern);
  g_ptr_array_remove_index (warnings, 0);
  g_mutex_unlock (&warnings_lock);
}

static inline void
warnings_expect_none (void)
{
  g_mutex_lock (&warnings_lock);
  if (warnings->len > 0)
    g_assert_cmpstr (warnings->pdata[0], ==, "no warning");
  g_mutex_unlock (&warnings_lock);
}
