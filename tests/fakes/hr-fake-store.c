/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-store.h"

#include <string.h>

#include "hr-error.h"

typedef struct {
  char **hints;
  char *from;
  char *to;
  guint64 number;
  HrRelease *draft;
} Request;

static void hr_fake_store_iface_init (HrReleaseStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeStore, hr_fake_store, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_RELEASE_STORE, hr_fake_store_iface_init))

static void
request_free (gpointer data)
{
  Request *request = data;

  g_strfreev (request->hints);
  g_free (request->from);
  g_free (request->to);
  hr_release_free (request->draft);
  g_free (request);
}

static GTask *
make_task (HrReleaseStore *store, Request **request, GCancellable *cancellable, GAsyncReadyCallback callback,
           gpointer user_data)
{
  GTask *task = g_task_new (store, cancellable, callback, user_data);

  *request = g_new0 (Request, 1);
  g_task_set_task_data (task, *request, request_free);
  return task;
}

static GHashTable *
files_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

static void
read_path (HrFakeStore *self, const char *path)
{
  const char *content = g_hash_table_lookup (self->source, path);

  if (content != NULL)
    g_hash_table_insert (self->known, g_strdup (path), g_strdup (content));
  else
    g_hash_table_remove (self->known, path);
}

static void
read_everything (HrFakeStore *self)
{
  GHashTableIter iter;
  gpointer path;

  self->full_scans++;
  self->scanned = TRUE;
  g_hash_table_remove_all (self->known);
  g_hash_table_iter_init (&iter, self->source);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    read_path (self, path);
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
sorted_paths (GHashTable *files)
{
  GPtrArray *paths = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer path;

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    g_ptr_array_add (paths, path);
  g_ptr_array_sort (paths, compare_paths);
  return paths;
}

/* Stores what is known; the id is made of the content alone. */
static char *
write_tree (HrFakeStore *self)
{
  g_autoptr (GPtrArray) paths = sorted_paths (self->known);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  GHashTable *tree = files_new ();

  for (guint i = 0; i < paths->len; i++)
    {
      const char *path = paths->pdata[i];
      const char *content = g_hash_table_lookup (self->known, path);

      g_checksum_update (sum, (const guchar *)path, (gssize)strlen (path) + 1);
      g_checksum_update (sum, (const guchar *)content, (gssize)strlen (content) + 1);
      g_hash_table_insert (tree, g_strdup (path), g_strdup (content));
    }
  g_hash_table_insert (self->trees, g_strdup (g_checksum_get_string (sum)), tree);
  return g_strdup (g_checksum_get_string (sum));
}

static GHashTable *
tree_or_empty (HrFakeStore *self, const char *id)
{
  GHashTable *tree = id != NULL ? g_hash_table_lookup (self->trees, id) : NULL;

  return tree != NULL ? g_hash_table_ref (tree) : files_new ();
}

static char **
differences (GHashTable *from, GHashTable *to)
{
  g_autoptr (GHashTable) different = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) paths = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer path, content;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &path, &content))
    if (g_strcmp0 (content, g_hash_table_lookup (to, path)) != 0)
      g_hash_table_add (different, path);
  g_hash_table_iter_init (&iter, to);
  while (g_hash_table_iter_next (&iter, &path, &content))
    if (g_strcmp0 (content, g_hash_table_lookup (from, path)) != 0)
      g_hash_table_add (different, path);
  paths = sorted_paths (different);
  for (guint i = 0; i < paths->len; i++)
    g_strv_builder_add (builder, paths->pdata[i]);
  return g_strv_builder_end (builder);
}

static void
answer_scan (GTask *task)
{
  HrFakeStore *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);
  HrScan *scan = g_new0 (HrScan, 1);
  g_autoptr (GHashTable) base = tree_or_empty (self, request->from);

  if (request->hints == NULL || !self->scanned)
    read_everything (self);
  else
    for (guint i = 0; request->hints[i] != NULL; i++)
      read_path (self, request->hints[i]);
  scan->tree = write_tree (self);
  scan->files = differences (base, self->known);
  scan->n_changed = g_strv_length (scan->files);
  scan->n_files = g_hash_table_size (self->known);
  scan->share_dirs = g_new0 (char *, 1);
  scan->share_files = g_new0 (char *, 1);
  scan->warnings = g_new0 (char *, 1);
  scan->quiet = self->quiet;
  self->quiet = G_MAXINT64;
  g_task_return_pointer (task, scan, (GDestroyNotify)hr_scan_free);
}

