/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-compare.c: what differs between two releases' trees, in time in proportion to the difference.
 */
#include <string.h>

#include "hr-git-tree-private.h"

/* A directory as the two trees have it: named by git, because something is recorded below it, or by the manifest. */
typedef struct {
  gboolean there[2];
  gboolean filled[2]; /* something is recorded below it */
} Dir;

typedef struct {
  HrGitRepo *repo;
  HrGitTop sides[2];
  GHashTable *descend; /* directories above a path that the manifests differ in */
  gboolean descend_all;
  GHashTable *dirs; /* path → Dir */
  GPtrArray *entries;
} Comparison;

typedef struct {
  char *name;
  guint32 mode;
  HrOid oid;
} Item;

static Dir *
dir_of (Comparison *self, const char *path)
{
  Dir *dir = g_hash_table_lookup (self->dirs, path);

  if (dir == NULL)
    {
      dir = g_new0 (Dir, 1);
      g_hash_table_insert (self->dirs, g_strdup (path), dir);
    }
  return dir;
}

static void
emit (Comparison *self, const char *path, HrGitKind kind, HrGitChange change, const guint modes[2],
      const HrOid *const oids[2])
{
  HrGitEntry *entry = g_new0 (HrGitEntry, 1);
  int now = change == HR_GIT_REMOVED ? 0 : 1;

  entry->path = g_strdup (path);
  entry->kind = kind;
  entry->change = change;
  entry->mode = modes[now];
  if (oids[now] != NULL)
    hr_oid_to_hex (oids[now], entry->oid);
  if (change == HR_GIT_MODIFIED)
    {
      entry->old_mode = modes[0];
      if (oids[0] != NULL)
        hr_oid_to_hex (oids[0], entry->old_oid);
    }
  g_ptr_array_add (self->entries, entry);
}

static HrGitKind
kind_of (const Item *item)
{
  return item->mode == HR_GIT_MODE_LINK ? HR_GIT_LINK : HR_GIT_FILE;
}

static guint
mode_of (Comparison *self, int side, const char *path, const Item *item)
{
  if (item->mode == HR_GIT_MODE_LINK)
    return 0777;
  return hr_manifest_mode (self->sides[side].manifest, path, item->mode != HR_GIT_MODE_FILE);
}

/* One path that is no directory in at least one of the trees; NULL: not there, or a directory. */
static void
compare_leaf (Comparison *self, const char *path, const Item *from, const Item *to)
{
  guint modes[2] = { from != NULL ? mode_of (self, 0, path, from) : 0, to != NULL ? mode_of (self, 1, path, to) : 0 };
  const HrOid *oids[2] = { from != NULL ? &from->oid : NULL, to != NULL ? &to->oid : NULL };

  if (from != NULL && to != NULL && kind_of (from) == kind_of (to))
    {
      if (modes[0] != modes[1] || !hr_oid_equal (oids[0], oids[1]))
        emit (self, path, kind_of (to), HR_GIT_MODIFIED, modes, oids);
      return;
    }
  if (from != NULL)
    emit (self, path, kind_of (from), HR_GIT_REMOVED, modes, oids);
  if (to != NULL)
    emit (self, path, kind_of (to), HR_GIT_ADDED, modes, oids);
}

static void
item_clear (gpointer data)
{
  g_free (((Item *)data)->name);
}

static gboolean
take_item (const HrGitItem *item, gpointer user_data, GError **error)
{
  Item copy = { g_strdup (item->name), item->mode, item->oid };

  g_array_append_val ((GArray *)user_data, copy);
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (((const Item *)a)->name, ((const Item *)b)->name);
}

static GArray *
read_items (Comparison *self, const HrOid *oid, GError **error)
{
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (Item));

  g_array_set_clear_func (items, item_clear);
  if (oid != NULL && !hr_git_repo_read_tree (self->repo, oid, take_item, items, error))
    return NULL;
  /* Git sorts a directory as if its name ended in '/'; here the same name must meet, whatever its kind. */
  g_array_sort (items, compare_names);
  return g_steal_pointer (&items);
}

static gboolean compare_dirs (Comparison *self, const HrOid *from, const HrOid *to, GString *path, GError **error);

