/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ignore.c: what the service file says, and the rules of each .gitignore, never change and are held in common by an
 * object and its copies. A walk asks for the entries of one directory after the other, so the
 * verdicts on the directories above the last path, and the rules that hold there, are kept as a chain: a scan of ten
 * thousand files judges each directory once.
 *
 * A verdict is what the rules alone say; Share and the programs of Exec are looked at only where it is not "record".
 */
#include "hr-ignore.h"

#include <string.h>

#include "hr-ignore-config.h"
#include "hr-ignore-defaults.h"

/**
 * Verdict:
 *
 * @by_default: one of the defaults says so: nothing but Share changes it
 * @reason: the rule that says so, of the path itself or of a directory above it
 */
typedef struct {
  HrPathClass path_class;
  gboolean by_default;
  const HrIgnoreRule *reason;
} Verdict;

/* A directory above the last path that was asked for. */
typedef struct {
  gsize length; /* of its path, in self->dir */
  Verdict verdict;
  const HrIgnoreRules *rules; /* of its .gitignore, or NULL */
} Level;

/* Why a program is ignored, as of a number of changes to the rules. */
typedef struct {
  guint64 as_of;
  const HrIgnoreRule *reason;
} ProgramReason;

struct _HrIgnore {
  GObject parent_instance;

  HrIgnoreConfig *config;
  GHashTable *files; /* directory, "" for the source → HrIgnoreRules */
  guint64 changes;   /* of @files */
  GString *dir;
  GArray *chain;          /* Level, from the source down to @dir; empty: nothing kept */
  ProgramReason *reasons; /* one for each program */
};

G_DEFINE_FINAL_TYPE (HrIgnore, hr_ignore, G_TYPE_OBJECT)

static void
drop_chain (HrIgnore *self)
{
  self->changes++;
  g_array_set_size (self->chain, 0);
  g_string_truncate (self->dir, 0);
}

static void
hr_ignore_finalize (GObject *object)
{
  HrIgnore *self = HR_IGNORE (object);

  g_clear_pointer (&self->config, hr_ignore_config_unref);
  g_hash_table_unref (self->files);
  g_string_free (self->dir, TRUE);
  g_array_unref (self->chain);
  g_free (self->reasons);
  G_OBJECT_CLASS (hr_ignore_parent_class)->finalize (object);
}

static void
hr_ignore_class_init (HrIgnoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_ignore_finalize;
}

static void
hr_ignore_init (HrIgnore *self)
{
  self->files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hr_ignore_rules_unref);
  self->dir = g_string_new (NULL);
  self->chain = g_array_new (FALSE, FALSE, sizeof (Level));
  self->changes = 1;
}

static HrIgnore *
ignore_new (HrIgnoreConfig *config)
{
  HrIgnore *self = g_object_new (HR_TYPE_IGNORE, NULL);

  self->config = config;
  self->reasons = g_new0 (ProgramReason, config->programs->len);
  return self;
}

/**
 * hr_ignore_new:
 * @spec: a service with a source, its globs valid; not kept
 *
 * Returns: (transfer full): its rules, no .gitignore entered yet
 */
HrIgnore *
hr_ignore_new (HrServiceSpec *spec)
{
  g_return_val_if_fail (spec != NULL, NULL);
  return ignore_new (hr_ignore_config_new (spec));
}

/**
 * hr_ignore_copy:
 * @self: rules
 *
 * Returns: (transfer full): a snapshot with the same .gitignore files entered, for use in any one thread
 */
HrIgnore *
hr_ignore_copy (HrIgnore *self)
{
  HrIgnore *copy;
  GHashTableIter iter;
  gpointer dir, rules;

  g_return_val_if_fail (HR_IS_IGNORE (self), NULL);

  copy = ignore_new (hr_ignore_config_ref (self->config));
  g_hash_table_iter_init (&iter, self->files);
  while (g_hash_table_iter_next (&iter, &dir, &rules))
    g_hash_table_insert (copy->files, g_strdup (dir), hr_ignore_rules_ref (rules));
  return copy;
}

