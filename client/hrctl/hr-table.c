/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-table.h"

#include <stdarg.h>
#include <string.h>

#include "hr-text.h"

#define GAP "  "

typedef struct {
  char *text;
  HrTint tint;
} Cell;

struct _HrTable {
  guint n_columns;
  GArray *cells; /* Cell; the first n_columns are the headers */
};

static void
cell_clear (gpointer data)
{
  g_free (((Cell *)data)->text);
}

static void
add_cell (HrTable *self, const char *text, HrTint tint)
{
  g_autofree char *line = hr_text_first_line (text);
  Cell cell = { hr_text_clean (line), tint };

  g_array_append_val (self->cells, cell);
}

/**
 * hr_table_new:
 * @first_header: header of the first column, the others after it, ended by %NULL
 *
 * Returns: (transfer full): a table without rows
 */
HrTable *
hr_table_new (const char *first_header, ...)
{
  HrTable *self = g_new0 (HrTable, 1);
  va_list list;

  self->cells = g_array_new (FALSE, FALSE, sizeof (Cell));
  g_array_set_clear_func (self->cells, cell_clear);

  va_start (list, first_header);
  for (const char *header = first_header; header != NULL; header = va_arg (list, const char *))
    {
      add_cell (self, header, HR_TINT_BOLD);
      self->n_columns++;
    }
  va_end (list);

  return self;
}

void
hr_table_free (HrTable *self)
{
  if (self == NULL)
    return;

  g_array_unref (self->cells);
  g_free (self);
}

/**
 * hr_table_add:
 * @self: a table
 * @first_cell: text of the first column, the others after it, as many as there are headers, ended by %NULL
 *
 * Adds a row. Only the first line of each text is shown.
 */
void
hr_table_add (HrTable *self, const char *first_cell, ...)
{
  guint n = 0;
  va_list list;

  va_start (list, first_cell);
  for (const char *cell = first_cell; cell != NULL; cell = va_arg (list, const char *), n++)
    add_cell (self, cell, HR_TINT_NONE);
  va_end (list);

  g_assert (n == self->n_columns);
}

/**
 * hr_table_tint:
 * @self: a table
 * @column: number of a column, from 0
 * @tint: colour of that cell of the row added last
 */
void
hr_table_tint (HrTable *self, guint column, HrTint tint)
{
  g_return_if_fail (column < self->n_columns);

  g_array_index (self->cells, Cell, self->cells->len - self->n_columns + column).tint = tint;
}

/* 0 for a column without text below its header. */
static guint
column_width (HrTable *self, guint column)
{
  guint width = 0;

  for (guint i = self->n_columns + column; i < self->cells->len; i += self->n_columns)
    width = MAX (width, hr_text_width (g_array_index (self->cells, Cell, i).text));

  return width == 0 ? 0 : MAX (width, hr_text_width (g_array_index (self->cells, Cell, column).text));
}

static void
append_row (HrTable *self, HrOutput *output, const guint *widths, guint first, GString *text)
{
  guint blanks = 0;

  for (guint i = 0; i < self->n_columns; i++)
    {
      const Cell *cell = &g_array_index (self->cells, Cell, first + i);
      g_autofree char *tinted = hr_output_tint (output, cell->tint, cell->text);

      if (widths[i] == 0)
        continue;
      if (*cell->text != '\0')
        {
          g_string_append_printf (text, "%*s%s", (int)blanks, "", tinted);
          blanks = 0;
        }
      blanks += widths[i] - hr_text_width (cell->text) + strlen (GAP);
    }
  g_string_append_c (text, '\n');
}

/**
 * hr_table_to_text:
 * @self: a table
 * @output: for which it is coloured
 *
 * Returns: (transfer full): its lines
 */
char *
hr_table_to_text (HrTable *self, HrOutput *output)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->n_columns; i++)
    widths[i] = column_width (self, i);
  for (guint first = 0; first < self->cells->len; first += self->n_columns)
    append_row (self, output, widths, first, text);

  return g_strdup (text->str);
}

/**
 * hr_table_print:
 * @self: a table
 * @output: where to print it
 */
void
hr_table_print (HrTable *self, HrOutput *output)
{
  g_autofree char *text = hr_table_to_text (self, output);

  hr_output_write (output, text);
}