static gboolean
compare_items (Comparison *self, const Item *from, const Item *to, GString *path, GError **error)
{
  const Item *from_dir = from != NULL && from->mode == HR_GIT_MODE_DIR ? from : NULL;
  const Item *to_dir = to != NULL && to->mode == HR_GIT_MODE_DIR ? to : NULL;
  Dir *dir;

  compare_leaf (self, path->str, from_dir == NULL ? from : NULL, to_dir == NULL ? to : NULL);
  if (from_dir == NULL && to_dir == NULL)
    return TRUE;

  if (from_dir != NULL && to_dir != NULL && !self->descend_all && hr_oid_equal (&from_dir->oid, &to_dir->oid)
      && !g_hash_table_contains (self->descend, path->str))
    return TRUE;

  dir = dir_of (self, path->str);
  dir->there[0] |= from_dir != NULL;
  dir->there[1] |= to_dir != NULL;
  dir->filled[0] |= from_dir != NULL;
  dir->filled[1] |= to_dir != NULL;
  return compare_dirs (self, from_dir != NULL ? &from_dir->oid : NULL, to_dir != NULL ? &to_dir->oid : NULL, path,
                       error);
}

static gboolean
compare_dirs (Comparison *self, const HrOid *from, const HrOid *to, GString *path, GError **error)
{
  g_autoptr (GArray) olds = read_items (self, from, error);
  g_autoptr (GArray) news = olds != NULL ? read_items (self, to, error) : NULL;
  gsize length = path->len;
  guint i = 0, j = 0;

  if (news == NULL)
    return FALSE;
  while (i < olds->len || j < news->len)
    {
      const Item *a = i < olds->len ? &g_array_index (olds, Item, i) : NULL;
      const Item *b = j < news->len ? &g_array_index (news, Item, j) : NULL;
      int order = a == NULL ? 1 : b == NULL ? -1 : strcmp (a->name, b->name);

      if (length > 0)
        g_string_append_c (path, '/');
      g_string_append (path, order <= 0 ? a->name : b->name);
      if (!compare_items (self, order <= 0 ? a : NULL, order >= 0 ? b : NULL, path, error))
        return FALSE;
      g_string_truncate (path, length);
      i += order <= 0;
      j += order >= 0;
    }
  return TRUE;
}

/* Notes every directory above @path. */
static void
note_parents (const char *path, GHashTable *set)
{
  for (const char *slash = strchr (path, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    g_hash_table_add (set, g_strndup (path, (gsize)(slash - path)));
}

static void
note_differing_lines (Comparison *self, const HrGitTop *a, const HrGitTop *b)
{
  GHashTableIter iter;
  gpointer path, value;

  g_hash_table_iter_init (&iter, hr_manifest_lines (a->manifest));
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      const HrManifestLine *mine = value, *other = g_hash_table_lookup (hr_manifest_lines (b->manifest), path);

      if (other != NULL && other->kind == mine->kind && other->mode == mine->mode)
        continue;
      note_parents (path, self->descend);
      g_hash_table_add (self->descend, g_strdup (path));
    }
}

/* An empty directory, and every directory above it, is there though git may not have it. */
static void
add_manifest_dirs (Comparison *self, int side)
{
  g_autoptr (GHashTable) parents = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer path, value;

  g_hash_table_iter_init (&iter, hr_manifest_lines (self->sides[side].manifest));
  while (g_hash_table_iter_next (&iter, &path, &value))
    if (((HrManifestLine *)value)->kind == 'e')
      {
        note_parents (path, parents);
        dir_of (self, path)->there[side] = TRUE;
      }
  g_hash_table_iter_init (&iter, parents);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    {
      Dir *dir = dir_of (self, path);

      dir->there[side] = dir->filled[side] = TRUE;
    }
}

static void
emit_dirs (Comparison *self)
{
  static const HrOid *const no_oids[2] = { NULL, NULL };
  GHashTableIter iter;
  gpointer path, value;

  g_hash_table_iter_init (&iter, self->dirs);
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      const Dir *dir = value;
      guint modes[2];
      HrGitChange change;
      HrGitEntry *entry;

      for (int side = 0; side < 2; side++)
        modes[side] = dir->there[side] ? hr_manifest_mode (self->sides[side].manifest, path, TRUE) : 0;
      if (dir->there[0] == dir->there[1] && modes[0] == modes[1])
        continue;
      change = !dir->there[0] ? HR_GIT_ADDED : dir->there[1] ? HR_GIT_MODIFIED : HR_GIT_REMOVED;
      emit (self, path, HR_GIT_DIR, change, modes, no_oids);
      entry = g_ptr_array_index (self->entries, self->entries->len - 1);
      entry->empty = !dir->filled[change == HR_GIT_REMOVED ? 0 : 1];
    }
}

