/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tree-scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-git-tree-private.h"
#include "hr-tree-scan-private.h"

/**
 * hr_tree_scan_new:
 * @spec: the service
 * @left_out: a directory that is not walked wherever it is: the daemon's own state
 *
 * Returns: (transfer full): a scan that knows nothing yet
 */
HrTreeScan *
hr_tree_scan_new (HrServiceSpec *spec, const char *left_out)
{
  HrTreeScan *self = g_new0 (HrTreeScan, 1);

  self->spec = hr_service_spec_ref (spec);
  self->ignore = hr_ignore_new (spec);
  self->left_out = g_strdup (left_out);
  self->root = hr_node_new_root ();
  self->path = g_string_new (NULL);
  self->again = g_ptr_array_new_with_free_func (g_free);
  self->buffer = g_byte_array_new ();
  return self;
}

/**
 * hr_tree_scan_allow_large:
 * @self: a scan
 *
 * From now on the limits are those of Slots=no: nothing of it will be placed.
 */
void
hr_tree_scan_allow_large (HrTreeScan *self)
{
  self->large = TRUE;
}

/**
 * hr_tree_scan_free:
 * @self: (transfer full) (nullable): a scan
 */
void
hr_tree_scan_free (HrTreeScan *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_clear_object (&self->ignore);
  g_clear_pointer (&self->root, hr_node_free_root);
  g_clear_pointer (&self->known, g_hash_table_unref);
  g_string_free (self->path, TRUE);
  g_ptr_array_unref (self->again);
  g_byte_array_unref (self->buffer);
  g_free (self->left_out);
  g_free (self);
}

/**
 * hr_tree_scan_set_known:
 * @self: a scan that was not run yet
 * @known: (transfer full) (nullable) (element-type filename HrIndexEntry): what an earlier daemon knew
 */
void
hr_tree_scan_set_known (HrTreeScan *self, GHashTable *known)
{
  g_clear_pointer (&self->known, g_hash_table_unref);
  self->known = known;
}

/**
 * hr_tree_scan_root:
 * @self: a scan
 *
 * Returns: (transfer none): what it knows of the source
 */
const HrNode *
hr_tree_scan_root (HrTreeScan *self)
{
  return self->root;
}

/**
 * hr_tree_scan_n_read:
 * @self: a scan
 *
 * Returns: how many files and links were read since it was made
 */
guint
hr_tree_scan_n_read (HrTreeScan *self)
{
  return self->n_read;
}

gsize
hr_tree_scan_push (HrTreeScan *self, const char *name)
{
  gsize length = self->path->len;

  if (length > 0)
    g_string_append_c (self->path, '/');
  g_string_append (self->path, name);
  return length;
}

void
hr_tree_scan_pop (HrTreeScan *self, gsize length)
{
  g_string_truncate (self->path, length);
}

gboolean
hr_tree_scan_set_error (HrTreeScan *self, int errnum, const char *doing, GError **error)
{
  return hr_fs_set_error (error, errnum, "while %s '%s' of '%s'", doing, self->path->len > 0 ? self->path->str : ".",
                          self->spec->source);
}

/**
 * hr_tree_scan_forget:
 * @self: a scan
 *
 * Forgets what is known: the next run reads every file, and stores anew what is missing or damaged.
 */
void
hr_tree_scan_forget (HrTreeScan *self)
{
  g_clear_pointer (&self->known, g_hash_table_unref);
  hr_node_free_root (self->root);
  self->root = hr_node_new_root ();
  memset (&self->totals, 0, sizeof self->totals);
  hr_ignore_forget (self->ignore);
  self->complete = FALSE;
}

