/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-health.h"

#include "hr-duration.h"

struct _HrHealth {
  GObject parent_instance;

  HrPlatform *platform;
  HrGeneration *generation;
  HrProbeSpec *start_probe; /* NULL: none, or it has succeeded */
  HrProbeSpec *probe;
  gboolean patient;
  gboolean stopped;

  HrHealthState state;
  guint failures;
  char *error;
  gint64 due;  /* when it fires */
  guint timer; /* the next probe; while one is under way, when it is overdue; of a watchdog, when a report is */

  GCancellable *asking; /* while a probe is under way */
  gint64 asked_at;      /* by the last probe; 0: a watchdog reports without */
  gboolean counted;     /* it is overdue, and has been counted as failed */
  HrProbeRequest request;
  char **environment;
};

enum { SIGNAL_PROBED, SIGNAL_CHANGED, SIGNAL_FAILED, N_SIGNALS };

static guint signals[N_SIGNALS];

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
  g_signal_handlers_disconnect_by_data (self->generation, self);
  g_clear_object (&self->generation);
  g_clear_object (&self->platform);
  g_clear_object (&self->asking);
  g_clear_object (&self->request.source);
  g_clear_pointer (&self->start_probe, hr_probe_spec_free);
  g_clear_pointer (&self->probe, hr_probe_spec_free);
  g_strfreev (self->environment);
  g_free (self->error);
  G_OBJECT_CLASS (hr_health_parent_class)->finalize (object);
}

static void
hr_health_class_init (HrHealthClass *klass)
{
  GType none = G_TYPE_NONE;

  G_OBJECT_CLASS (klass)->finalize = hr_health_finalize;
  signals[SIGNAL_PROBED] = g_signal_new ("probed", HR_TYPE_HEALTH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, none, 2,
                                         G_TYPE_BOOLEAN, G_TYPE_INT64);
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", HR_TYPE_HEALTH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, none, 0);
  signals[SIGNAL_FAILED] = g_signal_new ("failed", HR_TYPE_HEALTH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, none, 0);
}

static void
hr_health_init (HrHealth *self)
{
}

static void probe (gpointer user_data);
static void missed (gpointer user_data);

static const HrProbeSpec *
current_probe (HrHealth *self)
{
  return self->start_probe != NULL ? self->start_probe : self->probe;
}

static void
arm (HrHealth *self, gint64 delay, HrTimerFunc func)
{
  HrClock *clock = hr_platform_get_clock (self->platform);

  hr_clock_cancel (clock, &self->timer);
  self->due = hr_clock_now (clock) + delay;
  self->timer = hr_clock_after (clock, delay, func, self);
}

/* Services that became well together would be probed together for ever: the first interval is shorter, by an amount
 * that is a service's own, and up to the half of it. */
static gint64
spread (HrHealth *self, gint64 interval)
{
  guint64 hash = g_str_hash (hr_generation_get_spec (self->generation)->name);

  /* Similar names have similar hashes; multiplied with a large odd number their upper bits differ. */
  hash = (hash * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)) >> 44;
  return interval - (gint64)((double)interval / 2 * ((double)hash / (1 << 20)));
}

static void
go_on (HrHealth *self, gboolean first)
{
  gint64 interval = hr_generation_get_spec (self->generation)->probe_interval;

  if (self->stopped)
    return;
  if (current_probe (self)->kind == HR_PROBE_WATCHDOG)
    arm (self, hr_generation_get_watchdog_interval (self->generation), missed);
  else if (self->state == HR_HEALTH_STARTING)
    arm (self, MIN (interval, HR_HEALTH_START_INTERVAL_USEC), probe);
  else
    arm (self, first ? spread (self, interval) : interval, probe);
}

