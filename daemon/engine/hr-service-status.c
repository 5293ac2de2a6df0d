/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a service shows of itself.
 */
#include "hr-process-tree.h"
#include "hr-service-private.h"

/**
 * hr_service_get_name:
 * @self: a service
 *
 * Returns: (transfer none): its name
 */
const char *
hr_service_get_name (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->name;
}

/**
 * hr_service_get_description:
 * @self: a service
 *
 * Returns: (transfer none): Description, "" without one
 */
const char *
hr_service_get_description (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->spec != NULL && self->spec->description != NULL ? self->spec->description : "";
}

/**
 * hr_service_get_configured_spec:
 * @self: a service
 *
 * Returns: (transfer none) (nullable): what its file said when it was last read, which may take effect only after the
 *   running operation; %NULL when invalid
 */
HrServiceSpec *
hr_service_get_configured_spec (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->next_spec != NULL ? self->next_spec : self->spec;
}

/**
 * hr_service_get_spec:
 * @self: a service
 *
 * Returns: (transfer none) (nullable): what its file says, and what it works with; %NULL when invalid
 */
HrServiceSpec *
hr_service_get_spec (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->spec;
}

/**
 * hr_service_get_state:
 * @self: a service
 *
 * Returns: (transfer none): the contract's word
 */
const char *
hr_service_get_state (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->shown_state;
}

/**
 * hr_service_get_health:
 * @self: a service
 *
 * Returns: (transfer none): the contract's word
 */
const char *
hr_service_get_health (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  /* What is not to run cannot be ill. */
  if (g_str_equal (self->shown_state, "stopped") || g_str_equal (self->shown_state, "invalid"))
    return hr_health_state_to_string (HR_HEALTH_UNKNOWN);
  if (self->spec != NULL && self->spec->probe != NULL && (self->current == NULL || self->health == NULL))
    return hr_health_state_to_string (
        self->reload != NULL || (self->current != NULL && hr_generation_is_alive (self->current)) ? HR_HEALTH_STARTING
                                                                                                  : HR_HEALTH_OFFLINE);
  return hr_health_state_to_string (self->health != NULL ? hr_health_get_state (self->health) : HR_HEALTH_UNKNOWN);
}

/**
 * hr_service_get_pid:
 * @self: a service
 *
 * Returns: main process of the running instance, 0: none
 */
GPid
hr_service_get_pid (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return self->current != NULL ? hr_generation_get_pid (self->current) : 0;
}

/**
 * hr_service_get_release:
 * @self: a service
 *
 * Returns: number of the running release, 0: none
 */
guint64
hr_service_get_release (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return hr_service_get_pid (self) != 0 ? hr_generation_get_release (self->current) : 0;
}

/**
 * hr_service_get_restarts:
 * @self: a service
 *
 * Returns: how often it was started again after it ended by itself
 */
guint
hr_service_get_restarts (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return self->restarts;
}

/**
 * hr_service_get_ends:
 * @self: a service
 *
 * Returns: (transfer none): how its instances ended lately by themselves, since somebody last started it
 */
const HrEnds *
hr_service_get_ends (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->ends;
}

/**
 * hr_service_get_state_since:
 * @self: a service
 *
 * Returns: since when it is in the state that it is in, microseconds since 1970: since its instance runs, when it is
 *   running; 0: it was before there was this daemon
 */
gint64
hr_service_get_state_since (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return g_str_equal (self->shown_state, "running") ? hr_service_get_since (self) : self->state_since_real;
}

/**
 * hr_service_get_since:
 * @self: a service
 *
 * Returns: since when the running instance runs, microseconds since 1970, 0: none
 */
gint64
hr_service_get_since (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return hr_service_get_pid (self) != 0 ? self->since_real : 0;
}

/**
 * hr_service_get_uptime:
 * @self: a service
 *
 * Returns: for how long the running instance has run, in microseconds, -1: none
 */
gint64
hr_service_get_uptime (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), -1);
  return hr_service_get_pid (self) != 0
             ? hr_clock_now (hr_platform_get_clock (self->platform)) - hr_generation_get_started_at (self->current)
             : -1;
}

/**
 * hr_service_get_memory:
 * @self: a service
 *
 * Returns: resident memory of the main process in bytes, -1: not known
 */
gint64
hr_service_get_memory (HrService *self)
{
  GPid pid = hr_service_get_pid (self);

  return pid != 0 ? hr_process_memory (pid) : -1;
}

/**
 * hr_service_get_view:
 * @self: a service
 *
 * Returns: (transfer none): where the program sees its files, "" without source
 */
const char *
hr_service_get_view (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->parts.slots != NULL ? hr_slots_view_note (self->parts.slots) : "";
}

/**
 * hr_service_get_error:
 * @self: a service
 *
 * Returns: (transfer none) (nullable): what is wrong with it: its file, its instance, or what its last probe said
 */
