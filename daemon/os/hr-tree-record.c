/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tree-record.c: the second pass of a scan: what is dirty is read and stored, and the trees above it are formed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-tree-scan-private.h"

/* Whether content with these times may be changed once more without getting others. */
static gboolean
is_racy (const HrStatKey *key, const struct timespec *read_at)
{
  return key->ctime > (gint64)read_at->tv_sec * 1000000000 + read_at->tv_nsec - HR_TREE_SCAN_RACY_NSEC;
}

static gboolean
changed_while_read (HrTreeScan *self)
{
  g_ptr_array_add (self->again, g_strdup (self->path->str));
  return TRUE;
}

/* Reads until the end; -1 with errno set when that fails, else how many bytes, at most one more than @size. */
static gssize
read_all (int fd, guint8 *buffer, gsize size)
{
  gsize done = 0;

  while (done <= size)
    {
      ssize_t got = read (fd, buffer + done, size + 1 - done);

      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return -1;
      if (got == 0)
        break;
      done += (gsize)got;
    }
  return (gssize)done;
}

/* Stores the content of @fd; %FALSE without an error when it became longer or shorter than @size. */
static gboolean
store_content (HrTreeScan *self, int fd, guint64 size, HrOid *oid, GError **error)
{
  gssize got;

  if (size > HR_TREE_SCAN_MEMORY_MAX)
    {
      g_autoptr (GError) local = NULL;

      if (hr_git_repo_write_fd (self->repo, fd, size, oid, &local))
        return TRUE;
      if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT))
        g_propagate_prefixed_error (error, g_steal_pointer (&local), "while recording '%s' of '%s': ", self->path->str,
                                    self->spec->source);
      return FALSE;
    }
  if (self->buffer->len <= size)
    g_byte_array_set_size (self->buffer, (guint)size + 1);
  got = read_all (fd, self->buffer->data, size);
  if (got < 0)
    return hr_tree_scan_set_error (self, errno, "reading", error);
  return (guint64)got == size && hr_git_repo_write_blob (self->repo, self->buffer->data, size, oid, error);
}

/* Not by the coarse clock, which gives files their times: what it says of an age is then never too little. A time to
 * come is of another machine's clock, and says nothing. */
static gint64
usec_since (const HrStatKey *key)
{
  gint64 age = g_get_real_time () - key->ctime / 1000;

  return age >= 0 ? age : G_MAXINT64;
}

static void
set_read (HrTreeScan *self, HrNode *node, const struct stat *info, const struct timespec *read_at, const HrOid *oid)
{
  HrStatKey key = hr_stat_key (info);

  hr_node_set_size (node, key.size, &self->totals);
  node->key = key;
  node->racy = is_racy (&key, read_at);
  if (node->kind == HR_NODE_FILE)
    node->mode = info->st_mode & 07777;
  hr_node_set_stored (node, oid, &self->totals);
  self->n_read++;
}

