/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is known of an instance.
 */
#include "hr-generation-private.h"
#include "hr-names.h"

/**
 * hr_generation_get_cgroup:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): the path of the control group of its instance
 */
const char *
hr_generation_get_cgroup (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), NULL);
  return self->instance != NULL ? hr_instance_get_cgroup (self->instance) : NULL;
}

/**
 * hr_generation_get_id:
 * @self: a generation
 *
 * Returns: (transfer none): HOTRELOAD_INSTANCE
 */
const char *
hr_generation_get_id (HrGeneration *self)
{
  return self->id;
}

/**
 * hr_generation_get_spec:
 * @self: a generation
 *
 * Returns: (transfer none): what it was started by, which may no longer be the service's newest
 */
HrServiceSpec *
hr_generation_get_spec (HrGeneration *self)
{
  return self->plan->spec;
}

/**
 * hr_generation_get_plan:
 * @self: a generation
 *
 * Returns: (transfer none): by what it was started
 */
const HrGenerationPlan *
hr_generation_get_plan (HrGeneration *self)
{
  return self->plan;
}

/**
 * hr_generation_get_release:
 * @self: a generation
 *
 * Returns: its release, 0 without source
 */
guint64
hr_generation_get_release (HrGeneration *self)
{
  return self->plan->release;
}

/**
 * hr_generation_get_slot:
 * @self: a generation
 *
 * Returns: where its files are
 */
HrSlot
hr_generation_get_slot (HrGeneration *self)
{
  return self->plan->slot;
}

/**
 * hr_generation_get_log_file:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): the file with its output; %NULL before its start and for a transient service
 */
const char *
hr_generation_get_log_file (HrGeneration *self)
{
  return self->log_file;
}

/**
 * hr_generation_get_view:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): how it sees them
 */
HrView *
hr_generation_get_view (HrGeneration *self)
{
  return self->plan->view;
}

/**
 * hr_generation_get_pid:
 * @self: a generation
 *
 * Returns: the main process's PID, 0 before the start and after the end
 */
GPid
hr_generation_get_pid (HrGeneration *self)
{
  return self->alive ? hr_instance_get_pid (self->instance) : 0;
}

/**
 * hr_generation_is_alive:
 * @self: a generation
 *
 * Returns: whether its main process runs
 */
gboolean
hr_generation_is_alive (HrGeneration *self)
{
  return self->alive;
}

/**
 * hr_generation_is_ready:
 * @self: a generation
 *
 * Returns: whether it ever became ready
 */
gboolean
hr_generation_is_ready (HrGeneration *self)
{
  return self->ready;
}

/**
 * hr_generation_counts_as_serving:
 * @self: a generation
 *
 * Returns: whether it is ready and not told to stop, and has not been told to have ended: for what is shown, which
 *   changes when it is known what follows
 */
gboolean
hr_generation_counts_as_serving (HrGeneration *self)
{
  return self->alive && self->ready && !self->stopping;
}

/**
 * hr_generation_is_serving:
 * @self: a generation
 *
 * Returns: whether it is alive, ready and not told to stop: what downtime is counted by
 */
gboolean
hr_generation_is_serving (HrGeneration *self)
{
  return hr_generation_counts_as_serving (self) && self->ended_at == 0;
}

/**
 * hr_generation_is_stopping:
 * @self: a generation
 *
 * Returns: whether it was told to stop, or to accept nothing any more
 */
gboolean
hr_generation_is_stopping (HrGeneration *self)
{
  return self->stopping;
}

/**
 * hr_generation_was_killed:
 * @self: a generation
 *
 * Returns: whether SIGKILL was sent
 */
gboolean
hr_generation_was_killed (HrGeneration *self)
{
  return self->killed;
}

/**
 * hr_generation_missed_state:
 * @self: a generation that is ready
 *
 * Returns: whether it was expected to open HOTRELOAD_STATE_IN, as its predecessor did, and has not
 */
gboolean
hr_generation_missed_state (HrGeneration *self)
{
  return self->plan->expects_state && !self->opened_state;
}

/**
 * hr_generation_has_opened_state:
 * @self: a generation
 *
 * Returns: whether it opened HOTRELOAD_STATE_IN, as far as that can be seen
 */
gboolean
hr_generation_has_opened_state (HrGeneration *self)
{
  return self->opened_state;
}

/**
 * hr_generation_can_wait:
 * @self: a started generation
 *
 * Returns: whether its open of HOTRELOAD_STATE_IN waits and is seen
 */
gboolean
hr_generation_can_wait (HrGeneration *self)
{
  return self->offer != NULL && hr_state_offer_is_barrier (self->offer);
}

/**
 * hr_generation_has_ended:
 * @self: a generation
 *
 * Its end is told when nothing is left of it, which takes its time.
 *
 * Returns: whether its main process has ended, or never ran
 */
gboolean
hr_generation_has_ended (HrGeneration *self)
{
  return self->instance == NULL || !self->alive || hr_instance_has_ended (self->instance);
}

/**
 * hr_generation_may_accept:
 * @self: a generation
 *
 * Returns: whether it may still accept a new connection from one of the service's listeners
 */
gboolean
hr_generation_may_accept (HrGeneration *self)
{
  return self->alive && hr_instance_may_accept (self->instance, self->plan->listeners);
}

