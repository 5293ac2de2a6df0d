/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-glob.c: a pattern is expanded into its brace alternatives once; each is a list of parts between slashes. Within
 * a part only '*' repeats, between parts only '**' does, and both are matched by going back to the last of them and
 * no further, which is enough when what repeats takes anything: the work of one alternative is at most the product of
 * the lengths of pattern and path.
 */
#include "hr-glob.h"

#include <string.h>

#include "hr-error.h"

/* A part's shape, the commonest ones matched without looking at the pattern again. */
typedef enum { PART_ANY_DEPTH, PART_LITERAL, PART_SUFFIX, PART_PATTERN } PartKind;

typedef struct {
  PartKind kind;
  char *text; /* literal or suffix without escapes; the raw pattern otherwise */
  gsize length;
} Part;

struct _HrGlob {
  char *pattern;
  GPtrArray *alternatives; /* GArray of Part */
};

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

static gboolean
match_part (const Part *part, const char *s, const char *s_end)
{
  gsize length = s_end - s;

  switch (part->kind)
    {
    case PART_LITERAL:
      return length == part->length && memcmp (s, part->text, length) == 0;
    case PART_SUFFIX:
      return length >= part->length && memcmp (s_end - part->length, part->text, part->length) == 0;
    case PART_PATTERN:
      return match_pattern (part->text, s, s_end);
    case PART_ANY_DEPTH:
    default:
      return TRUE;
    }
}

static gboolean
match_alternative (const GArray *parts, const char *path)
{
  guint i = 0, star = G_MAXUINT;
  const char *s = path, *star_s = NULL;

  while (s != NULL)
    {
      const char *s_end = strchrnul (s, '/');
      const Part *part = i < parts->len ? &g_array_index (parts, Part, i) : NULL;

      if (part != NULL && part->kind == PART_ANY_DEPTH)
        {
          if (i + 1 == parts->len)
            return TRUE;
          star = ++i;
          star_s = s;
          continue;
        }
      if (part != NULL && match_part (part, s, s_end))
        {
          i++;
          s = *s_end == '/' ? s_end + 1 : NULL;
          continue;
        }
      if (star == G_MAXUINT)
        return FALSE;
      i = star;
      star_s = strchr (star_s, '/');
      s = star_s = star_s != NULL ? star_s + 1 : NULL;
    }
  return i == parts->len;
}

static void
part_clear (gpointer data)
{
  g_free (((Part *)data)->text);
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

static void
add_part (GArray *parts, const char *text, gsize length)
{
  Part part = { .kind = PART_PATTERN };

  if (length == 2 && text[0] == '*' && text[1] == '*')
    {
      /* Two of them say no more than one. */
      if (parts->len > 0 && g_array_index (parts, Part, parts->len - 1).kind == PART_ANY_DEPTH)
        return;
      part.kind = PART_ANY_DEPTH;
    }
  else if (!has_wildcard (text, length))
    {
      part.kind = PART_LITERAL;
      part.text = unescape (text, length);
    }
  else if (text[0] == '*' && !has_wildcard (text + 1, length - 1))
    {
      part.kind = PART_SUFFIX;
      part.text = unescape (text + 1, length - 1);
    }
  else
    part.text = g_strndup (text, length);
  part.length = part.text != NULL ? strlen (part.text) : 0;
  g_array_append_val (parts, part);
}

/* Steps over one character, escaped character or class; NULL if it has no end. */
static const char *
skip_one (const char *p)
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

static GArray *
compile_alternative (const char *text, GError **error)
{
  g_autoptr (GArray) parts = g_array_new (FALSE, FALSE, sizeof (Part));
  const char *begin = text;

  g_array_set_clear_func (parts, part_clear);
  for (const char *p = text;; p = skip_one (p))
    if (*p == '/' || *p == '\0')
      {
        if (p == begin)
          {
            g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                         "an empty part between slashes (for all that a directory holds write 'dir/**')");
            return NULL;
          }
        add_part (parts, begin, p - begin);
        if (*p == '\0')
          break;
        begin = p + 1;
      }
  return g_steal_pointer (&parts);
}

/* Checks brackets, braces and escapes; finds the first brace group: *@open at '{', *@close at '}', or both NULL. */
static gboolean
find_braces (const char *text, const char **open, const char **close, GError **error)
{
  guint depth = 0;

  *open = *close = NULL;
  for (const char *p = text, *next; *p != '\0'; p = next)
    {
      next = skip_one (p);
      if (next == NULL)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                       *p == '[' ? "'[' has no ']'" : "nothing follows the last '\\'");
          return FALSE;
        }
      if (*p == '{' && depth++ == 0 && *close == NULL)
        *open = p;
      if (*p == '}' && depth-- == 0)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "'}' has no '{'");
          return FALSE;
        }
      if (*p == '}' && depth == 0 && *close == NULL)
        *close = p;
    }
  if (depth > 0)
    g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "'{' has no '}'");
  return depth == 0;
}

