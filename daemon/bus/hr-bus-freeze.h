/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-freeze.h: a connection to a bus that reads no more, so that its socket can be handed to another program.
 *
 * GDBus reads in a thread of its own. It is held between two messages: all that came before has been read and is being
 * dispatched, all that comes after stays in the socket, and what is sent is still written. A program that makes a
 * connection of the socket goes on with the next message, as the same client of the bus.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrBusFreeze HrBusFreeze;

/**
 * HrBusFrozenFunc:
 * @user_data: what was given to hr_bus_freeze_new()
 *
 * Called in the default main context, once, when nothing is read any more.
 */
typedef void (*HrBusFrozenFunc) (gpointer user_data);

HrBusFreeze *hr_bus_freeze_new (GDBusConnection *connection, HrBusFrozenFunc frozen, gpointer user_data,
                                GError **error);
void hr_bus_freeze_free (HrBusFreeze *self);

int hr_bus_connection_get_fd (GDBusConnection *connection);
GDBusConnection *hr_bus_connection_from_fd (int fd, GError **error);

G_END_DECLS