static int
open_source (HrTreeScan *self, GError **error)
{
  g_auto (HrFd) fd = open (self->spec->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat info, left_out;

  if (fd < 0 || fstat (fd, &info) != 0)
    {
      hr_fs_set_error (error, errno, "while opening the source '%s'", self->spec->source);
      return -1;
    }
  /* Another directory under the same path, behind a link that was swapped or a mount. */
  if (info.st_dev != self->device || info.st_ino != self->inode)
    self->complete = FALSE;
  self->device = info.st_dev;
  self->inode = info.st_ino;

  self->left_out_device = 0;
  self->left_out_inode = 0;
  if (self->left_out != NULL && stat (self->left_out, &left_out) == 0)
    {
      self->left_out_device = left_out.st_dev;
      self->left_out_inode = left_out.st_ino;
    }
  return hr_fd_steal (&fd);
}

static gboolean
look (HrTreeScan *self, int root_fd, const char *const *hints, GError **error)
{
  g_string_truncate (self->path, 0);
  if (hints == NULL || *hints == NULL || g_strv_length ((GStrv)hints) > HR_TREE_SCAN_HINTS_MAX)
    return hr_tree_look_all (self, root_fd, error);
  for (; *hints != NULL; hints++)
    {
      g_string_truncate (self->path, 0);
      if (!hr_tree_look_hint (self, root_fd, *hints, error))
        return FALSE;
    }
  return TRUE;
}

/* Stores what is dirty; what changes while it is read is looked at again, a few times. The thread that scans waits for
 * that, not the caller with a timer of its own: a scan by hand, at the start or after a pause has had no quiet time, and
 * must not fail because of a file that is being written; and what has been stored stays in the batch under way. All
 * waits together are less than half a second. */
static gboolean
record (HrTreeScan *self, int root_fd, GError **error)
{
  for (guint tries = 1;; tries++)
    {
      g_autoptr (GPtrArray) again = NULL;

      g_string_truncate (self->path, 0);
      if (!hr_tree_record (self, root_fd, error))
        return FALSE;
      if (self->again->len == 0)
        return TRUE;
      if (tries == HR_TREE_SCAN_TRIES_MAX)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       "while recording '%s' of '%s': it changes all the time; if it is no code, leave it out with "
                       "Ignore= in [Watch]",
                       (char *)self->again->pdata[0], self->spec->source);
          return FALSE;
        }
      again = g_steal_pointer (&self->again);
      self->again = g_ptr_array_new_with_free_func (g_free);
      g_usleep (tries * HR_TREE_SCAN_TRY_USEC);
      g_ptr_array_add (again, NULL);
      if (!look (self, root_fd, (const char *const *)again->pdata, error))
        return FALSE;
    }
}

static guint
best_umask (const HrNode *root)
{
  guint best = 0;

  for (guint i = 1; i < HR_MANIFEST_N_UMASKS; i++)
    if (root->dir->n_odd[i] < root->dir->n_odd[best])
      best = i;
  return best;
}

static void
append_manifest (HrTreeScan *self, const HrNode *dir, guint umask_at, GString *text)
{
  guint bits = hr_manifest_umasks[umask_at];

  for (guint i = 0; i < dir->dir->children->len; i++)
    {
      const HrNode *child = g_ptr_array_index (dir->dir->children, i);
      gsize length = hr_tree_scan_push (self, child->name);

      if (child->kind == HR_NODE_FILE && child->mode != hr_manifest_default_mode (bits, (child->mode & 0100) != 0))
        hr_manifest_append (text, 'f', child->mode, self->path->str);
      else if (child->kind == HR_NODE_DIR)
        {
          if (child->dir->n_kept == 0)
            hr_manifest_append (text, 'e', child->mode, self->path->str);
          else if (child->mode != hr_manifest_default_mode (bits, TRUE))
            hr_manifest_append (text, 'd', child->mode, self->path->str);
          if (child->dir->n_odd[umask_at] > 0)
            append_manifest (self, child, umask_at, text);
        }
      hr_tree_scan_pop (self, length);
    }
}

static gboolean
write_top (HrTreeScan *self, HrScan *scan, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint umask_at = best_umask (self->root);
  char hex[HR_OID_HEX];
  HrOid top;

  g_string_truncate (self->path, 0);
  hr_manifest_begin (text, hr_manifest_umasks[umask_at]);
  append_manifest (self, self->root, umask_at, text);
  if (!hr_git_tree_write_top (self->repo, &self->root->oid, text, &top, error))
    return FALSE;
  hr_oid_to_hex (&top, hex);
  g_free (scan->tree);
  scan->tree = g_strdup (hex);
  return TRUE;
}

