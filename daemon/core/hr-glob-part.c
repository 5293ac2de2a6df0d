/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-glob-part.c: only '*' repeats, and is matched by going back to the last one and no further, which is enough as it
 * takes anything: the work is at most the product of the lengths of pattern and text.
 */
#include "hr-glob-part.h"

#include <string.h>

/* A path is bytes: what is no UTF-8 counts as one character each, beyond all of Unicode's. */
#define BAD_BYTE 0x110000u

static gunichar
next_char (const char **p)
{
  const guchar *s = (const guchar *)*p;
  gunichar c;

  if (*s < 0x80)
    {
      *p += 1;
      return *s;
    }
  c = g_utf8_get_char_validated (*p, -1);
  if (c == (gunichar)-1 || c == (gunichar)-2)
    {
      *p += 1;
      return BAD_BYTE + *s;
    }
  *p = g_utf8_next_char (*p);
  return c;
}

/* @p is behind '['. Returns the closing ']' or NULL. The first character is never the end: "[]]", "[!]]". */
static const char *
class_end (const char *p)
{
  if (*p == '!' || *p == '^')
    p++;
  for (gboolean first = TRUE; *p != '\0'; first = FALSE)
    {
      const char *name_end = p[0] == '[' && p[1] == ':' ? strstr (p + 2, ":]") : NULL;

      if (*p == ']' && !first)
        return p;
      if (name_end != NULL)
        p = name_end + 2;
      else if (*p == '\\' && p[1] != '\0')
        p += 2;
      else
        p++;
    }
  return NULL;
}

static gboolean
named_class_has (const char *name, gsize length, gunichar c)
{
  static const struct {
    const char *name;
    gboolean (*has) (gunichar c);
  } classes[] = {
    { "alnum", g_unichar_isalnum }, { "alpha", g_unichar_isalpha },   { "cntrl", g_unichar_iscntrl },
    { "digit", g_unichar_isdigit }, { "graph", g_unichar_isgraph },   { "lower", g_unichar_islower },
    { "print", g_unichar_isprint }, { "punct", g_unichar_ispunct },   { "space", g_unichar_isspace },
    { "upper", g_unichar_isupper }, { "xdigit", g_unichar_isxdigit },
  };

  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (strlen (classes[i].name) == length && strncmp (classes[i].name, name, length) == 0)
      return c < BAD_BYTE && classes[i].has (c);
  return FALSE;
}

static gunichar
class_char (const char **p)
{
  if (**p == '\\')
    *p += 1;
  return next_char (p);
}

/* Whether the class between @p (behind '[') and @end (at its ']') has @c. */
static gboolean
class_has (const char *p, const char *end, gunichar c)
{
  gboolean negated = *p == '!' || *p == '^';
  gboolean found = FALSE;

  if (negated)
    p++;
  while (p < end)
    {
      const char *name_end = p[0] == '[' && p[1] == ':' ? strstr (p + 2, ":]") : NULL;

      if (name_end != NULL && name_end < end)
        {
          found = found || named_class_has (p + 2, name_end - p - 2, c);
          p = name_end + 2;
        }
      else
        {
          gunichar low = class_char (&p), high = low;

          if (p + 1 < end && *p == '-')
            {
              p++;
              high = class_char (&p);
            }
          found = found || (low <= c && c <= high);
        }
    }
  return found != negated;
}

/* Matches one character or class at *@p against one character at *@s; moves both on. Neither is at its end. */
static gboolean
match_one (const char **p, const char **s)
{
  gunichar c = next_char (s);

  if (**p == '?')
    {
      *p += 1;
      return TRUE;
    }
  if (**p == '[')
    {
      const char *begin = *p + 1, *end = class_end (begin);

      *p = end + 1;
      return class_has (begin, end, c);
    }
  if (**p == '\\')
    *p += 1;
  return next_char (p) == c;
}

static gboolean
match_pattern (const char *p, const char *s, const char *s_end)
{
  const char *star = NULL, *star_s = NULL;

  while (s < s_end)
    {
      if (*p == '*')
        {
          star = ++p;
          star_s = s;
          continue;
        }
      if (*p != '\0' && match_one (&p, &s))
        continue;
      if (star == NULL)
        return FALSE;
      p = star;
      next_char (&star_s);
      s = star_s;
    }
  while (*p == '*')
    p++;
  return *p == '\0';
}

/**
 * hr_glob_part_matches:
 * @self: a part
 * @s: the beginning of a path's part
 * @s_end: its end
 *
 * Returns: whether the part matches all of it
 */
gboolean
hr_glob_part_matches (const HrGlobPart *self, const char *s, const char *s_end)
{
  gsize length = s_end - s;

  switch (self->kind)
    {
    case HR_GLOB_PART_LITERAL:
      return length == self->length && memcmp (s, self->text, length) == 0;
    case HR_GLOB_PART_SUFFIX:
      return length >= self->length && memcmp (s_end - self->length, self->text, self->length) == 0;
    case HR_GLOB_PART_PATTERN:
      return match_pattern (self->text, s, s_end);
    case HR_GLOB_PART_ANY_DEPTH:
    default:
      return TRUE;
    }
}

static char *
unescape (const char *text, gsize length)
{
  GString *out = g_string_sized_new (length);

  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '\\')
        i++;
      g_string_append_c (out, text[i]);
    }
  return g_string_free (out, FALSE);
}

/* Whether @text has a wildcard that is not escaped. */
static gboolean
has_wildcard (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '\\')
        i++;
      else if (strchr ("*?[", text[i]) != NULL)
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_glob_part_init:
 * @self: not initialised
 * @text: what stands between two slashes of a pattern without braces, every class and escape with its end
 * @length: of @text, in bytes
 */
void
hr_glob_part_init (HrGlobPart *self, const char *text, gsize length)
{
  *self = (HrGlobPart){ .kind = HR_GLOB_PART_PATTERN };
  if (length == 2 && text[0] == '*' && text[1] == '*')
    self->kind = HR_GLOB_PART_ANY_DEPTH;
  else if (!has_wildcard (text, length))
    {
      self->kind = HR_GLOB_PART_LITERAL;
      self->text = unescape (text, length);
    }
  else if (text[0] == '*' && !has_wildcard (text + 1, length - 1))
    {
      self->kind = HR_GLOB_PART_SUFFIX;
      self->text = unescape (text + 1, length - 1);
    }
  else
    self->text = g_strndup (text, length);
  self->length = self->text != NULL ? strlen (self->text) : 0;
}

/**
 * hr_glob_part_clear:
 * @self: a part
 */
void
hr_glob_part_clear (HrGlobPart *self)
{
  g_free (self->text);
}

/**
 * hr_glob_part_skip:
 * @p: somewhere in a pattern, not inside a class or behind a backslash
 *
 * Returns: (nullable): what is behind one character, escaped character or class; %NULL if it has no end
 */
const char *
hr_glob_part_skip (const char *p)
{
  const char *end;

  switch (*p)
    {
    case '\\':
      return p[1] != '\0' ? p + 2 : NULL;
    case '[':
      end = class_end (p + 1);
      return end != NULL ? end + 1 : NULL;
    default:
      return p + 1;
    }
}