static void
fake_scan_async (HrReleaseStore *store, const char *const *hints, const char *base_tree, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;
  GTask *task = make_task (store, &request, cancellable, callback, user_data);

  request->hints = g_strdupv ((char **)hints);
  request->from = g_strdup (base_tree);
  hr_fake_gate_pass (&HR_FAKE_STORE (store)->scan, task, answer_scan);
}

static HrScan *
fake_scan_finish (HrReleaseStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static HrRelease *
append (HrFakeStore *self, const HrRelease *draft)
{
  HrRelease *release = hr_release_copy (draft);

  release->number = self->releases->len + 1;
  release->commit = g_strdup_printf ("commit-%u", self->releases->len + 1);
  g_ptr_array_add (self->releases, release);
  hr_release_book_add (self->book, hr_release_copy (release));
  return release;
}

static void
answer_commit (GTask *task)
{
  Request *request = g_task_get_task_data (task);

  g_task_return_pointer (task, hr_release_copy (append (g_task_get_source_object (task), request->draft)),
                         (GDestroyNotify)hr_release_free);
}

static void
fake_commit_async (HrReleaseStore *store, const HrRelease *draft, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;
  GTask *task = make_task (store, &request, cancellable, callback, user_data);

  request->draft = hr_release_copy (draft);
  hr_fake_gate_pass (&HR_FAKE_STORE (store)->commit, task, answer_commit);
}

static HrRelease *
fake_commit_finish (HrReleaseStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
fake_set_fate (HrReleaseStore *store, guint64 number, HrFate fate, const char *phase, const char *message)
{
  HrFakeStore *self = HR_FAKE_STORE (store);
  HrRelease **kept = (HrRelease **)&self->releases->pdata[number - 1];

  g_assert_true (hr_release_book_set_fate (self->book, number, fate, phase, message));
  hr_release_free (*kept);
  *kept = hr_release_copy (hr_release_book_get (self->book, number));
}

static void
answer_diff (GTask *task)
{
  HrFakeStore *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);
  g_autoptr (GHashTable) from = tree_or_empty (self, request->from);
  g_autoptr (GHashTable) to = tree_or_empty (self, request->to);
  g_auto (GStrv) files = differences (from, to);

  g_task_return_pointer (task, g_strjoinv ("\n", files), g_free);
}

static void
fake_diff_async (HrReleaseStore *store, const char *from_tree, const char *to_tree, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;
  GTask *task = make_task (store, &request, cancellable, callback, user_data);

  request->from = g_strdup (from_tree);
  request->to = g_strdup (to_tree);
  hr_fake_gate_pass (&HR_FAKE_STORE (store)->diff, task, answer_diff);
}

static char *
fake_diff_finish (HrReleaseStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
free_releases (gpointer releases)
{
  g_ptr_array_unref (releases);
}

static void
answer_list (GTask *task)
{
  HrFakeStore *self = g_task_get_source_object (task);
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_release_free);

  for (guint i = 0; i < self->releases->len; i++)
    g_ptr_array_add (all, hr_release_copy (g_ptr_array_index (self->releases, i)));
  g_task_return_pointer (task, all, free_releases);
}

static void
fake_list_async (HrReleaseStore *store, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;

  hr_fake_gate_pass (&HR_FAKE_STORE (store)->load, make_task (store, &request, cancellable, callback, user_data),
                     answer_list);
}

static HrRelease *
fake_load (HrReleaseStore *store, guint64 number, GError **error)
{
  HrFakeStore *self = HR_FAKE_STORE (store);

  if (number > 0 && number <= self->releases->len)
    return hr_release_copy (g_ptr_array_index (self->releases, number - 1));
  g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "release %" G_GUINT64_FORMAT " is damaged", number);
  return NULL;
}

