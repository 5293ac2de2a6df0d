/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-jobs.h"

#include <glib/gi18n.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-names.h"
#include "hr-queue.h"
#include "hr-text.h"

/* How often the line of progress is written anew. */
#define PROGRESS_TICK_MSEC 100

/* Who waits for longer in a service's queue is told what for. */
#define QUEUE_TOLD_MSEC 1000

struct _HrJobs {
  HrClient *client;
  GPtrArray *views; /* HrJobView */
  guint subscription;
};

static void
job_view_free (gpointer data)
{
  HrJobView *view = data;

  g_free (view->service);
  g_free (view->kind);
  g_free (view->path);
  g_clear_error (&view->refused);
  g_free (view->phase);
  g_free (view->result);
  g_free (view->error);
  g_clear_pointer (&view->details, g_variant_unref);
  g_strfreev (view->children);
  g_free (view);
}

static void
replace_string (char **member, GVariant *properties, const char *key)
{
  char *text = NULL;

  if (g_variant_lookup (properties, key, "s", &text))
    {
      g_free (*member);
      *member = text;
    }
}

static void
job_view_update (HrJobView *view, GVariant *properties)
{
  GVariant *details = g_variant_lookup_value (properties, "Details", G_VARIANT_TYPE_VARDICT);
  GStrv children = NULL;

  replace_string (&view->service, properties, "Service");
  replace_string (&view->kind, properties, "Kind");
  replace_string (&view->phase, properties, "Phase");
  replace_string (&view->result, properties, "Result");
  replace_string (&view->error, properties, "Error");

  if (details != NULL)
    {
      g_clear_pointer (&view->details, g_variant_unref);
      view->details = details;
    }
  if (g_variant_lookup (properties, "Children", "^ao", &children))
    {
      g_strfreev (view->children);
      view->children = children;
    }

  view->ended = g_strv_contains ((const char *const[]){ "completed", "failed", "cancelled", NULL }, view->result);
}

static void
on_properties_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                       const char *signal, GVariant *parameters, gpointer user_data)
{
  HrJobs *self = user_data;
  g_autoptr (GVariant) properties = g_variant_get_child_value (parameters, 1);

  for (guint i = 0; i < self->views->len; i++)
    {
      HrJobView *view = g_ptr_array_index (self->views, i);

      if (g_strcmp0 (view->path, path) == 0 && !view->ended)
        job_view_update (view, properties);
    }
}

/**
 * hr_jobs_new:
 * @client: (transfer none): the connection, which must outlive the jobs
 *
 * Returns: (transfer full): no jobs yet
 */
HrJobs *
hr_jobs_new (HrClient *client)
{
  HrJobs *self = g_new0 (HrJobs, 1);

  self->client = client;
  self->views = g_ptr_array_new_with_free_func (job_view_free);
  self->subscription = hr_client_subscribe (client, NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                            HR_JOB_INTERFACE, on_properties_changed, self);
  return self;
}

void
hr_jobs_free (HrJobs *self)
{
  if (self == NULL)
    return;

  g_dbus_connection_signal_unsubscribe (hr_client_get_bus (self->client), self->subscription);
  g_ptr_array_unref (self->views);
  g_free (self);
}

static HrJobView *
add_view (HrJobs *self, const char *service)
{
  HrJobView *view = g_new0 (HrJobView, 1);

  view->service = g_strdup (service);
  view->kind = g_strdup ("");
  view->began_at = g_get_monotonic_time ();
  view->phase = g_strdup ("");
  view->result = g_strdup ("waiting");
  view->error = g_strdup ("");
  g_ptr_array_add (self->views, view);
  return view;
}

static gboolean
read_properties (HrJobs *self, HrJobView *view, GError **error)
{
  g_autoptr (GVariant) properties = NULL;

  properties = hr_client_get_properties (self->client, view->path, HR_JOB_INTERFACE, error);
  if (properties == NULL)
    return FALSE;

  job_view_update (view, properties);
  return TRUE;
}

/**
 * hr_jobs_request:
 * @self: jobs
 * @service: name of the service, "" for all
 * @method: of org.hotreload.Manager that returns a job
 * @arguments: (nullable): its arguments
 *
 * Adds a job. A refusal is kept in it and not given here, so that the other jobs of the verb go on.
 */
void
hr_jobs_request (HrJobs *self, const char *service, const char *method, GVariant *arguments)
{
  HrJobView *view = add_view (self, service);
  g_autoptr (GVariant) reply = NULL;

  reply = hr_client_call (self->client, method, arguments, "(o)", HR_CLIENT_TIMEOUT_MSEC, &view->refused);
  if (reply != NULL)
    g_variant_get (reply, "(o)", &view->path);
  if (reply == NULL || !read_properties (self, view, &view->refused))
    view->ended = TRUE;
}

/**
 * hr_jobs_follow:
 * @self: jobs
 * @path: of a job that began after @self was made
 *
 * Adds a job that nobody asked for by name. As with hr_jobs_request(), that it cannot be read is kept in it.
 */
void
hr_jobs_follow (HrJobs *self, const char *path)
{
  HrJobView *view = add_view (self, "");

  view->path = g_strdup (path);
  if (!read_properties (self, view, &view->refused))
    view->ended = TRUE;
}

