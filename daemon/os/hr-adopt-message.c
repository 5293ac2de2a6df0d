/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-log.h"
#include "hr-scm-rights.h"

/* There is room for more than the one that may come: the kernel closes what finds none before recvmsg() returns. */
static void
take_descriptors (struct cmsghdr *part, int *given, HrCloser *closer)
{
  gsize n_fds = MIN ((part->cmsg_len - CMSG_LEN (0)) / sizeof (int), HR_CLOSER_FDS_MAX);
  int fds[HR_CLOSER_FDS_MAX];
  gsize first = 0;

  memcpy (fds, CMSG_DATA (part), n_fds * sizeof (int));
  if (*given < 0 && n_fds > 0)
    *given = fds[first++];
  hr_closer_close (closer, fds + first, n_fds - first);
}

static void
take_control (struct msghdr *header, int *given, struct ucred *sender, HrCloser *closer)
{
  for (struct cmsghdr *part = CMSG_FIRSTHDR (header); part != NULL; part = CMSG_NXTHDR (header, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
      take_descriptors (part, given, closer);
    else if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS
             && part->cmsg_len == CMSG_LEN (sizeof *sender))
      memcpy (sender, CMSG_DATA (part), sizeof *sender);
}

/**
 * hr_adopt_message_receive:
 * @self: (out caller-allocates): what was asked or said; its descriptor, -1 for none, is the caller's in any case
 * @fd: a connection that does not wait
 * @closer: for descriptors that should not have come
 *
 * Returns: whether there was a message that is whole and of this version
 */
gboolean
hr_adopt_message_receive (HrAdoptMessage *self, int fd, HrCloser *closer)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (HR_CLOSER_FDS_MAX * sizeof (int)) + CMSG_SPACE (sizeof (struct ucred))];
  } control;
  struct iovec data = { .iov_base = &self->request, .iov_len = sizeof self->request };
  struct msghdr header = {
    .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t length = TEMP_FAILURE_RETRY (recvmsg (fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

  self->given = -1;
  self->sender = (struct ucred){ .pid = 0, .uid = (uid_t)-1 };
  if (length < 0)
    return FALSE;
  /* Also of an empty message. */
  take_control (&header, &self->given, &self->sender, closer);
  return length == sizeof self->request && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0
         && self->request.version == HR_ADOPT_VERSION;
}

/**
 * hr_adopt_message_reply:
 * @fd: a connection that does not wait
 * @found: descriptor to give, which stays the caller's; -1 for none
 * @yes: the answer, where it is no descriptor
 */
void
hr_adopt_message_reply (int fd, int found, gboolean yes)
{
  HrAdoptReply message = { .version = HR_ADOPT_VERSION, .found = found >= 0 || yes };
  HrScmRights control;
  struct iovec data = { .iov_base = &message, .iov_len = sizeof message };
  struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

  if (found >= 0)
    hr_scm_rights_attach (&header, &control, &found, 1);
  if (TEMP_FAILURE_RETRY (sendmsg (fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0)
    hr_log_debug (NULL, "an answer about a listener was not taken: %s", g_strerror (errno));
}
