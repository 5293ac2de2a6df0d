/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-json.h"

#include <string.h>

#include "hr-error.h"

/* What may come next. */
enum {
  EXPECT_VALUE,
  EXPECT_FIRST_ELEMENT, /* or the array's end */
  EXPECT_FIRST_NAME,    /* or the object's end */
  EXPECT_NAME,
  EXPECT_SEPARATOR, /* or the end of what is open */
};

/**
 * hr_json_is_space:
 * @c: a byte
 *
 * Returns: whether JSON lets it stand between tokens
 */
gboolean
hr_json_is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/**
 * hr_json_scan_init:
 * @self: the scanner
 * @text: (array length=size): what to scan; needs no end mark
 * @size: in bytes
 * @depth_max: how deep arrays and objects may be nested
 */
void
hr_json_scan_init (HrJsonScan *self, const char *text, gsize size, guint depth_max)
{
  *self = (HrJsonScan){ .text = text, .size = size, .depth_max = depth_max, .expect = EXPECT_VALUE };
}

/**
 * hr_json_scan_clear:
 * @self: the scanner
 */
void
hr_json_scan_clear (HrJsonScan *self)
{
  g_clear_pointer (&self->stack, g_free);
  self->stack_size = 0;
}

static HrJsonToken
fail (HrJsonScan *self, gsize at, const char *what, GError **error)
{
  g_autofree char *found = NULL;
  gsize line = 1, column = 1;

  for (gsize i = 0; i < at; i++)
    {
      if (self->text[i] == '\n')
        {
          line++;
          column = 1;
        }
      else if (((guchar)self->text[i] & 0xc0) != 0x80) /* characters, not bytes */
        column++;
    }
  if (at >= self->size)
    found = g_strdup ("the end of the text");
  else if (g_ascii_isgraph (self->text[at]))
    found = g_strdup_printf ("'%c'", self->text[at]);
  else
    found = g_strdup_printf ("byte 0x%02x", (guchar)self->text[at]);
  g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED,
               "not JSON: line %" G_GSIZE_FORMAT ", column %" G_GSIZE_FORMAT ": expected %s, found %s", line, column,
               what, found);
  return HR_JSON_ERROR;
}

static gboolean
in_object (const HrJsonScan *self)
{
  guint level = self->depth - 1;

  return (self->stack[level / 8] >> (level % 8)) & 1;
}

static HrJsonToken
open_level (HrJsonScan *self, gboolean object, GError **error)
{
  guint level = self->depth;

  if (level >= self->depth_max)
    {
      g_autofree char *what = g_strdup_printf ("at most %u levels of nesting", self->depth_max);
      return fail (self, self->next, what, error);
    }
  if (level / 8 >= self->stack_size)
    {
      self->stack_size = MAX (self->stack_size * 2, 64);
      self->stack = g_realloc (self->stack, self->stack_size);
    }
  if (object)
    self->stack[level / 8] |= (guint8)(1 << (level % 8));
  else
    self->stack[level / 8] &= (guint8) ~(1 << (level % 8));
  self->depth++;
  self->expect = object ? EXPECT_FIRST_NAME : EXPECT_FIRST_ELEMENT;
  self->end = ++self->next;
  return object ? HR_JSON_OBJECT : HR_JSON_ARRAY;
}

static HrJsonToken
close_level (HrJsonScan *self)
{
  gboolean object = in_object (self);

  self->depth--;
  self->expect = EXPECT_SEPARATOR;
  self->end = ++self->next;
  return object ? HR_JSON_OBJECT_END : HR_JSON_ARRAY_END;
}

/* Length of the UTF-8 character of more than one byte at @p, 0 when it is none: overlong, surrogate, above U+10FFFF. */
static gsize
utf8_length (const guchar *p, gsize left)
{
  guchar low = 0x80, high = 0xbf;
  gsize length;

  if (p[0] >= 0xc2 && p[0] <= 0xdf)
    length = 2;
  else if ((p[0] & 0xf0) == 0xe0)
    length = 3;
  else if (p[0] >= 0xf0 && p[0] <= 0xf4)
    length = 4;
  else
    return 0;
  if (left < length)
    return 0;

  if (p[0] == 0xe0)
    low = 0xa0;
  else if (p[0] == 0xed)
    high = 0x9f;
  else if (p[0] == 0xf0)
    low = 0x90;
  else if (p[0] == 0xf4)
    high = 0x8f;
  if (p[1] < low || p[1] > high)
    return 0;
  for (gsize i = 2; i < length; i++)
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  return length;
}

/* The place behind the escape at @at, or 0 with @error set. */
static gsize
scan_escape (HrJsonScan *self, gsize at, GError **error)
{
  gsize next = at + 1;

  if (next >= self->size || self->text[next] == '\0' || strchr ("\"\\/bfnrtu", self->text[next]) == NULL)
    {
      fail (self, next, "one of \"\\/bfnrtu after a backslash", error);
      return 0;
    }
  if (self->text[next] == 'u')
    for (int i = 0; i < 4; i++)
      {
        next++;
        if (next >= self->size || !g_ascii_isxdigit (self->text[next]))
          {
            fail (self, next, "four hexadecimal digits after \\u", error);
            return 0;
          }
      }
  return next + 1;
}

