/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-file-watcher.c: collects what the watched tree tells and keeps the tree true to it, once per turn of the loop.
 *
 * Why what GLib does not tell can still be known. Its queue in the kernel overflows after max_queued_events events
 * that differ from the one before. Those that are in the queue do arrive. Every creation, removal, move and change of
 * attributes becomes an event of a monitor; only writes are merged, for one file into one event. So behind an overflow
 * there are either very many events, or writes to at least two files: both are seen.
 */
#include "hr-file-watcher.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-log.h"
#include "hr-source-links.h"
#include "hr-vcs-lock.h"
#include "hr-watch-tree.h"

#define MAX_EVENTS_FILE "/proc/sys/fs/inotify/max_queued_events"
#define MAX_EVENTS_DEFAULT 16384
/* One event of a monitor stands for at most this many of the kernel's, writes left aside. */
#define KERNEL_EVENTS_EACH 8
/* Quiet for so long, GLib has emptied the kernel's queue: it leaves it alone for 100 ms at most. */
#define BURST_GAP G_TIME_SPAN_SECOND
/* The tree of a source that is being replaced right now is opened at most so often in a row. */
#define OPEN_TRIES 8
/* With more paths waiting than this, all directories are looked at instead. */
#define PENDING_MAX 16384
/* After what GLib's own monitors have been told of, before anything idle. */
#define FLUSH_PRIORITY (G_PRIORITY_DEFAULT + 10)

/* Flags of a path that waits for the flush. */
enum { PENDING_CONTENT = 1 << 0, PENDING_NAME = 1 << 1 };

struct _HrFileWatcher {
  GObject parent_instance;

  HrServiceSpec *spec;
  HrIgnore *ignore;
  HrWatchTree *tree;
  gboolean started;

  GHashTable *pending; /* path → flags */
  gboolean everything; /* the next hint is at everything */
  gboolean root_moved;
  gboolean maybe_lost;
  GSource *flush;

  /* The burst under way */
  guint n_events;     /* since all was checked last */
  guint n_events_max; /* more may be an overflow */
  gint64 last_event;  /* 0: none yet */
  char *written;      /* the first file that was written to */
  GSource *burst_end; /* runs when everything has to be looked at after it */
  guint n_overflows;

  GSource *poll;
};

