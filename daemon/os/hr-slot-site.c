/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-site.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-slot-carry.h"
#include "hr-slot-place.h"
#include "hr-slot-record-file.h"
#include "hr-slot-shares.h"

/**
 * hr_slot_site_clear:
 * @self: where slots were
 */
void
hr_slot_site_clear (HrSlotSite *self)
{
  g_clear_pointer (&self->service, g_free);
  g_clear_pointer (&self->source, g_free);
  g_clear_pointer (&self->base, g_free);
  g_clear_pointer (&self->real_source, g_free);
  g_clear_object (&self->store);
  g_clear_object (&self->ignore);
}

/**
 * hr_slot_site_file:
 * @self: where the slots are
 * @slot: one of them
 * @suffix: "" for the slot itself, ".placed" for its record, ".placing" for its mark
 *
 * Returns: (transfer full): absolute path
 */
char *
hr_slot_site_file (const HrSlotSite *self, HrSlot slot, const char *suffix)
{
  g_autofree char *name = g_strconcat (hr_slot_to_string (slot), suffix, NULL);

  return g_build_filename (self->base, name, NULL);
}

/**
 * hr_slot_site_holds:
 * @self: where the slots are
 * @slot: one of them
 *
 * Returns: the number of the release completely placed in @slot as far as that is seen without reading all, 0: none
 */
guint64
hr_slot_site_holds (const HrSlotSite *self, HrSlot slot)
{
  g_autofree char *file = hr_slot_site_file (self, slot, ".placed");
  g_autofree char *marker = hr_slot_site_file (self, slot, ".placing");

  return g_file_test (marker, G_FILE_TEST_EXISTS) ? 0 : hr_slot_record_file_peek (file);
}

static HrSlotDir *
open_slot (const HrSlotSite *self, HrSlot slot, gboolean writable, GError **error)
{
  g_autofree char *path = hr_slot_site_file (self, slot, "");
  g_autofree char *temporary = g_build_filename (self->base, "tmp", NULL);

  HrSlotDir *dir = hr_slot_dir_open (path, writable ? temporary : NULL, error);

  if (dir != NULL)
    hr_slot_dir_set_owner (dir, &self->owner);
  return dir;
}

/* The record of @slot, empty where there is none that can be trusted. */
static HrSlotRecord *
load_record (const HrSlotSite *self, HrSlot slot, gboolean *scratch)
{
  g_autofree char *file = hr_slot_site_file (self, slot, ".placed");
  g_autofree char *marker = hr_slot_site_file (self, slot, ".placing");
  g_autoptr (GError) error = NULL;
  HrSlotRecord *record = hr_slot_record_file_load (file, &error);

  *scratch = record == NULL || g_file_test (marker, G_FILE_TEST_EXISTS);
  if (record == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_debug ("%s; everything in the slot is compared with the release", error->message);
  return record != NULL ? record : hr_slot_record_new ();
}

static gboolean
save_record (const HrSlotSite *self, HrSlot slot, const HrSlotRecord *record, GError **error)
{
  g_autofree char *file = hr_slot_site_file (self, slot, ".placed");

  return hr_slot_record_file_save (record, file, error);
}

static HrSlotWalk *
walk (const HrSlotSite *self, HrSlotDir *dir, HrSlotRecord *record, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrIgnore) ignore = hr_ignore_copy (self->ignore);

  return hr_slot_walk (dir, record, ignore, cancellable, error);
}

