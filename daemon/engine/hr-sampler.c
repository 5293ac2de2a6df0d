/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-sampler.h"

#include "hr-log.h"

/* Where each metric stands in a request. */
enum { AT_ERROR, AT_SUCCESS, AT_TOTAL };

struct _HrSampler {
  GObject parent_instance;

  HrPlatform *platform;
  HrGeneration *generation;
  HrHealth *health;
  HrPostWindow window;
  char **environment;
  HrMetricRequest request;
  gboolean reads;            /* metrics */
  gboolean runs;             /* Command */
  GCancellable *cancellable; /* NULL: stopped */
  guint timer;
  gboolean looking;
  gboolean held;
  gint64 frozen_at;  /* since when nothing is added, 0: it is */
  gboolean doubtful; /* another instance may have answered the look that is under way */
  gboolean warned;
  gboolean has_read;  /* the metrics, at least once */
  char *unread_words; /* why they could not be read last; NULL: they always could */
  char *read_words;   /* of the last look, where it failed */
  char *run_words;
};

static guint signal_sampled, signal_readable;

G_DEFINE_FINAL_TYPE (HrSampler, hr_sampler, G_TYPE_OBJECT)

static void look (gpointer user_data);

static HrClock *
clock_of (HrSampler *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
hr_sampler_dispose (GObject *object)
{
  HrSampler *self = HR_SAMPLER (object);

  if (self->platform != NULL)
    hr_sampler_stop (self);
  g_clear_object (&self->health);
  g_clear_object (&self->generation);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_sampler_parent_class)->dispose (object);
}

static void
hr_sampler_finalize (GObject *object)
{
  HrSampler *self = HR_SAMPLER (object);

  g_clear_object (&self->request.source);
  g_strfreev (self->environment);
  g_free (self->unread_words);
  g_free (self->read_words);
  g_free (self->run_words);
  G_OBJECT_CLASS (hr_sampler_parent_class)->finalize (object);
}

