/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-clock.h"

/* 2025-10-05T14:30:00Z: the wall clock when the monotonic one shows START. */
#define REAL_START G_GINT64_CONSTANT (1759674600000000)
/* Not 0: what takes 0 for "never" would hide a fault. */
#define START (100 * G_USEC_PER_SEC)

typedef struct {
  guint id;
  gint64 due;
  HrTimerFunc func;
  gpointer user_data;
} Timer;

struct _HrFakeClock {
  GObject parent_instance;

  gint64 now;
  guint last_id;
  GPtrArray *timers;
};

static void hr_fake_clock_iface_init (HrClockInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeClock, hr_fake_clock, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_CLOCK, hr_fake_clock_iface_init))

static gint64
fake_now (HrClock *clock)
{
  return HR_FAKE_CLOCK (clock)->now;
}

static gint64
fake_real (HrClock *clock)
{
  return REAL_START + HR_FAKE_CLOCK (clock)->now - START;
}

static guint
fake_after (HrClock *clock, gint64 delay_usec, HrTimerFunc func, gpointer user_data)
{
  HrFakeClock *self = HR_FAKE_CLOCK (clock);
  Timer *timer = g_new0 (Timer, 1);

  timer->id = ++self->last_id;
  timer->due = self->now + delay_usec;
  timer->func = func;
  timer->user_data = user_data;
  g_ptr_array_add (self->timers, timer);
  return timer->id;
}

/* As of GLib's sources: cancelling what has fired or never was is a fault of the caller. */
static void
fake_cancel (HrClock *clock, guint id)
{
  HrFakeClock *self = HR_FAKE_CLOCK (clock);

  for (guint i = 0; i < self->timers->len; i++)
    if (((Timer *)g_ptr_array_index (self->timers, i))->id == id)
      {
        g_ptr_array_remove_index (self->timers, i);
        return;
      }
  g_error ("timer %u was cancelled, but there is none", id);
}

static void
hr_fake_clock_iface_init (HrClockInterface *iface)
{
  iface->now = fake_now;
  iface->real = fake_real;
  iface->after = fake_after;
  iface->cancel = fake_cancel;
}

static void
hr_fake_clock_finalize (GObject *object)
{
  g_ptr_array_unref (HR_FAKE_CLOCK (object)->timers);
  G_OBJECT_CLASS (hr_fake_clock_parent_class)->finalize (object);
}

static void
hr_fake_clock_class_init (HrFakeClockClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_clock_finalize;
}

static void
hr_fake_clock_init (HrFakeClock *self)
{
  self->now = START;
  self->timers = g_ptr_array_new_with_free_func (g_free);
}

/**
 * hr_fake_clock_new:
 *
 * Returns: (transfer full): a clock that stands still
 */
HrFakeClock *
hr_fake_clock_new (void)
{
  return g_object_new (HR_TYPE_FAKE_CLOCK, NULL);
}

/**
 * hr_fake_settle:
 *
 * Lets the main context do everything it can do now.
 */
void
hr_fake_settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static Timer *
next_due (HrFakeClock *self, gint64 until)
{
  Timer *next = NULL;

  for (guint i = 0; i < self->timers->len; i++)
    {
      Timer *each = g_ptr_array_index (self->timers, i);

      if (each->due <= until && (next == NULL || each->due < next->due))
        next = each;
    }
  return next;
}

/**
 * hr_fake_clock_advance:
 * @self: the clock
 * @usec: how far, 0 fires what is due now
 */
void
hr_fake_clock_advance (HrFakeClock *self, gint64 usec)
{
  gint64 until = self->now + usec;
  Timer *timer;

  hr_fake_settle ();
  while ((timer = next_due (self, until)) != NULL)
    {
      HrTimerFunc func = timer->func;
      gpointer user_data = timer->user_data;

      self->now = MAX (self->now, timer->due);
      g_ptr_array_remove (self->timers, timer);
      func (user_data);
      hr_fake_settle ();
    }
  self->now = MAX (self->now, until);
}

/**
 * hr_fake_clock_pass:
 * @self: the clock
 * @usec: how much time passes while whoever asks for it does what it does
 *
 * No timer fires.
 */
void
hr_fake_clock_pass (HrFakeClock *self, gint64 usec)
{
  self->now += usec;
}

/**
 * hr_fake_clock_n_timers:
 * @self: the clock
 *
 * Returns: how many timers wait
 */
guint
hr_fake_clock_n_timers (HrFakeClock *self)
{
  return self->timers->len;
}
