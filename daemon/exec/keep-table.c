/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keep-table.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keep-close.h"

static KeepEntry *entries;
static int n_entries;
static int n_allocated;

static int
find (const char *key)
{
  for (int i = 0; i < n_entries; i++)
    if (strcmp (entries[i].key, key) == 0)
      return i;
  return -1;
}

static bool
make_room (void)
{
  int wanted = n_allocated == 0 ? 64 : n_allocated * 2;
  KeepEntry *more;

  if (n_entries < n_allocated)
    return true;
  if (n_entries >= HR_KEEP_ENTRIES_MAX)
    return false;
  more = realloc (entries, (size_t)wanted * sizeof *entries);
  if (more == NULL)
    return false;
  entries = more;
  n_allocated = wanted;
  return true;
}

static bool
replace (KeepEntry *entry, char *data, int fd)
{
  free (entry->data);
  entry->data = data;
  if (fd >= 0)
    {
      keep_close (entry->key, entry->fd);
      entry->fd = fd;
    }
  return true;
}

/**
 * keep_table_store:
 * @key: a key
 * @data: what is known of the descriptor
 * @fd: the descriptor, which is taken; -1: that which has this key stays
 *
 * Returns: whether it is held; if not, @fd stays the caller's
 */
bool
keep_table_store (const char *key, const char *data, int fd)
{
  int index = find (key);
  char *copy = strdup (data), *name;

  if (copy != NULL && index >= 0)
    return replace (&entries[index], copy, fd);
  name = strdup (key);
  if (copy == NULL || name == NULL || fd < 0 || !make_room ())
    {
      free (copy);
      free (name);
      return false;
    }
  entries[n_entries++] = (KeepEntry){ .key = name, .data = copy, .fd = fd };
  return true;
}

/**
 * keep_table_forget:
 * @key: a key
 *
 * Closes what has it.
 */
void
keep_table_forget (const char *key)
{
  int index = find (key);

  if (index < 0)
    return;
  keep_close (key, entries[index].fd);
  free (entries[index].key);
  free (entries[index].data);
  entries[index] = entries[--n_entries];
}

/**
 * keep_table_get:
 * @index: from 0
 *
 * Returns: (nullable): what is held there; NULL: those were all
 */
const KeepEntry *
keep_table_get (int index)
{
  return index < n_entries ? &entries[index] : NULL;
}

/**
 * keep_table_has_process:
 *
 * Returns: whether one of the processes whose descriptors are held still runs
 */
bool
keep_table_has_process (void)
{
  for (int i = 0; i < n_entries; i++)
    {
      struct pollfd ended = { .fd = entries[i].fd, .events = POLLIN };

      if (strncmp (entries[i].key, HR_KEEP_PROCESS_PREFIX, strlen (HR_KEEP_PROCESS_PREFIX)) == 0
          && poll (&ended, 1, 0) == 0)
        return true;
    }
  return false;
}
