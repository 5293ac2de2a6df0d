/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-forbid.h"

#include <string.h>
#include <sys/stat.h>

#include "hr-error.h"
#include "hr-fs.h"

/* A byte 0 in so much of a file's begin means that it is no text. */
#define TEXT_HEAD 8192

typedef struct {
  GPtrArray *expressions;
  GString *findings;
  guint n_findings;
} Search;

static void
search_clear (Search *self)
{
  g_clear_pointer (&self->expressions, g_ptr_array_unref);
  if (self->findings != NULL)
    g_string_free (g_steal_pointer (&self->findings), TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

static gboolean
compile (Search *self, const char *const *patterns, GError **error)
{
  self->expressions = g_ptr_array_new_with_free_func ((GDestroyNotify)g_regex_unref);
  self->findings = g_string_new (NULL);
  for (; *patterns != NULL; patterns++)
    {
      g_autoptr (GError) local = NULL;
      GRegex *expression = g_regex_new (*patterns, G_REGEX_MULTILINE, 0, &local);

      if (expression == NULL)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "pattern '%s' of Check.Forbid: %s", *patterns,
                       local->message);
          return FALSE;
        }
      g_ptr_array_add (self->expressions, expression);
    }
  return TRUE;
}

static guint
line_of (const char *text, int position)
{
  guint line = 1;

  for (int i = 0; i < position; i++)
    line += text[i] == '\n';
  return line;
}

static void add_finding (Search *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_finding (Search *self, const char *format, ...)
{
  va_list args;

  if (self->n_findings++ >= HR_FORBID_FINDINGS_MAX)
    return;
  va_start (args, format);
  g_string_append_c (self->findings, '\n');
  g_string_append_vprintf (self->findings, format, args);
  va_end (args);
}

static void
search_text (Search *self, const char *text, gsize size, const char *shown)
{
  for (guint i = 0; i < self->expressions->len; i++)
    {
      GRegex *expression = g_ptr_array_index (self->expressions, i);
      g_autoptr (GMatchInfo) match = NULL;
      g_autoptr (GError) local = NULL;
      int begin;

      if (g_regex_match_full (expression, text, (gssize)size, 0, 0, &match, &local)
          && g_match_info_fetch_pos (match, 0, &begin, NULL))
        add_finding (self, "%s:%u: forbidden pattern '%s'", shown, line_of (text, begin),
                     g_regex_get_pattern (expression));
      else if (local != NULL)
        add_finding (self, "%s: forbidden pattern '%s' could not be applied: %s", shown,
                     g_regex_get_pattern (expression), local->message);
    }
}

/* TRUE when the file was searched or is nothing to search; FALSE when it could not be. */
static gboolean
search_file (Search *self, const char *path, const char *shown)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *valid = NULL;
  const char *text;
  struct stat info;
  gsize size;

  if (lstat (path, &info) != 0 || !S_ISREG (info.st_mode) || info.st_size == 0)
    return TRUE;
  bytes = hr_fs_read (path, HR_FORBID_FILE_MAX, NULL);
  if (bytes == NULL)
    return FALSE;
  text = g_bytes_get_data (bytes, &size);
  if (size == 0 || memchr (text, '\0', MIN (size, TEXT_HEAD)) != NULL)
    return TRUE;
  if (!g_utf8_validate (text, (gssize)size, NULL))
    {
      valid = g_utf8_make_valid (text, (gssize)size);
      text = valid;
      size = strlen (valid);
    }
  search_text (self, text, size, shown);
  return TRUE;
}

/**
 * hr_forbid_check:
 * @patterns: regular expressions
 * @dir: where the files are
 * @shown_dir: where the program sees them, for messages
 * @files: relative to @dir
 * @skipped: (element-type utf8): gets the files that are too large or cannot be read
 * @deadline: when it ends, g_get_monotonic_time()
 * @cancellable: (nullable): ends it
 * @error: return location
 *
 * Returns: whether no pattern is in any file; else %HR_ERROR_CHECK_FAILED that names file, line and pattern of the
 *   first findings, %HR_ERROR_TIMED_OUT, %G_IO_ERROR_CANCELLED
 */
gboolean
hr_forbid_check (const char *const *patterns, const char *dir, const char *shown_dir, const char *const *files,
                 GPtrArray *skipped, gint64 deadline, GCancellable *cancellable, GError **error)
{
  g_auto (Search) search = { 0 };

  if (!compile (&search, patterns, error))
    return FALSE;
  for (; *files != NULL; files++)
    {
      g_autofree char *path = g_build_filename (dir, *files, NULL);
      g_autofree char *shown = g_build_filename (shown_dir, *files, NULL);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (g_get_monotonic_time () >= deadline)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_TIMED_OUT, "while looking for forbidden patterns in '%s'", shown);
          return FALSE;
        }
      if (!search_file (&search, path, shown))
        g_ptr_array_add (skipped, g_strdup (*files));
    }
  if (search.n_findings == 0)
    return TRUE;
  if (search.n_findings > HR_FORBID_FINDINGS_MAX)
    g_string_append_printf (search.findings, "\nand %u more", search.n_findings - HR_FORBID_FINDINGS_MAX);
  g_set_error_literal (error, HR_ERROR, HR_ERROR_CHECK_FAILED, search.findings->str + 1);
  return FALSE;
}
