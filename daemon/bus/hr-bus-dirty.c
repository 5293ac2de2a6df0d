/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-dirty.h"

static gboolean
flush_now (gpointer user_data)
{
  HrBusDirty *self = user_data;

  self->source = 0;
  self->flush (self->user_data);
  return G_SOURCE_REMOVE;
}

/**
 * hr_bus_dirty_mark:
 * @self: a value that outlives its source, see hr_bus_dirty_clear()
 * @flush: what reads the properties
 * @user_data: for @flush
 */
void
hr_bus_dirty_mark (HrBusDirty *self, HrBusFlushFunc flush, gpointer user_data)
{
  if (self->source != 0)
    return;
  self->flush = flush;
  self->user_data = user_data;
  self->source = g_idle_add_full (G_PRIORITY_DEFAULT, flush_now, self, NULL);
}

/**
 * hr_bus_dirty_clear:
 * @self: a value
 *
 * What was marked is not flushed any more.
 */
void
hr_bus_dirty_clear (HrBusDirty *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
}
