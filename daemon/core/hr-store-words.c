/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-store-words.h"

#include <string.h>

/**
 * hr_fd_name_is_valid:
 * @name: a text
 *
 * Returns: whether it can be a name in LISTEN_FDNAMES: of ASCII without control characters and ':', %HR_FD_NAME_MAX
 *   bytes at most; it may be empty
 */
gboolean
hr_fd_name_is_valid (const char *name)
{
  const char *end = name;

  for (; g_ascii_isprint (*end) && *end != ':'; end++)
    ;
  return *end == '\0' && end - name <= HR_FD_NAME_MAX;
}

/**
 * hr_store_words_read:
 * @assignments: a message: "FDSTORE=1", …
 *
 * Returns: what it says of stored descriptors; of two names the first counts
 */
HrStoreWords
hr_store_words_read (const char *const *assignments)
{
  HrStoreWords words = { .polls = TRUE };
  const char *name = NULL;

  for (; *assignments != NULL; assignments++)
    if (g_str_equal (*assignments, "FDSTORE=1"))
      words.stores = TRUE;
    else if (g_str_equal (*assignments, "FDSTOREREMOVE=1"))
      words.removes = TRUE;
    else if (g_str_equal (*assignments, "FDPOLL=0"))
      words.polls = FALSE;
    else if (name == NULL && g_str_has_prefix (*assignments, "FDNAME="))
      name = *assignments + strlen ("FDNAME=");
  if (name != NULL && !hr_fd_name_is_valid (name))
    words.refused = g_steal_pointer (&name);
  /* Without a name nothing says what is meant. */
  words.removes = words.removes && name != NULL;
  words.name = name != NULL ? name : HR_FD_NAME_DEFAULT;
  return words;
}
