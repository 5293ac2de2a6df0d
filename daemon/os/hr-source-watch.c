/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-source-watch.c: why what GLib does not tell can still be known. Its queue in the kernel overflows after
 * max_queued_events events that differ from the one before. Those that are in the queue do arrive. Every creation,
 * removal, move and change of attributes becomes an event of a monitor; only writes are merged, for one file into one
 * event. So behind an overflow there are either very many events, or writes to at least two files: both are seen.
 */
#include "hr-source-watch.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-error.h"
#include "hr-log.h"
#include "hr-source-links.h"
#include "hr-watch-limit.h"
#include "hr-watch-names.h"
#include "hr-watch-tree.h"

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

struct _HrSourceWatch {
  char *name;
  char *source;
  gboolean gitignore;
  HrIgnore *ignore;
  HrWatchTree *tree;
  HrWatchNames *names; /* on the way to it; NULL: not open */
  HrSourceFunc func;
  gpointer user_data;

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

static const char *const everywhere[] = { NULL };

static void
report (HrSourceWatch *self, const char *const *hint)
{
  const HrSourceReport report = {
    .hint = hint,
    .n_dirs = hr_watch_tree_size (self->tree),
    .n_overflows = self->n_overflows,
  };

  self->func (&report, self->user_data);
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
attach (GSource *source, int priority, GSourceFunc func, HrSourceWatch *self)
{
  g_source_set_priority (source, priority);
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static gboolean
poll_elapsed (gpointer user_data)
{
  report (user_data, everywhere);
  return G_SOURCE_CONTINUE;
}

static void
start_polling (HrSourceWatch *self, const char *reason)
{
  if (self->poll != NULL)
    return;
  hr_log_warning (self->name, "%s; looking at all of it every %d seconds instead", reason, HR_WATCH_POLL_INTERVAL);
  self->poll = attach (g_timeout_source_new_seconds (HR_WATCH_POLL_INTERVAL), G_PRIORITY_DEFAULT, poll_elapsed, self);
}

/* The source is another one than before, and all of it is watched. */
static void
stop_polling (HrSourceWatch *self)
{
  const char *root = hr_watch_tree_root (self->tree);

  if (root != NULL && !hr_watch_limit_is_remote (root))
    clear_source (&self->poll);
}

static gboolean flush (gpointer user_data);

static void
schedule_flush (HrSourceWatch *self)
{
  if (self->flush == NULL)
    self->flush = attach (g_idle_source_new (), FLUSH_PRIORITY, flush, self);
}

static gboolean
burst_ended (gpointer user_data)
{
  HrSourceWatch *self = user_data;

  clear_source (&self->burst_end);
  g_clear_pointer (&self->written, g_free);
  self->n_events = 0;
  self->maybe_lost = TRUE;
  schedule_flush (self);
  return G_SOURCE_REMOVE;
}

/* Counts events until there were none for %BURST_GAP. */
static void
count_event (HrSourceWatch *self, HrWatchEvent event, const char *path)
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
      hr_log_debug (self->name, "more file events at once than the kernel keeps; looking at everything");
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
  HrSourceWatch *self = user_data;
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

static void
name_changed (gpointer user_data)
{
  tree_event (HR_WATCH_ROOT, NULL, user_data);
}

/* Watches what the source's path leads to now. A source that is missing is waited for: success, with nothing open. */
static gboolean
open_tree (HrSourceWatch *self, GError **error)
{
  g_autoptr (GError) last = NULL;

  for (guint i = 0; i < OPEN_TRIES; i++)
    {
      g_autoptr (GPtrArray) names = hr_source_names_new ();
      g_autoptr (GPtrArray) names_after = hr_source_names_new ();
      g_autofree char *root = hr_source_links_resolve (self->source, names, NULL);
      g_autofree char *root_after = NULL;

      hr_watch_tree_close (self->tree);
      g_clear_pointer (&self->names, hr_watch_names_free);
      self->names = hr_watch_names_new (names, name_changed, self);
      root_after = hr_source_links_resolve (self->source, names_after, NULL);
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
                 self->source);
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
take_path (HrSourceWatch *self, const char *root, const char *path, gboolean was_dir, GError **error)
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
take_pending (HrSourceWatch *self, GHashTable *were_dirs)
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
process_pending (HrSourceWatch *self, GPtrArray *hint, GError **error)
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
      other_rules = other_rules || (self->gitignore && is_gitignore (path));
    }
  if (!other_rules)
    return TRUE;
  self->everything = TRUE;
  return hr_watch_tree_apply_rules (self->tree, error);
}

/* Does what events ask for, the gravest first; each of the graver ones takes the others in. */
static gboolean
update_tree (HrSourceWatch *self, GPtrArray *hint, GError **error)
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
  HrSourceWatch *self = user_data;
  g_autoptr (GPtrArray) hint = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  guint n_dirs = hr_watch_tree_size (self->tree);
  gboolean everything;

  clear_source (&self->flush);
  if (!update_tree (self, hint, &error))
    start_polling (self, error->message);
  everything = self->everything || hint->len > HR_HINT_PATHS_MAX;
  self->everything = FALSE;
  g_ptr_array_add (hint, NULL);
  if (everything)
    report (self, everywhere);
  else if (hint->len > 1)
    report (self, (const char *const *)hint->pdata);
  else if (hr_watch_tree_size (self->tree) != n_dirs)
    report (self, NULL);
  return G_SOURCE_REMOVE;
}

/**
 * hr_source_watch_new:
 * @spec: a service with a source
 * @limit: see hr_watch_tree_set_limit()
 * @func: told of every hint
 * @user_data: for @func
 *
 * Returns: (transfer full): a watch that is not open
 */
HrSourceWatch *
hr_source_watch_new (HrServiceSpec *spec, guint limit, HrSourceFunc func, gpointer user_data)
{
  HrSourceWatch *self = g_new0 (HrSourceWatch, 1);

  self->name = g_strdup (spec->name);
  self->source = g_strdup (spec->source);
  self->gitignore = spec->watch_gitignore;
  self->ignore = hr_ignore_new (spec);
  self->tree = hr_watch_tree_new (self->ignore, tree_event, self);
  hr_watch_tree_set_limit (self->tree, limit);
  self->func = func;
  self->user_data = user_data;
  self->pending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->n_events_max = MAX (hr_watch_limit_events () / KERNEL_EVENTS_EACH, 1);
  return self;
}

/**
 * hr_source_watch_open:
 * @self: a watch that is not open
 * @error: return location
 *
 * Returns: success; else as for hr_watcher_start(), and @self is only good to be freed
 */
gboolean
hr_source_watch_open (HrSourceWatch *self, GError **error)
{
  g_autoptr (GPtrArray) names = hr_source_names_new ();
  g_autofree char *root = hr_source_links_resolve (self->source, names, error);

  if (root == NULL)
    return FALSE;
  if (!g_file_test (root, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY, "while watching '%s': it is not a directory", root);
      return FALSE;
    }
  if (!open_tree (self, error))
    return FALSE;
  if (hr_watch_limit_is_remote (root))
    start_polling (self, "its source is on a file system that does not tell of changes made elsewhere");
  return TRUE;
}

/**
 * hr_source_watch_get_dirs:
 * @self: a watch
 *
 * Returns: how many directories of the source are watched
 */
guint
hr_source_watch_get_dirs (HrSourceWatch *self)
{
  return hr_watch_tree_size (self->tree);
}

/**
 * hr_source_watch_free:
 * @self: (transfer full): a watch; nothing is reported any more
 */
void
hr_source_watch_free (HrSourceWatch *self)
{
  clear_source (&self->flush);
  clear_source (&self->burst_end);
  clear_source (&self->poll);
  hr_watch_tree_free (self->tree);
  g_clear_pointer (&self->names, hr_watch_names_free);
  g_object_unref (self->ignore);
  g_hash_table_unref (self->pending);
  g_free (self->written);
  g_free (self->source);
  g_free (self->name);
  g_free (self);
}
