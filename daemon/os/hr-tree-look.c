/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tree-look.c: the first pass of a scan: which names there are, what becomes of them, and which must be read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-ignore-defaults.h"
#include "hr-scan-index.h"
#include "hr-tree-scan-private.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DIR, closedir)

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define GITIGNORE ".gitignore"

typedef struct {
  guint8 type; /* DT_… */
  char name[];
} Name;

static gboolean look_dir (HrTreeScan *self, HrNode *dir, int *fd, gboolean anew, guint depth, GError **error);

static gboolean
check_limits (HrTreeScan *self, GError **error)
{
  gboolean no_slots = self->large || self->spec->slots == HR_SLOTS_NO;
  guint files_max = no_slots ? HR_TREE_SCAN_FILES_MAX_NO_SLOTS : HR_TREE_SCAN_FILES_MAX;
  guint64 bytes_max = no_slots ? HR_TREE_SCAN_BYTES_MAX_NO_SLOTS : HR_TREE_SCAN_BYTES_MAX;
  g_autofree char *what = NULL;

  if (self->totals.n_files <= files_max && self->totals.n_bytes <= bytes_max)
    return TRUE;
  what = self->totals.n_files > files_max ? g_strdup_printf ("%u files", files_max)
                                          : g_strdup_printf ("%u GiB", (guint)(bytes_max >> 30));
  g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
               "while scanning '%s': it has more than %s that are not ignored: leave some out with Ignore= in [Watch] "
               "or with .gitignore%s",
               self->spec->source, what, no_slots ? "" : ", or set Slots=no");
  return FALSE;
}

static HrNodeKind
kind_for_class (HrTreeScan *self, const char *name, gboolean is_dir)
{
  switch (hr_ignore_classify (self->ignore, self->path->str, is_dir))
    {
    case HR_PATH_RECORD:
      /* Also what git itself put into a submodule or worktree is never the service's code. */
      return g_str_equal (name, ".git") ? HR_NODE_SHARED : HR_NODE_FILE;
    case HR_PATH_SHARE:
      return HR_NODE_SHARED;
    default:
      return HR_NODE_LEFT_OUT;
    }
}

static void
set_mode (HrTreeScan *self, HrNode *node, guint mode)
{
  if (node->mode == mode)
    return;
  node->mode = (guint16)mode;
  hr_node_set_dirty (node->parent, &self->totals);
}

static gboolean
look_leaf (HrTreeScan *self, HrNode *dir, const char *name, const struct stat *info, GError **error)
{
  HrNodeKind kind = S_ISLNK (info->st_mode) ? HR_NODE_LINK : HR_NODE_FILE;
  HrNode *old = hr_node_find (dir, name);
  HrNode *node = hr_node_put (dir, name, kind, FALSE, &self->totals);
  HrStatKey key = hr_stat_key (info);
  const HrIndexEntry *known =
      node != old && self->known != NULL ? g_hash_table_lookup (self->known, self->path->str) : NULL;

  set_mode (self, node, kind == HR_NODE_LINK ? 0777 : info->st_mode & 07777);
  if (known != NULL && known->kind == kind && hr_stat_key_equal (&known->key, &key)
      && hr_git_repo_has (self->repo, &known->oid))
    hr_node_set_stored (node, &known->oid, &self->totals);
  else if (node->racy || !hr_stat_key_equal (&node->key, &key))
    hr_node_set_dirty (node, &self->totals);
  hr_node_set_size (node, key.size, &self->totals);
  node->key = key;
  return check_limits (self, error);
}

static gboolean
look_subdir (HrTreeScan *self, HrNode *dir, int fd, const char *name, const struct stat *info, gboolean anew,
             guint depth, GError **error)
{
  g_auto (HrFd) sub = -1;
  HrNode *node;

  if (info->st_dev == self->left_out_device && info->st_ino == self->left_out_inode)
    {
      hr_node_put (dir, name, HR_NODE_LEFT_OUT, TRUE, &self->totals);
      return TRUE;
    }
  if (depth >= HR_TREE_SCAN_DEPTH_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                   "while scanning '%s': '%s' is more than %d directories deep: leave it out with Ignore= in [Watch]",
                   self->spec->source, self->path->str, HR_TREE_SCAN_DEPTH_MAX);
      return FALSE;
    }
  sub = openat (fd, name, OPEN_DIR);
  if (sub < 0)
    {
      /* Gone, or no directory any more: whatever it is, there will be a hint of it. */
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return hr_tree_scan_set_error (self, errno, "opening directory", error);
      if ((node = hr_node_find (dir, name)) != NULL)
        hr_node_remove (dir, node, &self->totals);
      return TRUE;
    }
  node = hr_node_put (dir, name, HR_NODE_DIR, TRUE, &self->totals);
  set_mode (self, node, info->st_mode & 07777);
  return look_dir (self, node, &sub, anew, depth + 1, error);
}

