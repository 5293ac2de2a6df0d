/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-dir-slots.h"

#include <stdlib.h>
#include <string.h>

#include "hr-error.h"
#include "hr-slot-site.h"

struct _HrDirSlots {
  GObject parent_instance;

  HrServiceSpec *spec;
  HrSlotSite site;
  gboolean in_place;
  GError *unusable; /* what placing fails with, NULL */
  char *note;
  GThreadPool *pool; /* of one thread: one operation at a time, in order */

  GMutex lock;
  guint64 held[2]; /* under @lock */
};

/* What a task is to do, and what came of it. */
typedef struct {
  HrSlotOrder order;
  gboolean seal; /* of the order's slot, nothing else */
  gboolean sealed;
  HrPlacement *placement;
  GError *error;
} Work;

static void hr_dir_slots_iface_init (HrSlotsInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrDirSlots, hr_dir_slots, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_SLOTS, hr_dir_slots_iface_init))

static void
work_free (gpointer data)
{
  Work *work = data;

  g_clear_pointer (&work->order.release, hr_release_free);
  g_strfreev (work->order.share_dirs);
  g_strfreev (work->order.share_files);
  g_clear_pointer (&work->placement, hr_placement_free);
  g_clear_error (&work->error);
  g_free (work);
}

static void
set_held (HrDirSlots *self, HrSlot slot, guint64 number)
{
  g_mutex_lock (&self->lock);
  self->held[slot] = number;
  g_mutex_unlock (&self->lock);
}

static gboolean
on_worked (gpointer data)
{
  GTask *task = data;
  Work *work = g_task_get_task_data (task);

  if (work->seal && work->error == NULL)
    g_task_return_boolean (task, work->sealed);
  else if (work->placement != NULL)
    g_task_return_pointer (task, g_steal_pointer (&work->placement), (GDestroyNotify)hr_placement_free);
  else
    g_task_return_error (task, g_steal_pointer (&work->error));
  return G_SOURCE_REMOVE;
}

static void
do_place (HrDirSlots *self, Work *work, GCancellable *cancellable)
{
  HrSlot slot = work->order.slot;
  guint64 number = work->order.release->number;

  work->placement = hr_slot_site_place (&self->site, &work->order, cancellable, &work->error);
  if (work->placement == NULL)
    g_prefix_error (&work->error, "while placing release %" G_GUINT64_FORMAT " of '%s' in slot %s: ", number,
                    self->spec->name, hr_slot_to_string (slot));
  /* A failure may have come before anything was changed. */
  set_held (self, slot, work->placement != NULL ? number : hr_slot_site_holds (&self->site, slot));
}

static void
do_carry (HrDirSlots *self, Work *work, GCancellable *cancellable)
{
  work->placement = hr_slot_site_carry (&self->site, &work->order, cancellable, &work->error);
  if (work->placement == NULL)
    g_prefix_error (&work->error, "while bringing along what '%s' wrote in slot %s: ", self->spec->name,
                    hr_slot_to_string (work->order.from));
}

static void
do_seal (HrDirSlots *self, Work *work, GCancellable *cancellable)
{
  work->sealed = hr_slot_site_seal (&self->site, work->order.slot, cancellable, &work->error);
  if (!work->sealed)
    g_prefix_error (&work->error, "while looking at what was built for '%s' in slot %s: ", self->spec->name,
                    hr_slot_to_string (work->order.slot));
}

/* In the worker thread. The task goes back to the caller's, so that its last reference, and with it ours, is dropped
 * there. */
static void
run (gpointer data, gpointer user_data)
{
  GTask *task = data;
  HrDirSlots *self = g_task_get_source_object (task);
  Work *work = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  g_autoptr (GSource) source = g_idle_source_new ();

  if (!g_cancellable_set_error_if_cancelled (cancellable, &work->error))
    (work->seal ? do_seal : work->order.release != NULL ? do_place : do_carry) (self, work, cancellable);
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, on_worked, task, g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static GTask *
task_new (HrDirSlots *self, gpointer tag, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  /* What was done is said to be done, also when the wish to stop came too late. */
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

static int
compare_words (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *)a, *(const char *const *)b);
}

static char **
copy_sorted (char **list)
{
  char **copy = list != NULL ? g_strdupv (list) : g_new0 (char *, 1);

  qsort (copy, g_strv_length (copy), sizeof *copy, compare_words);
  return copy;
}

static HrPlacement *
in_place_placement (HrDirSlots *self)
{
  HrPlacement *placement = g_new0 (HrPlacement, 1);

  placement->carried = g_new0 (char *, 1);
  placement->kept_aside = g_new0 (char *, 1);
  return placement;
}

