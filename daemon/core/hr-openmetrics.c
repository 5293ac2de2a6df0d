/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-openmetrics.h"

#include <math.h>
#include <string.h>

#include "hr-error.h"
#include "hr-words.h"

#define NAME_FIRST G_CSET_A_2_Z G_CSET_a_2_z "_:"
#define BLANKS " \t"

/* One sample, or a selector: its name and its labels. */
typedef struct {
  char *name;
  GHashTable *labels; /* NULL: none */
} Series;

static void
series_clear (Series *self)
{
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->labels, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Series, series_clear)

static void
skip_blanks (const char **at)
{
  *at += strspn (*at, BLANKS);
}

/* NULL: there is no name. */
static char *
take_name (const char **at, const char *first)
{
  const char *begin = *at;

  if (*begin == '\0' || strchr (first, *begin) == NULL)
    return NULL;
  while (**at != '\0' && (strchr (first, **at) != NULL || g_ascii_isdigit (**at)))
    (*at)++;
  return g_strndup (begin, (gsize)(*at - begin));
}

/* A value in quotes, with \\, \" and \n in it. */
static char *
take_value (const char **at)
{
  g_autoptr (GString) value = g_string_new (NULL);

  if (**at != '"')
    return NULL;
  for ((*at)++; **at != '"'; (*at)++)
    {
      if (**at == '\0' || **at == '\n')
        return NULL;
      if (**at != '\\')
        g_string_append_c (value, **at);
      else if (*++*at == 'n')
        g_string_append_c (value, '\n');
      else if (**at == '\\' || **at == '"')
        g_string_append_c (value, **at);
      else
        return NULL;
    }
  (*at)++;
  return g_string_free (g_steal_pointer (&value), FALSE);
}

/* From behind '{' to behind '}'. */
static gboolean
take_labels (const char **at, GHashTable **labels)
{
  *labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (skip_blanks (at); **at != '}'; skip_blanks (at))
    {
      g_autofree char *name = take_name (at, G_CSET_A_2_Z G_CSET_a_2_z "_");
      g_autofree char *value = NULL;

      skip_blanks (at);
      if (name == NULL || **at != '=')
        return FALSE;
      (*at)++;
      skip_blanks (at);
      value = take_value (at);
      if (value == NULL || g_hash_table_contains (*labels, name))
        return FALSE;
      g_hash_table_insert (*labels, g_steal_pointer (&name), g_steal_pointer (&value));
      skip_blanks (at);
      if (**at == ',')
        (*at)++;
      else if (**at != '}')
        return FALSE;
    }
  (*at)++;
  return TRUE;
}

static gboolean
take_series (const char **at, Series *series)
{
  series->name = take_name (at, NAME_FIRST);
  if (series->name == NULL)
    return FALSE;
  skip_blanks (at);
  if (**at != '{')
    return TRUE;
  (*at)++;
  return take_labels (at, &series->labels);
}

static gboolean
matches (const Series *sample, const Series *selector)
{
  GHashTableIter iter;
  gpointer name, value;

  if (!g_str_equal (sample->name, selector->name))
    return FALSE;
  if (selector->labels == NULL)
    return TRUE;
  g_hash_table_iter_init (&iter, selector->labels);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (sample->labels == NULL || g_strcmp0 (g_hash_table_lookup (sample->labels, name), value) != 0)
      return FALSE;
  return TRUE;
}

/**
 * hr_openmetrics_number:
 * @word: a number as the format has it, without blanks
 * @value: (out): what it is; may be infinite or not a number
 *
 * Returns: whether it is one
 */
gboolean
hr_openmetrics_number (const char *word, double *value)
{
  static const char *const words[] = { "nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", NULL };
  g_autofree char *lower = NULL;
  char *end;

  g_return_val_if_fail (word != NULL && value != NULL, FALSE);

  lower = g_ascii_strdown (word, -1);
  /* strtod() takes hexadecimal numbers and blanks besides. */
  if (*word == '\0' || (word[strspn (word, "+-.eE" G_CSET_DIGITS)] != '\0' && !g_strv_contains (words, lower)))
    return FALSE;
  *value = g_ascii_strtod (word, &end);
  return *end == '\0';
}

static char *
take_word (const char **at)
{
  const char *begin;

  skip_blanks (at);
  begin = *at;
  *at += strcspn (*at, BLANKS);
  return g_strndup (begin, (gsize)(*at - begin));
}

