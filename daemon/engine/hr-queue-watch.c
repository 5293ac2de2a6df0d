/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-queue-watch.h"

struct _HrQueueWatch {
  GObject parent_instance;

  HrClock *clock;
  HrListeners *listeners;
  GPtrArray *generations;
  gint64 seen;         /* the longest that a look saw */
  gboolean had_outage; /* nobody served for a time */
  gint64 step;
  guint timer;           /* until the next look */
  guint deadline;        /* of the last one */
  HrQueueWatchFunc func; /* called after the last one */
  gpointer user_data;
};

G_DEFINE_FINAL_TYPE (HrQueueWatch, hr_queue_watch, G_TYPE_OBJECT)

static void
stop_looking (HrQueueWatch *self)
{
  self->func = NULL;
  hr_clock_cancel (self->clock, &self->timer);
  hr_clock_cancel (self->clock, &self->deadline);
}

static void
stop_measuring (HrQueueWatch *self)
{
  for (guint i = 0; i < self->generations->len; i++)
    hr_generation_measure_wait (g_ptr_array_index (self->generations, i), FALSE);
  g_ptr_array_set_size (self->generations, 0);
}

static void
hr_queue_watch_dispose (GObject *object)
{
  HrQueueWatch *self = HR_QUEUE_WATCH (object);

  if (self->clock != NULL)
    stop_looking (self);
  stop_measuring (self);
  g_clear_object (&self->listeners);
  g_clear_object (&self->clock);
  G_OBJECT_CLASS (hr_queue_watch_parent_class)->dispose (object);
}

static void
hr_queue_watch_finalize (GObject *object)
{
  g_ptr_array_unref (HR_QUEUE_WATCH (object)->generations);
  G_OBJECT_CLASS (hr_queue_watch_parent_class)->finalize (object);
}

static void
hr_queue_watch_class_init (HrQueueWatchClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_queue_watch_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_queue_watch_finalize;
}

static void
hr_queue_watch_init (HrQueueWatch *self)
{
  self->generations = g_ptr_array_new_with_free_func (g_object_unref);
  self->step = HR_QUEUE_STEP_USEC;
}

/**
 * hr_queue_watch_new:
 * @clock: time
 * @listeners: whose queues are meant
 *
 * Returns: (transfer full): a watch
 */
HrQueueWatch *
hr_queue_watch_new (HrClock *clock, HrListeners *listeners)
{
  HrQueueWatch *self = g_object_new (HR_TYPE_QUEUE_WATCH, NULL);

  self->clock = g_object_ref (clock);
  self->listeners = g_object_ref (listeners);
  return self;
}

/**
 * hr_queue_watch_add:
 * @self: a watch
 * @generation: that was started and may accept connections
 */
void
hr_queue_watch_add (HrQueueWatch *self, HrGeneration *generation)
{
  hr_generation_measure_wait (generation, TRUE);
  g_ptr_array_add (self->generations, g_object_ref (generation));
}

static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrQueueWatch) self = user_data;
  gint64 wait = hr_listeners_look_at_queue_finish (self->listeners, result, NULL);

  self->seen = MAX (self->seen, wait);
}

static void
looked_last (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrQueueWatch *self = user_data;
  HrQueueWatchFunc func = self->func;

  looked (source, result, g_object_ref (self));
  if (func != NULL)
    {
      stop_looking (self);
      func (self->user_data);
    }
  g_object_unref (self);
}

static void
look (gpointer user_data)
{
  HrQueueWatch *self = user_data;

  hr_listeners_look_at_queue_async (self->listeners, looked, g_object_ref (self));
  self->timer = hr_clock_after (self->clock, self->step, look, self);
  self->step = MIN (self->step * 2, HR_QUEUE_STEP_MAX_USEC);
}

/**
 * hr_queue_watch_set_serving:
 * @self: a watch
 * @serving: whether any instance is alive, ready and not told to stop
 */
void
hr_queue_watch_set_serving (HrQueueWatch *self, gboolean serving)
{
  if (serving)
    {
      hr_clock_cancel (self->clock, &self->timer);
      return;
    }
  self->had_outage = TRUE;
  if (self->timer != 0)
    return;
  self->step = HR_QUEUE_STEP_USEC;
  self->timer = hr_clock_after (self->clock, self->step, look, self);
}

static void
last_look_timed_out (gpointer user_data)
{
  HrQueueWatch *self = user_data;
  HrQueueWatchFunc func = self->func;

  self->deadline = 0;
  stop_looking (self);
  func (self->user_data);
}

/**
 * hr_queue_watch_look_again:
 * @self: a watch
 * @func: called after the last look, within %HR_QUEUE_LOOK_WAIT_USEC
 * @user_data: for @func
 *
 * Connections may wait that no instance has accepted yet: one has just begun to serve after none did, or one hangs.
 *
 * Returns: whether there is anything to look for; %FALSE: @func is not called
 */
gboolean
hr_queue_watch_look_again (HrQueueWatch *self, HrQueueWatchFunc func, gpointer user_data)
{
  if (!self->had_outage && hr_listeners_count_queued (self->listeners, FALSE) == 0)
    return FALSE;
  stop_looking (self);
  self->func = func;
  self->user_data = user_data;
  self->deadline = hr_clock_after (self->clock, HR_QUEUE_LOOK_WAIT_USEC, last_look_timed_out, self);
  hr_listeners_look_at_queue_async (self->listeners, looked_last, g_object_ref (self));
  return TRUE;
}

static gboolean
has_tcp (HrQueueWatch *self)
{
  GPtrArray *list = hr_listeners_list (self->listeners);

  for (guint i = 0; i < list->len; i++)
    if (((const HrListener *)g_ptr_array_index (list, i))->kind == HR_LISTEN_TCP)
      return TRUE;
  return FALSE;
}

/**
 * hr_queue_watch_end:
 * @self: a watch; nothing is measured any more
 *
 * Returns: the longest wait in microseconds; where an instance served that nobody sees accept, the longest that a look
 *   saw, which may be too short; -1 when nothing is known
 */
gint64
hr_queue_watch_end (HrQueueWatch *self)
{
  gboolean any = FALSE, all = TRUE;
  gint64 longest = self->seen;

  for (guint i = 0; i < self->generations->len; i++)
    {
      HrGeneration *generation = g_ptr_array_index (self->generations, i);
      gint64 wait = hr_generation_get_wait (generation);

      longest = MAX (longest, wait);
      any = any || wait >= 0;
      all = all && (wait >= 0 || !hr_generation_is_ready (generation));
    }
  stop_looking (self);
  stop_measuring (self);
  if (!has_tcp (self))
    return -1;
  return longest > 0 || (any && all) ? longest : -1;
}
