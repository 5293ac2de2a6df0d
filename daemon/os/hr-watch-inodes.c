/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watch-inodes.h"

static GHashTable *table; /* HrInode → GSList of HrWatchDir */

static guint
hash (gconstpointer key)
{
  const HrInode *inode = key;

  return g_int64_hash (&inode->ino);
}

static gboolean
is_same (gconstpointer a, gconstpointer b)
{
  return hr_inode_is_same (a, b);
}

/* The key is the inode of the first in the list. */
static void
set_list (GSList *list)
{
  g_hash_table_replace (table, &((HrWatchDir *)list->data)->inode, list);
}

/**
 * hr_watch_inodes_add:
 * @dir: (transfer none): a directory with a monitor; its inode stays what it is until hr_watch_inodes_remove()
 */
void
hr_watch_inodes_add (HrWatchDir *dir)
{
  if (table == NULL)
    table = g_hash_table_new (hash, is_same);
  set_list (g_slist_prepend (g_hash_table_lookup (table, &dir->inode), dir));
}

/**
 * hr_watch_inodes_remove:
 * @dir: a directory that was added
 */
void
hr_watch_inodes_remove (HrWatchDir *dir)
{
  GSList *list = g_slist_remove (g_hash_table_lookup (table, &dir->inode), dir);

  if (list != NULL)
    set_list (list);
  else
    g_hash_table_remove (table, &dir->inode);
  if (g_hash_table_size (table) == 0)
    g_clear_pointer (&table, g_hash_table_unref);
}

/**
 * hr_watch_inodes_find:
 * @inode: of a directory
 *
 * Returns: (transfer container) (element-type HrWatchDir): what watches it, under any name
 */
GSList *
hr_watch_inodes_find (const HrInode *inode)
{
  return table != NULL ? g_slist_copy (g_hash_table_lookup (table, inode)) : NULL;
}
