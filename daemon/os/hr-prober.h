/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-prober.h: asking an instance once whether it is well.
 *
 * An interface; HrLocalProber is the real one. What is asked, when, and what follows is for the caller to say.
 * A watchdog asks nothing and is none of this.
 */
#pragma once

#include <gio/gio.h>

#include "hr-service-spec.h"
#include "hr-view.h"

G_BEGIN_DECLS

/**
 * HrProbeRequest:
 * @spec: the service
 * @probe: what to ask, expanded
 * @timeout: in microseconds; then the answer has not come
 * @pid: the instance's main process
 * @instance: its id
 * @view: (nullable): where a command sees the files
 * @environment: of a command
 * @source: (nullable): IPv4 address to connect from to what is on the loopback network, so that the instance's own
 *   sockets are reached
 *
 * All members stay the caller's until the probe ends.
 */
typedef struct {
  HrServiceSpec *spec;
  const HrProbeSpec *probe;
  gint64 timeout;
  GPid pid;
  const char *instance;
  HrView *view;
  const char *const *environment;
  GInetAddress *source;
} HrProbeRequest;

#define HR_TYPE_PROBER (hr_prober_get_type ())
G_DECLARE_INTERFACE (HrProber, hr_prober, HR, PROBER, GObject)

struct _HrProberInterface {
  GTypeInterface parent;

  void (*probe_async) (HrProber *self, const HrProbeRequest *request, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*probe_finish) (HrProber *self, GAsyncResult *result, GError **error);
};

void hr_prober_probe_async (HrProber *self, const HrProbeRequest *request, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_prober_probe_finish (HrProber *self, GAsyncResult *result, GError **error);

G_END_DECLS
