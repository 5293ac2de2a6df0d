/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-loose.h"
#include "hr-git-repo.h"

#include <errno.h>
#include <fcntl.h>
#include <git2/sys/repository.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-git-pack.h"
#include "hr-git-private.h"

struct _HrGitRepo {
  char *path;
  char *objects_dir;
  git_repository *repository;
  git_odb *odb;
  GArray *unsynced; /* HrOid, of objects in files of their own that a crash may still lose; of the user */
  HrGitPack *pack;  /* while a batch is open */
  guint packs_seen; /* written through other handles before this one was refreshed */
  guint n_written;  /* packs, by the user */
};

git_repository *
hr_git_repo_repository (HrGitRepo *self)
{
  return self->repository;
}

/**
 * hr_git_repo_path:
 * @self: a repository
 *
 * Returns: (transfer none): its directory
 */
const char *
hr_git_repo_path (HrGitRepo *self)
{
  return self->path;
}

/**
 * hr_git_repo_free:
 * @self: (transfer full) (nullable): a repository
 *
 * What a batch still holds in memory is dropped.
 */
void
hr_git_repo_free (HrGitRepo *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->pack, hr_git_pack_free);
  g_clear_pointer (&self->unsynced, g_array_unref);
  g_clear_pointer (&self->odb, git_odb_free);
  g_clear_pointer (&self->repository, git_repository_free);
  g_free (self->objects_dir);
  g_free (self->path);
  g_free (self);
}

/**
 * hr_git_repo_new:
 * @path: its directory, for messages
 * @repository: (transfer full): an open repository
 * @error: return location
 *
 * Returns: (transfer full): the keeper of its objects, or %NULL with an error set
 */
HrGitRepo *
hr_git_repo_new (const char *path, git_repository *repository, GError **error)
{
  g_autoptr (HrGitRepo) self = g_new0 (HrGitRepo, 1);
  int code;

  self->path = g_strdup (path);
  self->objects_dir = g_build_filename (path, "objects", NULL);
  self->repository = repository;
  self->unsynced = g_array_new (FALSE, FALSE, sizeof (HrOid));
  /* Not the repository's own: that one syncs each object as it is written, this one all together, much faster. */
  code = git_odb_open (&self->odb, self->objects_dir);
  if (code == 0)
    code = hr_git_loose_add (self->odb, self->objects_dir);
  if (code == 0)
    code = git_repository_set_odb (repository, self->odb);
  if (code != 0)
    {
      hr_git_set_error (error, code, "while opening the rollback store '%s'", path);
      return NULL;
    }
  return g_steal_pointer (&self);
}

/**
 * hr_git_repo_begin_use:
 * @self: a handle that is not in use
 * @unsynced: (element-type HrOid) (nullable): where the user's objects are noted that a crash may still lose, until
 *   hr_git_repo_sync(); %NULL: forgotten at the end of the use
 * @n_packs: a count of packs that were written through all handles: when it differs, this one looks for new ones
 */
void
hr_git_repo_begin_use (HrGitRepo *self, GArray *unsynced, guint n_packs)
{
  if (unsynced != NULL)
    {
      g_array_unref (self->unsynced);
      self->unsynced = g_array_ref (unsynced);
    }
  if (self->packs_seen != n_packs)
    git_odb_refresh (self->odb);
  self->packs_seen = n_packs;
  self->n_written = 0;
}

/**
 * hr_git_repo_end_use:
 * @self: a handle in use
 * @n_packs: the count as it is now
 *
 * What a batch still holds in memory is dropped.
 *
 * Returns: the count with what was written in this use
 */
guint
hr_git_repo_end_use (HrGitRepo *self, guint n_packs)
{
  g_clear_pointer (&self->pack, hr_git_pack_free);
  g_array_unref (self->unsynced);
  self->unsynced = g_array_new (FALSE, FALSE, sizeof (HrOid));
  /* What others wrote meanwhile is looked for at the next use. */
  if (self->packs_seen == n_packs)
    self->packs_seen += self->n_written;
  return n_packs + self->n_written;
}

/**
 * hr_git_repo_has:
 * @self: a repository
 * @oid: an id
 *
 * Returns: whether the object is stored, sound or not; what waits in a batch is not
 */
