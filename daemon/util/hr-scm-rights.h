/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-scm-rights.h: descriptors that go along with a message over a Unix socket.
 *
 * No GLib: the adopt library includes this.
 */
#pragma once

#include <string.h>
#include <sys/socket.h>

/* With one message; the kernel takes more, but nothing here sends them. */
#define HR_SCM_RIGHTS_MAX 4

/**
 * HrScmRights:
 *
 * What the kernel reads them from; must be there until the message is sent.
 */
typedef union {
  struct cmsghdr align;
  char space[CMSG_SPACE (HR_SCM_RIGHTS_MAX * sizeof (int))];
} HrScmRights;

/**
 * hr_scm_rights_attach:
 * @header: a message that is to be sent
 * @control: (out caller-allocates): room for them
 * @fds: (array length=n_fds): descriptors, which stay the caller's
 * @n_fds: how many: from 1 to %HR_SCM_RIGHTS_MAX
 */
static inline void
hr_scm_rights_attach (struct msghdr *header, HrScmRights *control, const int *fds, size_t n_fds)
{
  struct cmsghdr *part;

  memset (control, 0, sizeof *control);
  header->msg_control = control;
  header->msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
  part = CMSG_FIRSTHDR (header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  memcpy (CMSG_DATA (part), fds, n_fds * sizeof (int));
}
