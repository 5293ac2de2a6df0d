/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The releases of a service: which are in use, which is gone back to, and those that have to be read from the store.
 */
#include "hr-error.h"
#include "hr-service-private.h"

static void
add_used (GArray *used, guint64 number)
{
  if (number != 0)
    g_array_append_val (used, number);
}

static GArray *
list_used (HrService *self)
{
  GArray *used = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GPtrArray) alive = hr_service_list_alive (self);
  const HrRelease *tried = self->reload != NULL ? hr_reload_get_release (self->reload) : NULL;

  add_used (used, self->last_release);
  add_used (used, tried != NULL ? tried->number : 0);
  /* One that has ended may be started again. */
  add_used (used, self->current != NULL ? hr_generation_get_release (self->current) : 0);
  for (guint i = 0; i < alive->len; i++)
    add_used (used, hr_generation_get_release (g_ptr_array_index (alive, i)));
  return used;
}

/**
 * hr_service_hold_releases:
 * @self: a service whose store has just been opened
 * @record: (nullable): what an earlier daemon wrote of it
 *
 * Has in memory what runs, or did.
 */
void
hr_service_hold_releases (HrService *self, const HrRunRecord *record)
{
  g_autoptr (GArray) used = list_used (self);

  if (record != NULL)
    {
      add_used (used, record->running);
      add_used (used, record->current != NULL ? record->current->release : 0);
      for (guint i = 0; record->others != NULL && i < record->others->len; i++)
        add_used (used, ((HrRunProcess *)g_ptr_array_index (record->others, i))->release);
    }
  hr_release_store_hold (self->parts.store, used);
}

/**
 * hr_service_trim_releases:
 * @self: a service
 *
 * An operation has ended: what it used and is old is read again when it is needed again.
 */
void
hr_service_trim_releases (HrService *self)
{
  g_autoptr (GArray) used = NULL;

  if (self->parts.store == NULL)
    return;
  used = list_used (self);
  hr_release_book_trim (hr_release_store_get_book (self->parts.store), used);
}

/**
 * hr_service_find_newest:
 * @self: a service
 * @fate: what became of it
 *
 * Returns: the number of the newest such release, rather of one that was not rolled back from; 0: none
 */
guint64
hr_service_find_newest (HrService *self, HrFate fate)
{
  const HrReleaseBook *book = self->parts.store != NULL ? hr_release_store_get_book (self->parts.store) : NULL;
  guint64 sound = book != NULL ? hr_release_book_find (book, fate, TRUE, 0, 0) : 0;

  return sound != 0 || book == NULL ? sound : hr_release_book_find (book, fate, FALSE, 0, 0);
}

/* What is good and has an error was rolled back from, and not run since. */
static guint64
newest_before (HrService *self, HrFate fate)
{
  return self->parts.store != NULL
             ? hr_release_book_find (hr_release_store_get_book (self->parts.store), fate, TRUE,
                                     self->caller != NULL ? self->first_release : 0, self->last_release)
             : 0;
}

/**
 * hr_service_get_rollback_point:
 * @self: a service
 *
 * The newest good release before the running one that was not rolled back from. Where none had the time to prove
 * itself, the newest that served.
 *
 * Returns: what a rollback without a number would run; 0: none
 */
guint64
hr_service_get_rollback_point (HrService *self)
{
  guint64 good;

  if (hr_service_runs_in_place (self))
    return 0;
  good = newest_before (self, HR_FATE_GOOD);
  return good != 0 ? good : newest_before (self, HR_FATE_UNPROVEN);
}

/**
 * hr_service_get_fate:
 * @self: a service
 * @number: of a release
 * @fate: (out): what became of it
 *
 * Returns: whether there is such a release
 */
gboolean
hr_service_get_fate (HrService *self, guint64 number, HrFate *fate)
{
  return self->parts.store != NULL
         && hr_release_book_get_fate (hr_release_store_get_book (self->parts.store), number, fate);
}

/**
 * hr_service_is_good:
 * @self: a service
 * @number: of a release
 *
 * Returns: whether there is such a release and it has proven itself
 */
gboolean
hr_service_is_good (HrService *self, guint64 number)
{
  HrFate fate;

  return hr_service_get_fate (self, number, &fate) && fate == HR_FATE_GOOD;
}

/* Reading */

static void
found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  HrRelease *release = hr_release_store_load_finish (HR_RELEASE_STORE (source), result, &error);

  if (release != NULL)
    g_task_return_pointer (task, release, (GDestroyNotify)hr_release_free);
  else
    g_task_return_error (task, error);
}

/**
 * hr_service_find_release_async:
 * @self: a service
 * @number: of a release
 * @callback: called when done
 * @user_data: for @callback
 *
 * Looks a release up, in the store where it is not in memory.
 */
void
hr_service_find_release_async (HrService *self, guint64 number, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  const HrRelease *release = hr_release_store_get (self->parts.store, number);
  HrFate fate;

  g_task_set_source_tag (task, hr_service_find_release_async);
  if (release != NULL)
    g_task_return_pointer (task, hr_release_copy (release), (GDestroyNotify)hr_release_free);
  else if (hr_service_get_fate (self, number, &fate))
    hr_release_store_load_async (self->parts.store, number, NULL, found, g_steal_pointer (&task));
  else
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release %" G_GUINT64_FORMAT,
                             self->name, number);
}

/**
 * hr_service_find_release_finish:
 * @self: a service
 * @result: of hr_service_find_release_async()
 * @error: return location
 *
 * Returns: (transfer full): the release; %NULL with an error set
 */
HrRelease *
hr_service_find_release_finish (HrService *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
free_releases (gpointer releases)
{
  g_ptr_array_unref (releases);
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GPtrArray *releases = hr_release_store_list_finish (HR_RELEASE_STORE (source), result, &error);

  if (releases != NULL)
    g_task_return_pointer (task, releases, free_releases);
  else
    g_task_return_error (task, error);
}

/**
 * hr_service_list_releases_async:
 * @self: a service
 * @callback: called when done
 * @user_data: for @callback
 *
 * Reads all releases from the store, where not all of them are in memory.
 */
void
hr_service_list_releases_async (HrService *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_release_free);
  HrReleaseBook *book = self->parts.store != NULL ? hr_release_store_get_book (self->parts.store) : NULL;
  GPtrArray *held = book != NULL ? hr_release_book_get_held (book) : NULL;

  g_task_set_source_tag (task, hr_service_list_releases_async);
  if (held != NULL && held->len < hr_release_book_count (book))
    {
      hr_release_store_list_async (self->parts.store, NULL, listed, g_steal_pointer (&task));
      return;
    }
  for (guint i = 0; held != NULL && i < held->len; i++)
    g_ptr_array_add (all, hr_release_copy (g_ptr_array_index (held, i)));
  g_task_return_pointer (task, g_steal_pointer (&all), free_releases);
}

/**
 * hr_service_list_releases_finish:
 * @self: a service
 * @result: of hr_service_list_releases_async()
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrRelease): its releases, oldest first; %NULL with an error set
 */
GPtrArray *
hr_service_list_releases_finish (HrService *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