static gboolean
open_from (const HrSlotSite *self, HrSlotChange *change, HrSlot from, GError **error)
{
  g_autofree char *path = hr_slot_site_file (self, from, "");
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

/* What was placed for somebody else is of no use: it is placed anew. */
static gboolean
forget_others (const HrSlotSite *self, HrSlot slot, const char *path, GError **error)
{
  g_autofree char *record = hr_slot_site_file (self, slot, ".placed");
  uid_t uid = self->owner.set ? self->owner.uid : geteuid ();
  struct stat info;

  if (geteuid () != 0 || lstat (path, &info) != 0 || info.st_uid == uid)
    return TRUE;
  if (g_unlink (record) != 0 && errno != ENOENT)
    return hr_fs_set_error (error, errno, "while removing '%s'", record);
  return hr_fs_remove_tree (path, error);
}

/* The owner can come through to its slot, and to what links lead to. */
static void
let_owner_in (const HrSlotSite *self)
{
  g_autofree char *slots = g_path_get_dirname (self->base);
  g_autofree char *real = self->real_source != NULL ? g_path_get_dirname (self->real_source) : NULL;

  hr_owner_let_through (&self->owner, slots);
  hr_owner_let_through (&self->owner, self->base);
  if (real != NULL)
    hr_owner_let_through (&self->owner, real);
}

static gboolean
make_dirs (const HrSlotSite *self, HrSlot slot, GError **error)
{
  g_autofree char *path = hr_slot_site_file (self, slot, "");
  g_autofree char *temporary = g_build_filename (self->base, "tmp", NULL);
  struct stat source;
  struct stat info;
  guint mode = stat (self->source, &source) == 0 ? (source.st_mode & 0777) | 0700 : 0700;

  if (!forget_others (self, slot, path, error) || !hr_fs_make_dir (path, 0700, error)
      || !hr_owner_give (&self->owner, path, error) || !hr_fs_remove_tree (temporary, error)
      || !hr_fs_make_dir (temporary, 0700, error)
      || (self->real_source != NULL && !hr_fs_make_dir (self->real_source, 0700, error)))
    return FALSE;
  let_owner_in (self);
  /* The program sees it as its source. */
  if (lstat (path, &info) != 0 || ((info.st_mode & 07777) != mode && chmod (path, mode) != 0))
    return hr_fs_set_error (error, errno, "while changing the mode of '%s'", path);
  return TRUE;
}

static HrSlotRecord *
want_release (const HrSlotSite *self, const HrSlotOrder *order, HrView **view, GError **error)
{
  g_autoptr (HrSlotRecord) want = hr_slot_record_new ();
  g_autofree char *dir = hr_slot_site_file (self, order->slot, "");
  g_auto (GStrv) mounts = NULL;
  g_auto (GStrv) read_only = NULL;
  HrSlotShares shares = { .source = self->source,
                          .real_source = self->real_source,
                          .dirs = (const char *const *)order->share_dirs,
                          .files = (const char *const *)order->share_files };

  want->release = order->release->number;
  want->tree = g_strdup (order->release->tree);
  if (!hr_slot_place_read_tree (self->store, want->tree, want, error))
    return NULL;
  hr_slot_shares_place (&shares, want, &mounts, &read_only);
  *view =
      hr_view_new (self->source, dir, self->real_source, (const char *const *)mounts, (const char *const *)read_only);
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
save_from (const HrSlotSite *self, const HrSlotOrder *order, HrSlotChange *change, GError **error)
{
  return change->from == NULL || change->from_record->release == 0 || !change->from_record->changed
         || save_record (self, order->from, change->from_record, error);
}

static gboolean
save_place (const HrSlotSite *self, const HrSlotOrder *order, HrSlotChange *change, GError **error)
{
  if (change->begun || change->scratch || change->want->changed || change->have->release != change->want->release
      || g_hash_table_size (change->have->agreed) != g_hash_table_size (change->want->agreed)
      || g_strcmp0 (change->have->tree, change->want->tree) != 0)
    {
      change->want->placed_at = g_get_real_time () * 1000;
      if (!save_record (self, order->slot, change->want, error))
        return FALSE;
    }
  if ((change->begun || change->scratch) && g_unlink (change->marker) != 0 && errno != ENOENT)
    return hr_fs_set_error (error, errno, "while removing '%s'", change->marker);
  return save_from (self, order, change, error);
}

/**
 * hr_slot_site_place:
 * @self: where the slots are
 * @order: with a release
 * @cancellable: (nullable): stops between two files
 * @error: return location
 *
 * Returns: (transfer full): what was done; %NULL with an error that names the path
 */
HrPlacement *
hr_slot_site_place (const HrSlotSite *self, const HrSlotOrder *order, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrSlotChange) change = hr_slot_change_new (self->service, self->store, self->base);
  g_autofree char *marker = hr_slot_site_file (self, order->slot, ".placing");
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
      /* What was kept aside stays known, so that it is not kept a second time. */
      save_from (self, order, change, NULL);
      return NULL;
    }
  return placement_new (change, g_steal_pointer (&view));
}

/**
 * hr_slot_site_carry:
 * @self: where the slots are
 * @order: without a release; its from has ended
 * @cancellable: (nullable): stops between two files
 * @error: return location
 *
 * Returns: (transfer full): what was done; %NULL with an error that names the path
 */
HrPlacement *
hr_slot_site_carry (const HrSlotSite *self, const HrSlotOrder *order, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrSlotChange) change = hr_slot_change_new (self->service, self->store, self->base);
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
  if (change->want->release != 0 && change->want->changed
      && !save_record (self, order->slot, change->want, ok ? error : NULL))
    ok = FALSE;
  if (!save_from (self, order, change, ok ? error : NULL))
    ok = FALSE;
  return ok ? placement_new (change, NULL) : NULL;
}

/**
 * hr_slot_site_seal:
 * @self: where the slots are
 * @slot: a slot in which no program has run since it was placed
 * @cancellable: (nullable): stops between two directories
 * @error: return location
 *
 * What is in @slot and was neither placed nor brought there has been made by builds and checks: enters it as that.
 *
 * Returns: success; else an error is set
 */
gboolean
hr_slot_site_seal (const HrSlotSite *self, HrSlot slot, GCancellable *cancellable, GError **error)
{
  gboolean scratch;
  g_autoptr (HrSlotRecord) record = load_record (self, slot, &scratch);
  g_autoptr (HrSlotDir) dir = open_slot (self, slot, FALSE, error);
  g_autoptr (HrSlotWalk) found = NULL;

  if (dir == NULL)
    return FALSE;
  found = walk (self, dir, record, cancellable, error);
  if (found == NULL)
    return FALSE;
  for (guint i = 0; i < found->own->len; i++)
    {
      const HrSlotOwn *own = g_ptr_array_index (found->own, i);
      HrStamp stamp = hr_stamp_of (&own->info);

      /* What a program wrote stays the program's, also when a build changed it. */
      if (!g_hash_table_contains (record->agreed, own->path))
        hr_slot_record_make (record, own->path, &stamp);
    }
  return record->release == 0 || !record->changed || save_record (self, slot, record, error);
}
