/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-held-listener.h: one listener of HrSocketListeners, with all that is known of its socket.
 */
#pragma once

#include "hr-inherited-sockets.h"
#include "hr-listeners.h"
#include "hr-socket-address.h"
#include "hr-socket-file.h"
#include "hr-socket-group.h"

G_BEGIN_DECLS

/**
 * HrHeldListener:
 * @shown: what others see of it; first, so that it can be used as one
 * @address: what it is bound to, with the real port
 * @cookie: the kernel's name for the socket
 * @users: ids of instances that were given it or gave it to us
 * @left_at: when the last of them ended beside another one that had not asked for it, of the monotonic clock; 0: it did not
 * @group: (nullable): of a TCP socket that was not inherited: it, and those that instances have for themselves
 * @file: (nullable): by which a Unix socket is found; removed with it, unless that was inherited
 * @inherited: (nullable): what it is a copy of; released with it
 */
typedef struct {
  HrListener shown;
  HrSocketAddress address;
  guint64 cookie;
  GHashTable *users;
  gint64 left_at;
  HrSocketGroup *group;
  HrSocketFile *file;
  HrInheritedSocket *inherited;
} HrHeldListener;

HrHeldListener *hr_held_listener_new (int fd, const HrSocketAddress *address, HrSocketFile *file);
HrHeldListener *hr_held_listener_new_inherited (HrInheritedSocket *inherited, GError **error);
void hr_held_listener_free (gpointer self);
int hr_held_listener_get_fd (const HrHeldListener *self, const char *instance);
gboolean hr_held_listener_is (const HrHeldListener *self, guint64 cookie);
gboolean hr_held_listener_takes_ipv4 (const HrHeldListener *self);
void hr_held_listener_set_rescue (HrHeldListener *self, HrRescue *rescue);
void hr_held_listener_refresh (HrHeldListener *self);
void hr_held_listener_assign (HrHeldListener *self, const HrListenSpec *spec);
gboolean hr_held_listener_serves (const HrHeldListener *self, const HrListenSpec *spec, const HrSocketAddress *address);
void hr_held_listener_revive (HrHeldListener *self);

G_END_DECLS
