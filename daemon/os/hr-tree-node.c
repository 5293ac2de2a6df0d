/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tree-node.h"

#include <string.h>

/**
 * hr_stat_key:
 * @info: of a file or link
 *
 * Returns: what tells whether it was changed
 */
HrStatKey
hr_stat_key (const struct stat *info)
{
  HrStatKey key = { (guint64)info->st_size, (gint64)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
                    (gint64)info->st_ctim.tv_sec * 1000000000 + info->st_ctim.tv_nsec, (guint64)info->st_ino };

  return key;
}

/**
 * hr_stat_key_equal:
 * @a: a key
 * @b: another
 *
 * Returns: whether they are the same
 */
gboolean
hr_stat_key_equal (const HrStatKey *a, const HrStatKey *b)
{
  return a->size == b->size && a->mtime == b->mtime && a->ctime == b->ctime && a->inode == b->inode;
}

static gboolean
is_recorded_leaf (const HrNode *self)
{
  return self->kind == HR_NODE_FILE || self->kind == HR_NODE_LINK;
}

static HrNode *
node_new (HrNode *parent, const char *name, HrNodeKind kind, gboolean is_dir)
{
  gsize length = strlen (name) + 1;
  HrNode *self = g_malloc0 (sizeof (HrNode) + length);

  memcpy (self->name, name, length);
  self->parent = parent;
  self->kind = kind;
  self->is_dir = is_dir;
  if (kind == HR_NODE_DIR)
    {
      self->dir = g_new0 (HrNodeDir, 1);
      self->dir->children = g_ptr_array_new ();
    }
  return self;
}

/* Frees @self with all below it and takes it out of @totals, which may be NULL. */
static void
node_free (HrNode *self, HrNodeTotals *totals)
{
  if (self->kind == HR_NODE_DIR)
    {
      for (guint i = 0; i < self->dir->children->len; i++)
        node_free (g_ptr_array_index (self->dir->children, i), totals);
      g_ptr_array_unref (self->dir->children);
      g_free (self->dir->ignores);
      g_free (self->dir);
    }
  else if (totals != NULL && is_recorded_leaf (self))
    {
      totals->n_files--;
      totals->n_bytes -= self->key.size;
      totals->n_dirty -= self->dirty;
    }
  g_free (self);
}

/**
 * hr_node_new_root:
 *
 * Returns: (transfer full): the node of a source of which nothing is known; dirty
 */
HrNode *
hr_node_new_root (void)
{
  HrNode *root = node_new (NULL, "", HR_NODE_DIR, TRUE);

  root->dirty = TRUE;
  return root;
}

/**
 * hr_node_free_root:
 * @root: (transfer full) (nullable): a source's node
 */
void
hr_node_free_root (HrNode *root)
{
  if (root != NULL)
    node_free (root, NULL);
}

