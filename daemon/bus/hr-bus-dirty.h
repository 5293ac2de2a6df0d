/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-dirty.h: properties are read from the engine once a turn of the main loop, however often they change in it.
 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

typedef void (*HrBusFlushFunc) (gpointer user_data);

/**
 * HrBusDirty:
 *
 * A value; private.
 */
typedef struct {
  guint source;
  HrBusFlushFunc flush;
  gpointer user_data;
} HrBusDirty;

void hr_bus_dirty_mark (HrBusDirty *self, HrBusFlushFunc flush, gpointer user_data);
void hr_bus_dirty_clear (HrBusDirty *self);

G_END_DECLS
