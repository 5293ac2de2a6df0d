/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-dir-slots.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-ignore.h"
#include "hr-log.h"
#include "hr-slot-carry.h"
#include "hr-slot-place.h"
#include "hr-slot-shares.h"

struct _HrDirSlots {
  GObject parent_instance;

  HrServiceSpec *spec;
  HrReleaseStore *store;
  HrIgnore *ignore;
  char *base;        /* STATE/slots/NAME */
  char *kept;        /* below it */
  char *temporary;   /* below it */
  char *real_source; /* mount point; NULL: the slot is seen at its own path */
  gboolean in_place;
  GError *unusable; /* what placing fails with, NULL */
  char *note;
  GThreadPool *pool; /* of one thread: one operation at a time, in order */

  GMutex lock;
  guint64 held[2]; /* under @lock */
};

/* What a task is to do, and what came of it. */
typedef struct {
  HrSlot slot;
  HrSlot from;
  HrRelease *release; /* NULL: only to carry */
  char **share_dirs;
  char **share_files;
  HrPlacement *placement;
  GError *error;
} Order;

static void hr_dir_slots_iface_init (HrSlotsInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrDirSlots, hr_dir_slots, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_SLOTS, hr_dir_slots_iface_init))

static void
order_free (gpointer data)
{
  Order *order = data;

  g_clear_pointer (&order->release, hr_release_free);
  g_strfreev (order->share_dirs);
  g_strfreev (order->share_files);
  g_clear_pointer (&order->placement, hr_placement_free);
  g_clear_error (&order->error);
  g_free (order);
}

static char *
slot_file (HrDirSlots *self, HrSlot slot, const char *suffix)
{
  g_autofree char *name = g_strconcat (hr_slot_to_string (slot), suffix, NULL);

  return g_build_filename (self->base, name, NULL);
}

static void
set_held (HrDirSlots *self, HrSlot slot, guint64 number)
{
  g_mutex_lock (&self->lock);
  self->held[slot] = number;
  g_mutex_unlock (&self->lock);
}

static HrSlotDir *
open_slot (HrDirSlots *self, HrSlot slot, gboolean writable, GError **error)
{
  g_autofree char *path = slot_file (self, slot, "");

  return hr_slot_dir_open (path, writable ? self->temporary : NULL, error);
}

/* The record of @slot, empty where there is none that can be trusted. */
static HrSlotRecord *
load_record (HrDirSlots *self, HrSlot slot, gboolean *scratch)
{
  g_autofree char *file = slot_file (self, slot, ".placed");
  g_autofree char *marker = slot_file (self, slot, ".placing");
  g_autoptr (GError) error = NULL;
  HrSlotRecord *record = hr_slot_record_load (file, &error);

  *scratch = record == NULL || g_file_test (marker, G_FILE_TEST_EXISTS);
  if (record == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_debug ("%s; everything in the slot is compared with the release", error->message);
  return record != NULL ? record : hr_slot_record_new ();
}

static gboolean
save_record (HrDirSlots *self, HrSlot slot, const HrSlotRecord *record, GError **error)
{
  g_autofree char *file = slot_file (self, slot, ".placed");

  return hr_slot_record_save (record, file, error);
}

static HrSlotWalk *
walk (HrDirSlots *self, HrSlotDir *dir, HrSlotRecord *record, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrIgnore) ignore = hr_ignore_copy (self->ignore);

  return hr_slot_walk (dir, record, ignore, cancellable, error);
}

static gboolean
open_from (HrDirSlots *self, HrSlotChange *change, HrSlot from, GError **error)
{
  g_autofree char *path = slot_file (self, from, "");
  gboolean scratch;

  if (from == HR_SLOT_NONE || !g_file_test (path, G_FILE_TEST_IS_DIR))
    return TRUE;
  change->from = open_slot (self, from, FALSE, error);
  change->from_record = load_record (self, from, &scratch);
  if (change->from == NULL)
    return FALSE;
  change->in_from = walk (self, change->from, change->from_record, change->cancellable, error);
  return change->in_from != NULL;
}

static gboolean
make_dirs (HrDirSlots *self, HrSlot slot, GError **error)
{
  g_autofree char *path = slot_file (self, slot, "");
  struct stat source;
  struct stat info;
  guint mode = stat (self->spec->source, &source) == 0 ? (source.st_mode & 0777) | 0700 : 0700;

  if (!hr_fs_make_dir (path, 0700, error) || !hr_fs_remove_tree (self->temporary, error)
      || !hr_fs_make_dir (self->temporary, 0700, error)
      || (self->real_source != NULL && !hr_fs_make_dir (self->real_source, 0700, error)))
    return FALSE;
  /* The program sees it as its source. */
  if (lstat (path, &info) != 0 || ((info.st_mode & 07777) != mode && chmod (path, mode) != 0))
    return hr_fs_set_error (error, errno, "while changing the mode of '%s'", path);
  return TRUE;
}

