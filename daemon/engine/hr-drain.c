/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-drain.h"

struct _HrDrain {
  grefcount ref_count;
  HrClock *clock;
  HrInstance *instance;
  HrListeners *listeners;
  gboolean busy;
  gboolean ends; /* nothing was under way at the last look */
  int n_open;    /* connections at the last look, -1: not known */
  gint64 step;
  guint timer; /* until the next look */
  guint deadline;
  HrDrainFunc func; /* NULL: nobody waits any more */
  gpointer user_data;
};

static void look (gpointer user_data);

static void
unref (HrDrain *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  g_object_unref (self->clock);
  g_object_unref (self->instance);
  g_object_unref (self->listeners);
  g_free (self);
}

static void
end (HrDrain *self)
{
  HrDrainFunc func = self->func;

  self->func = NULL;
  hr_clock_cancel (self->clock, &self->timer);
  hr_clock_cancel (self->clock, &self->deadline);
  if (func != NULL)
    func (self->user_data);
}

/* Where nobody can tell how many there are, waiting for them has no end but the deadline: it is as good as its program is
   at finishing when it is told to stop. What a moment's want prevented is asked again. */
static gboolean
is_for_ever (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
}

static void
counted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrDrain *self = user_data;
  g_autoptr (GError) error = NULL;
  int connections = hr_instance_count_connections_finish (self->instance, result, &error);

  self->n_open = connections;
  if (self->func != NULL && connections == 0 && self->busy && !self->ends)
    {
      /* From now on nothing begins: what has begun since the look is seen by the next one. */
      self->ends = TRUE;
      hr_instance_finish (self->instance, self->listeners, TRUE);
      self->timer = hr_clock_after (self->clock, 0, look, self);
    }
  else if (self->func != NULL && (connections == 0 || (connections < 0 && is_for_ever (error))))
    end (self);
  else if (self->func != NULL)
    {
      if (self->ends)
        hr_instance_finish (self->instance, self->listeners, FALSE);
      self->ends = FALSE;
      self->timer = hr_clock_after (self->clock, self->step, look, self);
      self->step = MIN (self->step * 2, HR_DRAIN_STEP_MAX_USEC);
    }
  unref (self);
}

static void
look (gpointer user_data)
{
  HrDrain *self = user_data;

  self->timer = 0;
  /* What is being accepted is counted once it is. */
  if (hr_instance_may_accept (self->instance, self->listeners))
    {
      self->timer = hr_clock_after (self->clock, self->step, look, self);
      return;
    }
  g_ref_count_inc (&self->ref_count);
  hr_instance_count_connections_async (self->instance, self->listeners, self->busy, counted, self);
}

static void
time_is_up (gpointer user_data)
{
  HrDrain *self = user_data;

  self->deadline = 0;
  end (self);
}

/**
 * hr_drain_new:
 * @clock: time
 * @instance: that was retired
 * @listeners: where its connections came in
 * @busy: whether to wait only for those on which something is under way
 * @timeout_usec: how long at most
 * @func: called when it is drained
 * @user_data: for @func
 *
 * Returns: (transfer full): the waiting; to be freed when the instance ends
 */
HrDrain *
hr_drain_new (HrClock *clock, HrInstance *instance, HrListeners *listeners, gboolean busy, gint64 timeout_usec,
              HrDrainFunc func, gpointer user_data)
{
  HrDrain *self = g_new0 (HrDrain, 1);

  g_ref_count_init (&self->ref_count);
  self->clock = g_object_ref (clock);
  self->instance = g_object_ref (instance);
  self->listeners = g_object_ref (listeners);
  self->busy = busy;
  self->step = HR_DRAIN_STEP_USEC;
  self->n_open = -1;
  self->func = func;
  self->user_data = user_data;
  self->deadline = hr_clock_after (clock, timeout_usec, time_is_up, self);
  if (busy)
    hr_instance_finish (instance, listeners, FALSE);
  /* Never from within this call. */
  self->timer = hr_clock_after (clock, 0, look, self);
  return self;
}

/**
 * hr_drain_count_open:
 * @self: a waiting
 *
 * Returns: how many of the connections that it waits for there were at its last look, which is at most
 *   %HR_DRAIN_STEP_MAX_USEC ago; -1: not known
 */
int
hr_drain_count_open (HrDrain *self)
{
  return self->n_open;
}

/**
 * hr_drain_free:
 * @self: (transfer full) (nullable): a waiting; nobody is told any more
 */
void
hr_drain_free (HrDrain *self)
{
  if (self == NULL)
    return;
  self->func = NULL;
  end (self);
  unref (self);
}