static void
set_state (HrHealth *self, HrHealthState state)
{
  if (self->state == state || self->stopped)
    return;
  self->state = state;
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/* A handler may stop it. */
static void
tell_probed (HrHealth *self, gboolean good)
{
  gint64 now = hr_clock_now (hr_platform_get_clock (self->platform));

  g_signal_emit (self, signals[SIGNAL_PROBED], 0, good, self->asked_at != 0 ? now - self->asked_at : 0);
}

static void
succeeded (HrHealth *self)
{
  gboolean first = self->state == HR_HEALTH_STARTING;

  tell_probed (self, TRUE);
  if (self->stopped)
    return;
  self->failures = 0;
  g_clear_pointer (&self->error, g_free);
  g_clear_pointer (&self->start_probe, hr_probe_spec_free);
  self->asked_at = 0;
  set_state (self, HR_HEALTH_HEALTHY);
  go_on (self, first);
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
count_failure (HrHealth *self, const char *error)
{
  gboolean is_new = g_strcmp0 (self->error, error) != 0;

  tell_probed (self, FALSE);
  if (self->stopped)
    return;
  self->failures++;
  if (is_new)
    {
      g_free (self->error);
      self->error = g_strdup (error);
    }
  set_state (self, state_after_failure (self));
  if (is_new && !self->stopped)
    g_signal_emit (self, signals[SIGNAL_FAILED], 0);
}

/* Probes */

/* The prober did not keep its deadline. As long as it does not come back nothing else is asked, and each interval
 * counts as failed. */
static void
overdue (gpointer user_data)
{
  g_autoptr (HrHealth) self = g_object_ref (user_data);
  g_autofree char *why = g_strdup_printf ("Probe '%s': it has not come to an end", current_probe (self)->text);

  self->timer = 0;
  self->counted = TRUE;
  g_cancellable_cancel (self->asking);
  count_failure (self, why);
  if (!self->stopped)
    arm (self, hr_generation_get_spec (self->generation)->probe_interval, overdue);
}

static void
probed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrHealth) self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean ok = hr_prober_probe_finish (HR_PROBER (source), result, &error);

  g_clear_object (&self->asking);
  if (self->stopped)
    return;
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  if (ok && !self->counted)
    {
      succeeded (self);
      return;
    }
  if (!self->counted)
    count_failure (self, error->message);
  go_on (self, FALSE);
}

static void
probe (gpointer user_data)
{
  HrHealth *self = user_data;
  gint64 timeout = hr_generation_get_spec (self->generation)->probe_timeout;

  self->timer = 0;
  self->counted = FALSE;
  self->asking = g_cancellable_new ();
  self->asked_at = hr_clock_now (hr_platform_get_clock (self->platform));
  self->request.probe = current_probe (self);
  self->request.timeout = timeout;
  /* Anew each time: whether it is reached apart from others changes. */
  g_clear_object (&self->request.source);
  self->request.source = hr_generation_probe_source (self->generation);
  g_strfreev (self->environment);
  self->environment = hr_generation_dup_environment (self->generation);
  self->request.environment = (const char *const *)self->environment;
  self->request.pid = hr_generation_get_pid (self->generation);
  arm (self, timeout + HR_HEALTH_GRACE_USEC, overdue);
  hr_prober_probe_async (hr_platform_get_prober (self->platform), &self->request, self->asking, probed,
                         g_object_ref (self));
}

/* Watchdog */

static void
missed (gpointer user_data)
{
  g_autoptr (HrHealth) self = g_object_ref (user_data);
  g_autofree char *time = hr_duration_to_string (hr_generation_get_watchdog_interval (self->generation));
  g_autofree char *why = g_strdup_printf ("Probe 'watchdog': the program did not report WATCHDOG=1 within %s", time);

  self->timer = 0;
  /* What ends reports no more: that has a deadline of its own. */
  if (!hr_generation_says_stopping (self->generation))
    count_failure (self, why);
  go_on (self, FALSE);
}

static void
watchdog_due (HrGeneration *generation, gint64 usec, gboolean extend, HrHealth *self)
{
  gint64 left = self->due - hr_clock_now (hr_platform_get_clock (self->platform));

  if (!self->stopped && self->timer != 0 && current_probe (self)->kind == HR_PROBE_WATCHDOG)
    arm (self, extend ? MAX (usec, left) : usec, missed);
}

static void
watchdog (HrGeneration *generation, gboolean well, HrHealth *user_data)
{
  g_autoptr (HrHealth) self = g_object_ref (user_data);

  if (self->stopped || current_probe (self)->kind != HR_PROBE_WATCHDOG)
    return;
  if (well)
    {
      succeeded (self);
      return;
    }
  /* It says so itself: there is nothing to be patient for, or to ask again. */
  self->patient = FALSE;
  self->failures = MAX (self->failures, hr_generation_get_spec (self->generation)->probe_failures);
  count_failure (self, "Probe 'watchdog': the program reported WATCHDOG=trigger");
  go_on (self, FALSE);
}

static void
begin (gpointer user_data)
{
  HrHealth *self = user_data;
  HrClock *clock = hr_platform_get_clock (self->platform);
  gint64 interval = hr_generation_get_watchdog_interval (self->generation);
  gint64 reported = hr_generation_get_reported_at (self->generation);

  self->timer = 0;
  if (current_probe (self)->kind != HR_PROBE_WATCHDOG)
    probe (self);
  else if (reported != 0 && hr_clock_now (clock) - reported < interval)
    succeeded (self);
  else
    go_on (self, FALSE);
}