static HrSlotRecord *
want_release (HrDirSlots *self, const Order *order, HrView **view, GError **error)
{
  g_autoptr (HrSlotRecord) want = hr_slot_record_new ();
  g_autofree char *dir = slot_file (self, order->slot, "");
  g_auto (GStrv) mounts = NULL;
  g_auto (GStrv) read_only = NULL;
  HrSlotShares shares = { .source = self->spec->source,
                          .real_source = self->real_source,
                          .dirs = (const char *const *)order->share_dirs,
                          .files = (const char *const *)order->share_files };

  want->release = order->release->number;
  want->tree = g_strdup (order->release->tree);
  if (!hr_slot_place_read_tree (self->store, want->tree, want, error))
    return NULL;
  hr_slot_shares_place (&shares, want, &mounts, &read_only);
  *view = hr_view_new (self->spec->source, dir, self->real_source, (const char *const *)mounts,
                       (const char *const *)read_only);
  return g_steal_pointer (&want);
}

static HrPlacement *
placement_new (HrSlotChange *change, HrView *view)
{
  HrPlacement *placement = g_new0 (HrPlacement, 1);

  placement->view = view;
  placement->written = change->written;
  g_ptr_array_add (change->carried, NULL);
  g_ptr_array_add (change->kept_aside, NULL);
  placement->carried = (char **)g_ptr_array_steal (change->carried, NULL);
  placement->kept_aside = (char **)g_ptr_array_steal (change->kept_aside, NULL);
  return placement;
}

static gboolean
save_place (HrDirSlots *self, const Order *order, HrSlotChange *change, GError **error)
{
  if (change->begun || change->scratch || change->from != NULL || change->have->release != change->want->release
      || g_strcmp0 (change->have->tree, change->want->tree) != 0)
    {
      change->want->placed_at = g_get_real_time () * 1000;
      if (!save_record (self, order->slot, change->want, error))
        return FALSE;
    }
  if ((change->begun || change->scratch) && g_unlink (change->marker) != 0 && errno != ENOENT)
    return hr_fs_set_error (error, errno, "while removing '%s'", change->marker);
  return change->from == NULL || change->from_record->release == 0
         || save_record (self, order->from, change->from_record, error);
}

static HrPlacement *
place (HrDirSlots *self, const Order *order, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrSlotChange) change = hr_slot_change_new (self->spec->name, self->store, self->kept);
  g_autofree char *marker = slot_file (self, order->slot, ".placing");
  g_autoptr (HrView) view = NULL;

  change->marker = marker;
  change->cancellable = cancellable;
  if (!make_dirs (self, order->slot, error))
    return NULL;
  change->have = load_record (self, order->slot, &change->scratch);
  change->want = want_release (self, order, &view, error);
  if (change->want == NULL)
    return NULL;
  change->to = open_slot (self, order->slot, TRUE, error);
  if (change->to == NULL)
    return NULL;
  change->in_to = walk (self, change->to, change->have, cancellable, error);
  if (change->in_to == NULL || !open_from (self, change, order->from, error))
    return NULL;

  if (!hr_slot_place (change, error) || !save_place (self, order, change, error))
    {
      if (change->begun || change->scratch)
        set_held (self, order->slot, 0);
      return NULL;
    }
  set_held (self, order->slot, order->release->number);
  return placement_new (change, g_steal_pointer (&view));
}

static HrPlacement *
carry (HrDirSlots *self, const Order *order, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrSlotChange) change = hr_slot_change_new (self->spec->name, self->store, self->kept);
  gboolean scratch;
  gboolean ok;

  change->cancellable = cancellable;
  change->from_ended = TRUE;
  if (!make_dirs (self, order->slot, error))
    return NULL;
  change->want = load_record (self, order->slot, &scratch);
  change->to = open_slot (self, order->slot, TRUE, error);
  if (change->to == NULL || !open_from (self, change, order->from, error))
    return NULL;
  if (change->from == NULL || change->in_from->own->len == 0)
    return placement_new (change, NULL);

  ok = hr_slot_carry_late (change, error) && hr_slot_dir_finish (change->to, error);
  /* What was brought before an error is known as such. */
  if (change->want->release != 0 && !save_record (self, order->slot, change->want, ok ? error : NULL))
    ok = FALSE;
  if (change->from_record->release != 0 && !save_record (self, order->from, change->from_record, ok ? error : NULL))
    ok = FALSE;
  return ok ? placement_new (change, NULL) : NULL;
}

