/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-tree.c: a directory is opened, then monitored, then listed: what appears while it is listed raises an
 * event, and what it was when the monitor was made is known by its inode and time of birth.
 */
#include "hr-watch-tree.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-ignore-rules.h"
#include "hr-watch-dir.h"
#include "hr-watch-inodes.h"
#include "hr-watch-limit.h"

struct _HrWatchTree {
  HrIgnore *ignore;
  HrWatchFunc func;
  gpointer user_data;
  guint limit; /* 0: the kernel's */

  char *root;       /* NULL: closed */
  GHashTable *dirs; /* path → HrWatchDir */
  guint walk;
  guint budget; /* how many directories all trees may watch, as of the last walk */
  guint n_over; /* directories that the last walk had no room for */
};

/* Directories with a monitor, of all trees: the kernel's limit is the user's. Of the watch thread. */
static guint n_watched;

static void
drop_dir (HrWatchDir *dir)
{
  n_watched--;
  hr_watch_inodes_remove (dir);
  hr_watch_dir_free (dir);
}

/**
 * hr_watch_tree_new:
 * @ignore: (transfer none): which directories are recorded; .gitignore files are entered into it as they are found
 * @func: told of every event
 * @user_data: for @func
 *
 * Returns: (transfer full): a closed tree
 */
