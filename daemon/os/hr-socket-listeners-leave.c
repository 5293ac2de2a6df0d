/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What becomes of listeners whose instance has ended.
 */
#include "hr-socket-listeners-private.h"

/* How long a discovered listener is kept that an instance has left and its successor has not asked for. */
#define HR_UNCLAIMED_WAIT_MSEC 10000

static HrHeldListener *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

static gboolean
is_used (const HrHeldListener *held)
{
  return g_hash_table_size (held->users) > 0;
}

static gboolean
is_any_used (HrSocketListeners *self)
{
  for (guint i = 0; i < self->held->len; i++)
    if (is_used (get (self, i)))
      return TRUE;
  return FALSE;
}

/* Whether its instance has left it beside another one, which has not asked for it so far. */
static gboolean
is_unclaimed (const HrHeldListener *held)
{
  return held->shown.discovered && !is_used (held) && held->left_at != 0;
}

/* One of the same address as another, as is copied out of an instance that had sockets of its own. Nobody asks for it, and
   it would keep others from having such sockets. */
static gboolean
is_twin (HrSocketListeners *self, const HrHeldListener *held)
{
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i) != held && hr_socket_address_equal (&get (self, i)->address, &held->address))
      return TRUE;
  return FALSE;
}

static void expect_claims (HrSocketListeners *self);

/* Closes what nobody has asked for in its time. */
static void
close_unclaimed (HrSocketListeners *self)
{
  gint64 latest = g_get_monotonic_time () - HR_UNCLAIMED_WAIT_MSEC * G_TIME_SPAN_MILLISECOND;
  gboolean closed = FALSE;

  for (guint i = is_any_used (self) ? self->held->len : 0; i > 0; i--)
    {
      const HrHeldListener *held = get (self, i - 1);

      if (is_unclaimed (held) && (held->left_at <= latest || is_twin (self, held)))
        {
          g_ptr_array_remove_index (self->held, i - 1);
          closed = TRUE;
        }
    }
  expect_claims (self);
  if (closed)
    {
      hr_socket_listeners_keep (self);
      g_signal_emit_by_name (self, "changed");
    }
}

static gboolean
on_unclaimed (gpointer user_data)
{
  HrSocketListeners *self = user_data;

  self->unclaimed = 0;
  close_unclaimed (self);
  return G_SOURCE_REMOVE;
}

/* Looks again when the time of the first one is over. */
static void
expect_claims (HrSocketListeners *self)
{
  gint64 now = g_get_monotonic_time (), first = G_MAXINT64;

  for (guint i = is_any_used (self) ? self->held->len : 0; i > 0; i--)
    if (is_unclaimed (get (self, i - 1)))
      first = MIN (first, get (self, i - 1)->left_at);
  if (first == G_MAXINT64 || self->unclaimed != 0)
    return;
  first += HR_UNCLAIMED_WAIT_MSEC * G_TIME_SPAN_MILLISECOND;
  self->unclaimed = g_timeout_add ((guint)(MAX (first - now, 0) / G_TIME_SPAN_MILLISECOND + 1), on_unclaimed, self);
}

/**
 * hr_socket_listeners_leave:
 * @self: the listeners
 * @instance: id of an instance that has ended
 *
 * Closes the discovered listeners that nobody uses any more: those which another instance, that runs and has listeners
 * of its own, does not ask for within %HR_UNCLAIMED_WAIT_MSEC: it serves since it listens on the first of them, and the
 * rest may follow. After the last instance all stay for the next one.
 */
void
hr_socket_listeners_leave (HrSocketListeners *self, const char *instance)
{
  gboolean others;

  hr_socket_listeners_retire (self, instance);
  hr_socket_listeners_keep_gate (self, instance, NULL);
  for (guint i = 0; i < self->held->len; i++)
    if (g_hash_table_remove (get (self, i)->users, instance))
      get (self, i)->left_at = 0;
  others = is_any_used (self);
  for (guint i = 0; others && i < self->held->len; i++)
    if (get (self, i)->shown.discovered && !is_used (get (self, i)) && get (self, i)->left_at == 0)
      get (self, i)->left_at = g_get_monotonic_time ();
  close_unclaimed (self);
}
