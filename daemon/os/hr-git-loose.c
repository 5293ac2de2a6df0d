/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-loose.h"

#include <gio/gio.h>
#include <git2/sys/odb_backend.h>
#include <string.h>

#include "hr-fs.h"

/* Before the loose (1) and packed (2) backends of libgit2. */
#define PRIORITY 10
/* The longest header is a type's name, a blank, twenty digits and a NUL. */
#define HEADER_MAX 32
/* A larger loose object is not taken into memory, compressed, in bytes. */
#define LOOSE_MAX (G_GUINT64_CONSTANT (2) << 30)

typedef struct {
  git_odb_backend parent;
  char *dir;
} Backend;

static GBytes *
read_file (Backend *self, const git_oid *id, int *code)
{
  char hex[GIT_OID_HEXSZ + 1];
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  GBytes *bytes;

  git_oid_tostr (hex, sizeof hex, id);
  path = g_strdup_printf ("%s/%.2s/%s", self->dir, hex, hex + 2);
  bytes = hr_fs_read (path, LOOSE_MAX, &error);
  if (bytes == NULL)
    {
      *code = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ? GIT_ENOTFOUND : GIT_ERROR;
      git_error_set_str (GIT_ERROR_ODB, error->message);
    }
  return bytes;
}

/* Until the stream ends or, where @limit is not 0, this many bytes are there. */
static GByteArray *
inflate (GBytes *bytes, gsize limit)
{
  g_autoptr (GZlibDecompressor) inflater = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
  g_autoptr (GByteArray) result = g_byte_array_new ();
  gsize size, done = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (;;)
    {
      guint8 buffer[16 * 1024];
      gsize consumed = 0, produced = 0;
      GConverterResult state =
          g_converter_convert (G_CONVERTER (inflater), data + done, size - done, buffer, sizeof buffer,
                               G_CONVERTER_INPUT_AT_END, &consumed, &produced, NULL);

      if (state == G_CONVERTER_ERROR)
        return NULL;
      done += consumed;
      g_byte_array_append (result, buffer, (guint)produced);
      if (state == G_CONVERTER_FINISHED || (limit > 0 && result->len >= limit))
        return g_steal_pointer (&result);
      if (consumed == 0 && produced == 0)
        return NULL;
    }
}

static gboolean
parse_header (const GByteArray *object, git_object_t *type, size_t *size, gsize *length)
{
  const char *text = (const char *)object->data;
  const char *end = memchr (text, '\0', MIN (object->len, HEADER_MAX));
  const char *blank = end != NULL ? memchr (text, ' ', (gsize)(end - text)) : NULL;
  g_autofree char *name = blank != NULL ? g_strndup (text, (gsize)(blank - text)) : NULL;
  guint64 number;

  if (name == NULL || !g_ascii_string_to_unsigned (blank + 1, 10, 0, G_MAXSIZE, &number, NULL))
    return FALSE;
  *type = git_object_string2type (name);
  *size = (size_t)number;
  *length = (gsize)(end - text) + 1;
  return *type != GIT_OBJECT_INVALID;
}

static int
damaged (const git_oid *id)
{
  char hex[GIT_OID_HEXSZ + 1];
  g_autofree char *message = NULL;

  git_oid_tostr (hex, sizeof hex, id);
  message = g_strdup_printf ("object %s is damaged", hex);
  git_error_set_str (GIT_ERROR_ODB, message);
  return GIT_ERROR;
}

static int
read_object (void **data, size_t *size, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
  int code = GIT_ERROR;
  g_autoptr (GBytes) file = read_file ((Backend *)backend, id, &code);
  g_autoptr (GByteArray) object = NULL;
  gsize header;

  if (file == NULL)
    return code;
  object = inflate (file, 0);
  if (object == NULL || !parse_header (object, type, size, &header) || object->len - header != *size)
    return damaged (id);
  *data = git_odb_backend_data_alloc (backend, *size + 1);
  if (*data == NULL)
    return GIT_ERROR;
  memcpy (*data, object->data + header, *size);
  ((char *)*data)[*size] = '\0';
  return GIT_OK;
}

static int
read_header (size_t *size, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
  int code = GIT_ERROR;
  g_autoptr (GBytes) file = read_file ((Backend *)backend, id, &code);
  g_autoptr (GByteArray) object = NULL;
  gsize header;

  if (file == NULL)
    return code;
  object = inflate (file, HEADER_MAX);
  return object != NULL && parse_header (object, type, size, &header) ? GIT_OK : damaged (id);
}

static void
backend_free (git_odb_backend *backend)
{
  Backend *self = (Backend *)backend;

  g_free (self->dir);
  g_free (self);
}

/**
 * hr_git_loose_add:
 * @odb: an object database; owns the backend from here on
 * @objects_dir: its directory
 *
 * Returns: 0, or libgit2's error
 */
int
hr_git_loose_add (git_odb *odb, const char *objects_dir)
{
  Backend *self = g_new0 (Backend, 1);
  int code;

  git_odb_init_backend (&self->parent, GIT_ODB_BACKEND_VERSION);
  self->parent.read = read_object;
  self->parent.read_header = read_header;
  self->parent.free = backend_free;
  self->dir = g_strdup (objects_dir);
  code = git_odb_add_backend (odb, &self->parent, PRIORITY);
  if (code != 0)
    backend_free (&self->parent);
  return code;
}
