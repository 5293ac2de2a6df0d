/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tcp-diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

/* The kernel answers from memory; what takes longer than this will not come. */
#define ANSWER_DEADLINE_SEC 2
/* One message of the answer holds some hundred connections. */
#define ANSWER_SIZE (32 * 1024)

/* The kernel's numbers; <netinet/tcp.h> has them, too, but an older tcp_info. */
enum { STATE_ESTABLISHED = 1, STATE_CLOSE_WAIT = 8, STATE_LISTEN = 10 };

/* A peer that has shut down its side may still wait for its answer. */
#define CONNECTIONS ((1 << STATE_ESTABLISHED) | (1 << STATE_CLOSE_WAIT))
#define LISTENERS (1 << STATE_LISTEN)

/* What the kernel says of the connection behind its message; %FALSE when it does not. */
static gboolean
find_info (const struct inet_diag_msg *found, guint length, struct tcp_info *info)
{
  guint left = length - (guint)sizeof *found;

  for (const struct rtattr *part = (gconstpointer)(found + 1); RTA_OK (part, left); part = RTA_NEXT (part, left))
    if (part->rta_type == INET_DIAG_INFO)
      {
        memset (info, 0, sizeof *info);
        memcpy (info, RTA_DATA (part), MIN (sizeof *info, RTA_PAYLOAD (part)));
        return TRUE;
      }
  return FALSE;
}

static void
tell (const struct inet_diag_msg *found, guint length, HrTcpDiagFunc func, gpointer user_data)
{
  struct tcp_info info;

  func (found, find_info (found, length, &info) ? &info : NULL, user_data);
}

static gboolean
ask (int fd, int family, guint32 states)
{
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
  } message = {
    .header = {
      .nlmsg_len = sizeof message,
      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
    },
    .request = {
      .sdiag_family = (guint8)family,
      .sdiag_protocol = IPPROTO_TCP,
      .idiag_ext = 1 << (INET_DIAG_INFO - 1),
      .idiag_states = states,
    },
  };

  return TEMP_FAILURE_RETRY (send (fd, &message, sizeof message, 0)) == sizeof message;
}

/* Returns whether the answer was whole. */
static gboolean
take_answer (int fd, HrTcpDiagFunc func, gpointer user_data)
{
  g_autofree char *buffer = g_malloc (ANSWER_SIZE);

  for (;;)
    {
      ssize_t length = TEMP_FAILURE_RETRY (recv (fd, buffer, ANSWER_SIZE, 0));
      guint left = length > 0 ? (guint)length : 0;

      if (length <= 0)
        return FALSE;
      for (struct nlmsghdr *part = (gpointer)buffer; NLMSG_OK (part, left); part = NLMSG_NEXT (part, left))
        {
          if (part->nlmsg_type == NLMSG_DONE)
            return TRUE;
          if (part->nlmsg_type == NLMSG_ERROR)
            {
              errno = -((const struct nlmsgerr *)NLMSG_DATA (part))->error;
              return FALSE;
            }
          if (part->nlmsg_len >= NLMSG_LENGTH (sizeof (struct inet_diag_msg)))
            tell (NLMSG_DATA (part), part->nlmsg_len - NLMSG_HDRLEN, func, user_data);
        }
    }
}

static gboolean
list (guint32 states, HrTcpDiagFunc func, gpointer user_data, GError **error)
{
  static const int families[] = { AF_INET, AF_INET6 };
  const struct timeval patience = { .tv_sec = ANSWER_DEADLINE_SEC };
  g_auto (HrFd) fd = socket (AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  gboolean whole = fd >= 0 && setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;

  for (guint i = 0; whole && i < G_N_ELEMENTS (families); i++)
    whole = ask (fd, families[i], states) && take_answer (fd, func, user_data);
  if (!whole)
    hr_fs_set_error (error, errno, "while asking the kernel for connections");
  return whole;
}

/**
 * hr_tcp_diag_list:
 * @func: called for each connection
 * @user_data: for @func
 * @error: return location
 *
 * Blocks for as long as the kernel takes, which goes with the number of connections: only for worker threads.
 *
 * Returns: whether it told them all; else a #GIOErrorEnum
 */
gboolean
hr_tcp_diag_list (HrTcpDiagFunc func, gpointer user_data, GError **error)
{
  return list (CONNECTIONS, func, user_data, error);
}

/**
 * hr_tcp_diag_list_listeners:
 * @func: called for each socket that listens
 * @user_data: for @func
 * @error: return location
 *
 * The kernel keeps these apart and there are few: it answers at once.
 *
 * Returns: whether it told them all; else a #GIOErrorEnum
 */
gboolean
hr_tcp_diag_list_listeners (HrTcpDiagFunc func, gpointer user_data, GError **error)
{
  return list (LISTENERS, func, user_data, error);
}