static void hr_file_watcher_iface_init (HrWatcherInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFileWatcher, hr_file_watcher, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_WATCHER, hr_file_watcher_iface_init))

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
attach (GSource *source, int priority, GSourceFunc func, HrFileWatcher *self)
{
  g_source_set_priority (source, priority);
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static gboolean
poll_elapsed (gpointer user_data)
{
  static const char *const none[] = { NULL };

  hr_watcher_emit_hint (HR_WATCHER (user_data), none);
  return G_SOURCE_CONTINUE;
}

static void
start_polling (HrFileWatcher *self, const char *reason)
{
  if (self->poll != NULL)
    return;
  hr_log_warning (self->spec->name, "%s; looking at all of it every %d seconds instead", reason,
                  HR_WATCH_POLL_INTERVAL);
  self->poll = attach (g_timeout_source_new_seconds (HR_WATCH_POLL_INTERVAL), G_PRIORITY_DEFAULT, poll_elapsed, self);
}

/* On a network file system the kernel knows only of what this machine does. */
static gboolean
is_remote (const char *path)
{
  static const guint32 remote[] = {
    NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, V9FS_MAGIC,
    AFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, FUSE_SUPER_MAGIC, 0x786f4256 /* vboxsf */,
  };
  struct statfs fs;

  if (statfs (path, &fs) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (remote); i++)
    if ((guint32)fs.f_type == remote[i])
      return TRUE;
  return FALSE;
}

/* The source is another one than before, and all of it is watched. */
static void
stop_polling (HrFileWatcher *self)
{
  const char *root = hr_watch_tree_root (self->tree);

  if (root != NULL && !is_remote (root))
    clear_source (&self->poll);
}

static gboolean flush (gpointer user_data);

static void
schedule_flush (HrFileWatcher *self)
{
  if (self->flush == NULL)
    self->flush = attach (g_idle_source_new (), FLUSH_PRIORITY, flush, self);
}

static gboolean
burst_ended (gpointer user_data)
{
  HrFileWatcher *self = user_data;

  clear_source (&self->burst_end);
  g_clear_pointer (&self->written, g_free);
  self->n_events = 0;
  self->maybe_lost = TRUE;
  schedule_flush (self);
  return G_SOURCE_REMOVE;
}

/* Counts events until there were none for %BURST_GAP. */
static void
count_event (HrFileWatcher *self, HrWatchEvent event, const char *path)
{
  gint64 now = g_get_monotonic_time ();
  gboolean crowded = FALSE;

  if (now - self->last_event > BURST_GAP && self->burst_end == NULL)
    {
      self->n_events = 0;
      g_clear_pointer (&self->written, g_free);
    }
  self->last_event = now;
  if (++self->n_events > self->n_events_max)
    {
      self->n_events = 0;
      self->n_overflows++;
      self->maybe_lost = TRUE;
      crowded = TRUE;
      hr_log_debug (self->spec->name, "more file events at once than the kernel keeps; looking at everything");
    }
  if (event == HR_WATCH_WRITTEN && self->written == NULL)
    self->written = g_strdup (path);
  else if (event == HR_WATCH_WRITTEN && !g_str_equal (self->written, path))
    crowded = TRUE;
  if (crowded && self->burst_end == NULL)
    self->burst_end =
        attach (g_timeout_source_new (BURST_GAP / G_TIME_SPAN_MILLISECOND), G_PRIORITY_DEFAULT, burst_ended, self);
}

static void
tree_event (HrWatchEvent event, const char *path, gpointer user_data)
{
  HrFileWatcher *self = user_data;
  guint flags = event == HR_WATCH_NAMED ? PENDING_NAME : PENDING_CONTENT;

  count_event (self, event, path);
  if (event == HR_WATCH_ROOT)
    self->root_moved = TRUE;
  else if (g_hash_table_size (self->pending) >= PENDING_MAX)
    self->maybe_lost = TRUE;
  else
    {
      flags |= GPOINTER_TO_UINT (g_hash_table_lookup (self->pending, path));
      g_hash_table_insert (self->pending, g_strdup (path), GUINT_TO_POINTER (flags));
    }
  schedule_flush (self);
}

/* Watches what the source's path leads to now. A source that is missing is waited for: success, with nothing open. */
static gboolean
open_tree (HrFileWatcher *self, GError **error)
{
  g_autoptr (GError) last = NULL;

  for (guint i = 0; i < OPEN_TRIES; i++)
    {
      g_autoptr (GPtrArray) names = hr_source_names_new ();
      g_autoptr (GPtrArray) names_after = hr_source_names_new ();
      g_autofree char *root = hr_source_links_resolve (self->spec->source, names, NULL);
      g_autofree char *root_after = NULL;

      hr_watch_tree_close (self->tree);
      hr_watch_tree_watch_names (self->tree, names);
      root_after = hr_source_links_resolve (self->spec->source, names_after, NULL);
      if (g_strcmp0 (root, root_after) != 0 || names->len != names_after->len)
        continue;
      g_clear_error (&last);
      if (root == NULL || !g_file_test (root, G_FILE_TEST_IS_DIR))
        return TRUE;
      if (hr_watch_tree_open (self->tree, root, &last))
        return TRUE;
      if (g_error_matches (last, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED))
        break;
    }
  if (last == NULL)
    g_set_error (&last, G_IO_ERROR, G_IO_ERROR_BUSY, "while watching '%s': it changes its place all the time",
                 self->spec->source);
  g_propagate_error (error, g_steal_pointer (&last));
  return FALSE;
}

static gboolean
is_gitignore (const char *path)
{
  return g_str_equal (path, ".gitignore") || g_str_has_suffix (path, "/.gitignore");
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Brings the tree up to date with what happened to @path. Whether it is worth a hint. */
static gboolean
take_path (HrFileWatcher *self, const char *root, const char *path, gboolean was_dir, GError **error)
{
  g_autofree char *full = g_build_filename (root, path, NULL);
  struct stat st;
  gboolean is_dir = lstat (full, &st) == 0 && S_ISDIR (st.st_mode);

  if (hr_ignore_classify (self->ignore, path, is_dir || was_dir) != HR_PATH_RECORD)
    return FALSE;
  if (!is_dir)
    return was_dir || hr_ignore_triggers (self->ignore, path);
  if (!hr_ignore_watches (self->ignore, path))
    return FALSE;
  if (!hr_watch_tree_has (self->tree, path) && !hr_watch_tree_add (self->tree, path, error))
    return FALSE;
  return TRUE;
}

/* The pending paths, parents first; @were_dirs: those among them that were watched under their name until now. */
static GPtrArray *
take_pending (HrFileWatcher *self, GHashTable *were_dirs)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer path, flags;

  g_hash_table_iter_init (&iter, self->pending);
  while (g_hash_table_iter_next (&iter, &path, &flags))
    {
      if ((GPOINTER_TO_UINT (flags) & PENDING_NAME) != 0 && hr_watch_tree_has (self->tree, path))
        g_hash_table_add (were_dirs, g_strdup (path));
      g_ptr_array_add (paths, path);
      g_hash_table_iter_steal (&iter);
    }
  g_ptr_array_sort (paths, compare_paths);
  return paths;
}

/* Appends what is worth a hint to @hint. */
static gboolean
process_pending (HrFileWatcher *self, GPtrArray *hint, GError **error)
{
  g_autoptr (GHashTable) were_dirs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) paths = take_pending (self, were_dirs);
  const char *root = hr_watch_tree_root (self->tree);
  gboolean other_rules = FALSE;

  if (root == NULL)
    return TRUE;
  /* What has a new name is at its old one until it is dropped. */
  hr_watch_tree_drop (self->tree, were_dirs);
  for (guint i = 0; i < paths->len; i++)
    {
      const char *path = paths->pdata[i];
      g_autoptr (GError) local_error = NULL;

      if (take_path (self, root, path, g_hash_table_contains (were_dirs, path), &local_error))
        g_ptr_array_add (hint, g_strdup (path));
      if (local_error != NULL)
        {
          self->everything = TRUE;
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      other_rules = other_rules || (self->spec->watch_gitignore && is_gitignore (path));
    }
  if (!other_rules)
    return TRUE;
  self->everything = TRUE;
  return hr_watch_tree_apply_rules (self->tree, error);
}

/* Does what events ask for, the gravest first; each of the graver ones takes the others in. */
static gboolean
update_tree (HrFileWatcher *self, GPtrArray *hint, GError **error)
{
  if (self->root_moved)
    {
      self->root_moved = self->maybe_lost = FALSE;
      self->everything = TRUE;
      g_hash_table_remove_all (self->pending);
      if (!open_tree (self, error))
        return FALSE;
      stop_polling (self);
      return TRUE;
    }
  if (self->maybe_lost)
    {
      self->maybe_lost = FALSE;
      self->everything = TRUE;
      if (!process_pending (self, hint, error))
        return FALSE;
      return hr_watch_tree_root (self->tree) == NULL || hr_watch_tree_audit (self->tree, error);
    }
  return process_pending (self, hint, error);
}

static gboolean
flush (gpointer user_data)
{
  static const char *const none[] = { NULL };
  g_autoptr (HrFileWatcher) self = g_object_ref (user_data);
  g_autoptr (GPtrArray) hint = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  clear_source (&self->flush);
  if (!update_tree (self, hint, &error))
    start_polling (self, error->message);
  if (self->everything || hint->len > HR_HINT_PATHS_MAX)
    {
      self->everything = FALSE;
      hr_watcher_emit_hint (HR_WATCHER (self), none);
    }
  else if (hint->len > 0)
    {
      g_ptr_array_add (hint, NULL);
      hr_watcher_emit_hint (HR_WATCHER (self), (const char *const *)hint->pdata);
    }
  return G_SOURCE_REMOVE;
}

static gboolean
file_watcher_start (HrWatcher *watcher, GError **error)
{
  HrFileWatcher *self = HR_FILE_WATCHER (watcher);
  g_autoptr (GPtrArray) names = hr_source_names_new ();
  g_autofree char *root = NULL;

  if (self->started)
    return TRUE;
  root = hr_source_links_resolve (self->spec->source, names, error);
  if (root == NULL)
    return FALSE;
  if (!g_file_test (root, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY, "while watching '%s': it is not a directory", root);
      return FALSE;
    }
  if (!open_tree (self, error))
    {
      hr_watch_tree_close (self->tree);
      return FALSE;
    }
  self->started = TRUE;
  if (is_remote (root))
    start_polling (self, "its source is on a file system that does not tell of changes made elsewhere");
  return TRUE;
}

static void
file_watcher_stop (HrWatcher *watcher)
{
  HrFileWatcher *self = HR_FILE_WATCHER (watcher);

  clear_source (&self->flush);
  clear_source (&self->burst_end);
  clear_source (&self->poll);
  hr_watch_tree_close (self->tree);
  g_hash_table_remove_all (self->pending);
  g_clear_pointer (&self->written, g_free);
  self->n_events = 0;
  self->everything = self->root_moved = self->maybe_lost = self->started = FALSE;
}

static guint
file_watcher_n_watches (HrWatcher *watcher)
{
  return hr_watch_tree_size (HR_FILE_WATCHER (watcher)->tree);
}

static gboolean
file_watcher_is_held (HrWatcher *watcher)
{
  HrFileWatcher *self = HR_FILE_WATCHER (watcher);
  const char *root = hr_watch_tree_root (self->tree);

  return hr_vcs_is_busy (root != NULL ? root : self->spec->source);
}

static void
hr_file_watcher_iface_init (HrWatcherInterface *iface)
{
  iface->start = file_watcher_start;
  iface->stop = file_watcher_stop;
  iface->n_watches = file_watcher_n_watches;
  iface->is_held = file_watcher_is_held;
}

static void
hr_file_watcher_finalize (GObject *object)
{
  HrFileWatcher *self = HR_FILE_WATCHER (object);

  if (self->tree != NULL)
    file_watcher_stop (HR_WATCHER (self));
  g_clear_pointer (&self->tree, hr_watch_tree_free);
  g_clear_object (&self->ignore);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_hash_table_unref (self->pending);
  G_OBJECT_CLASS (hr_file_watcher_parent_class)->finalize (object);
}

static void
hr_file_watcher_class_init (HrFileWatcherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_file_watcher_finalize;
}

static guint
kernel_events (void)
{
  g_autoptr (GBytes) bytes = hr_fs_read (MAX_EVENTS_FILE, 64, NULL);
  g_autofree char *text = NULL;
  guint64 value;

  if (bytes == NULL)
    return MAX_EVENTS_DEFAULT;
  text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  value = g_ascii_strtoull (text, NULL, 10);
  return (guint)CLAMP (value, KERNEL_EVENTS_EACH, G_MAXINT);
}

static void
hr_file_watcher_init (HrFileWatcher *self)
{
  self->pending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->n_events_max = kernel_events () / KERNEL_EVENTS_EACH;
}

/**
 * hr_file_watcher_new:
 * @spec: a service with a source
 *
 * Returns: (transfer full): a watcher, not started
 */
HrWatcher *
hr_file_watcher_new (HrServiceSpec *spec)
{
  HrFileWatcher *self;

  g_return_val_if_fail (spec != NULL && spec->source != NULL, NULL);

  self = g_object_new (HR_TYPE_FILE_WATCHER, NULL);
  self->spec = hr_service_spec_ref (spec);
  self->ignore = hr_ignore_new (spec);
  self->tree = hr_watch_tree_new (self->ignore, tree_event, self);
  return HR_WATCHER (self);
}

/**
 * hr_file_watcher_set_limit:
 * @self: a watcher that is not started
 * @limit: how many directories may be watched by all watchers together; 0: as many as the kernel allows, but for some
 *   headroom
 */
void
hr_file_watcher_set_limit (HrFileWatcher *self, guint limit)
{
  g_return_if_fail (HR_IS_FILE_WATCHER (self));
  hr_watch_tree_set_limit (self->tree, limit);
}

/**
 * hr_file_watcher_get_overflows:
 * @self: a watcher
 *
 * Returns: how often there were so many events at once that some may have been lost
 */
guint
hr_file_watcher_get_overflows (HrFileWatcher *self)
{
  g_return_val_if_fail (HR_IS_FILE_WATCHER (self), 0);
  return self->n_overflows;
}