static void
hr_dir_slots_place_async (HrSlots *slots, HrSlot slot, const HrRelease *release, const HrScan *scan, HrSlot carry_from,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  HrDirSlots *self = HR_DIR_SLOTS (slots);
  g_autoptr (GTask) task = task_new (self, hr_dir_slots_place_async, cancellable, callback, user_data);
  Work *work;

  if (self->in_place)
    {
      HrPlacement *placement = in_place_placement (self);

      placement->view = hr_view_new (self->spec->source, self->spec->source, NULL, NULL, NULL);
      g_task_return_pointer (task, placement, (GDestroyNotify)hr_placement_free);
      return;
    }
  if (self->unusable != NULL)
    {
      g_task_return_error (task, g_error_copy (self->unusable));
      return;
    }
  work = g_new0 (Work, 1);
  work->order.slot = slot;
  work->order.from = carry_from;
  work->order.release = hr_release_copy (release);
  work->order.share_dirs = copy_sorted (scan->share_dirs);
  work->order.share_files = copy_sorted (scan->share_files);
  g_task_set_task_data (task, work, work_free);
  g_thread_pool_push (self->pool, g_steal_pointer (&task), NULL);
}

static HrPlacement *
hr_dir_slots_place_finish (HrSlots *slots, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_dir_slots_place_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
hr_dir_slots_carry_async (HrSlots *slots, HrSlot from, HrSlot to, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  HrDirSlots *self = HR_DIR_SLOTS (slots);
  g_autoptr (GTask) task = task_new (self, hr_dir_slots_carry_async, cancellable, callback, user_data);
  Work *work;

  if (self->in_place || self->unusable != NULL)
    {
      g_task_return_pointer (task, in_place_placement (self), (GDestroyNotify)hr_placement_free);
      return;
    }
  work = g_new0 (Work, 1);
  work->order.slot = to;
  work->order.from = from;
  g_task_set_task_data (task, work, work_free);
  g_thread_pool_push (self->pool, g_steal_pointer (&task), NULL);
}

static HrPlacement *
hr_dir_slots_carry_finish (HrSlots *slots, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_dir_slots_carry_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
hr_dir_slots_seal_async (HrSlots *slots, HrSlot slot, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  HrDirSlots *self = HR_DIR_SLOTS (slots);
  g_autoptr (GTask) task = task_new (self, hr_dir_slots_seal_async, cancellable, callback, user_data);
  Work *work;

  if (self->in_place || self->unusable != NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  work = g_new0 (Work, 1);
  work->order.slot = slot;
  work->order.from = HR_SLOT_NONE;
  work->seal = TRUE;
  g_task_set_task_data (task, work, work_free);
  g_thread_pool_push (self->pool, g_steal_pointer (&task), NULL);
}

static gboolean
hr_dir_slots_seal_finish (HrSlots *slots, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_dir_slots_seal_async), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static guint64
hr_dir_slots_holds (HrSlots *slots, HrSlot slot)
{
  HrDirSlots *self = HR_DIR_SLOTS (slots);
  guint64 number;

  g_mutex_lock (&self->lock);
  number = self->in_place ? 0 : self->held[slot];
  g_mutex_unlock (&self->lock);
  return number;
}

static const char *
hr_dir_slots_view_note (HrSlots *slots)
{
  return HR_DIR_SLOTS (slots)->note;
}

static void
hr_dir_slots_run_in_place (HrSlots *slots, const char *why)
{
  HrDirSlots *self = HR_DIR_SLOTS (slots);

  self->in_place = TRUE;
  g_free (self->note);
  self->note = g_strdup_printf ("in place (%s; no rollback of files)", why);
}

static void
hr_dir_slots_finalize (GObject *object)
{
  HrDirSlots *self = HR_DIR_SLOTS (object);

  /* Each task holds a reference, so none is left; a worker may still be on its last lines. */
  if (self->pool != NULL)
    g_thread_pool_free (self->pool, FALSE, TRUE);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  hr_slot_site_clear (&self->site);
  g_clear_error (&self->unusable);
  g_free (self->note);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (hr_dir_slots_parent_class)->finalize (object);
}

static void
hr_dir_slots_class_init (HrDirSlotsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_dir_slots_finalize;
}

static void
hr_dir_slots_init (HrDirSlots *self)
{
  g_mutex_init (&self->lock);
}

static void
hr_dir_slots_iface_init (HrSlotsInterface *iface)
{
  iface->place_async = hr_dir_slots_place_async;
  iface->place_finish = hr_dir_slots_place_finish;
  iface->carry_async = hr_dir_slots_carry_async;
  iface->carry_finish = hr_dir_slots_carry_finish;
  iface->seal_async = hr_dir_slots_seal_async;
  iface->seal_finish = hr_dir_slots_seal_finish;
  iface->holds = hr_dir_slots_holds;
  iface->view_note = hr_dir_slots_view_note;
  iface->run_in_place = hr_dir_slots_run_in_place;
}

static char *
resolve (const char *path)
{
  char *real = realpath (path, NULL);
  char *resolved = g_strdup (real != NULL ? real : path);

  free (real);
  return resolved;
}

static gboolean
is_below (const char *path, const char *dir)
{
  g_autofree char *inner = resolve (path);
  g_autofree char *outer = resolve (dir);
  gsize length = strlen (outer);

  return g_str_equal (outer, "/")
         || (g_str_has_prefix (inner, outer) && (inner[length] == '/' || inner[length] == '\0'));
}

/* Why a service that leaves the choice to us is not run from slots, or NULL. */
static const char *
find_harm (HrDirSlots *self, const char *slots_dir)
{
  g_autofree char *source = resolve (self->spec->source);
  g_autofree char *home = resolve (g_get_home_dir ());
  g_autofree char *above = g_path_get_dirname (source);

  if (g_str_equal (source, "/"))
    return "Source is the root directory";
  if (g_str_equal (source, home) || g_str_equal (above, "/home") || g_str_equal (source, "/root"))
    return "Source is a home directory";
  return is_below (slots_dir, source) ? "the state directory is below Source" : NULL;
}

static void
choose_view (HrDirSlots *self, const char *runtime_dir, const char *no_mount)
{
  const char *why_not = no_mount != NULL                             ? no_mount
                        : is_below (runtime_dir, self->spec->source) ? "the runtime directory is below Source"
                                                                     : NULL;

  if (self->spec->view != HR_VIEW_SLOT && why_not == NULL)
    {
      self->site.real_source = g_build_filename (runtime_dir, "real", self->spec->name, NULL);
      self->note = g_strdup ("source");
    }
  else if (self->spec->view == HR_VIEW_SLOT)
    self->note = g_strdup ("slot");
  else if (self->spec->view == HR_VIEW_AUTO)
    self->note = g_strdup_printf ("slot (%s)", why_not);
  else
    {
      self->note = g_strdup_printf ("none (View=source cannot be had: %s)", why_not);
      g_set_error (&self->unusable, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "View=source of '%s' cannot be had: %s; say View=auto or View=slot", self->spec->name, why_not);
    }
}

static void
choose_slots (HrDirSlots *self, const char *slots_dir)
{
  const char *harm = find_harm (self, slots_dir);

  if (self->spec->slots == HR_SLOTS_NO)
    hr_dir_slots_run_in_place (HR_SLOTS (self), "Slots=no");
  else if (self->spec->slots == HR_SLOTS_AUTO && harm != NULL)
    hr_dir_slots_run_in_place (HR_SLOTS (self), harm);
  else if (is_below (slots_dir, self->spec->source))
    {
      g_clear_error (&self->unusable);
      g_set_error (&self->unusable, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "Slots=yes of '%s' cannot be had: the state directory is below Source; say Slots=no or use another "
                   "state directory",
                   self->spec->name);
    }
}

/**
 * hr_dir_slots_new:
 * @spec: a service with a source
 * @store: its rollback store, opened by hr_git_store_open()
 * @slots_dir: directory for the slots of all services; what is missing is made when a release is placed
 * @runtime_dir: the daemon's runtime directory, for mount points
 * @no_mount: (nullable): why no view can be mounted here; %NULL: it can
 *
 * Returns: (transfer full): the slots
 */
HrSlots *
hr_dir_slots_new (HrServiceSpec *spec, HrReleaseStore *store, const char *slots_dir, const char *runtime_dir,
                  const char *no_mount)
{
  HrDirSlots *self;

  g_return_val_if_fail (spec != NULL && spec->source != NULL, NULL);
  g_return_val_if_fail (HR_IS_RELEASE_STORE (store), NULL);
  g_return_val_if_fail (slots_dir != NULL && runtime_dir != NULL, NULL);

  self = g_object_new (HR_TYPE_DIR_SLOTS, NULL);
  self->spec = hr_service_spec_ref (spec);
  self->site.service = g_strdup (spec->name);
  self->site.source = g_strdup (spec->source);
  self->site.base = g_build_filename (slots_dir, spec->name, NULL);
  self->site.store = g_object_ref (store);
  self->site.ignore = hr_ignore_new (spec);
  self->site.owner = hr_owner_of (&spec->isolation);
  self->pool = g_thread_pool_new (run, NULL, 1, FALSE, NULL);
  choose_view (self, runtime_dir, no_mount);
  choose_slots (self, slots_dir);

  for (HrSlot slot = HR_SLOT_A; slot <= HR_SLOT_B; slot++)
    self->held[slot] = hr_slot_site_holds (&self->site, slot);
  return HR_SLOTS (self);
}