gboolean
hr_git_repo_has (HrGitRepo *self, const HrOid *oid)
{
  return git_odb_exists_ext (self->odb, (const git_oid *)oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
}

static gboolean
write_pack (HrGitRepo *self, GError **error)
{
  gboolean ok = hr_git_pack_write (self->pack, self->objects_dir, error);

  self->n_written++;
  git_odb_refresh (self->odb);
  return ok;
}

static char *
loose_path (HrGitRepo *self, const HrOid *oid)
{
  char hex[HR_OID_HEX];

  hr_oid_to_hex (oid, hex);
  return g_strdup_printf ("%s/%.2s/%s", self->objects_dir, hex, hex + 2);
}

/**
 * hr_git_repo_note_written:
 * @self: a repository
 * @oid: an object that was just written to it by other means
 *
 * The next hr_git_repo_sync() makes it durable.
 */
void
hr_git_repo_note_written (HrGitRepo *self, const HrOid *oid)
{
  g_array_append_val (self->unsynced, *oid);
}

/* Whether an object that is there can be used. One that a crash cut short, or a fault of the disk, is set aside so that
 * it can be written again. A pack was checked and synced before it was put in place. */
static gboolean
is_sound (HrGitRepo *self, const HrOid *oid)
{
  g_autofree char *path = loose_path (self, oid);
  g_autofree char *aside = NULL;
  g_autoptr (git_odb_object) object = NULL;

  if (access (path, F_OK) != 0 || git_odb_read (&object, self->odb, (const git_oid *)oid) == 0)
    return TRUE;
  aside = hr_fs_set_aside (path, NULL);
  return aside == NULL;
}

static gboolean
write_object (HrGitRepo *self, git_object_t type, gconstpointer data, gsize size, HrOid *oid, GError **error)
{
  git_oid id;
  int code = git_odb_hash (&id, data, size, type);

  memcpy (oid, &id, sizeof *oid);
  if (code == 0 && (!hr_git_repo_has (self, oid) || !is_sound (self, oid)))
    {
      if (self->pack != NULL)
        return hr_git_pack_add (self->pack, oid, type == GIT_OBJECT_TREE ? HR_GIT_PACK_TREE : HR_GIT_PACK_BLOB, data,
                                size, error)
               && (hr_git_pack_size (self->pack) <= HR_GIT_BATCH_BYTES_MAX || write_pack (self, error));
      code = git_odb_write (&id, self->odb, data, size, type);
      hr_git_repo_note_written (self, oid);
    }
  return code == 0 || hr_git_repo_set_write_error (self, code, error, "while writing to '%s'", self->path);
}

/**
 * hr_git_repo_write_blob:
 * @self: a repository
 * @data: (array length=size): content
 * @size: in bytes
 * @oid: (out): the object's id
 * @error: return location
 *
 * Stores @data. It is durable after hr_git_repo_sync(), or at the end of the batch that is open.
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_repo_write_blob (HrGitRepo *self, gconstpointer data, gsize size, HrOid *oid, GError **error)
{
  return write_object (self, GIT_OBJECT_BLOB, data, size, oid, error);
}

/**
 * hr_git_repo_write_fd:
 * @self: a repository
 * @fd: read from where it stands
 * @size: how much
 * @oid: (out): the object's id
 * @error: return location
 *
 * Stores what is too large for memory, outside any batch. Less than @size bytes in @fd is
 * %G_IO_ERROR_PARTIAL_INPUT.
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_repo_write_fd (HrGitRepo *self, int fd, guint64 size, HrOid *oid, GError **error)
{
  g_autofree char *buffer = g_malloc (1024 * 1024);
  g_autoptr (git_odb_stream) stream = NULL;
  git_oid id;
  int code = git_odb_open_wstream (&stream, self->odb, size, GIT_OBJECT_BLOB);

  while (code == 0 && size > 0)
    {
      ssize_t got = read (fd, buffer, MIN (size, 1024 * 1024));

      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        {
          g_set_error (error, G_IO_ERROR, got < 0 ? g_io_error_from_errno (errno) : G_IO_ERROR_PARTIAL_INPUT,
                       "while reading: %s", got < 0 ? g_strerror (errno) : "the file became shorter");
          return FALSE;
        }
      code = git_odb_stream_write (stream, buffer, (size_t)got);
      size -= (guint64)got;
    }
  if (code == 0)
    code = git_odb_stream_finalize_write (&id, stream);
  if (code != 0)
    return hr_git_repo_set_write_error (self, code, error, "while writing to '%s'", self->path);
  memcpy (oid, &id, sizeof *oid);
  hr_git_repo_note_written (self, oid);
  return TRUE;
}

/**
 * hr_git_item_append:
 * @tree: a tree in git's own form
 * @item: what to append; items come in git's order, in which a directory sorts as if its name ended in '/'
 *
 * Not done by git_treebuilder because that refuses names that some other system could not check out, like ".GIT".
 */
void
hr_git_item_append (GByteArray *tree, const HrGitItem *item)
{
  char mode[16];
  int length = g_snprintf (mode, sizeof mode, "%o ", item->mode);

  g_byte_array_append (tree, (const guint8 *)mode, (guint)length);
  g_byte_array_append (tree, (const guint8 *)item->name, (guint)strlen (item->name) + 1);
  g_byte_array_append (tree, item->oid.id, HR_OID_SIZE);
}

/**
 * hr_git_repo_write_tree:
 * @self: a repository
 * @tree: made by hr_git_item_append()
 * @oid: (out): the object's id
 * @error: return location
 *
 * Like hr_git_repo_write_blob(), for a tree.
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_repo_write_tree (HrGitRepo *self, const GByteArray *tree, HrOid *oid, GError **error)
{
  return write_object (self, GIT_OBJECT_TREE, tree->data != NULL ? (gconstpointer)tree->data : "", tree->len, oid,
                       error);
}

/**
 * hr_git_repo_read_blob:
 * @self: a repository
 * @oid: its id
 * @error: return location
 *
 * Returns: (transfer full): the content; %NULL with an error that names store and object when it is missing or damaged
 */
GBytes *
hr_git_repo_read_blob (HrGitRepo *self, const HrOid *oid, GError **error)
{
  git_odb_object *object = NULL;
  int code = git_odb_read (&object, self->odb, (const git_oid *)oid);

  if (code == 0 && git_odb_object_type (object) == GIT_OBJECT_BLOB)
    return g_bytes_new_with_free_func (git_odb_object_data (object), git_odb_object_size (object),
                                       (GDestroyNotify)git_odb_object_free, object);
  {
    char hex[HR_OID_HEX];

    hr_oid_to_hex (oid, hex);
    hr_git_set_error (error, code, "while reading object %s of the rollback store '%s'", hex, self->path);
    git_odb_object_free (object);
    return NULL;
  }
}

/**
 * hr_git_repo_read_tree:
 * @self: a repository
 * @oid: its id
 * @func: called for each entry, in git's order
 * @user_data: for @func
 * @error: return location
 *
 * Returns: whether all entries were read; else an error is set, @func's or one that names store and object
 */
gboolean
hr_git_repo_read_tree (HrGitRepo *self, const HrOid *oid, HrGitItemFunc func, gpointer user_data, GError **error)
{
  g_autoptr (git_tree) tree = NULL;
  int code = git_tree_lookup (&tree, self->repository, (const git_oid *)oid);

  if (code != 0)
    {
      char hex[HR_OID_HEX];

      hr_oid_to_hex (oid, hex);
      return hr_git_set_error (error, code, "while reading tree %s of the rollback store '%s'", hex, self->path);
    }
  for (size_t i = 0; i < git_tree_entrycount (tree); i++)
    {
      const git_tree_entry *entry = git_tree_entry_byindex (tree, i);
      HrGitItem item = { git_tree_entry_name (entry), (guint32)git_tree_entry_filemode_raw (entry), { { 0 } } };

      memcpy (&item.oid, git_tree_entry_id (entry), sizeof item.oid);
      if (!func (&item, user_data, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * hr_git_repo_sync:
 * @self: a repository
 * @error: return location
 *
 * Makes what was written since the last call durable.
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_repo_sync (HrGitRepo *self, GError **error)
{
  g_autoptr (GHashTable) dirs = NULL;
  g_autoptr (GPtrArray) paths = NULL;

  if (self->unsynced->len == 0)
    return TRUE;
  dirs = g_hash_table_new (g_str_hash, g_str_equal);
  paths = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < self->unsynced->len; i++)
    {
      char *path = loose_path (self, &g_array_index (self->unsynced, HrOid, i));
      g_autofree char *dir = g_path_get_dirname (path);

      g_ptr_array_add (paths, path);
      if (g_hash_table_contains (dirs, dir))
        continue;
      g_hash_table_add (dirs, dir);
      g_ptr_array_add (paths, g_steal_pointer (&dir));
    }
  g_ptr_array_add (paths, g_strdup (self->objects_dir));
  if (!hr_fs_sync_all ((const char *const *)paths->pdata, paths->len, error))
    {
      g_prefix_error (error, "while storing in the rollback store '%s': ", self->path);
      return FALSE;
    }
  g_array_set_size (self->unsynced, 0);
  return TRUE;
}

/**
 * hr_git_repo_begin_batch:
 * @self: a repository without an open batch
 *
 * From now on new objects stay in memory and are written as one pack, or as one for each %HR_GIT_BATCH_BYTES_MAX:
 * many times faster than one file an object. They are stored only when hr_git_repo_end_batch() has said so.
 */
void
hr_git_repo_begin_batch (HrGitRepo *self)
{
  g_return_if_fail (self->pack == NULL);

  self->pack = hr_git_pack_new ();
}

/**
 * hr_git_repo_end_batch:
 * @self: a repository with an open batch
 * @error: return location
 *
 * Returns: whether everything written since hr_git_repo_begin_batch() is stored durably; else it is not, and an error
 *   is set
 */
gboolean
hr_git_repo_end_batch (HrGitRepo *self, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (self->pack != NULL, FALSE);

  ok = write_pack (self, error);
  g_clear_pointer (&self->pack, hr_git_pack_free);
  /* A batch is large and rare; what it needed goes back to the system at once. */
  malloc_trim (0);
  return ok;
}