/* Behind the series: the value, a timestamp and an exemplar. */
static gboolean
take_number (const char **at, double *value)
{
  g_autofree char *number = take_word (at);
  g_autofree char *timestamp = NULL;
  double ignored;

  if (!hr_openmetrics_number (number, value))
    return FALSE;
  skip_blanks (at);
  if (**at == '\0' || **at == '#')
    return TRUE;
  timestamp = take_word (at);
  skip_blanks (at);
  return hr_openmetrics_number (timestamp, &ignored) && (**at == '\0' || **at == '#');
}

/* "# TYPE name counter": whether that is the metric that @name is a sample of. */
static gboolean
tells_of (const char *line, const char *name)
{
  g_auto (GStrv) words = NULL;
  gsize length;

  if (!g_str_has_prefix (line, "# TYPE ") && !g_str_has_prefix (line, "# HELP "))
    return FALSE;
  words = g_strsplit (line, " ", 4);
  length = words[2] != NULL ? strlen (words[2]) : 0;
  return length > 0 && g_str_has_prefix (name, words[2])
         && (name[length] == '\0' || g_str_equal (name + length, "_total"));
}

typedef struct {
  Series selector;
  gboolean known; /* the answer tells of the metric */
  guint n;        /* samples that match */
  double sum;
} Search;

static gboolean
look_at_line (Search *search, const char *line, guint number, GError **error)
{
  g_auto (Series) sample = { NULL };
  const char *at = line + strspn (line, BLANKS);
  double value;

  if (*at == '\0')
    return TRUE;
  if (*at == '#')
    {
      search->known |= tells_of (at, search->selector.name);
      return TRUE;
    }
  if (!take_series (&at, &sample) || !take_number (&at, &value))
    {
      g_autofree char *quoted = hr_words_quote (line);

      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "the answer is neither JSON nor OpenMetrics text: line %u is %s",
                   number, quoted);
      return FALSE;
    }
  search->known |= g_str_equal (sample.name, search->selector.name);
  if (!matches (&sample, &search->selector))
    return TRUE;
  search->n++;
  search->sum += value;
  return TRUE;
}

static gboolean
conclude (const Search *search, const char *selector, gboolean add_up, double *value, GError **error)
{
  g_autofree char *quoted = hr_words_quote (selector);

  if (!search->known)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "the answer has no metric %s", quoted);
  else if (search->n == 0 && !add_up)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "the answer has no sample of %s", quoted);
  else if (search->n > 1 && !add_up)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
                 "the answer has %u samples of %s, and a rate is one number: name more labels", search->n, quoted);
  else if (!isfinite (search->sum))
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "%s is %s", quoted,
                 isnan (search->sum) ? "not a number" : "infinite");
  else
    {
      *value = search->sum;
      return TRUE;
    }
  return FALSE;
}

/**
 * hr_openmetrics_find:
 * @text: the text
 * @selector: that hr_openmetrics_check_selector() accepts, or any text, which then is not found
 * @add_up: whether several samples are added up, and none of a metric that @text tells of is 0; else there must be one
 * @value: (out): the number, finite
 * @error: return location
 *
 * Returns: whether the number is there; else %HR_ERROR_FAILED
 */
gboolean
hr_openmetrics_find (const char *text, const char *selector, gboolean add_up, double *value, GError **error)
{
  Search search = { .n = 0 };
  const char *at = selector;
  gboolean ok = TRUE;
  guint number = 0;

  g_return_val_if_fail (text != NULL && selector != NULL && value != NULL, FALSE);

  /* What is no selector is the name of no metric. */
  if (!take_series (&at, &search.selector) || *at != '\0')
    {
      series_clear (&search.selector);
      search.selector.name = g_strdup (selector);
    }
  while (ok && *text != '\0')
    {
      gsize length = strcspn (text, "\n");
      g_autofree char *line = g_strndup (text, length > 0 && text[length - 1] == '\r' ? length - 1 : length);

      if (g_str_equal (line, "# EOF"))
        break;
      ok = look_at_line (&search, line, ++number, error);
      text += length + (text[length] == '\n');
    }
  ok = ok && conclude (&search, selector, add_up, value, error);
  series_clear (&search.selector);
  return ok;
}

/**
 * hr_openmetrics_check_selector:
 * @selector: a text
 * @error: return location
 *
 * Returns: whether it is a selector; else %HR_ERROR_INVALID_CONFIGURATION
 */
gboolean
hr_openmetrics_check_selector (const char *selector, GError **error)
{
  g_auto (Series) series = { NULL };
  g_autofree char *quoted = NULL;
  const char *at = selector;

  g_return_val_if_fail (selector != NULL, FALSE);

  if (take_series (&at, &series) && *at == '\0')
    return TRUE;
  quoted = hr_words_quote (selector);
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
               "%s is not a metric: write it like http_requests_total{status=\"500\"}", quoted);
  return FALSE;
}
