/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-pack.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-git-private.h"

/* As git does for single objects: half the size at a third of the time that the default takes. */
#define COMPRESSION_LEVEL 1
#define HEADER_SIZE 12

struct _HrGitPack {
  GByteArray *data; /* the pack; its header is filled in at the end */
  GHashTable *oids; /* HrOid */
  GConverter *deflate;
};

static guint
oid_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, key, sizeof hash);
  return hash;
}

static gboolean
oid_equal (gconstpointer a, gconstpointer b)
{
  return hr_oid_equal (a, b);
}

static void
start (HrGitPack *self)
{
  g_byte_array_set_size (self->data, HEADER_SIZE);
  g_hash_table_remove_all (self->oids);
}

/**
 * hr_git_pack_new:
 *
 * Returns: (transfer full): an empty pack
 */
HrGitPack *
hr_git_pack_new (void)
{
  HrGitPack *self = g_new0 (HrGitPack, 1);

  self->data = g_byte_array_new ();
  self->oids = g_hash_table_new_full (oid_hash, oid_equal, g_free, NULL);
  self->deflate = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, COMPRESSION_LEVEL));
  start (self);
  return self;
}

/**
 * hr_git_pack_free:
 * @self: (transfer full) (nullable): a pack
 */
void
hr_git_pack_free (HrGitPack *self)
{
  if (self == NULL)
    return;
  g_byte_array_unref (self->data);
  g_hash_table_unref (self->oids);
  g_object_unref (self->deflate);
  g_free (self);
}

/**
 * hr_git_pack_has:
 * @self: a pack
 * @oid: an object's id
 *
 * Returns: whether the object was added
 */
gboolean
hr_git_pack_has (HrGitPack *self, const HrOid *oid)
{
  return g_hash_table_contains (self->oids, oid);
}

/**
 * hr_git_pack_size:
 * @self: a pack
 *
 * Returns: how much memory it takes, in bytes
 */
gsize
hr_git_pack_size (HrGitPack *self)
{
  return self->data->len;
}

/* The type and the size in seven bits a byte, the lowest first; four of the first byte. */
static void
append_head (GByteArray *data, HrGitPackType type, gsize size)
{
  guint8 byte = (guint8)((guint)type << 4 | (size & 0x0f));

  for (size >>= 4; size > 0; size >>= 7)
    {
      byte |= 0x80;
      g_byte_array_append (data, &byte, 1);
      byte = size & 0x7f;
    }
  g_byte_array_append (data, &byte, 1);
}

static gboolean
append_deflated (HrGitPack *self, gconstpointer data, gsize size, GError **error)
{
  const guint8 *next = data != NULL ? data : (const guint8 *)"";
  GConverterResult result = G_CONVERTER_CONVERTED;

  g_converter_reset (self->deflate);
  while (result != G_CONVERTER_FINISHED)
    {
      guint used = self->data->len;
      gsize room = size / 2 + 256, consumed = 0, produced = 0;

      g_byte_array_set_size (self->data, used + (guint)room);
      result = g_converter_convert (self->deflate, next, size, self->data->data + used, room, G_CONVERTER_INPUT_AT_END,
                                    &consumed, &produced, error);
      g_byte_array_set_size (self->data, used + (guint)produced);
      if (result == G_CONVERTER_ERROR)
        return FALSE;
      next += consumed;
      size -= consumed;
    }
  return TRUE;
}

/**
 * hr_git_pack_add:
 * @self: a pack
 * @oid: the object's id
 * @type: tree or blob
 * @data: (array length=size): content
 * @size: in bytes
 * @error: return location
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_pack_add (HrGitPack *self, const HrOid *oid, HrGitPackType type, gconstpointer data, gsize size, GError **error)
{
  guint used = self->data->len;

  if (hr_git_pack_has (self, oid))
    return TRUE;
  append_head (self->data, type, size);
  if (!append_deflated (self, data, size, error))
    {
      g_byte_array_set_size (self->data, used);
      return FALSE;
    }
  g_hash_table_add (self->oids, g_memdup2 (oid, sizeof *oid));
  return TRUE;
}

static void
finish (HrGitPack *self)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  guint32 count = GUINT32_TO_BE (g_hash_table_size (self->oids));
  guint8 digest[HR_OID_SIZE];
  gsize length = sizeof digest;

  memcpy (self->data->data, "PACK\0\0\0\2", 8);
  memcpy (self->data->data + 8, &count, 4);
  g_checksum_update (sum, self->data->data, self->data->len);
  g_checksum_get_digest (sum, digest, &length);
  g_byte_array_append (self->data, digest, sizeof digest);
}

/* Writes pack and index to @dir; libgit2 checks what it indexes. */
static gboolean
index_pack (HrGitPack *self, const char *dir, char **name, GError **error)
{
  git_indexer_progress progress = { 0 };
  git_indexer *indexer = NULL;
  int code = git_indexer_new (&indexer, dir, 0, NULL, NULL);

  if (code == 0)
    code = git_indexer_append (indexer, self->data->data, self->data->len, &progress);
  if (code == 0)
    code = git_indexer_commit (indexer, &progress);
  if (code == 0)
    *name = g_strdup (git_indexer_name (indexer));
  git_indexer_free (indexer);
  return code == 0 || hr_git_set_error (error, code, "while writing a pack in '%s'", dir);
}

static gboolean
sync_and_move (const char *from_dir, const char *to_dir, const char *name, const char *suffix, GError **error)
{
  g_autofree char *file = g_strdup_printf ("pack-%s.%s", name, suffix);
  g_autofree char *from = g_build_filename (from_dir, file, NULL), *to = g_build_filename (to_dir, file, NULL);
  g_auto (HrFd) fd = open (from, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || fsync (fd) != 0 || g_rename (from, to) != 0)
    return hr_fs_set_error (error, errno, "while writing '%s'", to);
  return TRUE;
}

/**
 * hr_git_pack_write:
 * @self: a pack
 * @objects_dir: of the repository
 * @error: return location
 *
 * Puts the pack among the repository's, durably: it is made beside them, synced, and moved. Empties @self.
 *
 * Returns: success; else an error is set
 */
gboolean
hr_git_pack_write (HrGitPack *self, const char *objects_dir, GError **error)
{
  g_autofree char *pack_dir = g_build_filename (objects_dir, "pack", NULL);
  g_autofree char *temporary = g_build_filename (objects_dir, "new-XXXXXX", NULL);
  g_autofree char *name = NULL;
  gboolean ok;

  if (g_hash_table_size (self->oids) == 0)
    return TRUE;
  if (!hr_fs_make_dir (pack_dir, 0700, error))
    return FALSE;
  if (g_mkdtemp_full (temporary, 0700) == NULL)
    return hr_fs_set_error (error, errno, "while writing a pack in '%s'", objects_dir);

  finish (self);
  /* The index last: without it nobody opens the pack. */
  ok = index_pack (self, temporary, &name, error) && sync_and_move (temporary, pack_dir, name, "pack", error)
       && sync_and_move (temporary, pack_dir, name, "idx", error) && hr_fs_sync_dir (pack_dir, error);
  hr_fs_remove_tree (temporary, NULL);
  start (self);
  return ok;
}