/* Looks at one entry of @dir and all below it. @type is what reading the directory said, or DT_UNKNOWN. */
static gboolean
look_entry (HrTreeScan *self, HrNode *dir, int fd, const char *name, guint8 type, gboolean anew, guint depth,
            GError **error)
{
  HrNode *node = hr_node_find (dir, name);
  gboolean not_recorded = node != NULL && (node->kind == HR_NODE_SHARED || node->kind == HR_NODE_LEFT_OUT);
  gboolean is_dir;
  HrNodeKind kind;
  struct stat info;

  if (not_recorded && !anew && type != DT_UNKNOWN && node->is_dir == (type == DT_DIR))
    return TRUE;
  if (fstatat (fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    {
      if (errno != ENOENT)
        return hr_tree_scan_set_error (self, errno, "looking at", error);
      if (node != NULL)
        hr_node_remove (dir, node, &self->totals);
      return TRUE;
    }

  is_dir = S_ISDIR (info.st_mode);
  if (node == NULL || anew || node->is_dir != is_dir)
    kind = kind_for_class (self, name, is_dir);
  else
    kind = not_recorded ? node->kind : HR_NODE_FILE;
  if (kind == HR_NODE_FILE && S_ISREG (info.st_mode) && hr_ignore_is_being_written (name, info.st_mode & 07777))
    kind = HR_NODE_LEFT_OUT;

  if (kind == HR_NODE_SHARED || kind == HR_NODE_LEFT_OUT)
    hr_node_put (dir, name, kind, is_dir, &self->totals);
  else if (is_dir)
    return look_subdir (self, dir, fd, name, &info, anew, depth, error);
  else if (S_ISREG (info.st_mode) || S_ISLNK (info.st_mode))
    return look_leaf (self, dir, name, &info, error);
  else
    hr_node_put (dir, name, HR_NODE_SPECIAL, FALSE, &self->totals);
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const Name *const *)a)->name, (*(const Name *const *)b)->name);
}

