/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-record-file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

/*
 * The file: a line for the format, one for the release, one for each path, and a last one with the checksum of all
 * before it. Words are separated by spaces; paths and ids are written with C escapes and no space, '-' is none.
 *
 *   hotreload-slot 1
 *   release NUMBER TREE PLACED_AT
 *   KIND MODE SIZE MTIME INODE ID PATH
 *   o SIZE MTIME INODE PATH    (agreed; k: kept aside; b: made by a build or check)
 *   end SHA256
 */
#define FORMAT "hotreload-slot 1"

static void
append_word (GString *text, const char *word)
{
  if (word == NULL || *word == '\0')
    {
      g_string_append_c (text, '-');
      return;
    }
  for (const char *c = word; *c != '\0'; c++)
    {
      if ((guchar)*c <= ' ' || *c == '\\' || *c == 0x7f || (c == word && *c == '-'))
        g_string_append_printf (text, "\\%03o", (guint)(guchar)*c);
      else
        g_string_append_c (text, *c);
    }
}

static void
append_stamp (GString *text, const HrStamp *stamp)
{
  g_string_append_printf (text, " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " ", stamp->size,
                          stamp->mtime, stamp->inode);
}

/**
 * hr_slot_record_file_serialize:
 * @record: a record
 *
 * Returns: (transfer full): its text
 */
GBytes *
hr_slot_record_file_serialize (const HrSlotRecord *record)
{
  GString *text = g_string_sized_new (128 + 128 * (gsize)g_hash_table_size (record->placed));
  g_autofree char *checksum = NULL;
  GHashTableIter iter;
  const char *path;
  const HrPlaced *placed;
  const HrAgreed *agreed;
  const HrStamp *made;

  g_string_append_printf (text, FORMAT "\nrelease %" G_GUINT64_FORMAT " ", record->release);
  append_word (text, record->tree);
  g_string_append_printf (text, " %" G_GINT64_FORMAT "\n", record->placed_at);

  g_hash_table_iter_init (&iter, record->placed);
  while (g_hash_table_iter_next (&iter, (gpointer *)&path, (gpointer *)&placed))
    {
      g_string_append_printf (text, "%c %o", placed->kind, placed->mode);
      append_stamp (text, &placed->stamp);
      append_word (text, placed->id);
      g_string_append_c (text, ' ');
      append_word (text, path);
      g_string_append_c (text, '\n');
    }
  g_hash_table_iter_init (&iter, record->agreed);
  while (g_hash_table_iter_next (&iter, (gpointer *)&path, (gpointer *)&agreed))
    {
      g_string_append_c (text, agreed->kept ? 'k' : 'o');
      append_stamp (text, &agreed->stamp);
      append_word (text, path);
      g_string_append_c (text, '\n');
    }
  g_hash_table_iter_init (&iter, record->made);
  while (g_hash_table_iter_next (&iter, (gpointer *)&path, (gpointer *)&made))
    {
      g_string_append_c (text, 'b');
      append_stamp (text, made);
      append_word (text, path);
      g_string_append_c (text, '\n');
    }
  checksum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text->str, text->len);
  g_string_append_printf (text, "end %s\n", checksum);
  return g_string_free_to_bytes (text);
}

/* The next word of @line, cut off in place and without its escapes; "" for '-' and when there is none. */
static char *
next_word (char **line)
{
  char *word = *line;
  char *out = word;
  char *in = word;

  while (*in != '\0' && *in != ' ')
    {
      if (*in == '\\' && g_ascii_isdigit (in[1]) && g_ascii_isdigit (in[2]) && g_ascii_isdigit (in[3]))
        {
          *out++ = (char)(((in[1] - '0') << 6) | ((in[2] - '0') << 3) | (in[3] - '0'));
          in += 4;
        }
      else
        *out++ = *in++;
    }
  *line = *in == ' ' ? in + 1 : in;
  if (in == word + 1 && *word == '-')
    out = word;
  *out = '\0';
  return word;
}

static gboolean
next_stamp (char **line, HrStamp *stamp)
{
  const char *size = next_word (line);
  const char *mtime = next_word (line);
  const char *inode = next_word (line);

  return g_ascii_string_to_unsigned (size, 10, 0, G_MAXUINT64, &stamp->size, NULL)
         && g_ascii_string_to_signed (mtime, 10, G_MININT64, G_MAXINT64, &stamp->mtime, NULL)
         && g_ascii_string_to_unsigned (inode, 10, 0, G_MAXUINT64, &stamp->inode, NULL);
}

/* A path of the record is used below a slot: what could lead elsewhere is not taken from a file. */
static gboolean
path_is_inside (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      if (*parts[i] == '\0' || g_str_equal (parts[i], ".") || g_str_equal (parts[i], ".."))
        return FALSE;
    }
  return *path != '\0';
}

static gboolean
parse_placed (HrSlotRecord *record, char kind, char *line)
{
  guint64 mode;
  HrStamp stamp;
  const char *id;
  const char *path;

  if (!g_ascii_string_to_unsigned (next_word (&line), 8, 0, 07777, &mode, NULL) || !next_stamp (&line, &stamp))
    return FALSE;
  id = next_word (&line);
  path = next_word (&line);
  if (!path_is_inside (path))
    return FALSE;
  hr_slot_record_place (record, path, kind, (guint)mode, *id != '\0' ? id : NULL)->stamp = stamp;
  return TRUE;
}

