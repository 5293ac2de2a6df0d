/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fields.h"

#include <string.h>

#include "hr-text.h"

/* Columns that a title takes, right-aligned. */
#define TITLE_WIDTH 12

static void
append_line (GString *lines, const char *title, const char *text)
{
  int blanks = MAX (0, TITLE_WIDTH - (int)hr_text_width (title));

  g_string_append_printf (lines, "%*s%s%s%s\n", blanks, "", title, *title != '\0' ? ": " : "  ", text);
}

/**
 * hr_fields_print_tinted:
 * @output: where
 * @title: what it is; "": goes on from the line before
 * @text: with our own colour, nothing of others
 */
void
hr_fields_print_tinted (HrOutput *output, const char *title, const char *text)
{
  g_autoptr (GString) line = g_string_new (NULL);

  append_line (line, title, text);
  hr_output_write (output, line->str);
}

/**
 * hr_fields_append:
 * @lines: where to
 * @title: what it is; "": goes on from the line before
 * @text: one line or several, which stand below each other; nothing is added for an empty one
 */
void
hr_fields_append (GString *lines, const char *title, const char *text)
{
  g_autofree char *clean = hr_text_clean (text);
  g_autofree char *indent = g_strnfill (TITLE_WIDTH + 2, ' ');
  g_autofree char *indented = NULL;

  if (*g_strchomp (clean) == '\0')
    return;

  indented = hr_text_indent (clean, indent);
  append_line (lines, title, indented + strlen (indent));
}

/**
 * hr_fields_print:
 * @output: where
 * @title: as of hr_fields_append()
 * @text: the same
 */
void
hr_fields_print (HrOutput *output, const char *title, const char *text)
{
  g_autoptr (GString) lines = g_string_new (NULL);

  hr_fields_append (lines, title, text);
  hr_output_write (output, lines->str);
}
