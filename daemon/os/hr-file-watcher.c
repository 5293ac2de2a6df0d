/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-file-watcher.c: the near end of a watch that runs in the watch thread: starts and ends it, and passes its reports
 * on in the owner's own thread.
 */
#include "hr-file-watcher.h"

#include <stdlib.h>
#include <string.h>

#include "hr-source-watch.h"
#include "hr-vcs-lock.h"
#include "hr-watch-thread.h"

/**
 * Run:
 *
 * One run of the watch, from start to stop. Reports that the owner's loop has no time for are kept as one.
 */
typedef struct {
  HrFileWatcher *watcher; /* of the owner's thread; NULL once it has ended: a report on its way reaches nobody */
  GMainContext *context;  /* the owner's */
  HrSourceWatch *watch;   /* of the watch thread */
  GError *error;          /* of opening it */

  GMutex mutex; /* for what follows */
  gboolean scheduled;
  gboolean everything;
  GHashTable *paths;
  guint n_dirs;
  guint n_overflows;
} Run;

struct _HrFileWatcher {
  GObject parent_instance;

  HrServiceSpec *spec;
  guint limit;
  HrWatchThread *thread;
  Run *run; /* NULL: stopped */
  guint n_dirs;
  guint n_overflows;
};

static void hr_file_watcher_iface_init (HrWatcherInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFileWatcher, hr_file_watcher, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_WATCHER, hr_file_watcher_iface_init))

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static Run *
run_new (HrFileWatcher *self)
{
  Run *run = g_atomic_rc_box_new0 (Run);

  run->watcher = self;
  run->context = g_main_context_ref_thread_default ();
  g_mutex_init (&run->mutex);
  run->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return run;
}

static void
run_clear (gpointer data)
{
  Run *run = data;

  g_main_context_unref (run->context);
  g_clear_error (&run->error);
  g_hash_table_unref (run->paths);
  g_mutex_clear (&run->mutex);
}

static void
run_release (gpointer run)
{
  g_atomic_rc_box_release_full (run, run_clear);
}

/* The collected hint, sorted; NULL: there is none. Takes what was collected. */
static char **
take_hint (Run *run)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer path;

  if (!run->everything && g_hash_table_size (run->paths) == 0)
    return NULL;
  if (run->everything)
    g_hash_table_remove_all (run->paths);
  run->everything = FALSE;
  g_hash_table_iter_init (&iter, run->paths);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    {
      g_ptr_array_add (paths, path);
      g_hash_table_iter_steal (&iter);
    }
  g_ptr_array_sort (paths, compare_paths);
  g_ptr_array_add (paths, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&paths), FALSE);
}

static gboolean
deliver (gpointer data)
{
  Run *run = data;
  g_autoptr (HrFileWatcher) self = NULL;
  g_auto (GStrv) hint = NULL;

  if (run->watcher == NULL)
    return G_SOURCE_REMOVE;
  self = g_object_ref (run->watcher);
  g_mutex_lock (&run->mutex);
  run->scheduled = FALSE;
  hint = take_hint (run);
  self->n_dirs = run->n_dirs;
  self->n_overflows = run->n_overflows;
  g_mutex_unlock (&run->mutex);
  if (hint != NULL)
    hr_watcher_emit_hint (HR_WATCHER (self), (const char *const *)hint);
  return G_SOURCE_REMOVE;
}

/* Not g_main_context_invoke(): that calls at once, in this thread, when the owner's loop does not run. */
static void
schedule_delivery (Run *run)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, g_atomic_rc_box_acquire (run), run_release);
  g_source_attach (source, run->context);
}

/* In the watch thread. */
static void
reported (const HrSourceReport *report, gpointer user_data)
{
  Run *run = user_data;

  g_mutex_lock (&run->mutex);
  run->n_dirs = report->n_dirs;
  run->n_overflows = report->n_overflows;
  if (report->hint != NULL && (report->hint[0] == NULL || g_hash_table_size (run->paths) > HR_HINT_PATHS_MAX))
    run->everything = TRUE;
  for (guint i = 0; !run->everything && report->hint != NULL && report->hint[i] != NULL; i++)
    g_hash_table_add (run->paths, g_strdup (report->hint[i]));
  if (!run->scheduled)
    schedule_delivery (run);
  run->scheduled = TRUE;
  g_mutex_unlock (&run->mutex);
}

static void
open_watch (gpointer data, gpointer user_data)
{
  Run *run = data;

  if (hr_source_watch_open (run->watch, &run->error))
    {
      g_mutex_lock (&run->mutex);
      run->n_dirs = hr_source_watch_get_dirs (run->watch);
      g_mutex_unlock (&run->mutex);
    }
  else
    g_clear_pointer (&run->watch, hr_source_watch_free);
}

static void
close_watch (gpointer data, gpointer user_data)
{
  g_clear_pointer (&((Run *)data)->watch, hr_source_watch_free);
}

static void
end_run (HrFileWatcher *self)
{
  self->run->watcher = NULL;
  g_clear_pointer (&self->run, run_release);
  g_clear_pointer (&self->thread, hr_watch_thread_release);
  self->n_dirs = 0;
}

static gboolean
file_watcher_start (HrWatcher *watcher, GError **error)
{
  HrFileWatcher *self = HR_FILE_WATCHER (watcher);

  if (self->run != NULL)
    return TRUE;
  self->run = run_new (self);
  self->run->watch = hr_source_watch_new (self->spec, self->limit, reported, self->run);
  self->thread = hr_watch_thread_get ();
  hr_watch_thread_call (self->thread, open_watch, self->run, NULL);
  if (self->run->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->run->error));
      end_run (self);
      return FALSE;
    }
  /* The watch thread may be reporting already. */
  g_mutex_lock (&self->run->mutex);
  self->n_dirs = self->run->n_dirs;
  g_mutex_unlock (&self->run->mutex);
  return TRUE;
}

static void
file_watcher_stop (HrWatcher *watcher)
{
  HrFileWatcher *self = HR_FILE_WATCHER (watcher);

  if (self->run == NULL)
    return;
  hr_watch_thread_call (self->thread, close_watch, self->run, NULL);
  end_run (self);
}

static guint
file_watcher_n_watches (HrWatcher *watcher)
{
  return HR_FILE_WATCHER (watcher)->n_dirs;
}

static gboolean
file_watcher_is_held (HrWatcher *watcher)
{
  HrFileWatcher *self = HR_FILE_WATCHER (watcher);
  /* The work tree is where the source's links lead. */
  char *root = realpath (self->spec->source, NULL);
  gboolean held = root != NULL && hr_vcs_is_busy (root);

  free (root);
  return held;
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

  file_watcher_stop (HR_WATCHER (self));
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  G_OBJECT_CLASS (hr_file_watcher_parent_class)->finalize (object);
}

static void
hr_file_watcher_class_init (HrFileWatcherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_file_watcher_finalize;
}

static void
hr_file_watcher_init (HrFileWatcher *self)
{
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
  self->limit = limit;
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