/* What is removed comes first, what is in a directory before it; then the rest, a directory before what is in it. */
static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const HrGitEntry *first = *(const HrGitEntry *const *)a, *second = *(const HrGitEntry *const *)b;
  gboolean removed = first->change == HR_GIT_REMOVED;

  if (removed != (second->change == HR_GIT_REMOVED))
    return removed ? -1 : 1;
  return removed ? strcmp (second->path, first->path) : strcmp (first->path, second->path);
}

static void
comparison_clear (Comparison *self)
{
  hr_git_top_clear (&self->sides[0]);
  hr_git_top_clear (&self->sides[1]);
  g_clear_pointer (&self->descend, g_hash_table_unref);
  g_clear_pointer (&self->dirs, g_hash_table_unref);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Comparison, comparison_clear)

/**
 * hr_git_tree_compare:
 * @repo: a repository
 * @from_tree: (nullable): hex id of a release's tree; %NULL: the empty one
 * @to_tree: (nullable): hex id of a release's tree; %NULL: the empty one
 * @error: return location
 *
 * As hr_git_tree_diff(). Takes time in proportion to what differs.
 *
 * Returns: (transfer full) (element-type HrGitEntry): what differs, or %NULL with an error set
 */
GPtrArray *
hr_git_tree_compare (HrGitRepo *repo, const char *from_tree, const char *to_tree, GError **error)
{
  g_auto (Comparison) self = { .repo = repo };
  g_autoptr (GString) path = g_string_new (NULL);
  HrGitTop *from = &self.sides[0], *to = &self.sides[1];

  self.entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_git_entry_free);
  self.descend = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self.dirs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (g_strcmp0 (from_tree, to_tree) == 0)
    return g_steal_pointer (&self.entries);
  if (!hr_git_top_open (from, repo, from_tree, error) || !hr_git_top_open (to, repo, to_tree, error))
    return NULL;

  self.descend_all = hr_manifest_umask (from->manifest) != hr_manifest_umask (to->manifest);
  if (!hr_oid_equal (&from->manifest_oid, &to->manifest_oid))
    {
      note_differing_lines (&self, from, to);
      note_differing_lines (&self, to, from);
    }
  if (!compare_dirs (&self, from->exists ? &from->files : NULL, to->exists ? &to->files : NULL, path, error))
    return NULL;
  add_manifest_dirs (&self, 0);
  add_manifest_dirs (&self, 1);
  emit_dirs (&self);
  g_ptr_array_sort (self.entries, compare_entries);
  return g_steal_pointer (&self.entries);
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/**
 * hr_git_tree_fill_scan:
 * @repo: the repository
 * @base: (nullable): the tree to compare with; %NULL: everything is new
 * @scan: whose tree is known; gets what differs, by path
 * @error: return location
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_tree_fill_scan (HrGitRepo *repo, const char *base, HrScan *scan, GError **error)
{
  g_autoptr (GPtrArray) entries = hr_git_tree_compare (repo, base, scan->tree, error);
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  guint kept = 0;

  if (entries == NULL)
    return FALSE;
  for (guint i = 0; i < entries->len; i++)
    {
      const HrGitEntry *entry = g_ptr_array_index (entries, i);

      /* A directory that came or went with what is in it is not named besides. */
      if (entry->kind != HR_GIT_DIR || entry->empty || entry->change == HR_GIT_MODIFIED)
        g_ptr_array_add (paths, entry->path);
    }
  g_ptr_array_sort (paths, compare_paths);
  scan->files = g_new0 (char *, MIN (paths->len, HR_SCAN_FILES_MAX) + 1);
  for (guint i = 0; i < paths->len; i++)
    {
      if (i > 0 && g_str_equal (paths->pdata[i - 1], paths->pdata[i]))
        continue;
      scan->n_changed++;
      if (kept < HR_SCAN_FILES_MAX)
        scan->files[kept++] = g_strdup (paths->pdata[i]);
    }
  return TRUE;
}
