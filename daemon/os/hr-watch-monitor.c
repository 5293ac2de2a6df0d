/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watch-monitor.h"

#include <gio/gio.h>

struct _HrWatchMonitor {
  GFileMonitor *monitor;
  HrWatchMonitorFunc func;
  gpointer user_data;
};

static HrWatchEvent
event_kind (GFileMonitorEvent type)
{
  switch (type)
    {
    case G_FILE_MONITOR_EVENT_CHANGED:
      return HR_WATCH_WRITTEN;
    case G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT:
    case G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED:
      return HR_WATCH_TOUCHED;
    case G_FILE_MONITOR_EVENT_PRE_UNMOUNT:
    case G_FILE_MONITOR_EVENT_UNMOUNTED:
      return HR_WATCH_ROOT;
    case G_FILE_MONITOR_EVENT_DELETED:
    case G_FILE_MONITOR_EVENT_CREATED:
    case G_FILE_MONITOR_EVENT_MOVED:
    case G_FILE_MONITOR_EVENT_RENAMED:
    case G_FILE_MONITOR_EVENT_MOVED_IN:
    case G_FILE_MONITOR_EVENT_MOVED_OUT:
    default:
      return HR_WATCH_NAMED;
    }
}

static void
changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent type, gpointer user_data)
{
  HrWatchMonitor *self = user_data;
  GFile *const files[] = { file, other };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    if (files[i] != NULL && g_file_peek_path (files[i]) != NULL)
      self->func (event_kind (type), g_file_peek_path (files[i]), self->user_data);
}

/**
 * hr_watch_monitor_new:
 * @dir: a directory, absolute
 * @func: told of every event; must not free the monitor
 * @user_data: for @func
 * @error: return location
 *
 * Events come in the thread-default main context.
 *
 * Returns: (transfer full): a monitor; %NULL with a #GIOErrorEnum that names @dir
 */
HrWatchMonitor *
hr_watch_monitor_new (const char *dir, HrWatchMonitorFunc func, gpointer user_data, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (dir);
  GFileMonitor *monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, error);
  HrWatchMonitor *self;

  if (monitor == NULL)
    {
      g_prefix_error (error, "while watching '%s': ", dir);
      return NULL;
    }
  self = g_new (HrWatchMonitor, 1);
  *self = (HrWatchMonitor){ .monitor = monitor, .func = func, .user_data = user_data };
  g_file_monitor_set_rate_limit (monitor, HR_WATCH_RATE_LIMIT);
  g_signal_connect (monitor, "changed", G_CALLBACK (changed), self);
  return self;
}

/**
 * hr_watch_monitor_free:
 * @self: (transfer full): a monitor
 */
void
hr_watch_monitor_free (HrWatchMonitor *self)
{
  g_signal_handlers_disconnect_by_data (self->monitor, self);
  g_file_monitor_cancel (self->monitor);
  g_object_unref (self->monitor);
  g_free (self);
}