static void
collect_extra (HrTreeScan *self, const HrNode *dir, GStrvBuilder *dirs, GStrvBuilder *files, GStrvBuilder *warnings)
{
  for (guint i = 0; i < dir->dir->children->len; i++)
    {
      const HrNode *child = g_ptr_array_index (dir->dir->children, i);
      gsize length = hr_tree_scan_push (self, child->name);

      if (child->kind == HR_NODE_SHARED)
        g_strv_builder_add (child->is_dir ? dirs : files, self->path->str);
      else if (child->kind == HR_NODE_SPECIAL)
        {
          g_autofree char *shown = g_filename_display_name (self->path->str);
          g_autofree char *text =
              g_strdup_printf ("'%s' is neither file, directory nor link and is not recorded", shown);

          g_strv_builder_add (warnings, text);
        }
      else if (child->kind == HR_NODE_DIR && child->dir->n_extra > 0)
        collect_extra (self, child, dirs, files, warnings);
      hr_tree_scan_pop (self, length);
    }
}

static void
fill (HrTreeScan *self, HrScan *scan)
{
  g_autoptr (GStrvBuilder) dirs = g_strv_builder_new (), files = g_strv_builder_new (),
                           warnings = g_strv_builder_new ();

  g_string_truncate (self->path, 0);
  collect_extra (self, self->root, dirs, files, warnings);
  scan->share_dirs = g_strv_builder_end (dirs);
  scan->share_files = g_strv_builder_end (files);
  scan->warnings = g_strv_builder_end (warnings);
  scan->n_files = self->totals.n_files;
  scan->quiet = self->quiet;
}

static gboolean
look_and_record (HrTreeScan *self, const char *const *hints, HrScan *scan, GError **error)
{
  g_auto (HrFd) root_fd = -1;
  g_autoptr (GError) local = NULL;
  gboolean batch, ok;

  /* Without a source there is nothing to look at; the empty one is recorded all the same, so that it has a release. */
  if (self->spec->source != NULL)
    {
      root_fd = open_source (self, error);
      if (root_fd < 0)
        return FALSE;
      if (!look (self, root_fd, self->complete ? hints : NULL, &local))
        {
          /* A tree that is refused for its size is not kept in memory. */
          if (g_error_matches (local, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED))
            hr_tree_scan_forget (self);
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
    }

  batch = self->totals.n_dirty > HR_TREE_SCAN_BATCH_FILES;
  if (batch)
    hr_git_repo_begin_batch (self->repo);
  ok = record (self, root_fd, error) && write_top (self, scan, error);
  if (batch && !hr_git_repo_end_batch (self->repo, &local))
    {
      /* What is known says that it is stored, and it is not. */
      hr_tree_scan_forget (self);
      if (ok)
        g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return ok;
}

/**
 * hr_tree_scan_run:
 * @self: a scan
 * @repo: where to store
 * @hints: (nullable): the only paths that may have changed since the last run; ignored when that did not end well
 * @cancellable: (nullable): looked at between two files
 * @scan: an empty scan; its tree, n_files, share_dirs, share_files, warnings and quiet are set
 * @error: return location
 *
 * Returns: whether the source is stored; else %G_IO_ERROR_CANCELLED, %HR_ERROR_LIMIT_EXCEEDED, %G_IO_ERROR_BUSY for a
 *   file that changes all the time, or another error that names the path
 */
gboolean
hr_tree_scan_run (HrTreeScan *self, HrGitRepo *repo, const char *const *hints, GCancellable *cancellable, HrScan *scan,
                  GError **error)
{
  gboolean ok;

  self->repo = repo;
  self->cancellable = cancellable;
  self->quiet = G_MAXINT64;
  g_ptr_array_set_size (self->again, 0);

  ok = look_and_record (self, hints, scan, error);
  self->complete = ok;
  if (ok)
    {
      fill (self, scan);
      g_clear_pointer (&self->known, g_hash_table_unref);
    }

  self->repo = NULL;
  self->cancellable = NULL;
  /* One large file must not keep its size in memory for ever. */
  g_byte_array_unref (self->buffer);
  self->buffer = g_byte_array_new ();
  return ok;
}
