/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-readiness.h"

#include "hr-error.h"

typedef struct _Look Look;

struct _HrReadiness {
  HrClock *clock;
  const HrGenerationPlan *plan; /* its owner's */
  HrReadinessFunc func;
  gpointer user_data;
  HrInstance *instance; /* its owner's */
  guint timer;
  Look *look; /* under way, NULL: none is */
};

/* A look at the instance, which may come back when nobody asks any more. */
struct _Look {
  HrReadiness *readiness; /* NULL: nobody does */
};

static gboolean
has_listener (HrReadiness *self)
{
  return self->plan->spec->sockets != HR_SOCKETS_NONE && hr_listeners_list (self->plan->listeners)->len > 0;
}

/* Where a listener is to be expected being alive says nothing. */
static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Look *look = user_data;
  HrReadiness *self = look->readiness;
  g_autoptr (GError) error = NULL;
  HrInstanceSight sight = { 0 };
  gboolean seen = hr_instance_look_finish (HR_INSTANCE (source), result, &sight, &error);

  if (self == NULL)
    return;
  self->look = NULL;
  g_clear_error (&error);
  /* Nothing can be seen of one that is no more. */
  if (hr_instance_has_ended (self->instance))
    return;
  /* Of one that holds up who looks at it nothing is known. */
  if (!seen || sight.is_watched)
    {
      hr_readiness_watch (self, self->instance);
      return;
    }
  if (self->plan->spec->ready == HR_READY_LISTEN)
    error = g_error_new (HR_ERROR, HR_ERROR_START_FAILED,
                         "Ready=listen cannot be seen: the adopt library is not in this program, which is static, "
                         "written in Go, or drops LD_PRELOAD: write Ready=notify, Ready=probe or Ready=delay:TIME");
  self->func (error, self->user_data);
}

static void
time_passed (gpointer user_data)
{
  HrReadiness *self = user_data;
  HrReadyMode ready = self->plan->spec->ready;

  self->timer = 0;
  /* Its end has yet to be told. */
  if (hr_instance_has_ended (self->instance))
    return;
  /* READY=1 is to be expected. */
  if (ready == HR_READY_AUTO && self->plan->ever_notified)
    hr_readiness_watch (self, self->instance);
  else if (ready == HR_READY_LISTEN || (ready == HR_READY_AUTO && has_listener (self)))
    {
      self->look = g_new (Look, 1);
      self->look->readiness = self;
      hr_instance_look_async (self->instance, looked, self->look);
    }
  else
    self->func (NULL, self->user_data);
}

/**
 * hr_readiness_new:
 * @clock: time
 * @plan: what is started; must outlive this
 * @func: called when time alone decides: at most once for each hr_readiness_watch(), not from within it; may free this
 * @user_data: for @func
 *
 * Returns: (transfer full): the rule
 */
HrReadiness *
hr_readiness_new (HrClock *clock, const HrGenerationPlan *plan, HrReadinessFunc func, gpointer user_data)
{
  HrReadiness *self = g_new0 (HrReadiness, 1);

  self->clock = g_object_ref (clock);
  self->plan = plan;
  self->func = func;
  self->user_data = user_data;
  return self;
}

/**
 * hr_readiness_free:
 * @self: (transfer full) (nullable): the rule
 */
void
hr_readiness_free (HrReadiness *self)
{
  if (self == NULL)
    return;
  hr_readiness_suspend (self);
  g_object_unref (self->clock);
  g_free (self);
}

/**
 * hr_readiness_watch:
 * @self: the rule
 * @instance: a process that runs; must outlive this
 *
 * Time begins to count, anew.
 */
void
hr_readiness_watch (HrReadiness *self, HrInstance *instance)
{
  HrReadyMode ready = self->plan->spec->ready;

  hr_readiness_suspend (self);
  self->instance = instance;
  if (ready == HR_READY_DELAY)
    self->timer = hr_clock_after (self->clock, self->plan->spec->ready_delay, time_passed, self);
  else if (ready == HR_READY_AUTO || ready == HR_READY_LISTEN)
    self->timer = hr_clock_after (self->clock, HR_READY_ALIVE_USEC, time_passed, self);
}

/**
 * hr_readiness_suspend:
 * @self: the rule
 *
 * Time does not count until hr_readiness_watch().
 */
void
hr_readiness_suspend (HrReadiness *self)
{
  hr_clock_cancel (self->clock, &self->timer);
  if (self->look != NULL)
    self->look->readiness = NULL;
  self->look = NULL;
}

/**
 * hr_readiness_accepts:
 * @self: the rule
 * @sign: what the program showed
 *
 * Returns: whether that makes it ready
 */
gboolean
hr_readiness_accepts (HrReadiness *self, HrSign sign)
{
  HrReadyMode ready = self->plan->spec->ready;

  if (sign == HR_SIGN_NOTIFIED)
    return ready == HR_READY_NOTIFY || ready == HR_READY_AUTO;
  return ready == HR_READY_LISTEN || (ready == HR_READY_AUTO && !self->plan->ever_notified);
}

/* "it did not listen on tcp:127.0.0.1:8080" */
static char *
describe_listening (HrReadiness *self)
{
  GPtrArray *list = hr_listeners_list (self->plan->listeners);
  GString *words = g_string_new ("it did not listen");

  for (guint i = 0; i < list->len; i++)
    g_string_append_printf (words, "%s%s", i == 0 ? " on " : " or ",
                            ((const HrListener *)g_ptr_array_index (list, i))->address);
  return g_string_free (words, FALSE);
}

/**
 * hr_readiness_describe:
 * @self: the rule
 *
 * Returns: (transfer full): for people: what was waited for in vain
 */
char *
hr_readiness_describe (HrReadiness *self)
{
  g_autofree char *listening = describe_listening (self);

  switch (self->plan->spec->ready)
    {
    case HR_READY_LISTEN:
      return g_steal_pointer (&listening);
    case HR_READY_PROBE:
      return g_strdup ("its probe did not succeed");
    case HR_READY_AUTO:
      if (!self->plan->ever_notified)
        return g_strconcat (listening, ", nor say READY=1", NULL);
      return g_strdup ("it did not say READY=1, as it did before");
    case HR_READY_NOTIFY:
    case HR_READY_DELAY:
    default:
      return g_strdup ("it did not say READY=1");
    }
}