HrWatchTree *
hr_watch_tree_new (HrIgnore *ignore, HrWatchFunc func, gpointer user_data)
{
  HrWatchTree *self;

  g_return_val_if_fail (HR_IS_IGNORE (ignore), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  self = g_new0 (HrWatchTree, 1);
  self->ignore = g_object_ref (ignore);
  self->func = func;
  self->user_data = user_data;
  self->dirs = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

/**
 * hr_watch_tree_free:
 * @self: (transfer full) (nullable): a tree
 */
void
hr_watch_tree_free (HrWatchTree *self)
{
  if (self == NULL)
    return;
  hr_watch_tree_close (self);
  g_hash_table_unref (self->dirs);
  g_object_unref (self->ignore);
  g_free (self);
}

/**
 * hr_watch_tree_set_limit:
 * @self: a tree
 * @limit: how many directories may be watched by all trees together; 0: what the kernel allows the user, but for some
 *   headroom
 */
void
hr_watch_tree_set_limit (HrWatchTree *self, guint limit)
{
  self->limit = limit;
}

static char *
full_path (HrWatchTree *self, const char *path)
{
  return *path == '\0' ? g_strdup (self->root) : g_build_filename (self->root, path, NULL);
}

/* The part of @path below the root: "" for the root, NULL for what lies elsewhere. */
static const char *
relative_path (HrWatchTree *self, const char *path)
{
  gsize length = strlen (self->root);

  if (strncmp (path, self->root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
    return NULL;
  return path[length] == '/' ? path + length + 1 : path + length;
}

static void
dir_changed (HrWatchEvent event, const char *full, gpointer user_data)
{
  HrWatchTree *self = user_data;
  const char *path = relative_path (self, full);

  if (path == NULL)
    return;
  if (event == HR_WATCH_ROOT || (*path == '\0' && event == HR_WATCH_NAMED))
    self->func (HR_WATCH_ROOT, NULL, self->user_data);
  else if (*path != '\0')
    self->func (event, path, self->user_data);
}

static void
enter_gitignore (HrWatchTree *self, const char *path, gboolean exists)
{
  g_autofree char *dir = full_path (self, path);
  g_autofree char *file = g_build_filename (dir, ".gitignore", NULL);
  g_autoptr (GBytes) bytes = exists ? hr_fs_read (file, HR_GITIGNORE_SIZE_MAX, NULL) : NULL;
  gsize size = 0;
  const char *text = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  /* An empty file has no data at all. */
  hr_ignore_enter (self->ignore, path, bytes != NULL && text == NULL ? "" : text, size);
}

/* Appends the directories in @path that are to be watched to @found. Takes @fd. Whether it has a .gitignore. */
static gboolean
list_dir (HrWatchTree *self, const char *path, int fd, GPtrArray *found)
{
  gboolean has_gitignore;
  g_autoptr (GPtrArray) names = hr_watch_dir_list (fd, &has_gitignore);

  /* What is ignored in here is known only now. */
  enter_gitignore (self, path, has_gitignore);
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *subdir = *path == '\0' ? g_strdup (name) : g_strconcat (path, "/", name, NULL);

      if (hr_ignore_classify (self->ignore, subdir, TRUE) == HR_PATH_RECORD && hr_ignore_watches (self->ignore, subdir))
        g_ptr_array_add (found, g_steal_pointer (&subdir));
    }
  return has_gitignore;
}

/* A directory that has another name now is still watched by its old one when the event that tells so comes later. That
 * watch must end before the new one begins. */
static void
drop_old_names (const HrInode *inode)
{
  g_autoptr (GSList) found = hr_watch_inodes_find (inode);

  for (GSList *item = found; item != NULL; item = item->next)
    {
      HrWatchDir *dir = item->data;
      HrWatchTree *owner = dir->owner;
      g_autofree char *full = full_path (owner, dir->path);
      HrInode now;

      /* Mounted twice, or watched for two services, it has several names. */
      if (hr_inode_read (AT_FDCWD, full, S_IFDIR, &now) && hr_watch_dir_is (dir, &now))
        continue;
      g_hash_table_remove (owner->dirs, dir->path);
      drop_dir (dir);
    }
}

static gboolean
watch_dir (HrWatchTree *self, const char *path, const char *full, const HrInode *inode, GError **error)
{
  HrWatchDir *dir;

  if (n_watched >= self->budget)
    {
      self->n_over++;
      return TRUE;
    }
  drop_old_names (inode);
  dir = hr_watch_dir_new (path, full, inode, dir_changed, self, error);
  if (dir == NULL)
    return FALSE;
  dir->owner = self;
  g_hash_table_insert (self->dirs, dir->path, dir);
  hr_watch_inodes_add (dir);
  n_watched++;
  return TRUE;
}

/* Sees to it that @path is watched, and appends what is to be watched in it to @found: always with @again, else only
 * if it was not watched before. What cannot be opened is left out: it will be told of when that changes. */
static gboolean
visit_dir (HrWatchTree *self, const char *path, gboolean again, GPtrArray *found, GError **error)
{
  g_autofree char *full = full_path (self, path);
  g_auto (HrFd) fd = open (full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  HrWatchDir *dir = g_hash_table_lookup (self->dirs, path);
  HrInode inode;
  gint64 now = g_get_real_time () * 1000;
  gboolean has_gitignore;

  if (fd < 0 || !hr_inode_read (fd, "", S_IFDIR, &inode))
    return TRUE;
  if (dir != NULL && !hr_watch_dir_is (dir, &inode))
    {
      g_hash_table_remove (self->dirs, path);
      drop_dir (g_steal_pointer (&dir));
    }
  if (dir != NULL && !again)
    return TRUE;
  if (dir == NULL && !watch_dir (self, path, full, &inode, error))
    return FALSE;

  has_gitignore = list_dir (self, path, hr_fd_steal (&fd), found);
  dir = g_hash_table_lookup (self->dirs, path);
  if (dir != NULL)
    {
      dir->walk = self->walk;
      hr_watch_dir_listed (dir, full, &inode, now, has_gitignore);
    }
  return TRUE;
}

/* Visits @path and all that is found in it. */
static gboolean
walk_from (HrWatchTree *self, const char *path, gboolean again, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);

  self->n_over = 0;
  self->budget = self->limit != 0 ? self->limit : hr_watch_limit_dirs ();
  g_ptr_array_add (found, g_strdup (path));
  while (found->len > 0)
    {
      g_autofree char *next = g_ptr_array_steal_index (found, found->len - 1);

      if (!visit_dir (self, next, again, found, error))
        return FALSE;
    }
  if (self->n_over > 0)
    return hr_watch_limit_set_error (error, self->root, n_watched + self->n_over);
  return TRUE;
}

/**
 * hr_watch_tree_open:
 * @self: a closed tree
 * @root: the source's directory, absolute, no link in its path
 * @error: return location
 *
 * Watches every recorded directory below @root. From the return on each change in them is told; a failed one leaves
 * nothing watched.
 *
 * Returns: success; else %HR_ERROR_LIMIT_EXCEEDED that names the sysctl and what to set it to, or a #GIOErrorEnum
 */
gboolean
hr_watch_tree_open (HrWatchTree *self, const char *root, GError **error)
{
  g_return_val_if_fail (self != NULL && self->root == NULL, FALSE);
  g_return_val_if_fail (root != NULL && *root == '/', FALSE);

  self->root = g_strdup (root);
  hr_ignore_forget (self->ignore);
  if (!walk_from (self, "", FALSE, error))
    {
      hr_watch_tree_close (self);
      return FALSE;
    }
  if (g_hash_table_size (self->dirs) == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "while watching '%s': it cannot be read", root);
      hr_watch_tree_close (self);
      return FALSE;
    }
  if (!hr_watch_limit_has_room (root))
    {
      hr_watch_limit_set_error (error, root, MAX (n_watched, hr_watch_limit_dirs ()));
      hr_watch_tree_close (self);
      return FALSE;
    }
  return TRUE;
}

/**
 * hr_watch_tree_close:
 * @self: a tree
 *
 * Nothing is watched any more.
 */
void
hr_watch_tree_close (HrWatchTree *self)
{
  GHashTableIter iter;
  gpointer dir;

  g_return_if_fail (self != NULL);

  g_hash_table_iter_init (&iter, self->dirs);
  while (g_hash_table_iter_next (&iter, NULL, &dir))
    {
      g_hash_table_iter_steal (&iter);
      drop_dir (dir);
    }
  g_clear_pointer (&self->root, g_free);
}

/**
 * hr_watch_tree_add:
 * @self: an open tree
 * @path: a recorded directory that appeared
 * @error: return location
 *
 * Watches @path and the recorded directories below it.
 *
 * Returns: success; else as for hr_watch_tree_open(), and what there was room for is watched
 */
gboolean
hr_watch_tree_add (HrWatchTree *self, const char *path, GError **error)
{
  return walk_from (self, path, FALSE, error);
}

/**
 * hr_watch_tree_has:
 * @self: a tree
 * @path: relative to the source
 *
 * Returns: whether @path is a directory that is watched
 */
gboolean
hr_watch_tree_has (HrWatchTree *self, const char *path)
{
  return g_hash_table_contains (self->dirs, path);
}

static gboolean
is_in_or_below (GHashTable *paths, const char *path)
{
  g_autofree char *parent = g_strdup (path);
  char *slash;

  do
    {
      if (g_hash_table_contains (paths, parent))
        return TRUE;
      slash = strrchr (parent, '/');
      if (slash != NULL)
        *slash = '\0';
  } while (slash != NULL);
  return FALSE;
}

/**
 * hr_watch_tree_drop:
 * @self: a tree
 * @paths: a set of paths
 *
 * Ends the watches of @paths and of what is below them.
 */
void
hr_watch_tree_drop (HrWatchTree *self, GHashTable *paths)
{
  GHashTableIter iter;
  gpointer path, dir;

  if (g_hash_table_size (paths) == 0)
    return;
  g_hash_table_iter_init (&iter, self->dirs);
  while (g_hash_table_iter_next (&iter, &path, &dir))
    if (is_in_or_below (paths, path))
      {
        g_hash_table_iter_steal (&iter);
        drop_dir (dir);
      }
}

/**
 * hr_watch_tree_apply_rules:
 * @self: an open tree
 * @error: return location
 *
 * A .gitignore changed: watches what is recorded now and was not, and ends the watches of what is ignored now.
 *
 * Returns: success; else as for hr_watch_tree_add()
 */
gboolean
hr_watch_tree_apply_rules (HrWatchTree *self, GError **error)
{
  GHashTableIter iter;
  gpointer value;

  self->walk++;
  hr_ignore_forget (self->ignore);
  if (!walk_from (self, "", TRUE, error))
    return FALSE;
  g_hash_table_iter_init (&iter, self->dirs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((HrWatchDir *)value)->walk != self->walk)
      {
        g_hash_table_iter_steal (&iter);
        drop_dir (value);
      }
  return TRUE;
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/**
 * hr_watch_tree_audit:
 * @self: an open tree
 * @error: return location
 *
 * Events may have been lost: looks at each watched directory itself, lists again those that changed, and watches what
 * it finds. Costs a call of stat for each that did not.
 *
 * Returns: success; else as for hr_watch_tree_add()
 */
gboolean
hr_watch_tree_audit (HrWatchTree *self, GError **error)
{
  g_autoptr (GHashTable) lost = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) stale = g_ptr_array_new_with_free_func (g_free);
  gboolean other_rules = FALSE;
  GHashTableIter iter;
  gpointer path, value;

  g_hash_table_iter_init (&iter, self->dirs);
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      g_autofree char *full = full_path (self, path);
      HrWatchDirState state = hr_watch_dir_inspect (value, full);

      if (state.gone)
        g_hash_table_add (lost, g_strdup (path));
      if (state.changed)
        g_ptr_array_add (stale, g_strdup (path));
      other_rules = other_rules || state.other_rules;
    }
  hr_watch_tree_drop (self, lost);
  if (other_rules)
    return hr_watch_tree_apply_rules (self, error);

  g_ptr_array_sort (stale, compare_paths);
  for (guint i = 0; i < stale->len; i++)
    {
      g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);

      if (!visit_dir (self, stale->pdata[i], TRUE, found, error))
        return FALSE;
      for (guint j = 0; j < found->len; j++)
        if (!hr_watch_tree_has (self, found->pdata[j]) && !walk_from (self, found->pdata[j], FALSE, error))
          return FALSE;
    }
  return TRUE;
}

/**
 * hr_watch_tree_size:
 * @self: a tree
 *
 * Returns: how many directories of the source are watched
 */
guint
hr_watch_tree_size (HrWatchTree *self)
{
  return g_hash_table_size (self->dirs);
}

/**
 * hr_watch_tree_root:
 * @self: a tree
 *
 * Returns: (nullable) (transfer none): the root it was opened with; %NULL while it is closed
 */
const char *
hr_watch_tree_root (HrWatchTree *self)
{
  return self->root;
}
