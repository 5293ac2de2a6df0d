/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-server.h: the daemon's end of one instance's $HOTRELOAD_ADOPT.
 *
 * libhotreload-adopt.so asks here when the program binds, gives what the program listens on by itself, and says when
 * it listens. Where sockets are only passed, it says that alone. What it does in accept() can be ended through memory
 * that is shared with it. Only processes of the instance are answered, and of descriptors only stream sockets that
 * listen are kept.
 */
#pragma once

#include "hr-owner.h"
#include "hr-adopt-protocol.h"
#include "hr-socket-listeners.h"

G_BEGIN_DECLS

/* Questions at a time; the library of one more waits, then binds for itself. */
#define HR_ADOPT_CONNECTIONS_MAX 64

/**
 * HrAdoptFunc:
 * @user_data: what was given to hr_adopt_server_new()
 *
 * The program listens. May free the server.
 */
typedef void (*HrAdoptFunc) (gpointer user_data);

typedef struct _HrAdoptServer HrAdoptServer;

HrAdoptServer *hr_adopt_server_new (const char *runtime_dir, const char *instance, HrSocketListeners *listeners,
                                    gboolean adopts, HrAdoptFunc func, gpointer user_data, GError **error);
gboolean hr_adopt_server_set_owner (HrAdoptServer *self, HrOwner owner, GError **error);
void hr_adopt_server_free (HrAdoptServer *self);
void hr_adopt_server_resume (HrAdoptServer *self);
const char *hr_adopt_server_get_value (HrAdoptServer *self);
gboolean hr_adopt_server_retire (HrAdoptServer *self);
void hr_adopt_server_set_stage (HrAdoptServer *self, HrAdoptStage stage, const guint16 *ports, guint n_ports);
gboolean hr_adopt_server_has_accepted (HrAdoptServer *self);
gboolean hr_adopt_server_may_accept (HrAdoptServer *self);
void hr_adopt_server_measure_wait (HrAdoptServer *self, gboolean measure);
gint64 hr_adopt_server_get_wait (HrAdoptServer *self);
guint hr_adopt_server_count_handling (HrAdoptServer *self);
void hr_adopt_server_set_leader (HrAdoptServer *self, GPid leader);

G_END_DECLS