static void
hr_sampler_class_init (HrSamplerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_sampler_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_sampler_finalize;
  signal_sampled = g_signal_new ("sampled", HR_TYPE_SAMPLER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signal_readable = g_signal_new ("readable", HR_TYPE_SAMPLER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_sampler_init (HrSampler *self)
{
}

/* What is seen of an instance that is about to go says nothing of it, nor what may be seen of another. */
static gboolean
counts (HrSampler *self)
{
  return !self->held && !self->doubtful && hr_generation_is_alive (self->generation)
         && !hr_generation_is_stopping (self->generation);
}

static void
looked (HrSampler *self)
{
  self->looking = FALSE;
  g_signal_emit (self, signal_sampled, 0);
  /* A handler may have stopped it, or had it look again. */
  if (self->cancellable != NULL && !self->looking && self->timer == 0 && (self->reads || self->runs))
    self->timer =
        hr_clock_after (clock_of (self), hr_generation_get_spec (self->generation)->post_interval, look, self);
}

static void
ran (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrSampler) self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean good = hr_metric_reader_run_finish (HR_METRIC_READER (source), result, &error);

  if (self->cancellable == NULL)
    return;
  if (counts (self))
    {
      hr_post_window_add_command (&self->window, hr_clock_now (clock_of (self)), good);
      g_free (self->run_words);
      self->run_words = good ? NULL : g_strdup_printf ("Command: %s", error->message);
    }
  looked (self);
}

static void
run_command (HrSampler *self)
{
  if (!self->runs)
    {
      looked (self);
      return;
    }
  hr_metric_reader_run_async (hr_platform_get_metric_reader (self->platform), &self->request, self->cancellable, ran,
                              g_object_ref (self));
}

/* Once until they can be read again. */
static void
warn (HrSampler *self, const char *message)
{
  HrServiceSpec *spec = hr_generation_get_spec (self->generation);

  if (!self->warned)
    hr_log_warning (spec->name, "the metrics of release %" G_GUINT64_FORMAT " cannot be read: %s",
                    hr_generation_get_release (self->generation), message);
  self->warned = TRUE;
}

/* @message: (nullable): why they could not be read */
static void
note_reading (HrSampler *self, const char *message)
{
  g_autofree char *before = hr_sampler_describe_unread (self);
  g_autofree char *after = NULL;

  if (message == NULL)
    self->has_read = TRUE;
  else
    {
      g_free (self->unread_words);
      self->unread_words = g_strdup (message);
    }
  after = hr_sampler_describe_unread (self);
  if (g_strcmp0 (before, after) != 0)
    g_signal_emit (self, signal_readable, 0);
}

static void
got_numbers (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrSampler) self = user_data;
  g_autoptr (GError) error = NULL;
  double values[HR_METRICS_MAX];
  gint64 now = hr_clock_now (clock_of (self));
  HrPostReading reading;
  gboolean ok = hr_metric_reader_read_finish (HR_METRIC_READER (source), result, values, &error);

  if (self->cancellable == NULL)
    return;
  if (ok)
    {
      reading = (HrPostReading){ values[AT_ERROR], values[AT_SUCCESS], values[AT_TOTAL] };
      ok = hr_post_reading_check (&reading, &error);
    }
  if (counts (self))
    {
      g_clear_pointer (&self->read_words, g_free);
      if (ok)
        {
          hr_post_window_add_reading (&self->window, now, &reading);
          self->warned = FALSE;
        }
      else
        {
          hr_post_window_add_unread (&self->window, now);
          self->read_words = g_strdup (error->message);
          warn (self, error->message);
        }
      note_reading (self, ok ? NULL : error->message);
    }
  run_command (self);
}

static void
look (gpointer user_data)
{
  g_autoptr (HrSampler) self = g_object_ref (user_data);

  self->timer = 0;
  self->looking = TRUE;
  self->doubtful = self->held;
  if (self->held)
    looked (self);
  else if (self->reads)
    {
      /* It differs while another instance serves beside it. */
      g_clear_object (&self->request.source);
      self->request.source = hr_generation_probe_source (self->generation);
      hr_metric_reader_read_async (hr_platform_get_metric_reader (self->platform), &self->request, self->cancellable,
                                   got_numbers, g_object_ref (self));
    }
  else
    run_command (self);
}

static void
probed (HrHealth *health, gboolean good, gint64 latency, HrSampler *self)
{
  if (self->held)
    return;
  hr_post_window_add_probe (&self->window, hr_clock_now (clock_of (self)), good);
  g_signal_emit (self, signal_sampled, 0);
}

/**
 * hr_sampler_new:
 * @platform: the operating system
 * @generation: an instance that serves, with a spec that hr_rollback_policy_has_samples()
 * @health: (nullable): its health
 * @with_command: whether Command is run too, not only the metrics read
 *
 * Begins to look at once.
 *
 * Returns: (transfer full): a sampler
 */
HrSampler *
hr_sampler_new (HrPlatform *platform, HrGeneration *generation, HrHealth *health, gboolean with_command)
{
  HrSampler *self = g_object_new (HR_TYPE_SAMPLER, NULL);
  HrServiceSpec *spec = hr_generation_get_spec (generation);
  g_autofree char *port = g_strdup_printf ("%u", hr_generation_get_port (generation));

  self->platform = g_object_ref (platform);
  self->generation = g_object_ref (generation);
  g_set_object (&self->health, health);
  hr_post_window_init (&self->window, MAX (spec->rollback_after, 1));
  self->environment = hr_generation_dup_environment (generation);
  if (hr_generation_get_port (generation) != 0)
    self->environment = g_environ_setenv (self->environment, "PORT", port, TRUE);
  self->reads = hr_rollback_policy_by_metrics (spec);
  self->runs = with_command && spec->post_command[0] != NULL;
  self->request = (HrMetricRequest){
    .metrics = { [AT_ERROR] = spec->error_metric,
                 [AT_SUCCESS] = spec->success_metric,
                 [AT_TOTAL] = spec->total_metric },
    .add_up = spec->total_metric != NULL,
    .argv = (const char *const *)spec->post_command,
    .environment = (const char *const *)self->environment,
    .view = hr_generation_get_view (generation),
    .isolation = &spec->isolation,
    .port = hr_generation_get_port (generation),
    .timeout_usec = spec->post_timeout,
  };
  self->cancellable = g_cancellable_new ();
  if (health != NULL)
    g_signal_connect (health, "probed", G_CALLBACK (probed), self);
  if (self->reads || self->runs)
    self->timer = hr_clock_after (clock_of (self), 0, look, self);
  return self;
}

/**
 * hr_sampler_stop:
 * @self: a sampler
 *
 * Ends the looking; "sampled" is not emitted any more. The figures stay.
 */
void
hr_sampler_stop (HrSampler *self)
{
  g_return_if_fail (HR_IS_SAMPLER (self));

  hr_clock_cancel (clock_of (self), &self->timer);
  if (self->frozen_at == 0)
    self->frozen_at = hr_clock_now (clock_of (self));
  if (self->health != NULL)
    g_signal_handlers_disconnect_by_data (self->health, self);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

/**
 * hr_sampler_hold:
 * @self: a sampler
 * @hold: whether another instance may answer in its place, so that nothing is to be learned
 */
void
hr_sampler_hold (HrSampler *self, gboolean hold)
{
  g_return_if_fail (HR_IS_SAMPLER (self));
  self->held = hold;
  self->doubtful |= hold;
  if (!hold)
    self->frozen_at = 0;
  else if (self->frozen_at == 0)
    self->frozen_at = hr_clock_now (clock_of (self));
}

/**
 * hr_sampler_look_now:
 * @self: a sampler that was not stopped
 *
 * Does not wait for the interval: "sampled" comes with the end of the look that is under way or of one that begins now,
 * which may be before this returns.
 */
void
hr_sampler_look_now (HrSampler *self)
{
  g_return_if_fail (HR_IS_SAMPLER (self) && self->cancellable != NULL);

  if (self->looking)
    return;
  hr_clock_cancel (clock_of (self), &self->timer);
  look (self);
}

/**
 * hr_sampler_get_generation:
 * @self: a sampler
 *
 * Returns: (transfer none): the instance that is looked at
 */
HrGeneration *
hr_sampler_get_generation (HrSampler *self)
{
  g_return_val_if_fail (HR_IS_SAMPLER (self), NULL);
  return self->generation;
}

/**
 * hr_sampler_get_figures:
 * @self: a sampler
 *
 * Returns: what was seen in the last RollbackAfter, or in the last before it was held or stopped
 */
HrPostFigures
hr_sampler_get_figures (HrSampler *self)
{
  g_return_val_if_fail (HR_IS_SAMPLER (self), (HrPostFigures){ .read = 0 });
  return hr_post_window_sum (&self->window, self->frozen_at != 0 ? self->frozen_at : hr_clock_now (clock_of (self)));
}

/**
 * hr_sampler_describe:
 * @self: (nullable): a sampler of a new release
 * @before: (nullable): one of the release before
 *
 * Returns: (transfer full) (nullable): what the metrics of both told, for people, and why they told nothing; %NULL: there
 *   are none
 */
char *
hr_sampler_describe (HrSampler *self, HrSampler *before)
{
  HrPostFigures seen, compared;
  g_autofree char *told = NULL;
  GString *text;

  if (self == NULL || before == NULL)
    return NULL;
  seen = hr_sampler_get_figures (self);
  compared = hr_sampler_get_figures (before);
  told = hr_rollback_policy_describe_metrics (hr_generation_get_spec (self->generation), &seen, &compared);
  if (told == NULL)
    return NULL;
  text = g_string_new (told);
  if (seen.read == 0 && self->unread_words != NULL)
    g_string_append_printf (text, ": %s", self->unread_words);
  hr_sampler_append_unread (before, text);
  return g_string_free (text, FALSE);
}

/**
 * hr_sampler_describe_unread:
 * @self: (nullable): a sampler
 *
 * Signal "readable" tells when this changes.
 *
 * Returns: (transfer full) (nullable): that the metrics could not be read even once, and why it was not possible at the
 *   last look; %NULL: nothing is wrong, or not known to be
 */
char *
hr_sampler_describe_unread (HrSampler *self)
{
  if (self == NULL || self->has_read || self->unread_words == NULL)
    return NULL;
  return g_strdup_printf ("the metrics of release %" G_GUINT64_FORMAT " cannot be read, and decide nothing: %s",
                          hr_generation_get_release (self->generation), self->unread_words);
}

/**
 * hr_sampler_append_unread:
 * @self: (nullable): a sampler
 * @text: gets what hr_sampler_describe_unread() says, if anything, behind what it has
 */
void
hr_sampler_append_unread (HrSampler *self, GString *text)
{
  g_autofree char *unread = hr_sampler_describe_unread (self);

  if (unread != NULL)
    g_string_append_printf (text, "; %s", unread);
}

/**
 * hr_sampler_judge:
 * @self: a sampler of a new release
 * @before: (nullable): what was seen of the release before, see hr_rollback_policy_judge()
 * @over: whether the time of watching has passed
 * @reason: (out): when it is bad: why, and what the last look said where it failed
 *
 * Returns: the verdict
 */
HrVerdict
hr_sampler_judge (HrSampler *self, const HrPostFigures *before, gboolean over, char **reason)
{
  HrPostFigures seen = hr_sampler_get_figures (self);
  const char *words = self->read_words != NULL ? self->read_words : self->run_words;
  g_autofree char *why = NULL;
  HrVerdict verdict = hr_rollback_policy_judge (hr_generation_get_spec (self->generation), &seen, before, over, &why);

  if (verdict == HR_VERDICT_BAD)
    *reason = g_strconcat (why, words != NULL ? "; the last look: " : NULL, words, NULL);
  return verdict;
}
