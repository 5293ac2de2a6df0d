/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-diff.h"

#include <string.h>

#include "hr-git-private.h"
#include "hr-git-tree-private.h"

/* Returned by the printer to end a patch when the text is long enough. */
#define ENOUGH 1

static gboolean
is_full (const GString *text)
{
  return text->len >= HR_GIT_DIFF_TEXT_MAX;
}

static int
print_line (const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *data)
{
  GString *text = data;

  /* The file's header is printed here: git's own knows one bit of the mode. */
  if (line->origin == GIT_DIFF_LINE_FILE_HDR)
    return 0;
  if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION
      || line->origin == GIT_DIFF_LINE_DELETION)
    g_string_append_c (text, line->origin);
  g_string_append_len (text, line->content, (gssize)line->content_len);
  return is_full (text) ? ENOUGH : 0;
}

static guint
git_mode (const HrGitEntry *entry, guint mode)
{
  return entry->kind == HR_GIT_LINK ? 0120000 : entry->kind == HR_GIT_DIR ? 0040000 | mode : 0100000 | mode;
}

static void
append_header (GString *text, const HrGitEntry *entry, const char *path, gboolean content)
{
  gboolean added = entry->change == HR_GIT_ADDED, removed = entry->change == HR_GIT_REMOVED;
  const char *slash = entry->kind == HR_GIT_DIR ? "/" : "";

  g_string_append_printf (text, "diff --git a/%s%s b/%s%s\n", path, slash, path, slash);
  if (added || removed)
    g_string_append_printf (text, "%s mode %o\n", added ? "new file" : "deleted file", git_mode (entry, entry->mode));
  else if (entry->mode != entry->old_mode)
    g_string_append_printf (text, "old mode %o\nnew mode %o\n", git_mode (entry, entry->old_mode),
                            git_mode (entry, entry->mode));
  if (content)
    g_string_append_printf (text, "--- %s%s\n+++ %s%s\n", added ? "/dev/null" : "a/", added ? "" : path,
                            removed ? "/dev/null" : "b/", removed ? "" : path);
}

static GBytes *
read_side (HrGitRepo *repo, const char *hex, GError **error)
{
  HrOid oid;

  return hr_oid_from_hex (&oid, hex) ? hr_git_repo_read_blob (repo, &oid, error) : g_bytes_new (NULL, 0);
}

static gboolean
append_content (GString *text, HrGitRepo *repo, const HrGitEntry *entry, const char *path, GError **error)
{
  gboolean removed = entry->change == HR_GIT_REMOVED;
  g_autoptr (GBytes) old = read_side (repo, removed ? entry->oid : entry->old_oid, error);
  g_autoptr (GBytes) new = old != NULL ? read_side (repo, removed ? "" : entry->oid, error) : NULL;
  g_autoptr (git_patch) patch = NULL;
  git_diff_options options = GIT_DIFF_OPTIONS_INIT;
  int code;

  if (old == NULL || new == NULL)
    return FALSE;
  if (MAX (g_bytes_get_size (old), g_bytes_get_size (new)) > HR_GIT_DIFF_FILE_MAX)
    {
      append_header (text, entry, path, FALSE);
      g_string_append_printf (text, "Files a/%s and b/%s differ and are too large to compare\n", path, path);
      return TRUE;
    }

  code = git_patch_from_buffers (&patch, g_bytes_get_data (old, NULL), g_bytes_get_size (old), path,
                                 g_bytes_get_data (new, NULL), g_bytes_get_size (new), path, &options);
  append_header (text, entry, path, code == 0 && git_patch_num_hunks (patch) > 0);
  if (code == 0)
    code = git_patch_print (patch, print_line, text);
  return code == 0 || code == ENOUGH || hr_git_set_error (error, code, "while comparing '%s'", path);
}

/* A directory shows only where git has nothing to show for it. */
static gboolean
is_shown (const HrGitEntry *entry)
{
  return entry->kind != HR_GIT_DIR || entry->empty || entry->change == HR_GIT_MODIFIED;
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  const HrGitEntry *first = *(const HrGitEntry *const *)a, *second = *(const HrGitEntry *const *)b;
  int order = strcmp (first->path, second->path);

  return order != 0 ? order : (int)second->change - (int)first->change;
}

static char *
finish (GString *text)
{
  gboolean cut = is_full (text);
  g_autofree char *valid = NULL;

  if (cut)
    {
      const char *end;

      g_string_truncate (text, HR_GIT_DIFF_TEXT_MAX);
      end = memrchr (text->str, '\n', text->len);
      g_string_truncate (text, end != NULL ? (gsize)(end - text->str) + 1 : 0);
    }
  valid = g_utf8_make_valid (text->str, (gssize)text->len);
  return cut ? g_strconcat (valid, "… the difference is longer and was cut here\n", NULL) : g_steal_pointer (&valid);
}

/**
 * hr_git_diff_text:
 * @repo: a repository
 * @from_tree: (nullable): hex id of a release's tree; %NULL: the empty one
 * @to_tree: hex id of a release's tree
 * @cancellable: (nullable): looked at between two files
 * @error: return location
 *
 * Returns: (transfer full): the difference, valid UTF-8, "" when there is none; %NULL with an error set
 */
char *
hr_git_diff_text (HrGitRepo *repo, const char *from_tree, const char *to_tree, GCancellable *cancellable,
                  GError **error)
{
  g_autoptr (GPtrArray) entries = hr_git_tree_compare (repo, from_tree, to_tree, error);
  g_autoptr (GString) text = g_string_new (NULL);

  if (entries == NULL)
    return NULL;
  g_ptr_array_sort (entries, compare_paths);
  for (guint i = 0; i < entries->len && !is_full (text); i++)
    {
      const HrGitEntry *entry = g_ptr_array_index (entries, i);
      g_autofree char *path = g_filename_display_name (entry->path);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      if (!is_shown (entry))
        continue;
      if (entry->kind == HR_GIT_DIR || (entry->change == HR_GIT_MODIFIED && g_str_equal (entry->oid, entry->old_oid)))
        append_header (text, entry, path, FALSE);
      else if (!append_content (text, repo, entry, path, error))
        return NULL;
    }
  return finish (text);
}
