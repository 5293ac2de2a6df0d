/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watch-dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that changed this shortly before it was listed may change again without another time, in nanoseconds. */
#define RACY_NSEC (50 * G_GINT64_CONSTANT (1000000))

/**
 * hr_watch_dir_new:
 * @path: relative to the source
 * @full: the same, absolute
 * @inode: what it means
 * @func: told of every event
 * @user_data: for @func
 * @error: return location
 *
 * Returns: (transfer full): a watched directory, not listed yet; %NULL with a #GIOErrorEnum that names it
 */
HrWatchDir *
hr_watch_dir_new (const char *path, const char *full, const HrInode *inode, HrWatchMonitorFunc func, gpointer user_data,
                  GError **error)
{
  HrWatchMonitor *monitor = hr_watch_monitor_new (full, func, user_data, error);
  HrWatchDir *self;

  if (monitor == NULL)
    return NULL;
  self = g_new0 (HrWatchDir, 1);
  self->path = g_strdup (path);
  self->monitor = monitor;
  self->inode = *inode;
  return self;
}

/**
 * hr_watch_dir_free:
 * @self: (transfer full): a directory; it is not watched any more
 */
void
hr_watch_dir_free (HrWatchDir *self)
{
  hr_watch_monitor_free (self->monitor);
  g_free (self->path);
  g_free (self);
}

/**
 * hr_watch_dir_is:
 * @self: a directory
 * @inode: what its path means now
 *
 * Returns: whether that is what is watched
 */
gboolean
hr_watch_dir_is (const HrWatchDir *self, const HrInode *inode)
{
  return hr_inode_is_same (&self->inode, inode);
}

static HrInode
inode_of_rules (const char *full)
{
  g_autofree char *file = g_build_filename (full, ".gitignore", NULL);
  HrInode inode;

  hr_inode_read (AT_FDCWD, file, S_IFREG, &inode);
  return inode;
}

/**
 * hr_watch_dir_inspect:
 * @self: a directory
 * @full: its absolute path
 *
 * Costs a call of stat, and one more where it has, or may have, a .gitignore.
 *
 * Returns: what is different from when it was listed
 */
HrWatchDirState
hr_watch_dir_inspect (const HrWatchDir *self, const char *full)
{
  HrWatchDirState state = { 0 };
  HrInode inode;

  state.gone = !hr_inode_read (AT_FDCWD, full, S_IFDIR, &inode) || !hr_watch_dir_is (self, &inode);
  state.changed = state.gone || inode.mtime != self->inode.mtime;
  if (state.changed || self->rules.ino != 0)
    {
      HrInode rules = inode_of_rules (full);

      state.other_rules = !hr_inode_is_same (&self->rules, &rules) || self->rules.mtime != rules.mtime;
    }
  return state;
}

/**
 * hr_watch_dir_listed:
 * @self: a directory
 * @full: its absolute path
 * @inode: as it was before it was listed
 * @when: it was, in nanoseconds since 1970
 * @has_gitignore: of hr_watch_dir_list()
 *
 * Remembers it as it was then.
 */
void
hr_watch_dir_listed (HrWatchDir *self, const char *full, const HrInode *inode, gint64 when, gboolean has_gitignore)
{
  self->inode.mtime = when - inode->mtime > RACY_NSEC ? inode->mtime : 0;
  self->rules = has_gitignore ? inode_of_rules (full) : (HrInode){ 0 };
}

static gboolean
entry_is_dir (int fd, const struct dirent *entry)
{
  struct stat st;

  if (entry->d_type != DT_UNKNOWN)
    return entry->d_type == DT_DIR;
  return fstatat (fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR (st.st_mode);
}

/**
 * hr_watch_dir_list:
 * @fd: (transfer full): an open directory
 * @has_gitignore: (out): whether there is a .gitignore in it
 *
 * Returns: (transfer full) (element-type filename): the names of the directories in it; none if it cannot be read
 */
GPtrArray *
hr_watch_dir_list (int fd, gboolean *has_gitignore)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  DIR *stream = fdopendir (fd);
  struct dirent *entry;

  *has_gitignore = FALSE;
  if (stream == NULL)
    {
      close (fd);
      return names;
    }
  while ((entry = readdir (stream)) != NULL)
    {
      if (g_str_equal (entry->d_name, ".gitignore"))
        *has_gitignore = TRUE;
      else if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, "..")
               && entry_is_dir (dirfd (stream), entry))
        g_ptr_array_add (names, g_strdup (entry->d_name));
    }
  closedir (stream);
  return names;
}