static GPtrArray *
read_names (HrTreeScan *self, DIR *dir, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  struct dirent *entry;

  while ((errno = 0, entry = readdir (dir)) != NULL)
    {
      gsize size = strlen (entry->d_name) + 1;
      Name *name;

      if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
        continue;
      name = g_malloc (sizeof (Name) + size);
      name->type = entry->d_type;
      memcpy (name->name, entry->d_name, size);
      g_ptr_array_add (names, name);
    }
  if (errno != 0)
    {
      hr_tree_scan_set_error (self, errno, "reading directory", error);
      return NULL;
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/* Forgets the entries of @dir that are not among @names; both are sorted. */
static void
forget_missing (HrTreeScan *self, HrNode *dir, GPtrArray *names)
{
  guint at = names->len;

  for (guint i = dir->dir->children->len; i > 0; i--)
    {
      HrNode *child = g_ptr_array_index (dir->dir->children, i - 1);

      while (at > 0 && strcmp (((Name *)g_ptr_array_index (names, at - 1))->name, child->name) > 0)
        at--;
      if (at == 0 || !g_str_equal (((Name *)g_ptr_array_index (names, at - 1))->name, child->name))
        hr_node_remove (dir, child, &self->totals);
    }
}

/* Hands the directory's .gitignore on when it is not the one that was read last. */
static void
look_gitignore (HrTreeScan *self, HrNode *dir, int fd, gboolean *anew)
{
  g_auto (HrFd) file = openat (fd, GITIGNORE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  g_autofree char *text = NULL;
  struct timespec now;
  struct stat info;
  HrStatKey key;
  ssize_t got;

  clock_gettime (CLOCK_REALTIME_COARSE, &now);
  if (file < 0 || fstat (file, &info) != 0 || !S_ISREG (info.st_mode) || info.st_size > HR_TREE_SCAN_GITIGNORE_MAX)
    {
      /* A directory that is new here may have had another life, with a .gitignore. */
      if (dir->dir->ignores != NULL || dir->dir->children->len == 0)
        hr_ignore_enter (self->ignore, self->path->str, NULL, 0);
      *anew |= dir->dir->ignores != NULL;
      g_clear_pointer (&dir->dir->ignores, g_free);
      return;
    }
  key = hr_stat_key (&info);
  if (dir->dir->ignores != NULL && hr_stat_key_equal (dir->dir->ignores, &key))
    return;

  text = g_malloc ((gsize)info.st_size + 1);
  got = pread (file, text, (gsize)info.st_size, 0);
  text[MAX (got, 0)] = 0;
  hr_ignore_enter (self->ignore, self->path->str, text, (gsize)MAX (got, 0));
  /* Read so shortly after a change that another may have the same time: read it again the next time. */
  if (key.ctime > (gint64)now.tv_sec * 1000000000 + now.tv_nsec - HR_TREE_SCAN_RACY_NSEC)
    key.ctime = 0;
  g_free (dir->dir->ignores);
  dir->dir->ignores = g_memdup2 (&key, sizeof key);
  *anew = TRUE;
}

/* Looks at all of @dir. @fd is taken over. @anew: what becomes of each path is asked again. */
static gboolean
look_dir (HrTreeScan *self, HrNode *dir, int *fd, gboolean anew, guint depth, GError **error)
{
  g_autoptr (DIR) stream = NULL;
  g_autoptr (GPtrArray) names = NULL;

  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  stream = fdopendir (*fd);
  if (stream == NULL)
    return hr_tree_scan_set_error (self, errno, "reading directory", error);
  hr_fd_steal (fd);

  names = read_names (self, stream, error);
  if (names == NULL)
    return FALSE;
  look_gitignore (self, dir, dirfd (stream), &anew);
  forget_missing (self, dir, names);
  for (guint i = 0; i < names->len; i++)
    {
      const Name *name = g_ptr_array_index (names, i);
      gsize length = hr_tree_scan_push (self, name->name);

      if (!look_entry (self, dir, dirfd (stream), name->name, name->type, anew, depth, error))
        return FALSE;
      hr_tree_scan_pop (self, length);
    }
  return TRUE;
}

static int
reopen (HrTreeScan *self, int fd, GError **error)
{
  int again = openat (fd, ".", OPEN_DIR);

  if (again < 0)
    hr_tree_scan_set_error (self, errno, "opening directory", error);
  return again;
}

/**
 * hr_tree_look_all:
 * @self: a scan
 * @root_fd: the source
 * @error: return location
 *
 * Looks at every path that is not ignored.
 *
 * Returns: success; else an error that names the path is set
 */
gboolean
hr_tree_look_all (HrTreeScan *self, int root_fd, GError **error)
{
  g_auto (HrFd) fd = reopen (self, root_fd, error);

  return fd >= 0 && look_dir (self, self->root, &fd, FALSE, 0, error);
}

/**
 * hr_tree_look_hint:
 * @self: a scan
 * @root_fd: the source
 * @hint: a path relative to the source
 * @error: return location
 *
 * Looks at one path and all below it, or at the first of its parents that is not what it was.
 *
 * Returns: success; else an error that names the path is set
 */
gboolean
hr_tree_look_hint (HrTreeScan *self, int root_fd, const char *hint, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (hint, "/", -1);
  g_auto (HrFd) fd = reopen (self, root_fd, error);
  HrNode *dir = self->root;
  guint depth = 0;
  const char *name = NULL;

  if (fd < 0)
    return FALSE;
  for (char **part = parts; *part != NULL; part++)
    {
      HrNode *next;
      int sub;

      if (**part == 0 || g_str_equal (*part, "."))
        continue;
      if (g_str_equal (*part, ".."))
        return hr_tree_look_all (self, root_fd, error);
      if (name != NULL)
        {
          /* The part before this one is a directory that is known, or it is where to look. */
          next = hr_node_find (dir, name);
          sub = next != NULL && next->kind == HR_NODE_DIR ? openat (fd, name, OPEN_DIR) : -1;
          if (sub < 0)
            break;
          hr_fd_clear (&fd);
          fd = sub;
          hr_tree_scan_push (self, name);
          dir = next;
          depth++;
        }
      name = *part;
    }
  /* A change of .gitignore changes what becomes of everything beside it. */
  if (name == NULL || g_str_equal (name, GITIGNORE))
    return look_dir (self, dir, &fd, FALSE, depth, error);
  hr_tree_scan_push (self, name);
  return look_entry (self, dir, fd, name, DT_UNKNOWN, FALSE, depth, error);
}
