/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-server-private.h: the inside of HrAdoptServer, shared by its files: hr-adopt-server.c (what the daemon asks
 * of it), hr-adopt-connection.c (what processes ask, and in which order they are answered).
 */
#pragma once

#include "hr-adopt-files.h"
#include "hr-adopt-gate.h"
#include "hr-adopt-server.h"
#include "hr-closer.h"

G_BEGIN_DECLS

typedef struct _HrAdoptConnection HrAdoptConnection;

struct _HrAdoptServer {
  char *instance;
  char *address;
  char *value;
  int fd;
  guint source;
  guint retry; /* while it does not accept, for a reason that passes */
  HrCloser *closer;
  GPid leader;
  HrOwner owner;
  HrSocketListeners *listeners;
  gboolean adopts;
  HrAdoptGate *gate; /* NULL: the program has not begun to accept */
  gboolean measures_wait;
  GPtrArray *connections;
  HrAdoptFiles *files;
  guint64 last_question; /* number of the question that came last */
  guint resume;          /* while questions may be answered that waited for others */
  HrAdoptFunc func;
  gpointer user_data;
};

void hr_adopt_server_drop (HrAdoptServer *self, HrAdoptConnection *connection);

HrAdoptConnection *hr_adopt_connection_new (HrAdoptServer *server, int fd);
void hr_adopt_connection_free (gpointer self);

G_END_DECLS
