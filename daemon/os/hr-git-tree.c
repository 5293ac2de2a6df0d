/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-tree-private.h"

#include <string.h>

#include "hr-error.h"

/**
 * hr_git_entry_free:
 * @self: (transfer full) (nullable): an entry
 */
void
hr_git_entry_free (HrGitEntry *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self);
}

/**
 * hr_git_top_clear:
 * @self: a tree, opened or all zero
 */
void
hr_git_top_clear (HrGitTop *self)
{
  g_clear_pointer (&self->manifest, hr_manifest_free);
}

static gboolean
take_top (const HrGitItem *item, gpointer user_data, GError **error)
{
  HrGitTop *top = user_data;

  if (g_str_equal (item->name, HR_GIT_TREE_FILES))
    top->files = item->oid;
  else if (g_str_equal (item->name, HR_GIT_TREE_MANIFEST))
    top->manifest_oid = item->oid;
  return TRUE;
}

/**
 * hr_git_top_open:
 * @self: (out caller-allocates): all zero
 * @repo: a repository
 * @tree: (nullable): hex id of a release's tree; %NULL: the empty one
 * @error: return location
 *
 * Returns: success; else an error that names store and tree is set
 */
gboolean
hr_git_top_open (HrGitTop *self, HrGitRepo *repo, const char *tree, GError **error)
{
  static const HrOid none;
  g_autoptr (GBytes) text = NULL;
  HrOid top;

  if (tree == NULL)
    {
      g_autofree char *empty = g_strdup_printf ("umask %04o\n", hr_manifest_umasks[0]);

      self->manifest = hr_manifest_parse (empty, strlen (empty), error);
      return self->manifest != NULL;
    }
  if (!hr_oid_from_hex (&top, tree))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "'%s' is not the id of a tree", tree);
      return FALSE;
    }
  if (!hr_git_repo_read_tree (repo, &top, take_top, self, error))
    return FALSE;
  if (hr_oid_equal (&self->files, &none) || hr_oid_equal (&self->manifest_oid, &none))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "tree %s of the rollback store '%s' is not a release's", tree,
                   hr_git_repo_path (repo));
      return FALSE;
    }
  text = hr_git_repo_read_blob (repo, &self->manifest_oid, error);
  if (text == NULL)
    return FALSE;
  self->manifest = hr_manifest_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text), error);
  if (self->manifest == NULL)
    {
      g_prefix_error (error, "tree %s of the rollback store '%s': ", tree, hr_git_repo_path (repo));
      return FALSE;
    }
  self->exists = TRUE;
  return TRUE;
}

/**
 * hr_git_tree_write_top:
 * @repo: a repository
 * @files: git's tree of the source
 * @manifest: what that cannot keep, see hr-manifest.h
 * @top: (out): the release's tree
 * @error: return location
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_tree_write_top (HrGitRepo *repo, const HrOid *files, const GString *manifest, HrOid *top, GError **error)
{
  g_autoptr (GByteArray) tree = g_byte_array_new ();
  HrGitItem items[] = { { HR_GIT_TREE_FILES, HR_GIT_MODE_DIR, *files },
                        { HR_GIT_TREE_MANIFEST, HR_GIT_MODE_FILE, { { 0 } } } };

  if (!hr_git_repo_write_blob (repo, manifest->str, manifest->len, &items[1].oid, error))
    return FALSE;
  hr_git_item_append (tree, &items[0]);
  hr_git_item_append (tree, &items[1]);
  return hr_git_repo_write_tree (repo, tree, top, error);
}

static gboolean
ignore_item (const HrGitItem *item, gpointer user_data, GError **error)
{
  return TRUE;
}

/**
 * hr_git_tree_check:
 * @repo: a repository
 * @top: a release's tree
 * @error: return location
 *
 * Looks only at the tree's own objects, not at what is below its first level.
 *
 * Returns: whether they are there and sound; else an error is set
 */
gboolean
hr_git_tree_check (HrGitRepo *repo, const HrOid *top, GError **error)
{
  HrGitTop side = { 0 };
  char hex[HR_OID_HEX];
  gboolean ok;

  hr_oid_to_hex (top, hex);
  ok = hr_git_top_open (&side, repo, hex, error) && hr_git_repo_read_tree (repo, &side.files, ignore_item, NULL, error);
  hr_git_top_clear (&side);
  return ok;
}

/**
 * hr_git_tree_diff:
 * @store: a store of hr_git_store_open()
 * @from_tree: (nullable): hex id of a release's tree; %NULL: the empty one
 * @to_tree: (nullable): hex id of a release's tree; %NULL: the empty one
 * @error: return location
 *
 * What turns the one into the other, in an order in which it can be done: first what is removed, a directory after
 * what was in it; then what is added or modified, a directory before what goes into it. Every directory that is added
 * or removed is named, and one whose mode differs is modified.
 *
 * Returns: (transfer full) (element-type HrGitEntry): what differs; %NULL with an error that names the store and the
 *   object when something is missing or damaged: the next scan then stores anew what the source still has
 */
GPtrArray *
hr_git_tree_diff (HrReleaseStore *store, const char *from_tree, const char *to_tree, GError **error)
{
  HrGitRepo *repo = hr_git_store_take_reader (store, error);
  GPtrArray *entries;

  if (repo == NULL)
    return NULL;
  entries = hr_git_tree_compare (repo, from_tree, to_tree, error);
  hr_git_store_give_reader (store, repo);
  if (entries == NULL)
    hr_git_store_distrust (store, error);
  return entries;
}

/**
 * hr_git_tree_list:
 * @store: a store of hr_git_store_open()
 * @tree: hex id of a release's tree
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrGitEntry): all its files, links and directories, a directory before what is
 *   in it; %NULL with an error set as by hr_git_tree_diff()
 */
GPtrArray *
hr_git_tree_list (HrReleaseStore *store, const char *tree, GError **error)
{
  g_return_val_if_fail (tree != NULL, NULL);
  return hr_git_tree_diff (store, NULL, tree, error);
}

/**
 * hr_git_tree_read:
 * @store: a store of hr_git_store_open()
 * @oid: of a file or link
 * @error: return location
 *
 * Returns: (transfer full): its content or target; %NULL with an error set as by hr_git_tree_diff()
 */
GBytes *
hr_git_tree_read (HrReleaseStore *store, const char *oid, GError **error)
{
  HrGitRepo *repo;
  GBytes *bytes;
  HrOid id;

  if (!hr_oid_from_hex (&id, oid))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "'%s' is not the id of an object", oid);
      return NULL;
    }
  repo = hr_git_store_take_reader (store, error);
  if (repo == NULL)
    return NULL;
  bytes = hr_git_repo_read_blob (repo, &id, error);
  hr_git_store_give_reader (store, repo);
  if (bytes == NULL)
    hr_git_store_distrust (store, error);
  return bytes;
}