static gboolean
on_worked (gpointer data)
{
  GTask *task = data;
  Order *order = g_task_get_task_data (task);

  if (order->placement != NULL)
    g_task_return_pointer (task, g_steal_pointer (&order->placement), (GDestroyNotify)hr_placement_free);
  else
    g_task_return_error (task, g_steal_pointer (&order->error));
  return G_SOURCE_REMOVE;
}

/* In the worker thread. The task goes back to the caller's, so that its last reference, and with it ours, is dropped
 * there. */
static void
work (gpointer data, gpointer user_data)
{
  GTask *task = data;
  HrDirSlots *self = g_task_get_source_object (task);
  Order *order = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  g_autoptr (GSource) source = g_idle_source_new ();

  if (!g_cancellable_set_error_if_cancelled (cancellable, &order->error))
    order->placement = order->release != NULL ? place (self, order, cancellable, &order->error)
                                              : carry (self, order, cancellable, &order->error);
  if (order->placement == NULL && order->release != NULL)
    g_prefix_error (&order->error,
                    "while placing release %" G_GUINT64_FORMAT " of '%s' in slot %s: ", order->release->number,
                    self->spec->name, hr_slot_to_string (order->slot));
  else if (order->placement == NULL)
    g_prefix_error (&order->error, "while bringing along what '%s' wrote in slot %s: ", self->spec->name,
                    hr_slot_to_string (order->from));
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
  Order *order;

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
  order = g_new0 (Order, 1);
  order->slot = slot;
  order->from = carry_from;
  order->release = hr_release_copy (release);
  order->share_dirs = copy_sorted (scan->share_dirs);
  order->share_files = copy_sorted (scan->share_files);
  g_task_set_task_data (task, order, order_free);
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
  Order *order;

  if (self->in_place || self->unusable != NULL)
    {
      g_task_return_pointer (task, in_place_placement (self), (GDestroyNotify)hr_placement_free);
      return;
    }
  order = g_new0 (Order, 1);
  order->slot = to;
  order->from = from;
  g_task_set_task_data (task, order, order_free);
  g_thread_pool_push (self->pool, g_steal_pointer (&task), NULL);
}

static HrPlacement *
hr_dir_slots_carry_finish (HrSlots *slots, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_dir_slots_carry_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
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
  g_clear_object (&self->store);
  g_clear_object (&self->ignore);
  g_clear_error (&self->unusable);
  g_free (self->base);
  g_free (self->kept);
  g_free (self->temporary);
  g_free (self->real_source);
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
choose_view (HrDirSlots *self, const char *runtime_dir, gboolean can_mount)
{
  const char *why_not = !can_mount                                   ? "the kernel allows no mount namespace"
                        : is_below (runtime_dir, self->spec->source) ? "the runtime directory is below Source"
                                                                     : NULL;

  if (self->spec->view != HR_VIEW_SLOT && why_not == NULL)
    {
      self->real_source = g_build_filename (runtime_dir, "real", self->spec->name, NULL);
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
 * @can_mount: whether the kernel allows mount namespaces here
 *
 * Returns: (transfer full): the slots
 */
HrSlots *
hr_dir_slots_new (HrServiceSpec *spec, HrReleaseStore *store, const char *slots_dir, const char *runtime_dir,
                  gboolean can_mount)
{
  HrDirSlots *self;

  g_return_val_if_fail (spec != NULL && spec->source != NULL, NULL);
  g_return_val_if_fail (HR_IS_RELEASE_STORE (store), NULL);
  g_return_val_if_fail (slots_dir != NULL && runtime_dir != NULL, NULL);

  self = g_object_new (HR_TYPE_DIR_SLOTS, NULL);
  self->spec = hr_service_spec_ref (spec);
  self->store = g_object_ref (store);
  self->ignore = hr_ignore_new (spec);
  self->base = g_build_filename (slots_dir, spec->name, NULL);
  self->kept = g_build_filename (self->base, "kept", NULL);
  self->temporary = g_build_filename (self->base, "tmp", NULL);
  self->pool = g_thread_pool_new (work, NULL, 1, FALSE, NULL);
  choose_view (self, runtime_dir, can_mount);
  choose_slots (self, slots_dir);

  for (HrSlot slot = HR_SLOT_A; slot <= HR_SLOT_B; slot++)
    {
      g_autofree char *file = slot_file (self, slot, ".placed");
      g_autofree char *marker = slot_file (self, slot, ".placing");

      if (!g_file_test (marker, G_FILE_TEST_EXISTS))
        self->held[slot] = hr_slot_record_peek (file);
    }
  return HR_SLOTS (self);
}
