/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-file.h"

#include <string.h>

#include "hr-error.h"
#include "hr-words.h"

#define PROFILE_PREFIX "Profile "

typedef struct {
  char *file; /* GRefString */
  guint line;
  char *profile;
  char *group;
  GPtrArray *entries;
  GHashTable *lines; /* profile, group and key → line it stands in */
} Reader;

static void
reader_clear (Reader *self)
{
  g_clear_pointer (&self->file, g_ref_string_release);
  g_clear_pointer (&self->profile, g_free);
  g_clear_pointer (&self->group, g_free);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_clear_pointer (&self->lines, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Reader *self, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s:%u: %s", self->file, self->line, message);
  return FALSE;
}

/**
 * hr_spec_entry_free:
 * @self: (transfer full) (nullable): an entry
 */
void
hr_spec_entry_free (HrSpecEntry *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->file, g_ref_string_release);
  g_free (self->profile);
  g_free (self->group);
  g_free (self->key);
  g_free (self->value);
  g_free (self);
}

/**
 * hr_spec_entry_fail:
 * @self: where the fault is
 * @error: return location
 * @format: what is wrong and what would be right; follows "group 'X': key 'Y': "
 *
 * Sets %HR_ERROR_INVALID_CONFIGURATION with file, line, group and key as the file has them.
 *
 * Returns: %FALSE, for the caller to return
 */
gboolean
hr_spec_entry_fail (const HrSpecEntry *self, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  g_autofree char *group = NULL;
  g_autofree char *key = NULL;
  va_list args;

  g_return_val_if_fail (self != NULL && format != NULL, FALSE);

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

  if (self->profile != NULL && self->key != NULL)
    {
      g_autofree char *written = g_strconcat (PROFILE_PREFIX, self->profile, NULL);
      g_autofree char *dotted = g_strconcat (self->group, ".", self->key, NULL);

      group = hr_words_quote (written);
      key = hr_words_quote (dotted);
    }
  else
    {
      group = hr_words_quote (self->group);
      key = self->key != NULL ? hr_words_quote (self->key) : NULL;
    }
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s:%u: group %s%s%s: %s", self->file, self->line,
               group, key != NULL ? ": key " : "", key != NULL ? key : "", message);
  return FALSE;
}

static void
add_entry (Reader *self, const char *profile, const char *group, const char *key, const char *value)
{
  HrSpecEntry *entry = g_new0 (HrSpecEntry, 1);

  entry->file = g_ref_string_acquire (self->file);
  entry->line = self->line;
  entry->profile = g_strdup (profile);
  entry->group = g_strdup (group);
  entry->key = g_strdup (key);
  entry->value = g_strdup (value);
  g_ptr_array_add (self->entries, entry);
}

static gboolean
read_group (Reader *self, const char *line, GError **error)
{
  g_autofree char *quoted = hr_words_quote (line);
  gsize length = strlen (line);

  if (line[length - 1] != ']')
    return fail (self, error, "%s is cut off: a group is written as [Service]", quoted);
  g_free (self->group);
  g_clear_pointer (&self->profile, g_free);
  self->group = g_strstrip (g_strndup (line + 1, length - 2));
  if (*self->group == '\0' || strpbrk (self->group, "[]") != NULL)
    return fail (self, error, "%s is not a group: write it as [Service]", quoted);

  if (g_str_has_prefix (self->group, PROFILE_PREFIX))
    self->profile = g_strchug (g_strdup (self->group + strlen (PROFILE_PREFIX)));
  add_entry (self, self->profile, self->group, NULL, NULL);
  return TRUE;
}

/* Where the value begins: at the first '=', but at the last for a glob, which may hold one where an action cannot. */
static const char *
find_equals (const Reader *self, const char *line)
{
  gboolean actions = self->profile != NULL ? g_str_has_prefix (line, HR_SPEC_GROUP_ACTIONS ".")
                                           : g_strcmp0 (self->group, HR_SPEC_GROUP_ACTIONS) == 0;

  return actions ? strrchr (line, '=') : strchr (line, '=');
}

static gboolean
note_once (Reader *self, const char *key, const HrSpecEntry *entry, GError **error)
{
  g_autofree char *place = g_strjoin ("\n", self->profile != NULL ? self->profile : "", self->group, key, NULL);
  gpointer before;

  if (g_hash_table_lookup_extended (self->lines, place, NULL, &before))
    return hr_spec_entry_fail (entry, error, "it stands here a second time, first in line %u: remove one of them",
                               GPOINTER_TO_UINT (before));
  g_hash_table_insert (self->lines, g_steal_pointer (&place), GUINT_TO_POINTER (self->line));
  return TRUE;
}

