/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watch-names.h"

#include <unistd.h>

#include "hr-move-watch.h"
#include "hr-source-links.h"
#include "hr-watch-monitor.h"

typedef struct {
  HrWatchNames *names;
  char *path;
  HrWatchMonitor *monitor; /* of the directory it is in */
} Name;

struct _HrWatchNames {
  HrWatchNamesFunc func;
  gpointer user_data;
  GPtrArray *entries; /* Name */
  GPtrArray *above;   /* HrMoveWatch */
};

static void
name_free (gpointer data)
{
  Name *name = data;

  g_clear_pointer (&name->monitor, hr_watch_monitor_free);
  g_free (name->path);
  g_free (name);
}

static void
name_changed (HrWatchEvent event, const char *path, gpointer user_data)
{
  const Name *name = user_data;

  if (event == HR_WATCH_ROOT || (event == HR_WATCH_NAMED && g_str_equal (path, name->path)))
    name->names->func (name->names->user_data);
}

static void
dir_above_moved (gpointer user_data)
{
  HrWatchNames *self = user_data;

  self->func (self->user_data);
}

static void
watch_name (HrWatchNames *self, const char *dir, const char *path)
{
  Name *name = g_new0 (Name, 1);

  name->names = self;
  name->path = g_strdup (path);
  name->monitor = hr_watch_monitor_new (dir, name_changed, name, NULL);
  if (name->monitor != NULL)
    g_ptr_array_add (self->entries, name);
  else
    name_free (name);
}

/**
 * hr_watch_names_new:
 * @names: (element-type HrSourceName): of hr_source_links_resolve()
 * @func: told when one of @names comes, goes or means something else; must not free the watch
 * @user_data: for @func
 *
 * A directory that may not be read is left out. Events come in the thread-default main context.
 *
 * Returns: (transfer full): the watch
 */
HrWatchNames *
hr_watch_names_new (GPtrArray *names, HrWatchNamesFunc func, gpointer user_data)
{
  HrWatchNames *self = g_new0 (HrWatchNames, 1);

  self->func = func;
  self->user_data = user_data;
  self->entries = g_ptr_array_new_with_free_func (name_free);
  self->above = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_move_watch_free);
  for (guint i = 0; i < names->len; i++)
    {
      const HrSourceName *name = names->pdata[i];
      g_autofree char *path = g_build_filename (name->dir, name->name, NULL);

      if (name->is_dir)
        {
          HrMoveWatch *above = hr_move_watch_new (path, dir_above_moved, self);

          if (above != NULL)
            g_ptr_array_add (self->above, above);
        }
      else if (access (name->dir, R_OK) == 0)
        watch_name (self, name->dir, path);
    }
  return self;
}

/**
 * hr_watch_names_free:
 * @self: (transfer full): a watch
 */
void
hr_watch_names_free (HrWatchNames *self)
{
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->above);
  g_free (self);
}