const char *
hr_service_get_error (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  if (self->config_error != NULL || self->error != NULL)
    return self->config_error != NULL ? self->config_error : self->error;
  return self->health != NULL && hr_health_get_state (self->health) >= HR_HEALTH_DEGRADED
             ? hr_health_get_error (self->health)
             : NULL;
}

/**
 * hr_service_get_paused:
 * @self: a service
 *
 * Returns: whether changes of its source are only kept
 */
gboolean
hr_service_get_paused (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);
  return self->paused || self->all_paused;
}

/**
 * hr_service_get_canary:
 * @self: a service
 *
 * Returns: (transfer none) (nullable): the canary that runs
 */
HrCanary *
hr_service_get_canary (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->reload != NULL ? hr_reload_get_canary (self->reload) : NULL;
}

/**
 * hr_service_get_pending:
 * @self: a service
 *
 * Returns: (transfer full): paths that may have changed and wait to be looked at
 */
char **
hr_service_get_pending (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->intake != NULL ? hr_intake_get_pending (self->intake) : g_new0 (char *, 1);
}

/* Of those that are to end. */
static void
note_stranded (HrService *self, GStrvBuilder *builder)
{
  g_autoptr (GPtrArray) alive = hr_service_list_alive (self);

  for (guint i = 0; i < alive->len; i++)
    {
      g_autofree char *line = hr_generation_describe_stranded (g_ptr_array_index (alive, i));

      if (line != NULL)
        g_strv_builder_add (builder, line);
    }
}

/**
 * hr_service_get_notes:
 * @self: a service
 *
 * Returns: (transfer full): what people should know about it, a line each
 */
char **
hr_service_get_notes (HrService *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  if (self->carried_files != NULL && self->carried_files[0] != NULL)
    {
      g_autofree char *files = g_strjoinv (", ", self->carried_files);
      g_autofree char *line =
          g_strdup_printf ("the program writes into its own files, they are carried from release to release: %s; "
                           "name them in Share to use them in place",
                           files);

      g_strv_builder_add (builder, line);
    }
  for (guint i = 0; self->checks != NULL && self->checks[i] != NULL; i++)
    {
      g_autofree char *line = g_strconcat ("check: ", self->checks[i], NULL);

      g_strv_builder_add (builder, line);
    }
  if (self->scan != NULL && self->scan->warnings != NULL)
    g_strv_builder_addv (builder, (const char **)self->scan->warnings);
  note_stranded (self, builder);
  hr_service_note_unread (self, builder);
  if (self->spec != NULL && self->spec->sockets == HR_SOCKETS_NONE)
    g_strv_builder_add (builder, "Sockets=none: connections can be refused during a reload");
  return g_strv_builder_end (builder);
}

/**
 * hr_service_get_status_text:
 * @self: a service
 *
 * Returns: (transfer none) (nullable): what the program says of itself
 */
const char *
hr_service_get_status_text (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->current != NULL ? hr_generation_get_status_text (self->current) : NULL;
}

/**
 * hr_service_get_watched:
 * @self: a service
 *
 * Returns: how many files it watches: those of its newest scan, where its source is watched
 */
guint
hr_service_get_watched (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return self->intake != NULL && hr_intake_n_watches (self->intake) > 0 && self->scan != NULL ? self->scan->n_files : 0;
}

/**
 * hr_service_get_watched_directories:
 * @self: a service
 *
 * Returns: how many directories it watches
 */
guint
hr_service_get_watched_directories (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return self->intake != NULL ? hr_intake_n_watches (self->intake) : 0;
}

/**
 * hr_service_list_snapshots:
 * @self: a service
 *
 * Returns: (transfer container) (element-type HrSnapshot): its snapshots without data, newest first
 */
GPtrArray *
hr_service_list_snapshots (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->parts.state != NULL ? hr_state_files_list (self->parts.state) : g_ptr_array_new ();
}

/**
 * hr_service_get_snapshot_path:
 * @self: a service
 * @id: one of its snapshots
 *
 * Returns: (transfer full): the snapshot's file
 */
char *
hr_service_get_snapshot_path (HrService *self, const char *id)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return hr_state_files_get_path (self->parts.state, id);
}

/**
 * hr_service_get_log_file:
 * @self: a service
 *
 * Returns: (transfer full): where the newest instance's output is, "" where the caller of a transient service has it
 */
char *
hr_service_get_log_file (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return hr_caller_context_lends (self->caller) ? g_strdup ("")
                                                : hr_platform_log_file (self->platform, self->name, NULL);
}

/**
 * hr_service_get_instance_log_file:
 * @self: a service
 *
 * A candidate that fails leaves a newer file than that of the instance that runs on.
 *
 * Returns: (transfer full): where the output of the instance that runs is, or of the last one that did; as
 *   hr_service_get_log_file() where none has run yet
 */
char *
hr_service_get_instance_log_file (HrService *self)
{
  const char *file;

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  file = self->current != NULL ? hr_generation_get_log_file (self->current) : NULL;
  return file != NULL ? g_strdup (file) : hr_service_get_log_file (self);
}