/**
 * hr_generation_measure_wait:
 * @self: a generation
 * @measure: see hr_instance_measure_wait()
 */
void
hr_generation_measure_wait (HrGeneration *self, gboolean measure)
{
  if (self->alive)
    hr_instance_measure_wait (self->instance, measure);
}

/**
 * hr_generation_get_wait:
 * @self: a generation
 *
 * Returns: as hr_instance_get_wait()
 */
gint64
hr_generation_get_wait (HrGeneration *self)
{
  return self->instance != NULL ? hr_instance_get_wait (self->instance) : -1;
}

/**
 * hr_generation_probe_source:
 * @self: a generation
 *
 * Returns: (transfer full) (nullable): from which address it is reached, and no other instance of its service; %NULL: one
 *   is as good as another
 */
GInetAddress *
hr_generation_probe_source (HrGeneration *self)
{
  return hr_listeners_probe_source (self->plan->listeners, self->id);
}

/**
 * hr_generation_has_notified:
 * @self: a generation
 *
 * Returns: whether it said READY=1
 */
gboolean
hr_generation_has_notified (HrGeneration *self)
{
  return self->notified;
}

/**
 * hr_generation_get_started_at:
 * @self: a generation
 *
 * Returns: when its process was made, on the platform's clock
 */
gint64
hr_generation_get_started_at (HrGeneration *self)
{
  return self->started_at;
}

/**
 * hr_generation_get_started_real:
 * @self: a generation
 *
 * Returns: the same in microseconds since 1970
 */
gint64
hr_generation_get_started_real (HrGeneration *self)
{
  return self->started_real;
}

/**
 * hr_generation_get_reported_at:
 * @self: a generation
 *
 * Returns: when it last reported WATCHDOG=1, on the platform's clock; 0: never, or it said since that it fails
 */
gint64
hr_generation_get_reported_at (HrGeneration *self)
{
  return self->reported_at;
}

/**
 * hr_generation_describe_wait:
 * @self: a generation that did not become ready
 *
 * Returns: (transfer full): for people: "it did not listen on tcp:127.0.0.1:8080"
 */
char *
hr_generation_describe_wait (HrGeneration *self)
{
  return hr_readiness_describe (self->readiness);
}

/**
 * hr_generation_get_status_text:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): its last STATUS=
 */
const char *
hr_generation_get_status_text (HrGeneration *self)
{
  return self->status_text;
}

/**
 * hr_generation_describe_stranded:
 * @self: a generation
 *
 * Returns: (transfer full) (nullable): what is said of connections that wait in sockets of its own from which it does not
 *   accept, and that nobody else can be given; %NULL: there are none
 */
char *
hr_generation_describe_stranded (HrGeneration *self)
{
  if (!self->alive || self->n_stranded == 0)
    return NULL;
  return g_strdup_printf ("PID %d of release %" G_GUINT64_FORMAT " does not accept the %u connections that wait in its "
                          "sockets, and nobody else can be given them: they wait until it ends",
                          (int)hr_generation_get_pid (self), self->plan->release, self->n_stranded);
}

/**
 * hr_generation_get_port:
 * @self: an instance
 *
 * Returns: the port of its first TCP listener, 0 without one
 */
guint16
hr_generation_get_port (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), 0);
  return hr_generation_plan_get_port (self->plan);
}

/**
 * hr_generation_dup_environment:
 * @self: a started generation
 *
 * Returns: (transfer full): what it was started with, for what runs beside it (probes), and how that reaches it and no
 *   other instance where they differ
 */
char **
hr_generation_dup_environment (HrGeneration *self)
{
  char **environment = g_environ_setenv (g_strdupv (self->environment), HR_ENV_INSTANCE, self->id, TRUE);
  g_autoptr (GInetAddress) source = hr_generation_probe_source (self);
  GPtrArray *listeners = hr_listeners_list (self->plan->listeners);
  g_autofree char *address = source != NULL ? g_inet_address_to_string (source) : NULL;
  g_autoptr (GString) ports = g_string_new (NULL);

  if (address == NULL)
    return environment;
  for (guint i = 0; i < listeners->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (listeners, i);

      if (listener->kind == HR_LISTEN_TCP)
        g_string_append_printf (ports, "%s%u", ports->len > 0 ? " " : "", listener->port);
    }
  environment = g_environ_setenv (environment, HR_ENV_PROBE_SOURCE, address, TRUE);
  return g_environ_setenv (environment, HR_ENV_PROBE_PORTS, ports->str, TRUE);
}

/**
 * hr_generation_expand_probe:
 * @self: a generation
 * @probe: as the service file has it
 * @error: return location
 *
 * Returns: (transfer full): what it is asked; %NULL with %HR_ERROR_INVALID_CONFIGURATION
 */
HrProbeSpec *
hr_generation_expand_probe (HrGeneration *self, const HrProbeSpec *probe, GError **error)
{
  return hr_generation_plan_expand_probe (self->plan, probe, error);
}

/**
 * hr_generation_is_lingering:
 * @self: a generation
 *
 * Returns: whether it goes on accepting from sockets of its own before it accepts nothing any more
 */
gboolean
hr_generation_is_lingering (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);
  return self->linger_timer != 0;
}
