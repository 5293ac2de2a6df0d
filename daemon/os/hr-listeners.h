/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-listeners.h: the sockets of one service, bound and kept by the daemon.
 *
 * An interface; HrSocketListeners is the real one. Sockets stay open over every reload and restart; they close when the
 * service is removed or stopped on request. Besides the listeners of the service file there are discovered ones: what
 * a program bound and listened on by itself, reported by the adopt library and kept for the next instance.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

/**
 * HrListener:
 * @name: from Listen, or the address for a discovered one
 * @address: as people write it, with the real port: "tcp:127.0.0.1:8080"
 * @fd: the daemon's descriptor; belongs to the listeners
 * @port: TCP or UDP port, else 0
 * @kind: TCP, UDP or Unix
 * @discovered: whether the program bound it
 * @ephemeral: whether it was bound with port 0
 */
typedef struct {
  char *name;
  char *address;
  int fd;
  guint16 port;
  HrListenKind kind;
  gboolean discovered;
  gboolean ephemeral;
} HrListener;

#define HR_TYPE_LISTENERS (hr_listeners_get_type ())
G_DECLARE_INTERFACE (HrListeners, hr_listeners, HR, LISTENERS, GObject)

/* Signal of the interface: "changed" (), when a listener was discovered. */
struct _HrListenersInterface {
  GTypeInterface parent;

  gboolean (*open) (HrListeners *self, HrServiceSpec *spec, GError **error);
  void (*close) (HrListeners *self);
  GPtrArray *(*list) (HrListeners *self);
  void (*revive) (HrListeners *self);
};

gboolean hr_listeners_open (HrListeners *self, HrServiceSpec *spec, GError **error);
void hr_listeners_close (HrListeners *self);
GPtrArray *hr_listeners_list (HrListeners *self);
void hr_listeners_revive (HrListeners *self);

G_END_DECLS
