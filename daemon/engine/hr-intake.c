/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-intake.h"

#include <string.h>

#include "hr-log.h"
#include "hr-settle.h"

struct _HrIntake {
  GObject parent_instance;

  HrClock *clock;
  HrServiceSpec *spec;
  HrWatcher *watcher;

  HrSettle settle;
  GHashTable *paths; /* a set of char * */
  gboolean everything;
  gboolean paused;
  gboolean due;
  guint timer;
  gint64 held_since;
  gboolean ignores_hold; /* until it ends: it has lasted too long */
  gint64 since;          /* when the first change came of what was taken last */
  gboolean too_soon;     /* what was taken last comes again: it was still being written */
};

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

enum { SIGNAL_DUE, SIGNAL_CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrIntake, hr_intake, G_TYPE_OBJECT)

static void
hr_intake_dispose (GObject *object)
{
  HrIntake *self = HR_INTAKE (object);

  if (self->clock != NULL)
    hr_intake_stop (self);
  g_clear_object (&self->watcher);
  g_clear_object (&self->clock);
  G_OBJECT_CLASS (hr_intake_parent_class)->dispose (object);
}

static void
hr_intake_finalize (GObject *object)
{
  HrIntake *self = HR_INTAKE (object);

  g_hash_table_unref (self->paths);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  G_OBJECT_CLASS (hr_intake_parent_class)->finalize (object);
}