/**
 * hr_ignore_enter:
 * @self: rules
 * @dir: a recorded directory; "" or "." is the source
 * @gitignore: (nullable) (array length=size): content of its .gitignore, or %NULL if it has none
 * @size: of @gitignore, in bytes; beyond 1 MiB, or 4096 rules, the rest does not count
 *
 * Replaces what was entered for @dir. Does nothing with UseGitignore=no.
 */
void
hr_ignore_enter (HrIgnore *self, const char *dir, const char *gitignore, gsize size)
{
  const HrIgnoreRules *known;

  g_return_if_fail (HR_IS_IGNORE (self));
  g_return_if_fail (dir != NULL);

  if (!self->config->gitignore)
    return;
  if (g_str_equal (dir, "."))
    dir = "";
  known = g_hash_table_lookup (self->files, dir);
  if (known == NULL ? gitignore == NULL : gitignore != NULL && hr_ignore_rules_are (known, gitignore, size))
    return;
  if (gitignore == NULL)
    g_hash_table_remove (self->files, dir);
  else
    g_hash_table_insert (self->files, g_strdup (dir), hr_ignore_rules_new_gitignore (gitignore, size));
  drop_chain (self);
}

/**
 * hr_ignore_forget:
 * @self: rules
 *
 * Forgets every .gitignore: a walk begins anew.
 */
void
hr_ignore_forget (HrIgnore *self)
{
  g_return_if_fail (HR_IS_IGNORE (self));

  g_hash_table_remove_all (self->files);
  drop_chain (self);
}

static const char *
last_part (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash != NULL ? slash + 1 : path;
}

/* The rule that decides about @path whose directory is the last of the chain, or NULL. */
static const HrIgnoreRule *
find_rule (HrIgnore *self, const char *path, const char *base, gboolean is_dir)
{
  const HrIgnoreRule *rule = hr_ignore_rules_match (self->config->globs, path, base, is_dir);

  for (guint i = self->chain->len; i > 0 && rule == NULL; i--)
    {
      const Level *level = &g_array_index (self->chain, Level, i - 1);

      if (level->rules != NULL)
        rule = hr_ignore_rules_match (level->rules, level->length > 0 ? path + level->length + 1 : path, base, is_dir);
    }
  return rule != NULL && !hr_ignore_rule_is_negated (rule) ? rule : NULL;
}

static Verdict
judge (HrIgnore *self, const char *path, gboolean is_dir)
{
  Verdict verdict = g_array_index (self->chain, Level, self->chain->len - 1).verdict;
  const char *base = last_part (path);

  if (verdict.by_default)
    return verdict;
  if (hr_ignore_default_class (path, base, is_dir, &verdict.path_class))
    verdict.by_default = TRUE;
  else if (verdict.path_class == HR_PATH_RECORD)
    {
      verdict.reason = find_rule (self, path, base, is_dir);
      if (verdict.reason != NULL)
        verdict.path_class = hr_ignore_is_build_output (path) ? HR_PATH_CACHE : HR_PATH_SHARE;
    }
  return verdict;
}

static void
push_level (HrIgnore *self, Verdict verdict)
{
  Level level = { .length = self->dir->len, .verdict = verdict };

  level.rules = g_hash_table_lookup (self->files, self->dir->str);
  g_array_append_val (self->chain, level);
}

/* Makes the chain that of the directory above @path, keeping what it has in common with the one before. */
static void
follow (HrIgnore *self, const char *path)
{
  const char *slash = strrchr (path, '/');
  gsize length = slash != NULL ? (gsize)(slash - path) : 0;

  if (self->chain->len == 0)
    push_level (self, (Verdict){ .path_class = HR_PATH_RECORD });
  while (self->chain->len > 1)
    {
      gsize kept = g_array_index (self->chain, Level, self->chain->len - 1).length;

      if (kept <= length && path[kept] == '/' && memcmp (self->dir->str, path, kept) == 0)
        break;
      g_array_set_size (self->chain, self->chain->len - 1);
    }
  g_string_truncate (self->dir, g_array_index (self->chain, Level, self->chain->len - 1).length);
  while (self->dir->len < length)
    {
      const char *begin = path + self->dir->len + (self->dir->len > 0 ? 1 : 0);
      Verdict verdict;

      g_string_append_len (self->dir, path + self->dir->len, strchr (begin, '/') - (path + self->dir->len));
      verdict = judge (self, self->dir->str, TRUE);
      push_level (self, verdict);
    }
}