static gboolean
scan_string (HrJsonScan *self, GError **error)
{
  const guchar *text = (const guchar *)self->text;
  gsize at = self->next + 1;

  while (at < self->size)
    {
      gsize length;

      if (text[at] == '"')
        {
          self->end = self->next = at + 1;
          return TRUE;
        }
      if (text[at] == '\\')
        {
          at = scan_escape (self, at, error);
          if (at == 0)
            return FALSE;
        }
      else if (text[at] < 0x20)
        return fail (self, at, "no control character in a string", error) != HR_JSON_ERROR;
      else if (text[at] < 0x80)
        at++;
      else if ((length = utf8_length (text + at, self->size - at)) != 0)
        at += length;
      else
        return fail (self, at, "valid UTF-8", error) != HR_JSON_ERROR;
    }
  return fail (self, at, "the closing '\"' of a string", error) != HR_JSON_ERROR;
}

static gboolean
scan_digits (HrJsonScan *self, gsize *at, GError **error)
{
  if (*at >= self->size || !g_ascii_isdigit (self->text[*at]))
    return fail (self, *at, "a digit", error) != HR_JSON_ERROR;
  while (*at < self->size && g_ascii_isdigit (self->text[*at]))
    (*at)++;
  return TRUE;
}

static HrJsonToken
scan_number (HrJsonScan *self, GError **error)
{
  gsize at = self->next;

  if (self->text[at] == '-')
    at++;
  if (at < self->size && self->text[at] == '0')
    at++; /* and no digit may follow: what follows is then no separator */
  else if (!scan_digits (self, &at, error))
    return HR_JSON_ERROR;
  if (at < self->size && self->text[at] == '.')
    {
      at++;
      if (!scan_digits (self, &at, error))
        return HR_JSON_ERROR;
    }
  if (at < self->size && (self->text[at] == 'e' || self->text[at] == 'E'))
    {
      at++;
      if (at < self->size && (self->text[at] == '+' || self->text[at] == '-'))
        at++;
      if (!scan_digits (self, &at, error))
        return HR_JSON_ERROR;
    }
  self->end = self->next = at;
  return HR_JSON_NUMBER;
}

static HrJsonToken
scan_word (HrJsonScan *self, const char *word, HrJsonToken token, GError **error)
{
  gsize length = strlen (word);

  if (self->size - self->next < length || memcmp (self->text + self->next, word, length) != 0)
    return fail (self, self->next, "a value", error);
  self->end = self->next = self->next + length;
  return token;
}

static HrJsonToken
scan_value (HrJsonScan *self, GError **error)
{
  char c = self->next < self->size ? self->text[self->next] : '\0';

  self->expect = EXPECT_SEPARATOR;
  switch (c)
    {
    case '{':
      return open_level (self, TRUE, error);
    case '[':
      return open_level (self, FALSE, error);
    case '"':
      return scan_string (self, error) ? HR_JSON_STRING : HR_JSON_ERROR;
    case 't':
      return scan_word (self, "true", HR_JSON_TRUE, error);
    case 'f':
      return scan_word (self, "false", HR_JSON_FALSE, error);
    case 'n':
      return scan_word (self, "null", HR_JSON_NULL, error);
    default:
      if (c == '-' || g_ascii_isdigit (c))
        return scan_number (self, error);
      return fail (self, self->next, "a value", error);
    }
}

static void
skip_space (HrJsonScan *self)
{
  while (self->next < self->size && hr_json_is_space (self->text[self->next]))
    self->next++;
}

static HrJsonToken
scan_name (HrJsonScan *self, GError **error)
{
  gsize end;

  if (self->next >= self->size || self->text[self->next] != '"')
    return fail (self, self->next, "the name of a member in double quotes", error);
  if (!scan_string (self, error))
    return HR_JSON_ERROR;
  end = self->end;
  skip_space (self);
  if (self->next >= self->size || self->text[self->next] != ':')
    return fail (self, self->next, "':' after the name of a member", error);
  self->next++;
  self->end = end;
  self->expect = EXPECT_VALUE;
  return HR_JSON_NAME;
}

/* Behind a value: %HR_JSON_NAME when another element follows, else the token that was found. */
static HrJsonToken
scan_separator (HrJsonScan *self, GError **error)
{
  char c = self->next < self->size ? self->text[self->next] : '\0';

  if (self->depth == 0)
    return self->next >= self->size ? HR_JSON_END : fail (self, self->next, "the end of the text", error);
  if (c == (in_object (self) ? '}' : ']'))
    return close_level (self);
  if (c != ',')
    return fail (self, self->next, in_object (self) ? "',' or '}'" : "',' or ']'", error);
  self->next++;
  self->expect = in_object (self) ? EXPECT_NAME : EXPECT_VALUE;
  skip_space (self);
  self->start = self->next;
  return HR_JSON_NAME;
}