static gboolean
all_ended (HrJobs *self)
{
  for (guint i = 0; i < self->views->len; i++)
    {
      if (!((HrJobView *)g_ptr_array_index (self->views, i))->ended)
        return FALSE;
    }

  return TRUE;
}

static void
show_progress (HrJobs *self, HrOutput *output)
{
  g_autoptr (GString) line = g_string_new (NULL);

  for (guint i = 0; i < self->views->len; i++)
    {
      const HrJobView *view = g_ptr_array_index (self->views, i);
      g_autofree char *took = NULL;

      if (view->ended)
        continue;
      took = hr_text_duration (g_get_monotonic_time () - view->began_at);
      if (line->len > 0)
        g_string_append (line, "; ");
      if (*view->service != '\0')
        g_string_append_printf (line, "%s: ", view->service);
      g_string_append (line, hr_text_word (*view->phase != '\0' ? view->phase : view->result));
      /* The longest phase by far: how far it has got. */
      if (g_str_equal (view->phase, "canary") && view->details != NULL
          && *hr_dict_string (view->details, "canary") != '\0')
        g_string_append_printf (line, " (%s)", hr_dict_string (view->details, "canary"));
      g_string_append_printf (line, ", %s", took);
    }

  hr_output_progress (output, line->len > 0 ? line->str : NULL);
}

typedef struct {
  HrJobs *jobs;
  HrOutput *output;
  guint timer;
} QueueTeller;

/* A canary may last for hours, and what is asked for meanwhile as long. */
static gboolean
tell_of_queue (gpointer user_data)
{
  QueueTeller *self = user_data;

  self->timer = 0;
  for (guint i = 0; i < self->jobs->views->len; i++)
    {
      const HrJobView *view = g_ptr_array_index (self->jobs->views, i);
      const char *service = view->service;
      g_autofree char *text = NULL;

      if (view->ended || !g_str_equal (view->result, "waiting") || *service == '\0')
        continue;
      text = hr_queue_describe (self->jobs->client, service);
      hr_output_remark (self->output, HR_TINT_DIM, "%s", text);
    }
  return G_SOURCE_REMOVE;
}

/* The time goes on where nothing else does. */
static gboolean
on_tick (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
on_deadline (gpointer user_data)
{
  *(gboolean *)user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/**
 * hr_jobs_wait:
 * @self: jobs
 * @output: where to show progress
 * @timeout_usec: how long at most, -1: as long as the daemon takes, whose phases all have deadlines
 * @error: %HR_ERROR_TIMED_OUT, or %HR_ERROR_FAILED if the daemon went away
 *
 * Returns: whether all have ended
 */
gboolean
hr_jobs_wait (HrJobs *self, HrOutput *output, gint64 timeout_usec, GError **error)
{
  gboolean timed_out = FALSE;
  guint deadline = 0, tick = 0;
  QueueTeller teller = { self, output, 0 };

  if (!hr_output_is_json (output))
    teller.timer = g_timeout_add (QUEUE_TOLD_MSEC, tell_of_queue, &teller);
  if (hr_output_shows_progress (output))
    tick = g_timeout_add (PROGRESS_TICK_MSEC, on_tick, NULL);
  if (timeout_usec >= 0)
    deadline = g_timeout_add ((guint)MAX (1, timeout_usec / 1000), on_deadline, &timed_out);

  while (!all_ended (self) && !timed_out && !hr_client_is_lost (self->client))
    {
      show_progress (self, output);
      g_main_context_iteration (NULL, TRUE);
    }
  hr_output_progress (output, NULL);
  g_clear_handle_id (&teller.timer, g_source_remove);
  g_clear_handle_id (&tick, g_source_remove);
  if (deadline != 0 && !timed_out)
    g_source_remove (deadline);

  if (all_ended (self))
    return TRUE;

  if (timed_out)
    g_set_error_literal (error, HR_ERROR, HR_ERROR_TIMED_OUT, _ ("it takes longer than --timeout, and goes on"));
  else
    hr_client_set_lost_error (error);
  return FALSE;
}

/**
 * hr_jobs_take_children:
 * @self: jobs that were accepted and have ended
 * @error: that a job could not be read
 *
 * Puts the jobs of the services in the place of those that stand for several.
 *
 * Returns: whether they could be read
 */
gboolean
hr_jobs_take_children (HrJobs *self, GError **error)
{
  g_autoptr (GPtrArray) parents = g_steal_pointer (&self->views);

  self->views = g_ptr_array_new_with_free_func (job_view_free);
  for (guint i = 0; i < parents->len; i++)
    {
      const HrJobView *parent = g_ptr_array_index (parents, i);

      for (guint j = 0; parent->children != NULL && parent->children[j] != NULL; j++)
        {
          HrJobView *child = add_view (self, "");

          child->path = g_strdup (parent->children[j]);
          if (!read_properties (self, child, error))
            return FALSE;
        }
    }

  return TRUE;
}

/**
 * hr_jobs_list:
 * @self: jobs
 *
 * Returns: (transfer none) (element-type HrJobView): all, in the order in which they were asked for
 */
GPtrArray *
hr_jobs_list (HrJobs *self)
{
  return self->views;
}
