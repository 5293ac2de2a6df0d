/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-glob.c: a pattern is expanded into its brace alternatives once; each is a list of parts between slashes. Only
 * '**' repeats between parts, and is matched by going back to the last one and no further, as '*' is within a part:
 * the work of one alternative is at most the product of the lengths of pattern and path.
 */
#include "hr-glob.h"

#include <string.h>

#include "hr-error.h"
#include "hr-glob-part.h"

struct _HrGlob {
  char *pattern;
  GPtrArray *alternatives; /* GArray of HrGlobPart */
};

static gboolean
match_alternative (const GArray *parts, const char *path)
{
  guint i = 0, star = G_MAXUINT;
  const char *s = path, *star_s = NULL;

  while (s != NULL)
    {
      const char *s_end = strchrnul (s, '/');
      const HrGlobPart *part = i < parts->len ? &g_array_index (parts, HrGlobPart, i) : NULL;

      if (part != NULL && part->kind == HR_GLOB_PART_ANY_DEPTH)
        {
          if (i + 1 == parts->len)
            return TRUE;
          star = ++i;
          star_s = s;
          continue;
        }
      if (part != NULL && hr_glob_part_matches (part, s, s_end))
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
add_part (GArray *parts, const char *text, gsize length)
{
  HrGlobPart part;

  hr_glob_part_init (&part, text, length);
  /* Two '**' say no more than one. */
  if (part.kind != HR_GLOB_PART_ANY_DEPTH || parts->len == 0
      || g_array_index (parts, HrGlobPart, parts->len - 1).kind != HR_GLOB_PART_ANY_DEPTH)
    g_array_append_val (parts, part);
}

static GArray *
compile_alternative (const char *text, GError **error)
{
  g_autoptr (GArray) parts = g_array_new (FALSE, FALSE, sizeof (HrGlobPart));
  const char *begin = text;

  g_array_set_clear_func (parts, (GDestroyNotify)hr_glob_part_clear);
  for (const char *p = text;; p = hr_glob_part_skip (p))
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
      next = hr_glob_part_skip (p);
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

  for (; p < close; p = hr_glob_part_skip (p))
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
