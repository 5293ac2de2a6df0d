/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-sent-fds.h: descriptors that came along with a message.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrSentFds:
 * @fds: (array length=n): who keeps one puts -1 in its place; the others are closed when everybody has been told
 * @n: how many
 */
typedef struct {
  int *fds;
  gsize n;
} HrSentFds;

G_END_DECLS
