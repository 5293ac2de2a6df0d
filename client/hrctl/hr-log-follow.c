/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-follow.h"

#include <glib-unix.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hr-dict.h"
#include "hr-names.h"

/* How often everything is looked at where the kernel does not tell, in milliseconds. */
#define LOOK_MSEC 200

typedef struct {
  HrLogView *view;
  GMainLoop *loop;
  int inotify;
  guint blind; /* source of the timer, where the kernel does not tell */
  guint turn;  /* source of the next look */
} Follow;

static gboolean look (gpointer user_data);
static gboolean look_blindly (gpointer user_data);

static void
look_soon (Follow *self)
{
  if (self->turn == 0)
    self->turn = g_idle_add (look, self);
}

static void
go_blind (Follow *self)
{
  if (self->blind == 0)
    self->blind = g_timeout_add (LOOK_MSEC, look_blindly, self);
}

/* Its changes from now on are told; those until now are looked at once. */
static void
watch (Follow *self, HrLogSource *source)
{
  if (source->watch >= 0)
    return;
  source->watch = inotify_add_watch (self->inotify, source->file->path, IN_MODIFY | IN_DONT_FOLLOW);
  if (source->watch < 0)
    go_blind (self);
  source->dirty = TRUE;
}

static void
set_all_dirty (Follow *self)
{
  for (guint i = 0; i < self->view->sources->len; i++)
    ((HrLogSource *)g_ptr_array_index (self->view->sources, i))->dirty = TRUE;
}

static void
find_new (Follow *self)
{
  /* There was one when it began: that no log can be found now is no reason to end. */
  hr_log_view_refresh (self->view, NULL);
  for (guint i = 0; i < self->view->sources->len; i++)
    watch (self, g_ptr_array_index (self->view->sources, i));
}

static gboolean
look (gpointer user_data)
{
  Follow *self = user_data;
  gboolean more = FALSE;

  for (guint i = 0; i < self->view->sources->len; i++)
    {
      HrLogSource *source = g_ptr_array_index (self->view->sources, i);

      if (source->dirty)
        source->dirty = hr_log_view_print_added (self->view, source);
      more = more || source->dirty;
    }
  if (fflush (stdout) != 0)
    g_main_loop_quit (self->loop);
  if (more)
    return G_SOURCE_CONTINUE;

  self->turn = 0;
  return G_SOURCE_REMOVE;
}

static gboolean
look_blindly (gpointer user_data)
{
  Follow *self = user_data;

  find_new (self);
  set_all_dirty (self);
  look_soon (self);
  return G_SOURCE_CONTINUE;
}

static void
take_event (Follow *self, const struct inotify_event *event)
{
  if (event->wd < 0)
    set_all_dirty (self);
  if (event->wd < 0 || event->len > 0)
    {
      /* The queue ran over, or there is a new file in the directory. */
      find_new (self);
      return;
    }
  for (guint i = 0; i < self->view->sources->len; i++)
    {
      HrLogSource *source = g_ptr_array_index (self->view->sources, i);

      if (source->watch == event->wd)
        source->dirty = TRUE;
    }
}

static gboolean
on_changed (int fd, GIOCondition condition, gpointer user_data)
{
  Follow *self = user_data;
  char buffer[16 * 1024] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  ssize_t n = read (fd, buffer, sizeof buffer);

  for (ssize_t at = 0; at < n;)
    {
      const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

      take_event (self, event);
      at += (ssize_t)(sizeof *event + event->len);
    }
  look_soon (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_nobody_reads (int fd, GIOCondition condition, gpointer user_data)
{
  g_main_loop_quit (((Follow *)user_data)->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_signal (gpointer user_data)
{
  g_main_loop_quit (((Follow *)user_data)->loop);
  return G_SOURCE_CONTINUE;
}

/* Of an instance that ended no more comes: what it said last may have no newline. */
static void
on_properties_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                       const char *signal, GVariant *parameters, gpointer user_data)
{
  Follow *self = user_data;
  g_autoptr (GVariant) properties = g_variant_get_child_value (parameters, 1);
  g_autofree const char **paths = hr_dict_strings (properties, "InstanceLogFiles");

  if (paths[0] == NULL || *paths[0] == '\0')
    return;
  for (guint i = 0; i < self->view->sources->len; i++)
    {
      HrLogSource *source = g_ptr_array_index (self->view->sources, i);

      source->ended = !g_strv_contains (paths, source->file->path);
      source->dirty = source->dirty || source->ended;
    }
  look_soon (self);
}

/**
 * hr_log_follow:
 * @view: whose tail was printed
 * @client: the daemon
 * @object: its object of the service
 *
 * Returns when it is interrupted, or nobody reads standard output any more.
 */
void
hr_log_follow (HrLogView *view, HrClient *client, const char *object)
{
  g_autofree char *directory = g_path_get_dirname (view->link);
  Follow self = { .view = view, .inotify = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK) };
  guint sources[4];
  guint subscription;

  self.loop = g_main_loop_new (NULL, FALSE);
  if (inotify_add_watch (self.inotify, directory, IN_CREATE | IN_MOVED_TO) < 0)
    go_blind (&self);
  /* Of whichever daemon there is: this goes on when that is another. */
  subscription = g_dbus_connection_signal_subscribe (
      hr_client_get_bus (client), HR_BUS_NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", object,
      HR_SERVICE_INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE, on_properties_changed, &self, NULL);
  sources[0] = self.inotify >= 0 ? g_unix_fd_add (self.inotify, G_IO_IN, on_changed, &self) : 0;
  sources[1] = g_unix_fd_add (STDOUT_FILENO, G_IO_ERR, on_nobody_reads, &self);
  sources[2] = g_unix_signal_add (SIGINT, on_signal, &self);
  sources[3] = g_unix_signal_add (SIGTERM, on_signal, &self);
  find_new (&self);
  set_all_dirty (&self);
  look_soon (&self);
  g_main_loop_run (self.loop);

  for (guint i = 0; i < view->sources->len; i++)
    hr_log_view_print_rest (view, g_ptr_array_index (view->sources, i));
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
  if (self.turn != 0)
    g_source_remove (self.turn);
  if (self.blind != 0)
    g_source_remove (self.blind);
  g_dbus_connection_signal_unsubscribe (hr_client_get_bus (client), subscription);
  if (self.inotify >= 0)
    close (self.inotify);
  g_main_loop_unref (self.loop);
}
