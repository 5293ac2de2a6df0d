/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-handed.h: what a daemon that is re-executed hands to the program that it becomes: descriptors that stay open, and
 * what it knew, in a memory file whose number is in the environment.
 *
 * A newer daemon reads what an older one hands it. The other way round it never comes to that: see --check-state.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Larger than any daemon's: 100,000 services. */
#define HR_HANDED_SIZE_MAX (256 * 1024 * 1024)

/**
 * HrHanded:
 * @bus: the socket of the connection to the bus
 * @lock: of the state directory
 * @inherited: of hr_inherited_sockets_carry()
 * @sockets: of hr_instance_sockets_carry()
 * @manager: of hr_manager_carry()
 * @caller: who called Reexecute
 * @serial: number of that call
 * @began_at: when it began, g_get_monotonic_time()
 */
typedef struct {
  int bus;
  int lock;
  GVariant *inherited;
  GVariant *sockets;
  GVariant *manager;
  char *caller;
  guint32 serial;
  gint64 began_at;
} HrHanded;

HrHanded *hr_handed_take (GError **error);
int hr_handed_write (const HrHanded *self, GError **error);
void hr_handed_free (HrHanded *self);
void hr_handed_answer (const HrHanded *self, GDBusConnection *connection, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrHanded, hr_handed_free)

G_END_DECLS