/* Where @name is among the children, or would be. */
static guint
position (const HrNode *dir, const char *name, gboolean *found)
{
  GPtrArray *children = dir->dir->children;
  guint low = 0, high = children->len;

  *found = FALSE;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      int order = strcmp (((HrNode *)g_ptr_array_index (children, middle))->name, name);

      if (order == 0)
        {
          *found = TRUE;
          return middle;
        }
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/**
 * hr_node_find:
 * @dir: a directory
 * @name: of an entry
 *
 * Returns: (transfer none) (nullable): what is known of it
 */
HrNode *
hr_node_find (const HrNode *dir, const char *name)
{
  gboolean found;
  guint at = position (dir, name, &found);

  return found ? g_ptr_array_index (dir->dir->children, at) : NULL;
}

/**
 * hr_node_put:
 * @dir: a directory
 * @name: of an entry
 * @kind: what it is
 * @is_dir: whether it is a directory; of use for what is not recorded
 * @totals: adjusted
 *
 * Returns: (transfer none): the entry's node; the one there was when it has that kind, else a new one, dirty if it is
 *   to be recorded
 */
HrNode *
hr_node_put (HrNode *dir, const char *name, HrNodeKind kind, gboolean is_dir, HrNodeTotals *totals)
{
  HrNode *node = hr_node_find (dir, name);
  gboolean found;

  if (node != NULL && node->kind == kind && node->is_dir == is_dir)
    return node;
  if (node != NULL)
    hr_node_remove (dir, node, totals);
  node = node_new (dir, name, kind, is_dir);
  g_ptr_array_insert (dir->dir->children, (int)position (dir, name, &found), node);
  if (is_recorded_leaf (node))
    totals->n_files++;
  hr_node_set_dirty (kind <= HR_NODE_DIR ? node : dir, totals);
  return node;
}

/**
 * hr_node_remove:
 * @dir: a directory
 * @child: (transfer full): an entry of it
 * @totals: adjusted
 *
 * Forgets an entry with all below it.
 */
void
hr_node_remove (HrNode *dir, HrNode *child, HrNodeTotals *totals)
{
  gboolean found;

  g_ptr_array_remove_index (dir->dir->children, position (dir, child->name, &found));
  node_free (child, totals);
  hr_node_set_dirty (dir, totals);
}

/**
 * hr_node_set_dirty:
 * @self: what may differ from what is stored
 * @totals: adjusted
 */
void
hr_node_set_dirty (HrNode *self, HrNodeTotals *totals)
{
  if (!self->dirty && is_recorded_leaf (self))
    totals->n_dirty++;
  for (; self != NULL && !self->dirty; self = self->parent)
    self->dirty = TRUE;
}

/**
 * hr_node_set_stored:
 * @self: what was dirty
 * @oid: under which it is stored now
 * @totals: adjusted
 */
void
hr_node_set_stored (HrNode *self, const HrOid *oid, HrNodeTotals *totals)
{
  if (self->dirty && is_recorded_leaf (self))
    totals->n_dirty--;
  self->oid = *oid;
  self->dirty = FALSE;
}

/**
 * hr_node_set_size:
 * @self: a file or link
 * @size: in bytes
 * @totals: adjusted
 */
void
hr_node_set_size (HrNode *self, guint64 size, HrNodeTotals *totals)
{
  totals->n_bytes += size - self->key.size;
  self->key.size = size;
}

static gboolean
is_odd (const HrNode *node, guint umask_bits)
{
  if (node->kind == HR_NODE_DIR)
    return node->dir->n_kept == 0 || node->mode != hr_manifest_default_mode (umask_bits, TRUE);
  return node->kind == HR_NODE_FILE && node->mode != hr_manifest_default_mode (umask_bits, (node->mode & 0100) != 0);
}

/**
 * hr_node_sum:
 * @dir: a directory whose entries are known and, where they are directories, summed
 *
 * Counts anew what is below it.
 */
void
hr_node_sum (HrNode *dir)
{
  HrNodeDir *sum = dir->dir;

  sum->n_kept = sum->n_recorded = sum->n_extra = 0;
  memset (sum->n_odd, 0, sizeof sum->n_odd);
  for (guint i = 0; i < sum->children->len; i++)
    {
      const HrNode *child = g_ptr_array_index (sum->children, i);

      sum->n_kept += child->kind <= HR_NODE_DIR;
      sum->n_recorded += is_recorded_leaf (child) ? 1 : child->kind == HR_NODE_DIR ? child->dir->n_recorded : 0;
      sum->n_extra += child->kind == HR_NODE_SHARED || child->kind == HR_NODE_SPECIAL;
      sum->n_extra += child->kind == HR_NODE_DIR ? child->dir->n_extra : 0;
      for (guint umask_at = 0; umask_at < HR_MANIFEST_N_UMASKS; umask_at++)
        {
          sum->n_odd[umask_at] += is_odd (child, hr_manifest_umasks[umask_at]);
          sum->n_odd[umask_at] += child->kind == HR_NODE_DIR ? child->dir->n_odd[umask_at] : 0;
        }
    }
}
