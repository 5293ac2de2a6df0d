/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-group-private.h: the inside of HrSocketGroup, shared by its files: hr-socket-group.c (its members, and which
 * of them gets new connections), hr-socket-group-left.c (what becomes of those in which nobody accepts any more),
 * hr-socket-group-keep.c (how it outlives the daemon).
 */
#pragma once

#include "hr-socket-group-keep.h"
#include "hr-socket-group.h"
#include "hr-traffic.h"

G_BEGIN_DECLS

typedef struct {
  HrSocketGroup *group;
  int fd;
  guint source;       /* while what comes into it is rescued */
  guint64 cookie;     /* the kernel's name for the socket */
  GHashTable *owners; /* ids of instances that it was made for, or that joined one; none: it began as the main one */
  GHashTable *users;  /* ids of instances that may accept from it */
  gint64 busy_at;     /* when somebody last accepted from it or waited in it, monotonic */
  gint64 deferred;    /* how long its handshakes were put off until somebody sent something, microseconds */
  gint64 left_at;     /* when an instance, or the rescue, last accepted from it, or nobody waited in it */
  guint n_ended;      /* connections that were reset, as nobody could take them; told when none waits any more */
} HrSocketMember;

struct _HrSocketGroup {
  GPtrArray *members; /* HrSocketMember, as the kernel numbers them */
  HrSocketMember *main;
  HrSocketMember *own; /* NULL: nobody is separate */
  gboolean gives_back; /* what came into that before its rule was there is for others */
  HrTrafficRule rule;
  HrRescue *rescue; /* NULL: nobody is rescued */
  struct sockaddr_storage reachable;
  HrSocketGroupFunc changed; /* NULL: nobody asks */
  gpointer changed_data;
  guint timer; /* while there is a member to get rid of */
};

/* hr-socket-group.c */
HrSocketMember *hr_socket_group_add (HrSocketGroup *self, int fd);
HrSocketMember *hr_socket_group_member_of (HrSocketGroup *self, const char *instance);
gboolean hr_socket_group_apply (HrSocketGroup *self, GError **error);
gboolean hr_socket_group_has_strays (HrSocketGroup *self);

/* hr-socket-group-left.c */
gboolean hr_socket_group_may_drop (HrSocketGroup *self, const HrSocketMember *member);
void hr_socket_group_drop (HrSocketGroup *self, HrSocketMember *member);
gboolean hr_socket_group_is_left (HrSocketGroup *self, const HrSocketMember *member);
void hr_socket_group_give_back (HrSocketGroup *self);
void hr_socket_group_begin_looking (HrSocketGroup *self);

G_END_DECLS
