/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-keep-message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-fd.h"

/**
 * hr_keep_message_send:
 * @fd: a connection
 * @what: what it says
 * @key: at most %HR_KEEP_KEY_MAX bytes
 * @data: at most %HR_KEEP_DATA_MAX bytes
 * @given: descriptor to send along, which stays the caller's; -1 for none
 *
 * Does not wait.
 *
 * Returns: whether it was sent; else errno says why
 */
gboolean
hr_keep_message_send (int fd, HrKeepWhat what, const char *key, const char *data, int given)
{
  HrKeepMessage message = { .version = HR_KEEP_VERSION, .what = what };
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec part = { .iov_base = &message, .iov_len = sizeof message };
  struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

  g_strlcpy (message.key, key, sizeof message.key);
  g_strlcpy (message.data, data, sizeof message.data);
  if (given >= 0)
    {
      header.msg_control = &control;
      header.msg_controllen = sizeof control;
      CMSG_FIRSTHDR (&header)->cmsg_level = SOL_SOCKET;
      CMSG_FIRSTHDR (&header)->cmsg_type = SCM_RIGHTS;
      CMSG_FIRSTHDR (&header)->cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (CMSG_FIRSTHDR (&header)), &given, sizeof (int));
    }
  return TEMP_FAILURE_RETRY (sendmsg (fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL)) == (ssize_t)sizeof message;
}

/**
 * hr_keep_message_receive:
 * @fd: a connection
 * @message: (out caller-allocates): what came
 * @given: (out): the descriptor that came along, for the caller to close; -1: none did
 *
 * Returns: whether there was a message that is whole and of this version
 */
gboolean
hr_keep_message_receive (int fd, HrKeepMessage *message, int *given)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int))];
  } control;
  struct iovec part = { .iov_base = message, .iov_len = sizeof *message };
  struct msghdr header = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t length = TEMP_FAILURE_RETRY (recvmsg (fd, &header, MSG_CMSG_CLOEXEC));
  struct cmsghdr *rights = length > 0 ? CMSG_FIRSTHDR (&header) : NULL;
  g_auto (HrFd) found = -1;

  *given = -1;
  if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS
      && rights->cmsg_len == CMSG_LEN (sizeof (int)))
    memcpy (&found, CMSG_DATA (rights), sizeof (int));
  if (length != (ssize_t)sizeof *message || message->version != HR_KEEP_VERSION
      || memchr (message->key, '\0', sizeof message->key) == NULL
      || memchr (message->data, '\0', sizeof message->data) == NULL)
    return FALSE;
  *given = hr_fd_steal (&found);
  return TRUE;
}
