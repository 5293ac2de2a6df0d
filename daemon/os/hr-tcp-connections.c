/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tcp-connections.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-socket-holder.h"

/* The kernel answers from memory; what takes longer than this will not come. */
#define ANSWER_DEADLINE_SEC 2
/* One message of the answer holds some hundred connections. */
#define ANSWER_SIZE (32 * 1024)
/* How long after its beginning a connection on which nothing came counts as busy, and how long after a piece of an
   answer more of it is expected. */
#define BEGINNING_MSEC 100
#define STREAMING_MSEC 50

/* The kernel's numbers; <netinet/tcp.h> has them, too, but an older tcp_info. */
enum { STATE_ESTABLISHED = 1, STATE_CLOSE_WAIT = 8 };

typedef struct {
  const guint16 *ports;
  guint n_ports;
  gboolean busy;
  GArray *inodes; /* guint64, of sockets that some process has accepted */
} Search;

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

static gboolean
is_busy (const struct inet_diag_msg *found, guint length)
{
  struct tcp_info info;

  if (found->idiag_rqueue > 0 || found->idiag_wqueue > 0 || !find_info (found, length, &info))
    return TRUE;
  if (info.tcpi_bytes_received == 0)
    return info.tcpi_last_ack_recv < BEGINNING_MSEC;
  /* The clock behind these is coarse: a question and its answer often have the same time. */
  return info.tcpi_bytes_sent == 0 || info.tcpi_last_data_recv < info.tcpi_last_data_sent
         || info.tcpi_last_data_sent < STREAMING_MSEC;
}

static void
consider (Search *search, const struct inet_diag_msg *found, guint length)
{
  guint16 port = g_ntohs (found->id.idiag_sport);
  guint64 inode = found->idiag_inode;

  for (guint i = 0; inode != 0 && i < search->n_ports; i++)
    if (search->ports[i] == port && (!search->busy || is_busy (found, length)))
      {
        g_array_append_val (search->inodes, inode);
        return;
      }
}

static gboolean
ask (int fd, int family)
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
      /* A peer that has shut down its side may still wait for its answer. */
      .idiag_states = (1 << STATE_ESTABLISHED) | (1 << STATE_CLOSE_WAIT),
    },
  };

  return TEMP_FAILURE_RETRY (send (fd, &message, sizeof message, 0)) == sizeof message;
}

/* Returns whether the answer was whole. */
static gboolean
take_answer (int fd, Search *search)
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
            consider (search, NLMSG_DATA (part), part->nlmsg_len - NLMSG_HDRLEN);
        }
    }
}

/**
 * hr_tcp_connections_count:
 * @pid: a process
 * @ports: (array length=n_ports): local ports
 * @n_ports: how many
 * @busy: whether only those count on which something is under way
 * @error: return location
 *
 * Blocks for as long as reading /proc takes: for worker threads.
 *
 * Returns: how many connections the process and its descendants have there, as far as that can be seen; -1 with a
 *   #GIOErrorEnum set when the kernel does not tell
 */
int
hr_tcp_connections_count (GPid pid, const guint16 *ports, guint n_ports, gboolean busy, GError **error)
{
  static const int families[] = { AF_INET, AF_INET6 };
  const struct timeval patience = { .tv_sec = ANSWER_DEADLINE_SEC };
  g_autoptr (GArray) inodes = g_array_new (FALSE, FALSE, sizeof (guint64));
  Search search = { .ports = ports, .n_ports = n_ports, .busy = busy, .inodes = inodes };
  g_auto (HrFd) fd = socket (AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
    {
      hr_fs_set_error (error, errno, "while asking the kernel for connections");
      return -1;
    }
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if (!ask (fd, families[i]) || !take_answer (fd, &search))
      {
        hr_fs_set_error (error, errno, "while asking the kernel for connections");
        return -1;
      }
  return inodes->len == 0
             ? 0
             : (int)hr_socket_count_held (pid, (const guint64 *)(gpointer)inodes->data, inodes->len, inodes->len);
}
