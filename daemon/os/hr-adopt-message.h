/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-message.h: the daemon's side of hr-adopt-protocol.h: what comes and goes on a connection.
 */
#pragma once

#include <glib.h>
#include <sys/socket.h>

#include "hr-adopt-protocol.h"
#include "hr-closer.h"

G_BEGIN_DECLS

/**
 * HrAdoptMessage:
 * @request: what a process asks or says
 * @given: a descriptor that came along, or -1
 * @sender: the process, as the kernel knows it
 */
typedef struct {
  HrAdoptRequest request;
  int given;
  struct ucred sender;
} HrAdoptMessage;

gboolean hr_adopt_message_receive (HrAdoptMessage *self, int fd, HrCloser *closer);
void hr_adopt_message_reply (int fd, int found, gboolean yes);

G_END_DECLS