static const HrIgnoreRule *
program_reason (HrIgnore *self, guint index)
{
  const HrIgnoreProgram *program = g_ptr_array_index (self->config->programs, index);
  ProgramReason *reason = &self->reasons[index];

  if (reason->as_of != self->changes)
    {
      follow (self, program->path);
      reason->reason = judge (self, program->path, g_strcmp0 (program->path, program->tree) == 0).reason;
      reason->as_of = self->changes;
    }
  return reason->reason;
}

/* Whether @path, ignored for @reason, is a program, leads to one, or belongs to one: in the program's directory, what
 * is ignored for the same reason as the program is taken to be made together with it. */
static gboolean
belongs_to_program (HrIgnore *self, const char *path, gboolean is_dir, const HrIgnoreRule *reason)
{
  for (guint i = 0; i < self->config->programs->len; i++)
    {
      const HrIgnoreProgram *program = g_ptr_array_index (self->config->programs, i);
      gboolean same = g_str_equal (path, program->path);

      if (same && !is_dir)
        return TRUE;
      if (is_dir && hr_path_is_below (program->path, path))
        return TRUE;
      if (program->tree != NULL && (g_str_equal (path, program->tree) || hr_path_is_below (path, program->tree))
          && !hr_ignore_program_leaves_out (program, path) && program_reason (self, i) == reason)
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_ignore_classify:
 * @self: rules
 * @path: a path whose directories above were entered
 * @is_dir: whether it is a directory; a symbolic link is none
 *
 * Beside what is ignored, Share decides, then the programs of Exec: a program below the source is recorded even if
 * ignored, with the directories that lead to it and what is ignored for the same reason beside and below it; see
 * hr-ignore-programs.h for what counts as one. A directory that leads to a path of Share is recorded where it would
 * be in no slot or made by each.
 *
 * Returns: what becomes of @path
 */
HrPathClass
hr_ignore_classify (HrIgnore *self, const char *path, gboolean is_dir)
{
  const HrIgnoreConfig *config;
  Verdict verdict;

  g_return_val_if_fail (HR_IS_IGNORE (self), HR_PATH_RECORD);
  g_return_val_if_fail (path != NULL, HR_PATH_RECORD);

  config = self->config;
  if (*path == '\0' || g_str_equal (path, "."))
    return HR_PATH_RECORD;
  if (hr_ignore_config_shares (config, path))
    return HR_PATH_SHARE;

  follow (self, path);
  verdict = judge (self, path, is_dir);
  if (verdict.path_class == HR_PATH_RECORD)
    return HR_PATH_RECORD;
  if (verdict.path_class == HR_PATH_SHARE && !config->share_auto)
    verdict.path_class = HR_PATH_HIDE;
  if (verdict.by_default)
    return verdict.path_class;
  if (belongs_to_program (self, path, is_dir, verdict.reason))
    return HR_PATH_RECORD;
  if (is_dir && verdict.path_class != HR_PATH_SHARE && hr_ignore_config_holds_shared (config, path))
    return HR_PATH_RECORD;
  return verdict.path_class;
}

/**
 * hr_ignore_triggers:
 * @self: rules
 * @path: a recorded file
 *
 * Watch.Paths, Recursive and Extensions, and the actions, decide only this; what is recorded they do not touch.
 *
 * Returns: whether a change of @path is a reason to reload
 */
gboolean
hr_ignore_triggers (HrIgnore *self, const char *path)
{
  g_return_val_if_fail (HR_IS_IGNORE (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  return hr_ignore_config_triggers (self->config, path);
}

/**
 * hr_ignore_watches:
 * @self: rules
 * @dir: a recorded directory; "" is the source
 *
 * Returns: whether something directly in @dir can trigger a reload, or leads to what can
 */
gboolean
hr_ignore_watches (HrIgnore *self, const char *dir)
{
  g_return_val_if_fail (HR_IS_IGNORE (self), FALSE);
  g_return_val_if_fail (dir != NULL, FALSE);

  return hr_ignore_config_watches (self->config, dir);
}
