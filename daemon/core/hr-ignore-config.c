/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-ignore-config.h"

#include <string.h>

#include "hr-glob.h"

typedef struct {
  HrGlob *glob;
  HrAction action;
} ActionRule;

static void
action_clear (gpointer data)
{
  hr_glob_unref (((ActionRule *)data)->glob);
}

static void
config_clear (gpointer data)
{
  HrIgnoreConfig *self = data;

  g_strfreev (self->share);
  g_strfreev (self->paths);
  g_strfreev (self->extensions);
  g_array_unref (self->actions);
  hr_ignore_rules_unref (self->globs);
  g_ptr_array_unref (self->programs);
}

/* A copy of @list with @prefix before each, and "." as "". */
static char **
copy_list (char **list, const char *prefix)
{
  GPtrArray *copy = g_ptr_array_new ();

  for (guint i = 0; list != NULL && list[i] != NULL; i++)
    g_ptr_array_add (copy, g_str_equal (list[i], ".") ? g_strdup ("") : g_strconcat (prefix, list[i], NULL));
  g_ptr_array_add (copy, NULL);
  return (char **)g_ptr_array_free (copy, FALSE);
}

/**
 * hr_ignore_config_new:
 * @spec: a service with a source, its globs valid; not kept
 *
 * Returns: (transfer full): what its file says
 */
HrIgnoreConfig *
hr_ignore_config_new (const HrServiceSpec *spec)
{
  static const char *const none[] = { NULL };
  HrIgnoreConfig *self = g_atomic_rc_box_new0 (HrIgnoreConfig);

  self->share_auto = spec->share_auto;
  self->gitignore = spec->watch_gitignore;
  self->recursive = spec->watch_recursive;
  self->share = copy_list (spec->share, "");
  self->paths = copy_list (spec->watch_paths, "");
  self->extensions = copy_list (spec->watch_extensions, ".");
  self->globs = hr_ignore_rules_new_globs (spec->watch_ignore != NULL ? (const char *const *)spec->watch_ignore : none);
  self->programs = hr_ignore_programs_find (spec);
  self->actions = g_array_new (FALSE, FALSE, sizeof (ActionRule));
  g_array_set_clear_func (self->actions, action_clear);
  for (guint i = 0; spec->actions != NULL && i < spec->actions->len; i++)
    {
      const HrActionRule *rule = g_ptr_array_index (spec->actions, i);
      ActionRule compiled = { .glob = hr_glob_new (rule->glob, NULL), .action = rule->action };

      if (compiled.glob != NULL)
        g_array_append_val (self->actions, compiled);
    }
  return self;
}

/**
 * hr_ignore_config_ref:
 * @self: what a service file says
 *
 * Returns: (transfer full): @self
 */
HrIgnoreConfig *
hr_ignore_config_ref (HrIgnoreConfig *self)
{
  return g_atomic_rc_box_acquire (self);
}

/**
 * hr_ignore_config_unref:
 * @self: (transfer full): what a service file says
 */
void
hr_ignore_config_unref (HrIgnoreConfig *self)
{
  g_atomic_rc_box_release_full (self, config_clear);
}

/**
 * hr_ignore_config_shares:
 * @self: what a service file says
 * @path: below the source
 *
 * Returns: whether @path is one of Share, or lies in one
 */
gboolean
hr_ignore_config_shares (const HrIgnoreConfig *self, const char *path)
{
  for (guint i = 0; self->share[i] != NULL; i++)
    if (g_str_equal (path, self->share[i]) || hr_path_is_below (path, self->share[i]))
      return TRUE;
  return FALSE;
}

/**
 * hr_ignore_config_holds_shared:
 * @self: what a service file says
 * @path: below the source
 *
 * Returns: whether one of Share lies in @path
 */
gboolean
hr_ignore_config_holds_shared (const HrIgnoreConfig *self, const char *path)
{
  for (guint i = 0; self->share[i] != NULL; i++)
    if (hr_path_is_below (self->share[i], path))
      return TRUE;
  return FALSE;
}

static gboolean
in_watch_paths (const HrIgnoreConfig *self, const char *path)
{
  const char *slash = strrchr (path, '/');
  gsize above = slash != NULL ? (gsize)(slash - path) : 0;

  for (guint i = 0; self->paths[i] != NULL; i++)
    {
      const char *watched = self->paths[i];
      gsize length = strlen (watched);

      if (g_str_equal (path, watched))
        return TRUE;
      if (self->recursive ? *watched == '\0' || hr_path_is_below (path, watched)
                          : above == length && strncmp (path, watched, length) == 0)
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_ignore_config_triggers:
 * @self: what a service file says
 * @path: a recorded file
 *
 * Watch.Paths, Recursive and Extensions, and the actions, decide only this; what is recorded they do not touch.
 *
 * Returns: whether a change of @path is a reason to reload
 */
gboolean
hr_ignore_config_triggers (const HrIgnoreConfig *self, const char *path)
{
  gboolean fits;

  if (!in_watch_paths (self, path))
    return FALSE;
  fits = self->extensions[0] == NULL;
  for (guint i = 0; !fits && self->extensions[i] != NULL; i++)
    fits = g_str_has_suffix (path, self->extensions[i]);
  if (!fits)
    return FALSE;
  for (guint i = 0; i < self->actions->len; i++)
    {
      const ActionRule *rule = &g_array_index (self->actions, ActionRule, i);

      if (hr_glob_matches (rule->glob, path))
        return rule->action != HR_ACTION_IGNORE;
    }
  return TRUE;
}

/**
 * hr_ignore_config_watches:
 * @self: what a service file says
 * @dir: a recorded directory; "" is the source
 *
 * Returns: whether something directly in @dir can trigger a reload, or leads to what can
 */
gboolean
hr_ignore_config_watches (const HrIgnoreConfig *self, const char *dir)
{
  for (guint i = 0; self->paths[i] != NULL; i++)
    {
      const char *watched = self->paths[i];

      if (g_str_equal (dir, watched) || (*dir == '\0') || hr_path_is_below (watched, dir))
        return TRUE;
      if (self->recursive && (*watched == '\0' || hr_path_is_below (dir, watched)))
        return TRUE;
    }
  return FALSE;
}
