/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-scan.h"

#include "hr-fs.h"
#include "hr-git-tree-private.h"
#include "hr-log.h"
#include "hr-scan-index.h"
#include "hr-tree-scan.h"

/* After so many files that were read the index is written, and at the end. */
#define INDEX_FILES 256

struct _HrGitScan {
  HrServiceSpec *spec;
  char *state_dir;
  char *index_path;
  HrTreeScan *tree; /* NULL until it is first needed */
  guint n_saved;    /* hr_tree_scan_n_read() when the index was written */
};

/**
 * hr_git_scan_new:
 * @repo_path: the bare repository, in the state directory
 * @spec: the service; its state directory is never recorded, even when its source holds it
 *
 * Reads nothing yet.
 *
 * Returns: (transfer full): the scan of this service's source
 */
HrGitScan *
hr_git_scan_new (const char *repo_path, HrServiceSpec *spec)
{
  HrGitScan *self;
  g_autofree char *name = NULL;

  g_return_val_if_fail (repo_path != NULL && spec != NULL, NULL);

  self = g_new0 (HrGitScan, 1);
  name = g_strconcat (spec->name, ".index", NULL);
  self->spec = hr_service_spec_ref (spec);
  self->state_dir = g_path_get_dirname (repo_path);
  self->index_path = g_build_filename (repo_path, "hotreload", name, NULL);
  return self;
}

/**
 * hr_git_scan_free:
 * @self: (transfer full) (nullable): a scan
 */
void
hr_git_scan_free (HrGitScan *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->tree, hr_tree_scan_free);
  hr_service_spec_unref (self->spec);
  g_free (self->state_dir);
  g_free (self->index_path);
  g_free (self);
}

static void
load_index (HrGitScan *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *aside = NULL;
  GHashTable *known = hr_scan_index_read (self->index_path, &error);

  if (known != NULL)
    hr_tree_scan_set_known (self->tree, known);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      aside = hr_fs_set_aside (self->index_path, NULL);
      hr_log_warning (self->spec->name, "%s: set aside as '%s', every file is read anew", error->message,
                      aside != NULL ? aside : self->index_path);
    }
}

static HrTreeScan *
need_tree (HrGitScan *self)
{
  if (self->tree == NULL)
    {
      self->tree = hr_tree_scan_new (self->spec, self->state_dir);
      load_index (self);
    }
  return self->tree;
}

/**
 * hr_git_scan_forget:
 * @self: a scan
 *
 * What it knows to be stored may not be: the next run reads every file.
 */
void
hr_git_scan_forget (HrGitScan *self)
{
  hr_tree_scan_forget (need_tree (self));
}

/**
 * hr_git_scan_allow_large:
 * @self: a scan
 *
 * From now on a source may be larger than what can be placed.
 */
void
hr_git_scan_allow_large (HrGitScan *self)
{
  hr_tree_scan_allow_large (need_tree (self));
}

static void
add_warning (HrScan *scan, char *text)
{
  guint n = g_strv_length (scan->warnings);

  scan->warnings = g_renew (char *, scan->warnings, n + 2);
  scan->warnings[n] = text;
  scan->warnings[n + 1] = NULL;
}

/**
 * hr_git_scan_run:
 * @self: a scan
 * @repo: where what was read is stored
 * @hints: (nullable): as of hr_release_store_scan_async()
 * @base_tree: (nullable): tree to compare with
 * @cancellable: (nullable): ends it
 * @damaged: (out): set to %TRUE when it failed because what is stored cannot be read
 * @error: return location
 *
 * Returns: (transfer full): what the source is now; %NULL with an error
 */
HrScan *
hr_git_scan_run (HrGitScan *self, HrGitRepo *repo, const char *const *hints, const char *base_tree,
                 GCancellable *cancellable, gboolean *damaged, GError **error)
{
  g_autoptr (HrScan) scan = g_new0 (HrScan, 1);
  g_autoptr (GError) local = NULL;

  if (!hr_tree_scan_run (need_tree (self), repo, hints, cancellable, scan, error))
    return NULL;
  if (!hr_git_tree_fill_scan (repo, base_tree, scan, &local))
    {
      /* A base that is damaged must not keep the source from being recorded. */
      add_warning (scan, g_strdup_printf ("every file counts as changed: %s", local->message));
      if (!hr_git_tree_fill_scan (repo, NULL, scan, error))
        {
          *damaged = TRUE;
          return NULL;
        }
    }
  return g_steal_pointer (&scan);
}

static guint
n_not_saved (HrGitScan *self)
{
  return self->tree != NULL ? hr_tree_scan_n_read (self->tree) - self->n_saved : 0;
}

/**
 * hr_git_scan_has_unsaved:
 * @self: a scan
 *
 * Returns: whether files were read since the index was written
 */
gboolean
hr_git_scan_has_unsaved (HrGitScan *self)
{
  return n_not_saved (self) > 0;
}

/**
 * hr_git_scan_save:
 * @self: a scan that has run
 * @repo: where what was read is stored
 *
 * Writes the index. When that fails, files are only read once more.
 */
void
hr_git_scan_save (HrGitScan *self, HrGitRepo *repo)
{
  g_autoptr (GError) error = NULL;

  self->n_saved = hr_tree_scan_n_read (self->tree);
  /* It says what is stored: that must survive what the index survives. */
  if (!hr_git_repo_sync (repo, &error)
      || !hr_scan_index_write (self->index_path, hr_tree_scan_root (self->tree), &error))
    hr_log_debug (self->spec->name, "the scan index is not kept: %s", error->message);
}

/**
 * hr_git_scan_save_many:
 * @self: a scan
 * @repo: where what was read is stored
 *
 * Writes the index if it is worth it: when many files were read since.
 */
void
hr_git_scan_save_many (HrGitScan *self, HrGitRepo *repo)
{
  if (n_not_saved (self) >= INDEX_FILES)
    hr_git_scan_save (self, repo);
}