static void
hr_intake_class_init (HrIntakeClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_intake_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_intake_finalize;
  signals[SIGNAL_DUE] = g_signal_new ("due", HR_TYPE_INTAKE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_CHANGED] =
      g_signal_new ("changed", HR_TYPE_INTAKE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_intake_init (HrIntake *self)
{
  self->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static gboolean
has_anything (HrIntake *self)
{
  return self->everything || g_hash_table_size (self->paths) > 0;
}

static void look (gpointer user_data);

static void
arm (HrIntake *self, gint64 delay)
{
  hr_clock_cancel (self->clock, &self->timer);
  self->timer = hr_clock_after (self->clock, delay, look, self);
}

/* A lock that nobody removes must not hold reloads for ever. */
static gboolean
is_held (HrIntake *self, gint64 now)
{
  if (self->watcher == NULL || !hr_watcher_is_held (self->watcher))
    {
      self->held_since = 0;
      self->ignores_hold = FALSE;
      return FALSE;
    }
  if (self->held_since == 0)
    self->held_since = now;
  if (now - self->held_since < HR_INTAKE_HOLD_MAX_USEC)
    return TRUE;
  if (!self->ignores_hold)
    hr_log_warning (self->spec->name,
                    "a version-control operation in '%s' has not ended for %" G_GINT64_FORMAT
                    " s (is a lock file left over?), ignoring",
                    self->spec->source, (gint64)HR_INTAKE_HOLD_MAX_USEC / G_USEC_PER_SEC);
  self->ignores_hold = TRUE;
  return FALSE;
}

static void
look (gpointer user_data)
{
  HrIntake *self = user_data;
  gint64 now = hr_clock_now (self->clock);
  gint64 deadline = hr_settle_due (&self->settle);

  self->timer = 0;
  if (self->paused || !has_anything (self))
    return;
  if (deadline > now)
    arm (self, deadline - now);
  else if (is_held (self, now))
    arm (self, HR_INTAKE_HOLD_STEP_USEC);
  else if (!self->due)
    {
      self->due = TRUE;
      g_signal_emit (self, signals[SIGNAL_DUE], 0);
    }
}

static void
touched (HrIntake *self)
{
  gint64 now = hr_clock_now (self->clock);

  hr_settle_touch (&self->settle, now);
  if (!self->paused && !self->due)
    arm (self, hr_settle_due (&self->settle) - now);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static void
hinted (HrWatcher *watcher, char **paths, HrIntake *self)
{
  if (paths[0] == NULL)
    self->everything = TRUE;
  for (guint i = 0; paths[i] != NULL && !self->everything; i++)
    {
      g_hash_table_add (self->paths, g_strdup (paths[i]));
      self->everything = g_hash_table_size (self->paths) > HR_INTAKE_PATHS_MAX;
    }
  touched (self);
}

/**
 * hr_intake_new:
 * @clock: time
 * @spec: the service
 * @watcher: (nullable): where hints come from; without one only hr_intake_demand() makes it due
 *
 * Returns: (transfer full): an intake
 */
HrIntake *
hr_intake_new (HrClock *clock, HrServiceSpec *spec, HrWatcher *watcher)
{
  HrIntake *self = g_object_new (HR_TYPE_INTAKE, NULL);

  self->clock = g_object_ref (clock);
  self->spec = hr_service_spec_ref (spec);
  g_set_object (&self->watcher, watcher);
  hr_settle_init (&self->settle, spec->settle, spec->max_wait);
  return self;
}

/**
 * hr_intake_start:
 * @self: an intake
 * @error: return location
 *
 * Begins to watch. From here on no change is missed; what changed before is found by hr_intake_demand().
 *
 * Returns: success; else the watcher's error
 */
gboolean
hr_intake_start (HrIntake *self, GError **error)
{
  g_return_val_if_fail (HR_IS_INTAKE (self), FALSE);

  if (self->watcher == NULL)
    return TRUE;
  g_signal_connect (self->watcher, "hint", G_CALLBACK (hinted), self);
  return hr_watcher_start (self->watcher, error);
}

/**
 * hr_intake_stop:
 * @self: an intake; nothing makes it due any more
 */
void
hr_intake_stop (HrIntake *self)
{
  g_return_if_fail (HR_IS_INTAKE (self));

  hr_clock_cancel (self->clock, &self->timer);
  if (self->watcher == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->watcher, self);
  hr_watcher_stop (self->watcher);
  /* It may be another's by now. */
  g_clear_object (&self->watcher);
}

/**
 * hr_intake_demand:
 * @self: an intake
 *
 * Anything may have changed: it becomes due, after the settle time, and everything is looked at.
 */
void
hr_intake_demand (HrIntake *self)
{
  g_return_if_fail (HR_IS_INTAKE (self));

  self->everything = TRUE;
  touched (self);
}

/**
 * hr_intake_set_paused:
 * @self: an intake
 * @paused: whether hints are only kept
 *
 * The end of a pause demands a look at everything.
 */
void
hr_intake_set_paused (HrIntake *self, gboolean paused)
{
  g_return_if_fail (HR_IS_INTAKE (self));

  if (self->paused == paused)
    return;
  self->paused = paused;
  if (paused)
    hr_clock_cancel (self->clock, &self->timer);
  else
    hr_intake_demand (self);
}

/**
 * hr_intake_poke:
 * @self: an intake
 *
 * Says "due" again, once what has come in is settled: for a service that could not act when it was said.
 */
void
hr_intake_poke (HrIntake *self)
{
  g_return_if_fail (HR_IS_INTAKE (self));

  self->due = FALSE;
  if (!self->paused && has_anything (self))
    arm (self, hr_settle_due (&self->settle) - hr_clock_now (self->clock));
}

/**
 * hr_intake_is_due:
 * @self: an intake
 *
 * Returns: whether it has said "due", and nobody has taken what has come in, or looked at it, since
 */
gboolean
hr_intake_is_due (HrIntake *self)
{
  g_return_val_if_fail (HR_IS_INTAKE (self), FALSE);
  return self->due;
}

static char **
list_hints (HrIntake *self)
{
  GHashTableIter iter;
  gpointer path;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (self->everything || !has_anything (self))
    return NULL;
  g_hash_table_iter_init (&iter, self->paths);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    g_strv_builder_add (builder, path);
  return g_strv_builder_end (builder);
}

/**
 * hr_intake_peek:
 * @self: an intake that is due
 *
 * For a look at what has come in, which stays. It is due again when something else comes in, or by hr_intake_poke().
 *
 * Returns: (transfer full) (nullable): the only paths to look at; %NULL: everything
 */
char **
hr_intake_peek (HrIntake *self)
{
  g_return_val_if_fail (HR_IS_INTAKE (self), NULL);

  self->due = FALSE;
  return list_hints (self);
}

/**
 * hr_intake_take:
 * @self: an intake
 * @hints: (out) (transfer full) (nullable): the only paths to look at; %NULL: everything
 *
 * Takes what has come in; what comes from now on is another change set.
 *
 * Returns: whether there was anything
 */
gboolean
hr_intake_take (HrIntake *self, char ***hints)
{
  gboolean anything;

  g_return_val_if_fail (HR_IS_INTAKE (self), FALSE);

  if (!self->too_soon)
    self->since = hr_settle_since (&self->settle, hr_clock_now (self->clock));
  self->too_soon = FALSE;
  anything = has_anything (self);
  *hints = list_hints (self);
  g_hash_table_remove_all (self->paths);
  self->everything = FALSE;
  self->due = FALSE;
  hr_clock_cancel (self->clock, &self->timer);
  hr_settle_clear (&self->settle);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
  return anything;
}

/**
 * hr_intake_is_held:
 * @self: an intake
 *
 * Returns: whether a version-control operation is under way in the source: what a look at it found may be half of a
 *   change
 */
gboolean
hr_intake_is_held (HrIntake *self)
{
  g_return_val_if_fail (HR_IS_INTAKE (self), FALSE);
  return is_held (self, hr_clock_now (self->clock));
}

/**
 * hr_intake_is_too_soon:
 * @self: an intake
 * @quiet: for how long none of the files had changed that were read, in microseconds
 *
 * A look may come in the midst of a save that it was not made for: the first one, say, or one at another path. A file
 * that an editor is just writing is empty then. For longer than MaxWait no look is too soon.
 *
 * Returns: whether what was taken has to be looked at once more, after the settle time
 */
gboolean
hr_intake_is_too_soon (HrIntake *self, gint64 quiet)
{
  g_return_val_if_fail (HR_IS_INTAKE (self), FALSE);

  self->too_soon =
      quiet < hr_settle_least (&self->settle) && hr_clock_now (self->clock) - self->since < self->spec->max_wait;
  return self->too_soon;
}

/* A hint of a directory itself is "DIRECTORY/.". */
static char *
shown_path (const char *hint)
{
  return g_str_has_suffix (hint, "/.") ? g_strndup (hint, strlen (hint) - 2) : g_strdup (hint);
}

/**
 * hr_intake_get_pending:
 * @self: an intake
 *
 * A path that is gone is among them even if it was never recorded: only a scan knows.
 *
 * Returns: (transfer full): the hinted paths that wait, sorted, each once; "." when everything waits to be looked at
 */
char **
hr_intake_get_pending (HrIntake *self)
{
  GHashTableIter iter;
  gpointer path;
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) shown = g_hash_table_new (g_str_hash, g_str_equal);

  g_return_val_if_fail (HR_IS_INTAKE (self), NULL);

  g_hash_table_iter_init (&iter, self->paths);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    {
      g_autofree char *name = shown_path (path);

      if (g_hash_table_contains (shown, name))
        continue;
      g_hash_table_add (shown, name);
      g_ptr_array_add (list, g_steal_pointer (&name));
    }
  if (self->everything)
    g_ptr_array_add (list, g_strdup ("."));
  g_ptr_array_sort (list, compare_paths);
  g_ptr_array_add (list, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

/**
 * hr_intake_n_watches:
 * @self: an intake
 *
 * Returns: how many directories are watched
 */
guint
hr_intake_n_watches (HrIntake *self)
{
  g_return_val_if_fail (HR_IS_INTAKE (self), 0);
  return self->watcher != NULL ? hr_watcher_n_watches (self->watcher) : 0;
}