static void
answer_load (GTask *task)
{
  const Request *request = g_task_get_task_data (task);
  GError *error = NULL;
  HrRelease *release = fake_load (g_task_get_source_object (task), request->number, &error);

  if (release != NULL)
    g_task_return_pointer (task, release, (GDestroyNotify)hr_release_free);
  else
    g_task_return_error (task, error);
}

static void
fake_load_async (HrReleaseStore *store, guint64 number, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  Request *request;
  GTask *task = make_task (store, &request, cancellable, callback, user_data);

  request->number = number;
  hr_fake_gate_pass (&HR_FAKE_STORE (store)->load, task, answer_load);
}

static HrReleaseBook *
fake_get_book (HrReleaseStore *store)
{
  return HR_FAKE_STORE (store)->book;
}

static void
hr_fake_store_iface_init (HrReleaseStoreInterface *iface)
{
  iface->scan_async = fake_scan_async;
  iface->scan_finish = fake_scan_finish;
  iface->commit_async = fake_commit_async;
  iface->commit_finish = fake_commit_finish;
  iface->set_fate = fake_set_fate;
  iface->diff_async = fake_diff_async;
  iface->diff_finish = fake_diff_finish;
  iface->list_async = fake_list_async;
  iface->load_async = fake_load_async;
  iface->load = fake_load;
  iface->get_book = fake_get_book;
}

static void
hr_fake_store_finalize (GObject *object)
{
  HrFakeStore *self = HR_FAKE_STORE (object);

  hr_fake_gate_clear (&self->scan);
  hr_fake_gate_clear (&self->commit);
  hr_fake_gate_clear (&self->diff);
  hr_fake_gate_clear (&self->load);
  g_hash_table_unref (self->source);
  g_hash_table_unref (self->known);
  g_hash_table_unref (self->trees);
  g_ptr_array_unref (self->releases);
  hr_release_book_free (self->book);
  G_OBJECT_CLASS (hr_fake_store_parent_class)->finalize (object);
}

static void
hr_fake_store_class_init (HrFakeStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_store_finalize;
}

static void
hr_fake_store_init (HrFakeStore *self)
{
  self->source = files_new ();
  self->known = files_new ();
  self->trees = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
  self->releases = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_release_free);
  self->book = hr_release_book_new ();
  self->quiet = G_MAXINT64;
}

/**
 * hr_fake_store_new:
 *
 * Returns: (transfer full): a store with a source that has one file, "main"
 */
HrFakeStore *
hr_fake_store_new (void)
{
  HrFakeStore *self = g_object_new (HR_TYPE_FAKE_STORE, NULL);

  hr_fake_store_write (self, "main", "one");
  return self;
}

/**
 * hr_fake_store_write:
 * @self: the store
 * @path: below the source
 * @content: (nullable): what the developer saves; %NULL removes the file
 */
void
hr_fake_store_write (HrFakeStore *self, const char *path, const char *content)
{
  if (content != NULL)
    g_hash_table_insert (self->source, g_strdup (path), g_strdup (content));
  else
    g_hash_table_remove (self->source, path);
}

/**
 * hr_fake_store_read:
 * @self: the store
 * @release: a release
 * @path: of a file
 *
 * Returns: (transfer none) (nullable): what the release holds there
 */
const char *
hr_fake_store_read (HrFakeStore *self, guint64 release, const char *path)
{
  const HrRelease *found;

  g_assert_cmpuint (release, <=, self->releases->len);
  found = g_ptr_array_index (self->releases, release - 1);
  return g_hash_table_lookup (g_hash_table_lookup (self->trees, found->tree), path);
}

/**
 * hr_fake_store_add:
 * @self: the store
 * @content: of the source's "main" then
 * @fate: what became of it
 *
 * A release of an earlier daemon. The source keeps @content.
 */
void
hr_fake_store_add (HrFakeStore *self, const char *content, HrFate fate)
{
  g_autofree char *tree = NULL;
  HrRelease draft = { .trigger = (char *)"file", .fate = fate };

  hr_fake_store_write (self, "main", content);
  read_everything (self);
  self->full_scans = 0;
  self->scanned = FALSE;
  tree = write_tree (self);
  draft.tree = tree;
  append (self, &draft);
}
