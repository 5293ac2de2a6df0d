/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-manifest.h"

#include <string.h>

#include "hr-error.h"

struct _HrManifest {
  guint umask_bits;
  GHashTable *lines; /* path → HrManifestLine */
};

/* In this order where two need equally few lines. */
const guint hr_manifest_umasks[HR_MANIFEST_N_UMASKS] = { 0022, 0002, 0077, 0027, 0007 };

/**
 * hr_manifest_default_mode:
 * @umask_bits: the manifest's umask
 * @executable: a directory, or a file that its owner may execute
 *
 * Returns: the permission bits of what is not listed
 */
guint
hr_manifest_default_mode (guint umask_bits, gboolean executable)
{
  return (executable ? 0777u : 0666u) & ~umask_bits;
}

/**
 * hr_manifest_escape:
 * @text: a path or another text
 *
 * Returns: (transfer full): it in one line: control characters and backslashes as "\ooo"
 */
char *
hr_manifest_escape (const char *text)
{
  GString *line = g_string_sized_new (strlen (text) + 1);

  for (const guchar *next = (const guchar *)text; *next != 0; next++)
    {
      if (*next < 0x20 || *next == 0x7f || *next == '\\')
        g_string_append_printf (line, "\\%03o", *next);
      else
        g_string_append_c (line, (char)*next);
    }
  return g_string_free (line, FALSE);
}

/**
 * hr_manifest_unescape:
 * @text: what hr_manifest_escape() gave
 *
 * Returns: (transfer full): the original
 */
char *
hr_manifest_unescape (const char *text)
{
  return g_strcompress (text);
}

/**
 * hr_manifest_begin:
 * @text: an empty text
 * @umask_bits: one of hr_manifest_umasks
 */
void
hr_manifest_begin (GString *text, guint umask_bits)
{
  g_string_append_printf (text, "umask %04o\n", umask_bits);
}

/**
 * hr_manifest_append:
 * @text: a manifest that was begun
 * @kind: 'f', 'd' or 'e'
 * @mode: permission bits
 * @path: relative to the source
 */
void
hr_manifest_append (GString *text, char kind, guint mode, const char *path)
{
  g_autofree char *escaped = hr_manifest_escape (path);

  g_string_append_printf (text, "%c %04o %s\n", kind, mode, escaped);
}

static gboolean
parse_mode (const char *text, gsize length, guint max, guint *mode)
{
  guint value = 0;

  if (length != 4)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      if (text[i] < '0' || text[i] > '7')
        return FALSE;
      value = value * 8 + (guint)(text[i] - '0');
    }
  *mode = value;
  return value <= max;
}

static gboolean
parse_line (HrManifest *self, const char *line)
{
  HrManifestLine *parsed;
  guint mode;

  if (strlen (line) < 8 || strchr ("fde", line[0]) == NULL || line[1] != ' ' || line[6] != ' '
      || !parse_mode (line + 2, 4, 07777, &mode))
    return FALSE;
  parsed = g_new (HrManifestLine, 1);
  parsed->kind = line[0];
  parsed->mode = mode;
  g_hash_table_replace (self->lines, hr_manifest_unescape (line + 7), parsed);
  return TRUE;
}

/**
 * hr_manifest_parse:
 * @text: (array length=size): a whole manifest
 * @size: in bytes
 * @error: return location
 *
 * Returns: (transfer full): it, or %NULL with %HR_ERROR_FAILED that says which line is wrong
 */
HrManifest *
hr_manifest_parse (const char *text, gsize size, GError **error)
{
  g_autoptr (HrManifest) self = g_new0 (HrManifest, 1);
  g_autofree char *copy = g_strndup (text, size);
  guint number = 1;
  char *line = copy, *end;

  self->lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (; (end = strchr (line, '\n')) != NULL; line = end + 1, number++)
    {
      *end = 0;
      if (number == 1
              ? !g_str_has_prefix (line, "umask ") || !parse_mode (line + 6, strlen (line + 6), 0777, &self->umask_bits)
              : !parse_line (self, line))
        break;
    }
  if (number == 1 || line != copy + size)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "the manifest's line %u is damaged", number);
      return NULL;
    }
  return g_steal_pointer (&self);
}

/**
 * hr_manifest_free:
 * @self: (transfer full) (nullable): a manifest
 */
void
hr_manifest_free (HrManifest *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->lines, g_hash_table_unref);
  g_free (self);
}

/**
 * hr_manifest_umask:
 * @self: a manifest
 *
 * Returns: its umask
 */
guint
hr_manifest_umask (const HrManifest *self)
{
  return self->umask_bits;
}

/**
 * hr_manifest_lines:
 * @self: a manifest
 *
 * Returns: (transfer none) (element-type utf8 HrManifestLine): what is listed, by path
 */
GHashTable *
hr_manifest_lines (const HrManifest *self)
{
  return self->lines;
}

/**
 * hr_manifest_mode:
 * @self: a manifest
 * @path: of a file or directory
 * @executable: a directory, or a file that git keeps as executable
 *
 * Returns: its permission bits
 */
guint
hr_manifest_mode (const HrManifest *self, const char *path, gboolean executable)
{
  const HrManifestLine *line = g_hash_table_lookup (self->lines, path);

  return line != NULL ? line->mode : hr_manifest_default_mode (self->umask_bits, executable);
}
