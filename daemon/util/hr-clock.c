/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-clock.h"

G_DEFINE_INTERFACE (HrClock, hr_clock, G_TYPE_OBJECT)

static void
hr_clock_default_init (HrClockInterface *iface)
{
}

/**
 * hr_clock_now:
 * @self: the clock
 *
 * Returns: monotonic time in microseconds; only differences mean something
 */
gint64
hr_clock_now (HrClock *self)
{
  g_return_val_if_fail (HR_IS_CLOCK (self), 0);
  return HR_CLOCK_GET_IFACE (self)->now (self);
}

/**
 * hr_clock_real:
 * @self: the clock
 *
 * Returns: wall clock time in microseconds since 1970
 */
gint64
hr_clock_real (HrClock *self)
{
  g_return_val_if_fail (HR_IS_CLOCK (self), 0);
  return HR_CLOCK_GET_IFACE (self)->real (self);
}

/**
 * hr_clock_after:
 * @self: the clock
 * @delay_usec: when to call, in microseconds from now; below 0 counts as 0
 * @func: what to call, once
 * @user_data: passed to @func
 *
 * Returns: an id above 0 for hr_clock_cancel()
 */
guint
hr_clock_after (HrClock *self, gint64 delay_usec, HrTimerFunc func, gpointer user_data)
{
  g_return_val_if_fail (HR_IS_CLOCK (self), 0);
  g_return_val_if_fail (func != NULL, 0);
  return HR_CLOCK_GET_IFACE (self)->after (self, MAX (delay_usec, 0), func, user_data);
}

/**
 * hr_clock_cancel:
 * @self: the clock
 * @id: (inout): a timer that has not fired, or 0; set to 0
 */
void
hr_clock_cancel (HrClock *self, guint *id)
{
  g_return_if_fail (HR_IS_CLOCK (self));
  g_return_if_fail (id != NULL);

  if (*id != 0)
    HR_CLOCK_GET_IFACE (self)->cancel (self, *id);
  *id = 0;
}

struct _HrSystemClock {
  GObject parent_instance;
};

static void hr_system_clock_iface_init (HrClockInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrSystemClock, hr_system_clock, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_CLOCK, hr_system_clock_iface_init))

typedef struct {
  HrTimerFunc func;
  gpointer user_data;
} Timer;

static gboolean
timer_fired (gpointer data)
{
  Timer *timer = data;

  timer->func (timer->user_data);
  return G_SOURCE_REMOVE;
}

static gint64
system_clock_now (HrClock *self)
{
  return g_get_monotonic_time ();
}

static gint64
system_clock_real (HrClock *self)
{
  return g_get_real_time ();
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

/* g_timeout_source_new() counts in milliseconds; a source with only a ready time keeps microseconds. */
static GSourceFuncs timer_funcs = { NULL, NULL, timer_dispatch, NULL, NULL, NULL };

static guint
system_clock_after (HrClock *self, gint64 delay_usec, HrTimerFunc func, gpointer user_data)
{
  GSource *source = g_source_new (&timer_funcs, sizeof (GSource));
  Timer *timer = g_new0 (Timer, 1);
  guint id;

  timer->func = func;
  timer->user_data = user_data;
  g_source_set_ready_time (source, g_get_monotonic_time () + delay_usec);
  g_source_set_callback (source, timer_fired, timer, g_free);
  g_source_set_static_name (source, "hr-timer");
  id = g_source_attach (source, g_main_context_get_thread_default ());
  g_source_unref (source);
  return id;
}

static void
system_clock_cancel (HrClock *self, guint id)
{
  GSource *source = g_main_context_find_source_by_id (g_main_context_get_thread_default (), id);

  if (source != NULL)
    g_source_destroy (source);
}

static void
hr_system_clock_iface_init (HrClockInterface *iface)
{
  iface->now = system_clock_now;
  iface->real = system_clock_real;
  iface->after = system_clock_after;
  iface->cancel = system_clock_cancel;
}

static void
hr_system_clock_class_init (HrSystemClockClass *klass)
{
}

static void
hr_system_clock_init (HrSystemClock *self)
{
}

/**
 * hr_system_clock_new:
 *
 * Returns: (transfer full): the machine's clock
 */
HrClock *
hr_system_clock_new (void)
{
  return g_object_new (HR_TYPE_SYSTEM_CLOCK, NULL);
}
