/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-group-keep.h: what of a group the next daemon needs to go on with it.
 *
 * Sockets that instances have for themselves, and those that were left, belong to a SO_REUSEPORT group as long as anybody
 * has them open. A daemon that knew only the main one would lose what waits in the others.
 */
#pragma once

#include "hr-socket-group.h"

G_BEGIN_DECLS

/**
 * HrSocketGroupPart:
 * @fd: stays the group's
 * @cookie: the kernel's name for the socket
 * @main: whether it is the main one
 * @index: its number in the kernel
 * @instances: ids of those that it was made for, or that may accept from it
 */
typedef struct {
  int fd;
  guint64 cookie;
  gboolean main;
  guint index;
  char **instances;
} HrSocketGroupPart;

void hr_socket_group_part_free (gpointer self);

/* Called when hr_socket_group_describe() would say something else. */
typedef void (*HrSocketGroupFunc) (gpointer user_data);

void hr_socket_group_set_changed_func (HrSocketGroup *self, HrSocketGroupFunc func, gpointer user_data);
GPtrArray *hr_socket_group_describe (HrSocketGroup *self);
void hr_socket_group_restore (HrSocketGroup *self, guint index, GPtrArray *parts, gboolean keeps_rule);
gboolean hr_socket_group_separate_again (HrSocketGroup *self, const char *instance, const HrSocketGroupSources *sources,
                                         guint share, gboolean sticky, GError **error);

G_END_DECLS