static gboolean
parse_line (HrSlotRecord *record, char *line)
{
  const char *kind = next_word (&line);
  HrStamp stamp;

  if (g_str_equal (kind, "release"))
    {
      gboolean ok = g_ascii_string_to_unsigned (next_word (&line), 10, 0, G_MAXUINT64, &record->release, NULL);
      const char *tree = next_word (&line);

      record->tree = *tree != '\0' ? g_strdup (tree) : NULL;
      return ok && g_ascii_string_to_signed (next_word (&line), 10, 0, G_MAXINT64, &record->placed_at, NULL);
    }
  if (kind[0] == '\0' || kind[1] != '\0')
    return FALSE;
  if (strchr ("okb", kind[0]) != NULL)
    {
      const char *path;

      if (!next_stamp (&line, &stamp))
        return FALSE;
      path = next_word (&line);
      if (!path_is_inside (path))
        return FALSE;
      if (kind[0] == 'b')
        hr_slot_record_make (record, path, &stamp);
      else
        hr_slot_record_agree (record, path, &stamp, kind[0] == 'k');
      return TRUE;
    }
  return strchr ("fldsm", kind[0]) != NULL && parse_placed (record, kind[0], line);
}

/* Whether @text ends in the right checksum; @end is where its line begins. */
static gboolean
checksum_is_right (const char *text, gsize size, gsize *end)
{
  g_autofree char *checksum = NULL;
  g_autofree char *last = NULL;

  *end = size > 0 ? size - 1 : 0;
  while (*end > 0 && text[*end - 1] != '\n')
    (*end)--;
  checksum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text, *end);
  last = g_strdup_printf ("end %s\n", checksum);
  return strlen (last) == size - *end && memcmp (last, text + *end, size - *end) == 0;
}

/**
 * hr_slot_record_file_parse:
 * @text: (array length=size): a record's text
 * @size: in bytes
 * @error: return location
 *
 * Returns: (transfer full): the record; %NULL with %G_IO_ERROR_INVALID_DATA when it is damaged or of another format
 */
HrSlotRecord *
hr_slot_record_file_parse (const char *text, gsize size, GError **error)
{
  g_autoptr (HrSlotRecord) record = hr_slot_record_new ();
  g_autofree char *copy = NULL;
  gboolean ok = TRUE;
  gsize end;
  guint number = 0;

  if (size < strlen (FORMAT "\n") || memcmp (text, FORMAT "\n", strlen (FORMAT "\n")) != 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it is of another format");
      return NULL;
    }
  if (!checksum_is_right (text, size, &end))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it is damaged: its checksum is wrong");
      return NULL;
    }
  copy = g_strndup (text, end);
  for (char *line = copy; ok && *line != '\0'; number++)
    {
      char *newline = strchr (line, '\n');

      if (newline != NULL)
        *newline = '\0';
      ok = newline != NULL && (number == 0 || parse_line (record, line));
      line = newline != NULL ? newline + 1 : line;
    }
  if (!ok)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "line %u is malformed", number);
      return NULL;
    }
  record->changed = FALSE;
  return g_steal_pointer (&record);
}

/**
 * hr_slot_record_file_load:
 * @file: where it is kept
 * @error: return location
 *
 * Returns: (transfer full): the record; %NULL with a #GIOErrorEnum that names @file, %G_IO_ERROR_NOT_FOUND where there
 *   is none
 */
HrSlotRecord *
hr_slot_record_file_load (const char *file, GError **error)
{
  g_autoptr (GBytes) content = hr_fs_read (file, HR_SLOT_RECORD_SIZE_MAX, error);
  HrSlotRecord *record;

  if (content == NULL)
    return NULL;
  record = hr_slot_record_file_parse (g_bytes_get_data (content, NULL), g_bytes_get_size (content), error);
  if (record == NULL)
    g_prefix_error (error, "while reading '%s': ", file);
  return record;
}

/**
 * hr_slot_record_file_save:
 * @record: a record
 * @file: where it is kept
 * @error: return location
 *
 * Writes it durably, in one step.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_record_file_save (const HrSlotRecord *record, const char *file, GError **error)
{
  g_autoptr (GBytes) content = hr_slot_record_file_serialize (record);

  return hr_fs_write (file, g_bytes_get_data (content, NULL), g_bytes_get_size (content), 0600, error);
}

/**
 * hr_slot_record_file_peek:
 * @file: where a record is kept
 *
 * Reads only its beginning, so that it is cheap; what it says holds only if the whole can be read.
 *
 * Returns: the number of the release that it says, 0: none
 */
guint64
hr_slot_record_file_peek (const char *file)
{
  g_auto (HrFd) fd = open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  const char *begin = FORMAT "\nrelease ";
  char head[128] = "";

  if (fd < 0 || read (fd, head, sizeof head - 1) <= 0 || !g_str_has_prefix (head, begin))
    return 0;
  return g_ascii_strtoull (head + strlen (begin), NULL, 10);
}
