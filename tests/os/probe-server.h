/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * probe-server.h: a server on loopback that answers every connection in one way, well or badly, in a thread of its own.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A server that never ends its answer gives up after so many bytes: whoever reads that far reads without a limit. */
#define PROBE_SERVER_ENDLESS (64 * 1024 * 1024)

/**
 * ProbeAnswer:
 * @bytes: what is sent, once
 * @repeated: (nullable): what is sent again and again after it
 * @holds: whether the connection is left open after it, without a word
 */
typedef struct {
  const char *bytes;
  const char *repeated;
  gboolean holds;
} ProbeAnswer;

typedef struct {
  GThread *thread;
  int fd;
  guint16 port;
  const ProbeAnswer *answer;
  GMutex lock;
  guint connections; /* that came */
  guint64 sent;      /* bytes, of the last */
  char *request;     /* the last */
  char *peer;        /* address from which the last came */
} ProbeServer;

ProbeServer *probe_server_new (const char *address, const ProbeAnswer *answer);
guint probe_server_free (ProbeServer *self);

G_END_DECLS