static gboolean
read_key (Reader *self, const char *line, GError **error)
{
  g_autofree char *quoted = hr_words_quote (line);
  const char *equals = find_equals (self, line);
  g_autofree char *key = NULL;
  g_autofree char *value = NULL;
  const char *dot;

  if (self->group == NULL)
    return fail (self, error, "%s stands before the first group: begin with [Service]", quoted);
  if (equals == NULL)
    return fail (self, error, "%s is neither KEY=VALUE nor a [Group] nor a comment, which begins with '#'", quoted);
  key = g_strchomp (g_strndup (line, (gsize)(equals - line)));
  value = g_strchug (g_strdup (equals + 1));
  if (*key == '\0')
    return fail (self, error, "%s has no key before the '='", quoted);

  if (self->profile == NULL)
    add_entry (self, NULL, self->group, key, value);
  else if ((dot = strchr (key, '.')) != NULL && dot != key && dot[1] != '\0')
    {
      g_autofree char *group = g_strndup (key, (gsize)(dot - key));
      add_entry (self, self->profile, group, dot + 1, value);
    }
  else
    {
      g_autofree char *shown = hr_words_quote (key);
      return fail (self, error,
                   "group '" PROFILE_PREFIX
                   "%s': key %s lacks its group: write it as Group.Key, for example Watch.Enabled",
                   self->profile, shown);
    }
  return note_once (self, key, g_ptr_array_index (self->entries, self->entries->len - 1), error);
}

static gboolean
has_control (const char *line)
{
  for (; *line != '\0'; line = g_utf8_next_char (line))
    if (*line != '\t' && g_unichar_iscntrl (g_utf8_get_char (line)))
      return TRUE;
  return FALSE;
}

static gboolean
read_line (Reader *self, const char *text, gsize size, GError **error)
{
  g_autofree char *line = NULL;

  if (memchr (text, '\0', size) != NULL)
    return fail (self, error, "this is no text: it holds a NUL byte");
  if (!g_utf8_validate (text, (gssize)size, NULL))
    return fail (self, error, "this is not UTF-8: save the file in that encoding");
  if (size > 0 && text[size - 1] == '\r')
    size--;
  line = g_strstrip (g_strndup (text, size));
  if (has_control (line))
    return fail (self, error, "this is no text: it holds a control character");

  if (*line == '\0' || *line == '#')
    return TRUE;
  /* A glob may begin with a bracket, too: that line has a '=' and does not end in a bracket. */
  if (*line == '[' && (line[strlen (line) - 1] == ']' || strchr (line, '=') == NULL))
    return read_group (self, line, error);
  return read_key (self, line, error);
}

/**
 * hr_spec_file_parse:
 * @source: one file
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrSpecEntry): groups and keys in the order of the file, no key twice, or %NULL
 *   with %HR_ERROR_INVALID_CONFIGURATION set
 */
GPtrArray *
hr_spec_file_parse (const HrSpecSource *source, GError **error)
{
  static const char bom[] = "\xef\xbb\xbf";
  g_autofree char *shown = NULL;
  g_auto (Reader) reader = { 0 };
  const char *at;
  const char *end;

  g_return_val_if_fail (source != NULL && source->file != NULL && (source->text != NULL || source->size == 0), NULL);

  shown = hr_words_path (source->file);
  if (source->size > HR_SPEC_FILE_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "%s: it is larger than %d bytes, too large for a service file", shown, HR_SPEC_FILE_MAX);
      return NULL;
    }
  reader.file = g_ref_string_new (shown);
  reader.entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_spec_entry_free);
  reader.lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  at = source->text != NULL ? source->text : "";
  end = at + source->size;
  if (source->size >= strlen (bom) && memcmp (at, bom, strlen (bom)) == 0)
    at += strlen (bom);
  while (at < end)
    {
      const char *newline = memchr (at, '\n', (gsize)(end - at));
      const char *stop = newline != NULL ? newline : end;

      reader.line++;
      if (!read_line (&reader, at, (gsize)(stop - at), error))
        return NULL;
      at = stop + 1;
    }
  return g_steal_pointer (&reader.entries);
}
