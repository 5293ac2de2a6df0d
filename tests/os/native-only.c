/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "native-only.h"

/**
 * native_only:
 * @why: what valgrind does otherwise than the kernel
 *
 * Skips the case that runs where valgrind runs it, as tests/under-valgrind says.
 *
 * Returns: whether it is skipped, and the caller is to return
 */
gboolean
native_only (const char *why)
{
  if (g_getenv ("HOTRELOAD_TEST_VALGRIND") == NULL)
    return FALSE;
  g_test_skip_printf ("not run here: %s", why);
  return TRUE;
}
