/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-scan-index.h"

#include <string.h>

#include "hr-error.h"
#include "hr-fs.h"

#define MAGIC "hotreload scan index 1\n"
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define CHECKSUM_SIZE 32

static void
checksum (const guint8 *data, gsize size, guint8 digest[CHECKSUM_SIZE])
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = CHECKSUM_SIZE;

  g_checksum_update (sum, data, (gssize)size);
  g_checksum_get_digest (sum, digest, &length);
}

static void
append_dir (GByteArray *data, const HrNode *dir, GString *path)
{
  gsize length = path->len;

  for (guint i = 0; i < dir->dir->children->len; i++)
    {
      const HrNode *child = g_ptr_array_index (dir->dir->children, i);

      if (length > 0)
        g_string_append_c (path, '/');
      g_string_append (path, child->name);
      if (child->kind == HR_NODE_DIR)
        append_dir (data, child, path);
      else if (child->kind < HR_NODE_DIR && !child->dirty && !child->racy)
        {
          HrIndexEntry entry;

          /* Also the bytes between the members, which get written. */
          memset (&entry, 0, sizeof entry);
          entry.key = child->key;
          entry.oid = child->oid;
          entry.kind = child->kind;
          g_byte_array_append (data, (const guint8 *)&entry, sizeof entry);
          g_byte_array_append (data, (const guint8 *)path->str, (guint)path->len + 1);
        }
      g_string_truncate (path, length);
    }
}

/**
 * hr_scan_index_write:
 * @path: the file
 * @root: what a scan knows
 * @error: return location
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_scan_index_write (const char *path, const HrNode *root, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GByteArray) data = g_byte_array_new ();
  g_autoptr (GString) where = g_string_new (NULL);
  guint8 digest[CHECKSUM_SIZE];

  g_byte_array_append (data, (const guint8 *)MAGIC, MAGIC_SIZE);
  append_dir (data, root, where);
  checksum (data->data, data->len, digest);
  g_byte_array_append (data, digest, sizeof digest);
  return hr_fs_make_dir (parent, 0700, error) && hr_fs_write (path, data->data, data->len, 0600, error);
}

static gboolean
parse (GHashTable *entries, const guint8 *data, gsize size)
{
  guint8 digest[CHECKSUM_SIZE];
  gsize at = MAGIC_SIZE;

  if (size < MAGIC_SIZE + CHECKSUM_SIZE || memcmp (data, MAGIC, MAGIC_SIZE) != 0)
    return FALSE;
  size -= CHECKSUM_SIZE;
  checksum (data, size, digest);
  if (memcmp (digest, data + size, sizeof digest) != 0)
    return FALSE;
  while (at < size)
    {
      const guint8 *end = at + sizeof (HrIndexEntry) < size
                              ? memchr (data + at + sizeof (HrIndexEntry), 0, size - at - sizeof (HrIndexEntry))
                              : NULL;

      if (end == NULL)
        return FALSE;
      g_hash_table_replace (entries, g_strdup ((const char *)data + at + sizeof (HrIndexEntry)),
                            g_memdup2 (data + at, sizeof (HrIndexEntry)));
      at = (gsize)(end - data) + 1;
    }
  return TRUE;
}

/**
 * hr_scan_index_read:
 * @path: the file
 * @error: return location
 *
 * Returns: (transfer full) (element-type filename HrIndexEntry): what it holds, by path; %NULL with a #GIOErrorEnum, or
 *   %HR_ERROR_FAILED when it is damaged or of another version
 */
GHashTable *
hr_scan_index_read (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = hr_fs_read (path, HR_SCAN_INDEX_SIZE_MAX, error);
  g_autoptr (GHashTable) entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gsize size;
  const guint8 *data;

  if (bytes == NULL)
    return NULL;
  data = g_bytes_get_data (bytes, &size);
  if (!parse (entries, data, size))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "the scan index '%s' is damaged or of another version", path);
      return NULL;
    }
  return g_steal_pointer (&entries);
}