/* What cannot be asked is not well. */
static void
cannot_ask (gpointer user_data)
{
  g_autoptr (HrHealth) self = g_object_ref (user_data);
  g_autofree char *error = g_strdup (self->error);

  self->timer = 0;
  g_clear_pointer (&self->error, g_free);
  self->failures = hr_generation_get_spec (self->generation)->probe_failures;
  self->patient = FALSE;
  count_failure (self, error);
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
  HrServiceSpec *spec = hr_generation_get_spec (generation);
  g_autoptr (GError) error = NULL;

  self->platform = g_object_ref (platform);
  self->generation = g_object_ref (generation);
  self->patient = patient;
  if (spec->probe == NULL)
    return self;

  self->state = HR_HEALTH_STARTING;
  self->probe = hr_generation_expand_probe (generation, spec->probe, &error);
  if (self->probe != NULL && spec->start_probe != NULL)
    self->start_probe = hr_generation_expand_probe (generation, spec->start_probe, &error);
  if (error != NULL)
    {
      self->error = g_strdup (error->message);
      arm (self, 0, cannot_ask);
      return self;
    }
  self->request = (HrProbeRequest){ .spec = spec,
                                    .instance = hr_generation_get_id (generation),
                                    .view = hr_generation_get_view (generation) };
  g_signal_connect (generation, "watchdog", G_CALLBACK (watchdog), self);
  g_signal_connect (generation, "watchdog-due", G_CALLBACK (watchdog_due), self);
  arm (self, 0, begin);
  return self;
}

/**
 * hr_health_carry:
 * @self: a health
 *
 * Returns: (transfer floating): its verdict and what led to it, for hr_health_take_carried()
 */
GVariant *
hr_health_carry (HrHealth *self)
{
  GVariantDict dict;

  g_return_val_if_fail (HR_IS_HEALTH (self), NULL);

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "state", "s", states[self->state]);
  g_variant_dict_insert (&dict, "failures", "u", self->failures);
  g_variant_dict_insert (&dict, "started", "b", self->start_probe == NULL);
  if (self->error != NULL)
    g_variant_dict_insert (&dict, "error", "^ay", self->error);
  return g_variant_dict_end (&dict);
}

/**
 * hr_health_take_carried:
 * @self: a new health, of an instance that was taken over
 * @carried: what hr_health_carry() made of it in the program that this process was before
 *
 * Goes on with that verdict; the next probe comes at once.
 */
void
hr_health_take_carried (HrHealth *self, GVariant *carried)
{
  const char *word = NULL;
  gboolean started = FALSE;

  g_return_if_fail (HR_IS_HEALTH (self) && carried != NULL);

  /* What it cannot ask any more it has said. */
  if (self->state == HR_HEALTH_UNKNOWN || self->probe == NULL || self->error != NULL
      || !g_variant_lookup (carried, "state", "&s", &word))
    return;
  g_variant_lookup (carried, "failures", "u", &self->failures);
  g_variant_lookup (carried, "error", "^ay", &self->error);
  g_variant_lookup (carried, "started", "b", &started);
  if (started)
    g_clear_pointer (&self->start_probe, hr_probe_spec_free);
  for (guint i = HR_HEALTH_STARTING; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (states[i], word))
      set_state (self, i);
}

/**
 * hr_health_stop:
 * @self: a health
 *
 * Ends the probing; no signal is emitted any more.
 */
void
hr_health_stop (HrHealth *self)
{
  g_return_if_fail (HR_IS_HEALTH (self));

  self->stopped = TRUE;
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->timer);
  if (self->asking != NULL)
    g_cancellable_cancel (self->asking);
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
 * hr_health_wants_restart:
 * @self: a health
 *
 * A program that does not report to its watchdog hangs: that it runs on helps nobody. One that answers badly may be
 * waiting for something that another program would not have either.
 *
 * Returns: whether it is offline by its watchdog
 */
gboolean
hr_health_wants_restart (HrHealth *self)
{
  g_return_val_if_fail (HR_IS_HEALTH (self), FALSE);
  return self->state == HR_HEALTH_OFFLINE && self->probe != NULL && current_probe (self)->kind == HR_PROBE_WATCHDOG;
}

/**
 * hr_health_longest_verdict:
 * @spec: a service with a probe
 *
 * Returns: how long it can take from the first probe of an instance to "healthy" or "offline", in microseconds
 */
gint64
hr_health_longest_verdict (const HrServiceSpec *spec)
{
  gint64 once = spec->probe_timeout + HR_HEALTH_GRACE_USEC + HR_HEALTH_START_INTERVAL_USEC;

  return spec->probe_failures * MAX (once, spec->probe_interval);
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