/* The end of the choice that begins at @p: a ',' of its own level, or @close. */
static const char *
choice_end (const char *p, const char *close)
{
  guint depth = 0;

  for (; p < close; p = skip_one (p))
    {
      if (*p == ',' && depth == 0)
        break;
      if (*p == '{')
        depth++;
      if (*p == '}')
        depth--;
    }
  return p;
}

/* Expands the pattern at the head of @queue until no braces are left, each alternative compiled into @out. */
static gboolean
expand (GQueue *queue, GPtrArray *out, GError **error)
{
  while (!g_queue_is_empty (queue))
    {
      g_autofree char *text = g_queue_pop_head (queue);
      const char *open, *close;
      GArray *parts;

      if (!find_braces (text, &open, &close, error))
        return FALSE;
      if (open == NULL)
        {
          parts = compile_alternative (text, error);
          if (parts == NULL)
            return FALSE;
          g_ptr_array_add (out, parts);
          continue;
        }
      for (const char *p = open + 1, *end; p <= close; p = end + 1)
        {
          end = choice_end (p, close);
          g_queue_push_tail (queue,
                             g_strdup_printf ("%.*s%.*s%s", (int)(open - text), text, (int)(end - p), p, close + 1));
        }
      if (queue->length + out->len > HR_GLOB_ALTERNATIVES_MAX)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "its braces give more than %d alternatives",
                       HR_GLOB_ALTERNATIVES_MAX);
          return FALSE;
        }
    }
  return TRUE;
}

static void
glob_clear (gpointer data)
{
  HrGlob *self = data;

  g_free (self->pattern);
  g_ptr_array_unref (self->alternatives);
}

/**
 * hr_glob_new:
 * @pattern: a pattern; "./" or '/' in front of it says nothing
 * @error: return location
 *
 * A '**' at the end needs at least one part, as in .gitignore: "a" + "/" + "**" does not match "a". A '**' beside
 * other characters is a '*'. Classes know ranges, negation by '!' or '^', and POSIX names; they never match '/'.
 *
 * Returns: (transfer full) (nullable): the compiled pattern, which any thread may use;
 *   %HR_ERROR_INVALID_ARGUMENT when it is malformed, %HR_ERROR_LIMIT_EXCEEDED when it is too long or too much
 */
HrGlob *
hr_glob_new (const char *pattern, GError **error)
{
  g_autoptr (GPtrArray) alternatives = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  GQueue queue = G_QUEUE_INIT;
  const char *begin = pattern;
  gboolean ok;
  HrGlob *self;

  g_return_val_if_fail (pattern != NULL, NULL);

  if (strlen (pattern) > HR_GLOB_LENGTH_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "pattern '%.40s…' is longer than %d bytes", pattern,
                   HR_GLOB_LENGTH_MAX);
      return NULL;
    }
  if (*begin == '\0')
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "a pattern is empty");
      return NULL;
    }
  if (g_str_has_prefix (begin, "./"))
    begin++;
  if (*begin == '/')
    begin++;
  g_queue_push_tail (&queue, g_strdup (begin));
  ok = expand (&queue, alternatives, error);
  g_queue_clear_full (&queue, g_free);
  if (!ok)
    {
      g_prefix_error (error, "pattern '%s': ", pattern);
      return NULL;
    }

  self = g_atomic_rc_box_new0 (HrGlob);
  self->pattern = g_strdup (pattern);
  self->alternatives = g_steal_pointer (&alternatives);
  return self;
}

/**
 * hr_glob_ref:
 * @self: a pattern
 *
 * Returns: (transfer full): @self
 */
HrGlob *
hr_glob_ref (HrGlob *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return g_atomic_rc_box_acquire (self);
}

/**
 * hr_glob_unref:
 * @self: (transfer full) (nullable): a pattern
 */
void
hr_glob_unref (HrGlob *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, glob_clear);
}

/**
 * hr_glob_matches:
 * @self: a pattern
 * @path: relative, with '/' between its parts and none at the ends; any bytes
 *
 * Returns: whether the pattern matches all of @path; never for an empty one
 */
gboolean
hr_glob_matches (const HrGlob *self, const char *path)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  for (guint i = 0; i < self->alternatives->len && *path != '\0'; i++)
    if (match_alternative (g_ptr_array_index (self->alternatives, i), path))
      return TRUE;
  return FALSE;
}

/**
 * hr_glob_pattern:
 * @self: a pattern
 *
 * Returns: (transfer none): what it was made of
 */
const char *
hr_glob_pattern (const HrGlob *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->pattern;
}
