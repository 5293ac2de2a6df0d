/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * uring-program.c: a server that has an io_uring.
 *
 * No part of the project is linked in, nor liburing. It listens on TEST_PORT and answers each connection with the id of
 * its instance. With "accept" it accepts by way of the ring; with "beside" by accept(), and the ring is for something
 * else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static struct io_uring_params about;
static char *queue, *completions;
static struct io_uring_sqe *entries;

static void
set_up (void)
{
  ring = (int)syscall (SYS_io_uring_setup, 4, &about);
  if (ring < 0)
    abort ();
  queue = mmap (NULL, about.sq_off.array + about.sq_entries * sizeof (unsigned), PROT_READ | PROT_WRITE, MAP_SHARED,
                ring, IORING_OFF_SQ_RING);
  completions = mmap (NULL, about.cq_off.cqes + about.cq_entries * sizeof (struct io_uring_cqe), PROT_READ | PROT_WRITE,
                      MAP_SHARED, ring, IORING_OFF_CQ_RING);
  entries = mmap (NULL, about.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (queue == MAP_FAILED || completions == MAP_FAILED || entries == MAP_FAILED)
    abort ();
}

/* One request and its result. */
static int
ask (struct io_uring_sqe request)
{
  unsigned *tail = (unsigned *)(queue + about.sq_off.tail), *mask = (unsigned *)(queue + about.sq_off.ring_mask);
  unsigned *head = (unsigned *)(completions + about.cq_off.head);
  struct io_uring_cqe *results = (struct io_uring_cqe *)(completions + about.cq_off.cqes);
  unsigned index = *tail & *mask, first;
  int result;

  entries[index] = request;
  ((unsigned *)(queue + about.sq_off.array))[index] = index;
  __atomic_store_n (tail, *tail + 1, __ATOMIC_RELEASE);
  while (syscall (SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
    if (errno != EINTR)
      abort ();
  first = *head;
  result = results[first & *(unsigned *)(completions + about.cq_off.ring_mask)].res;
  __atomic_store_n (head, first + 1, __ATOMIC_RELEASE);
  return result;
}

static int
take (int listener)
{
  struct io_uring_sqe taking = { .opcode = IORING_OP_ACCEPT, .fd = listener };
  struct io_uring_sqe waiting = { .opcode = IORING_OP_POLL_ADD, .fd = listener, .poll_events = POLLIN };
  int fd;

  while ((fd = ask (taking)) == -EAGAIN)
    ask (waiting);
  return fd;
}

int
main (int argc, char **argv)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int listener = socket (AF_INET, SOCK_STREAM, 0), yes = 1, fd;
  const char *id = getenv ("HOTRELOAD_INSTANCE");
  char request[4096];

  set_up ();
  address.sin_port = htons ((in_port_t)atoi (getenv ("TEST_PORT")));
  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind (listener, (struct sockaddr *)&address, sizeof address) < 0 || listen (listener, 10) < 0)
    abort ();
  while ((fd = argc > 1 && strcmp (argv[1], "accept") == 0 ? take (listener) : accept (listener, NULL, NULL)) >= 0)
    {
      if (read (fd, request, sizeof request) > 0 && write (fd, id, strlen (id)) < 0)
        abort ();
      close (fd);
    }
  return 1;
}