/**
 * hr_json_scan_next:
 * @self: the scanner
 * @error: return location
 *
 * Returns: the next token, whose bytes are @self->start to @self->end; %HR_JSON_END behind the one value of the text;
 *   %HR_JSON_ERROR with %HR_ERROR_STATE_FAILED that names line, column and what was expected: the scanner is then of
 *   no more use
 */
HrJsonToken
hr_json_scan_next (HrJsonScan *self, GError **error)
{
  char c;

  skip_space (self);
  self->start = self->next;
  if (self->expect == EXPECT_SEPARATOR)
    {
      HrJsonToken token = scan_separator (self, error);
      if (token != HR_JSON_NAME)
        return token;
    }

  c = self->next < self->size ? self->text[self->next] : '\0';
  if ((self->expect == EXPECT_FIRST_NAME && c == '}') || (self->expect == EXPECT_FIRST_ELEMENT && c == ']'))
    return close_level (self);
  if (self->expect == EXPECT_FIRST_NAME || self->expect == EXPECT_NAME)
    return scan_name (self, error);
  return scan_value (self, error);
}

/**
 * hr_json_scan_value:
 * @self: the scanner, where a value begins
 * @begin: (out): its first byte
 * @end: (out): behind its last
 * @error: return location
 *
 * Scans a whole value with all that is in it.
 *
 * Returns: its first token: %HR_JSON_OBJECT_END or %HR_JSON_ARRAY_END when there is no value but the end of what is
 *   open; %HR_JSON_ERROR with @error set
 */
HrJsonToken
hr_json_scan_value (HrJsonScan *self, gsize *begin, gsize *end, GError **error)
{
  guint depth = self->depth;
  HrJsonToken first = hr_json_scan_next (self, error);

  *begin = self->start;
  if (first == HR_JSON_OBJECT || first == HR_JSON_ARRAY)
    while (self->depth > depth)
      if (hr_json_scan_next (self, error) == HR_JSON_ERROR)
        return HR_JSON_ERROR;
  *end = self->end;
  return first;
}

/**
 * hr_json_check:
 * @text: (array length=size): the text
 * @size: in bytes
 * @depth_max: how deep arrays and objects may be nested
 * @error: return location
 *
 * Returns: whether @text is one JSON value; else %HR_ERROR_STATE_FAILED that names line, column (in characters) and
 *   what was expected there
 */
gboolean
hr_json_check (const char *text, gsize size, guint depth_max, GError **error)
{
  g_auto (HrJsonScan) scan = { 0 };
  HrJsonToken token;

  hr_json_scan_init (&scan, text, size, depth_max);
  do
    token = hr_json_scan_next (&scan, error);
  while (token != HR_JSON_ERROR && token != HR_JSON_END);
  return token == HR_JSON_END;
}

static gunichar
hex4 (const char *digits)
{
  gunichar value = 0;

  for (int i = 0; i < 4; i++)
    value = value * 16 + (gunichar)g_ascii_xdigit_value (digits[i]);
  return value;
}

/**
 * hr_json_unquote:
 * @text: (array length=size): a string or name as the scanner found it, with its quotes
 * @size: in bytes
 *
 * Returns: (transfer full) (nullable): its value; %NULL when that is no C string: it holds U+0000 or half a surrogate
 *   pair
 */
char *
hr_json_unquote (const char *text, gsize size)
{
  g_autoptr (GString) value = g_string_sized_new (size);
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

  for (gsize i = 1; i + 1 < size; i++)
    {
      const char *known;
      gunichar c;

      if (text[i] != '\\')
        {
          g_string_append_c (value, text[i]);
          continue;
        }
      i++;
      known = strchr (from, text[i]);
      if (text[i] != 'u')
        {
          g_string_append_c (value, known != NULL ? to[known - from] : text[i]);
          continue;
        }
      c = hex4 (text + i + 1);
      i += 4;
      if (c >= 0xd800 && c < 0xdc00 && i + 7 < size && text[i + 1] == '\\' && text[i + 2] == 'u')
        {
          gunichar second = hex4 (text + i + 3);
          if (second >= 0xdc00 && second < 0xe000)
            {
              c = 0x10000 + ((c - 0xd800) << 10) + (second - 0xdc00);
              i += 6;
            }
        }
      if (c == 0 || (c >= 0xd800 && c < 0xe000))
        return NULL;
      g_string_append_unichar (value, c);
    }
  return g_string_free (g_steal_pointer (&value), FALSE);
}

/**
 * hr_json_quote:
 * @text: UTF-8
 *
 * Returns: (transfer full): @text as a JSON string, with quotes
 */
char *
hr_json_quote (const char *text)
{
  GString *quoted = g_string_new ("\"");

  for (const char *p = text; *p != '\0'; p++)
    {
      if (*p == '"' || *p == '\\')
        g_string_append_c (quoted, '\\');
      if ((guchar)*p < 0x20)
        g_string_append_printf (quoted, "\\u%04x", (guint)*p);
      else
        g_string_append_c (quoted, *p);
    }
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}