static gboolean
record_file (HrTreeScan *self, HrNode *node, int dir_fd, GError **error)
{
  g_auto (HrFd) fd = openat (dir_fd, node->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  g_autoptr (GError) local = NULL;
  struct timespec read_at;
  struct stat before, after;
  HrStatKey first, second;
  gint64 quiet;
  HrOid oid;

  if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
    return changed_while_read (self);
  clock_gettime (CLOCK_REALTIME_COARSE, &read_at);
  if (fd < 0 || fstat (fd, &before) != 0)
    return hr_tree_scan_set_error (self, errno, "opening", error);
  if (!S_ISREG (before.st_mode))
    return changed_while_read (self);
  first = hr_stat_key (&before);
  quiet = usec_since (&first);

  if (!store_content (self, fd, (guint64)before.st_size, &oid, &local))
    {
      if (local == NULL)
        return changed_while_read (self);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (fstat (fd, &after) != 0)
    return hr_tree_scan_set_error (self, errno, "looking at", error);
  second = hr_stat_key (&after);
  if (!hr_stat_key_equal (&first, &second))
    return changed_while_read (self);
  self->quiet = MIN (self->quiet, quiet);
  set_read (self, node, &after, &read_at, &oid);
  return TRUE;
}

static gboolean
record_link (HrTreeScan *self, HrNode *node, int dir_fd, GError **error)
{
  char target[PATH_MAX];
  struct timespec read_at;
  struct stat info;
  ssize_t length;
  HrOid oid;

  clock_gettime (CLOCK_REALTIME_COARSE, &read_at);
  if (fstatat (dir_fd, node->name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? changed_while_read (self) : hr_tree_scan_set_error (self, errno, "looking at", error);
  length = readlinkat (dir_fd, node->name, target, sizeof target);
  if (length < 0 && (errno == EINVAL || errno == ENOENT))
    return changed_while_read (self);
  if (length < 0)
    return hr_tree_scan_set_error (self, errno, "reading link", error);
  /* A link is never changed, only replaced; a target of another length is another link's. */
  if (!S_ISLNK (info.st_mode) || (info.st_size != 0 && info.st_size != length))
    return changed_while_read (self);
  if (!hr_git_repo_write_blob (self->repo, target, (gsize)length, &oid, error))
    return FALSE;
  set_read (self, node, &info, &read_at, &oid);
  return TRUE;
}

static int
compare_for_git (gconstpointer a, gconstpointer b)
{
  const HrNode *first = *(const HrNode *const *)a, *second = *(const HrNode *const *)b;
  gsize n_first = strlen (first->name), n_second = strlen (second->name);
  int order = memcmp (first->name, second->name, MIN (n_first, n_second));
  guchar end_first, end_second;

  if (order != 0)
    return order;
  end_first = n_first > n_second ? (guchar)first->name[n_second] : first->is_dir ? '/' : 0;
  end_second = n_second > n_first ? (guchar)second->name[n_first] : second->is_dir ? '/' : 0;
  return (int)end_first - (int)end_second;
}

static gboolean
write_tree (HrTreeScan *self, HrNode *dir, GError **error)
{
  g_autoptr (GByteArray) tree = g_byte_array_new ();
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  HrOid oid;

  hr_node_sum (dir);
  for (guint i = 0; i < dir->dir->children->len; i++)
    {
      HrNode *child = g_ptr_array_index (dir->dir->children, i);

      if (child->kind < HR_NODE_DIR || (child->kind == HR_NODE_DIR && child->dir->n_recorded > 0))
        g_ptr_array_add (sorted, child);
    }
  g_ptr_array_sort (sorted, compare_for_git);
  for (guint i = 0; i < sorted->len; i++)
    {
      const HrNode *child = g_ptr_array_index (sorted, i);
      HrGitItem item = { child->name, HR_GIT_MODE_DIR, child->oid };

      if (child->kind == HR_NODE_LINK)
        item.mode = HR_GIT_MODE_LINK;
      else if (child->kind == HR_NODE_FILE)
        item.mode = (child->mode & 0100) != 0 ? HR_GIT_MODE_EXEC : HR_GIT_MODE_FILE;
      hr_git_item_append (tree, &item);
    }
  if (!hr_git_repo_write_tree (self->repo, tree, &oid, error))
    return FALSE;
  hr_node_set_stored (dir, &oid, &self->totals);
  return TRUE;
}

static gboolean
record_dir (HrTreeScan *self, HrNode *dir, int fd, GError **error)
{
  guint unstable = self->again->len;

  for (guint i = 0; i < dir->dir->children->len; i++)
    {
      HrNode *child = g_ptr_array_index (dir->dir->children, i);
      gsize length = hr_tree_scan_push (self, child->name);
      gboolean ok = TRUE;

      if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return FALSE;
      if (child->dirty && child->kind == HR_NODE_FILE)
        ok = record_file (self, child, fd, error);
      else if (child->dirty && child->kind == HR_NODE_LINK)
        ok = record_link (self, child, fd, error);
      else if (child->dirty && child->kind == HR_NODE_DIR)
        {
          g_auto (HrFd) sub = openat (fd, child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

          if (sub >= 0)
            ok = record_dir (self, child, sub, error);
          else if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
            ok = changed_while_read (self);
          else
            ok = hr_tree_scan_set_error (self, errno, "opening directory", error);
        }
      if (!ok)
        return FALSE;
      hr_tree_scan_pop (self, length);
    }
  return self->again->len > unstable || write_tree (self, dir, error);
}

/**
 * hr_tree_record:
 * @self: a scan
 * @root_fd: the source
 * @error: return location
 *
 * Reads and stores what is dirty. What changed meanwhile is left dirty and named in the scan's "again".
 *
 * Returns: success; else an error that names the path is set
 */
gboolean
hr_tree_record (HrTreeScan *self, int root_fd, GError **error)
{
  return !self->root->dirty || record_dir (self, self->root, root_fd, error);
}
