/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-ignore-rules.h"

#include <string.h>

#include "hr-glob.h"

struct _HrIgnoreRule {
  HrGlob *glob;
  gboolean negated;
  gboolean dir_only;
  gboolean floating; /* no slash in it: matches the last part of a path at any depth */
};

struct _HrIgnoreRules {
  GArray *rules; /* HrIgnoreRule */
  char *text;    /* of a .gitignore, to know it again; else NULL */
  gsize size;
};

static void
rule_clear (gpointer data)
{
  hr_glob_unref (((HrIgnoreRule *)data)->glob);
}

static HrIgnoreRules *
rules_new (void)
{
  HrIgnoreRules *self = g_atomic_rc_box_new0 (HrIgnoreRules);

  self->rules = g_array_new (FALSE, FALSE, sizeof (HrIgnoreRule));
  g_array_set_clear_func (self->rules, rule_clear);
  return self;
}

/* A pattern that is malformed matches nothing, as in git. */
static void
rules_add (HrIgnoreRules *self, const char *pattern, gboolean negated, gboolean dir_only)
{
  HrIgnoreRule rule = { .negated = negated, .dir_only = dir_only };

  rule.floating = strchr (pattern, '/') == NULL;
  rule.glob = hr_glob_new (pattern, NULL);
  if (rule.glob != NULL)
    g_array_append_val (self->rules, rule);
}

/* Spaces at the end do not count unless a backslash stands before them. */
static void
trim_end (char *line)
{
  char *end = line;

  for (char *p = line; *p != '\0';)
    {
      gboolean blank = *p == ' ';

      p += *p == '\\' && p[1] != '\0' ? 2 : 1;
      if (!blank)
        end = p;
    }
  *end = '\0';
}

/* Braces mean nothing in a .gitignore. */
static char *
escape_braces (const char *pattern)
{
  GString *out = g_string_new (NULL);

  for (const char *p = pattern; *p != '\0'; p++)
    {
      if (*p == '\\' && p[1] != '\0')
        g_string_append_c (out, *p++);
      else if (*p == '{' || *p == '}')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *p);
    }
  return g_string_free (out, FALSE);
}

/* Cuts a slash at the end off; whether there was one. */
static gboolean
cut_slash (char *pattern)
{
  gsize length = strlen (pattern);

  if (length == 0 || pattern[length - 1] != '/')
    return FALSE;
  pattern[length - 1] = '\0';
  return TRUE;
}

static void
add_gitignore_line (HrIgnoreRules *self, char *line)
{
  g_autofree char *pattern = NULL;
  gboolean negated = FALSE, dir_only;
  gsize length = strlen (line);

  if (length > 0 && line[length - 1] == '\r')
    line[length - 1] = '\0';
  if (*line == '#')
    return;
  trim_end (line);
  if (*line == '!')
    {
      negated = TRUE;
      line++;
    }
  dir_only = cut_slash (line);
  if (*line == '\0')
    return;
  pattern = escape_braces (line);
  rules_add (self, pattern, negated, dir_only);
}

/**
 * hr_ignore_rules_new_gitignore:
 * @text: (array length=size): a .gitignore's content
 * @size: of @text, in bytes; what is beyond %HR_GITIGNORE_SIZE_MAX is not looked at
 *
 * Returns: (transfer full): its rules
 */
HrIgnoreRules *
hr_ignore_rules_new_gitignore (const char *text, gsize size)
{
  HrIgnoreRules *self = rules_new ();
  char *next;

  g_return_val_if_fail (text != NULL || size == 0, self);

  self->size = MIN (size, HR_GITIGNORE_SIZE_MAX);
  self->text = g_malloc (self->size + 1);
  if (self->size > 0)
    memcpy (self->text, text, self->size);
  self->text[self->size] = '\0';

  {
    g_autofree char *lines = g_strdup (self->text);

    for (char *line = g_str_has_prefix (lines, "\xef\xbb\xbf") ? lines + 3 : lines;
         line != NULL && self->rules->len < HR_IGNORE_RULES_MAX; line = next)
      {
        next = strchr (line, '\n');
        if (next != NULL)
          *next++ = '\0';
        add_gitignore_line (self, line);
      }
  }
  return self;
}

/**
 * hr_ignore_rules_new_globs:
 * @globs: (array zero-terminated=1): patterns of hr-glob.h, each known to be valid
 *
 * As in a .gitignore at the source's root, a pattern without a slash matches at any depth, and one with a slash at its
 * end only directories. Besides, what names all that a directory holds ("logs" + "/" + "**") names the directory.
 *
 * Returns: (transfer full): their rules
 */
HrIgnoreRules *
hr_ignore_rules_new_globs (const char *const *globs)
{
  HrIgnoreRules *self = rules_new ();

  for (guint i = 0; globs[i] != NULL && self->rules->len < HR_IGNORE_RULES_MAX; i++)
    {
      g_autofree char *pattern = g_strdup (globs[i]);

      if (g_str_has_suffix (pattern, "/**") && strlen (pattern) > strlen ("/**"))
        {
          g_autofree char *dir = g_strndup (pattern, strlen (pattern) - strlen ("/**"));
          g_autofree char *anchored = g_strconcat (*dir == '/' ? "" : "/", dir, NULL);

          rules_add (self, anchored, FALSE, TRUE);
        }
      else
        {
          gboolean dir_only = cut_slash (pattern);

          rules_add (self, pattern, FALSE, dir_only);
        }
    }
  return self;
}

/**
 * hr_ignore_rules_ref:
 * @self: rules
 *
 * Returns: (transfer full): @self
 */
HrIgnoreRules *
hr_ignore_rules_ref (HrIgnoreRules *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
rules_clear (gpointer data)
{
  HrIgnoreRules *self = data;

  g_array_unref (self->rules);
  g_free (self->text);
}

/**
 * hr_ignore_rules_unref:
 * @self: (transfer full) (nullable): rules
 */
void
hr_ignore_rules_unref (HrIgnoreRules *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, rules_clear);
}

/**
 * hr_ignore_rules_are:
 * @self: rules of a .gitignore
 * @text: (array length=size): content
 * @size: of @text, in bytes
 *
 * Returns: whether @text would give the same rules
 */
gboolean
hr_ignore_rules_are (const HrIgnoreRules *self, const char *text, gsize size)
{
  size = MIN (size, HR_GITIGNORE_SIZE_MAX);
  return self->size == size && (size == 0 || memcmp (self->text, text, size) == 0);
}

/**
 * hr_ignore_rules_match:
 * @self: rules
 * @path: relative to the directory that holds the rules
 * @base: the last part of @path, inside it
 * @is_dir: whether it is a directory
 *
 * Returns: (nullable) (transfer none): the last rule that matches
 */
const HrIgnoreRule *
hr_ignore_rules_match (const HrIgnoreRules *self, const char *path, const char *base, gboolean is_dir)
{
  for (guint i = self->rules->len; i > 0; i--)
    {
      const HrIgnoreRule *rule = &g_array_index (self->rules, HrIgnoreRule, i - 1);

      if ((is_dir || !rule->dir_only) && hr_glob_matches (rule->glob, rule->floating ? base : path))
        return rule;
    }
  return NULL;
}

/**
 * hr_ignore_rule_is_negated:
 * @rule: a rule
 *
 * Returns: whether it takes its paths back in
 */
gboolean
hr_ignore_rule_is_negated (const HrIgnoreRule *rule)
{
  return rule->negated;
}
