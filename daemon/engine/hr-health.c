/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-health.h"

struct _HrHealth {
  GObject parent_instance;

  HrPlatform *platform;
  HrGeneration *generation;
  gboolean patient;

  HrHealthState state;
  guint failures;
  char *error;
  guint timer;
  gint64 probe_began;
  char **environment;
  HrCheckRequest request;
  GCancellable *cancellable;
};

static guint signal_probed;
static guint signal_changed;

G_DEFINE_FINAL_TYPE (HrHealth, hr_health, G_TYPE_OBJECT)

static const char *const states[] = {
  [HR_HEALTH_UNKNOWN] = "unknown",   [HR_HEALTH_STARTING] = "starting", [HR_HEALTH_HEALTHY] = "healthy",
  [HR_HEALTH_DEGRADED] = "degraded", [HR_HEALTH_OFFLINE] = "offline",
};

static void
hr_health_finalize (GObject *object)
{
  HrHealth *self = HR_HEALTH (object);

  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  g_clear_object (&self->generation);
  g_clear_object (&self->platform);
  g_clear_object (&self->cancellable);
  g_strfreev (self->environment);
  g_free (self->error);
  G_OBJECT_CLASS (hr_health_parent_class)->finalize (object);
}

static void
hr_health_class_init (HrHealthClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_health_finalize;
  signal_probed = g_signal_new ("probed", HR_TYPE_HEALTH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                G_TYPE_BOOLEAN, G_TYPE_INT64);
  signal_changed = g_signal_new ("changed", HR_TYPE_HEALTH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_health_init (HrHealth *self)
{
}

static void probe (gpointer user_data);

static void
set_state (HrHealth *self, HrHealthState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_signal_emit (self, signal_changed, 0);
}

static HrHealthState
state_after_failure (HrHealth *self)
{
  HrServiceSpec *spec = hr_generation_get_spec (self->generation);

  if (self->state == HR_HEALTH_STARTING && (self->patient || self->failures < spec->probe_failures))
    return HR_HEALTH_STARTING;
  return self->failures < spec->probe_failures ? HR_HEALTH_DEGRADED : HR_HEALTH_OFFLINE;
}

static void
probed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrHealth) self = user_data;
  HrServiceSpec *spec = hr_generation_get_spec (self->generation);
  g_autoptr (GError) error = NULL;
  gboolean ok = hr_checker_probe_finish (HR_CHECKER (source), result, &error);
  gint64 interval;

  if (self->cancellable == NULL)
    return;
  g_signal_emit (self, signal_probed, 0, ok, hr_clock_now (hr_platform_get_clock (self->platform)) - self->probe_began);
  /* A handler may have stopped it. */
  if (self->cancellable == NULL)
    return;
  if (ok)
    {
      self->failures = 0;
      g_clear_pointer (&self->error, g_free);
      set_state (self, HR_HEALTH_HEALTHY);
    }
  else
    {
      self->failures++;
      g_free (self->error);
      self->error = g_strdup (error->message);
      set_state (self, state_after_failure (self));
    }
  /* A handler of "changed" may have stopped it. */
  if (self->cancellable == NULL)
    return;
  interval = self->state == HR_HEALTH_STARTING ? MIN (spec->probe_interval, HR_HEALTH_START_INTERVAL_USEC)
                                               : spec->probe_interval;
  self->timer = hr_clock_after (hr_platform_get_clock (self->platform), interval, probe, self);
}

static void
probe (gpointer user_data)
{
  HrHealth *self = user_data;

  self->timer = 0;
  /* Anew each time: whether it is reached apart from others changes. */
  g_strfreev (self->environment);
  self->environment = hr_generation_dup_environment (self->generation);
  self->request.environment = (const char *const *)self->environment;
  self->probe_began = hr_clock_now (hr_platform_get_clock (self->platform));
  hr_checker_probe_async (hr_platform_get_checker (self->platform), &self->request, self->request.spec->probe_timeout,
                          self->cancellable, probed, g_object_ref (self));
}

/**
 * hr_health_new:
 * @platform: the operating system
 * @generation: a started instance
 * @patient: whether failures before the first success count for nothing: it is "starting" until then
 *
 * Begins to probe at once; without a probe the state is unknown for good.
 *
 * Returns: (transfer full): its health
 */
HrHealth *
hr_health_new (HrPlatform *platform, HrGeneration *generation, gboolean patient)
{
  HrHealth *self = g_object_new (HR_TYPE_HEALTH, NULL);

  self->platform = g_object_ref (platform);
  self->generation = g_object_ref (generation);
  self->patient = patient;
  self->request.spec = hr_generation_get_spec (generation);
  if (self->request.spec->probe_exec[0] == NULL)
    return self;

  self->state = HR_HEALTH_STARTING;
  self->request.view = hr_generation_get_view (generation);
  self->cancellable = g_cancellable_new ();
  self->timer = hr_clock_after (hr_platform_get_clock (platform), 0, probe, self);
  return self;
}

/**
 * hr_health_stop:
 * @self: a health
 *
 * Ends the probing; "changed" is not emitted any more.
 */
void
hr_health_stop (HrHealth *self)
{
  g_return_if_fail (HR_IS_HEALTH (self));

  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

/**
 * hr_health_get_state:
 * @self: a health
 *
 * Returns: the verdict
 */
HrHealthState
hr_health_get_state (HrHealth *self)
{
  g_return_val_if_fail (HR_IS_HEALTH (self), HR_HEALTH_UNKNOWN);
  return self->state;
}

/**
 * hr_health_get_error:
 * @self: a health
 *
 * Returns: (transfer none) (nullable): what the last failed probe said; %NULL after a success
 */
const char *
hr_health_get_error (HrHealth *self)
{
  g_return_val_if_fail (HR_IS_HEALTH (self), NULL);
  return self->error;
}

/**
 * hr_health_state_to_string:
 * @state: a verdict
 *
 * Returns: (transfer none): the contract's word
 */
const char *
hr_health_state_to_string (HrHealthState state)
{
  g_return_val_if_fail (state < G_N_ELEMENTS (states), NULL);
  return states[state];
}
