/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-group.h: the sockets of one TCP listener: the service's, and those that instances have for themselves.
 *
 * One address, one SO_REUSEPORT group. Most of the time it has one member, the main one, which every instance shares; and
 * until there is a second one the option is not set, so that a stray server is refused. An instance that is separate has
 * a member of its own, which gets a share of the new connections, and which others of its release may join. A member
 * that is neither is kept while its instance accepts from it, and then for handshakes that began in it: a queue ends
 * with its socket. What comes into it is handed to HrRescue.
 *
 * The kernel numbers members in the order of joining and moves the last into the hole that another leaves; the array
 * here does the same. Of the moment in which it has moved and the rule has not, and of the one in which the very first
 * member has joined and there is no rule, it is only known that connections end up in some member.
 *
 * Once the option was set the kernel admits any server of the same user. Were it taken back, such a stray would have a
 * group of its own, which the kernel may prefer to ours: so it stays, and the rule with it. In ours a stray is the last,
 * and gets nothing as long as none of ours joins behind it, or leaves and so hands it its number. While there is one,
 * nobody becomes separate and no member goes. What remains is the moment between the look and the change, and an
 * instance that shuts down its listener meanwhile: that one comes back behind the stray.
 */
#pragma once

#include <gio/gio.h>

#include "hr-rescue.h"
#include "hr-socket-address.h"

G_BEGIN_DECLS

/* Members at a time: two generations, and some that are waited for to become empty. */
#define HR_SOCKET_GROUP_MAX 8
/* How long a member that nobody accepts from is kept after its last connection: a handshake whose packets were lost
 * twice ends within 3 s. */
#define HR_SOCKET_GROUP_LINGER_USEC (4 * G_USEC_PER_SEC)
/* How much longer one with TCP_DEFER_ACCEPT is kept at most, see there how long that lasts: the kernel asks again for
 * the end of a handshake that it had put off at times that lie as far apart. */
#define HR_SOCKET_GROUP_DEFER_MAX_USEC (60 * G_USEC_PER_SEC)

/* Of those that nobody could take for HR_RESCUE_WAIT_USEC, so many are ended at a time: on the main loop. */
#define HR_SOCKET_GROUP_END_MAX 256

typedef struct _HrSocketGroup HrSocketGroup;

/**
 * HrSocketGroupSources:
 * @own: IPv4 address in host order whose connections always go to the separate instance
 * @main: the same for the main socket
 */
typedef struct {
  guint32 own;
  guint32 main;
} HrSocketGroupSources;

HrSocketGroup *hr_socket_group_new (int fd);
void hr_socket_group_set_rescue (HrSocketGroup *self, HrRescue *rescue, const struct sockaddr_storage *reachable);
void hr_socket_group_sweep (HrSocketGroup *self);
void hr_socket_group_free (HrSocketGroup *self);
int hr_socket_group_get_fd (HrSocketGroup *self, const char *instance);
gboolean hr_socket_group_holds (HrSocketGroup *self, guint64 cookie);
void hr_socket_group_enter (HrSocketGroup *self, const char *instance);
void hr_socket_group_leave (HrSocketGroup *self, const char *instance);
gboolean hr_socket_group_separate (HrSocketGroup *self, const char *instance, const HrSocketGroupSources *sources,
                                   GError **error);
void hr_socket_group_join (HrSocketGroup *self, const char *instance);
gboolean hr_socket_group_is_apart (HrSocketGroup *self, const char *instance);
gboolean hr_socket_group_set_share (HrSocketGroup *self, guint share, gboolean sticky, GError **error);
void hr_socket_group_direct (HrSocketGroup *self);
void hr_socket_group_promote (HrSocketGroup *self, const char *instance);
void hr_socket_group_rejoin (HrSocketGroup *self);
int hr_socket_group_count_waiting (HrSocketGroup *self, const char *instance);
guint hr_socket_group_count_queued (HrSocketGroup *self, gboolean left);
gboolean hr_socket_group_can_hand_on (HrSocketGroup *self);
void hr_socket_group_revive (HrSocketGroup *self, const HrSocketAddress *address);

G_END_DECLS
