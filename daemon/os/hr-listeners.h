/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-listeners.h: the sockets of one service, bound and kept by the daemon.
 *
 * An interface; HrSocketListeners is the real one. Sockets stay open over every reload and restart; they close when the
 * service is removed or stopped on request. Besides the listeners of the service file there are discovered ones: what
 * a program bound and listened on by itself, reported by the adopt library and kept for the next instance.
 *
 * Instances share the sockets: a connection is taken by whichever accepts. One instance at a time can be separate: it
 * gets sockets of its own for the same TCP addresses, and a share of the new connections, from none to all; others of its
 * release may join it. It ends being so by hr_listeners_promote(), when its sockets become the service's, or by hr_listeners_rejoin().
 */
#pragma once

#include <gio/gio.h>

#include "hr-service-spec.h"

G_BEGIN_DECLS

/* Shares of new connections are counted in hundredths of a percent; this is all of them. */
#define HR_SHARE_ALL 10000

/**
 * HrListener:
 * @name: from Listen, or the address for a discovered one
 * @address: as people write it, with the real port: "tcp:127.0.0.1:8080"
 * @fd: the daemon's descriptor, the service's; belongs to the listeners. For one instance's see hr_listeners_get_fd()
 * @port: TCP or UDP port, else 0
 * @kind: TCP, UDP or Unix
 * @discovered: whether the program bound it
 * @ephemeral: whether it was bound with port 0
 * @passed: whether it was passed to the daemon, so that somebody else has it, too
 * @only_ipv6: whether it is of TCP and no client with an IPv4 address can come in
 */
typedef struct {
  char *name;
  char *address;
  int fd;
  guint16 port;
  HrListenKind kind;
  gboolean discovered;
  gboolean ephemeral;
  gboolean passed;
  gboolean only_ipv6;
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
  int (*get_fd) (HrListeners *self, const HrListener *listener, const char *instance);
  gboolean (*separate) (HrListeners *self, const char *instance, GError **error);
  gboolean (*separate_again) (HrListeners *self, const char *instance, guint permyriad, gboolean sticky,
                              GError **error);
  void (*join) (HrListeners *self, const char *instance, const char *with);
  gboolean (*set_share) (HrListeners *self, const char *instance, guint permyriad, gboolean sticky, GError **error);
  void (*promote) (HrListeners *self, const char *instance);
  void (*rejoin) (HrListeners *self, const char *instance);
  gboolean (*is_separate) (HrListeners *self, const char *instance);
  GInetAddress *(*probe_source) (HrListeners *self, const char *instance);
  int (*count_waiting) (HrListeners *self, const char *instance);
  guint (*count_queued) (HrListeners *self, gboolean left);
  gboolean (*can_hand_on) (HrListeners *self, const char *instance);
  void (*look_at_queue_async) (HrListeners *self, GAsyncReadyCallback callback, gpointer user_data);
  gint64 (*look_at_queue_finish) (HrListeners *self, GAsyncResult *result, GError **error);
};

gboolean hr_listeners_open (HrListeners *self, HrServiceSpec *spec, GError **error);
void hr_listeners_close (HrListeners *self);
GPtrArray *hr_listeners_list (HrListeners *self);
void hr_listeners_revive (HrListeners *self);
int hr_listeners_get_fd (HrListeners *self, const HrListener *listener, const char *instance);

gboolean hr_listeners_separate (HrListeners *self, const char *instance, GError **error);
gboolean hr_listeners_separate_again (HrListeners *self, const char *instance, guint permyriad, gboolean sticky,
                                      GError **error);
void hr_listeners_join (HrListeners *self, const char *instance, const char *with);
gboolean hr_listeners_set_share (HrListeners *self, const char *instance, guint permyriad, gboolean sticky,
                                 GError **error);
void hr_listeners_promote (HrListeners *self, const char *instance);
void hr_listeners_rejoin (HrListeners *self, const char *instance);
gboolean hr_listeners_is_separate (HrListeners *self, const char *instance);
GInetAddress *hr_listeners_probe_source (HrListeners *self, const char *instance);
int hr_listeners_count_waiting (HrListeners *self, const char *instance);
guint hr_listeners_count_queued (HrListeners *self, gboolean left);
gboolean hr_listeners_can_hand_on (HrListeners *self, const char *instance);
void hr_listeners_look_at_queue_async (HrListeners *self, GAsyncReadyCallback callback, gpointer user_data);
gint64 hr_listeners_look_at_queue_finish (HrListeners *self, GAsyncResult *result, GError **error);

G_END_DECLS
