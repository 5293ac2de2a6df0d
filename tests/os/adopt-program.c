/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-program.c: a server that binds for itself, in one of the ways in which programs do.
 *
 * No part of the project is linked in. It listens on TEST_HOST and TEST_PORT and answers each connection with the id
 * of its instance. What differs from what the kernel alone would say ends it with a word of why.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define CHECK(condition)                                                                                               \
  do                                                                                                                   \
    if (!(condition))                                                                                                  \
      fail (#condition, __LINE__);                                                                                     \
  while (0)

static int listener = -1;

static void
fail (const char *what, int line)
{
  fprintf (stderr, "line %d: not so: %s (%s)\n", line, what, strerror (errno));
  _exit (1);
}

static int
option_of (int fd, int level, int name)
{
  int value = -1;
  socklen_t length = sizeof value;

  CHECK (getsockopt (fd, level, name, &value, &length) == 0);
  return value;
}

static socklen_t
wanted_address (struct sockaddr_storage *address)
{
  const char *host = getenv ("TEST_HOST");
  in_port_t port = htons ((in_port_t)atoi (getenv ("TEST_PORT")));
  struct sockaddr_in *four = (void *)address;
  struct sockaddr_in6 *six = (void *)address;

  memset (address, 0, sizeof *address);
  if (host != NULL && strchr (host, ':') != NULL)
    {
      six->sin6_family = AF_INET6;
      six->sin6_port = port;
      CHECK (inet_pton (AF_INET6, host, &six->sin6_addr) == 1);
      return sizeof *six;
    }
  four->sin_family = AF_INET;
  four->sin_port = port;
  CHECK (inet_pton (AF_INET, host != NULL && *host != '\0' ? host : "127.0.0.1", &four->sin_addr) == 1);
  return sizeof *four;
}

static int
bound (int type, int extra)
{
  struct sockaddr_storage address;
  socklen_t length = wanted_address (&address);
  int fd = socket (address.ss_family, SOCK_STREAM | type, 0), on = 1;

  CHECK (fd >= 0);
  CHECK (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  /* Before bind(): the socket gets what the one that is bound in its place has. */
  CHECK (setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
  if (extra == IPV6_V6ONLY)
    CHECK (setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
  else if (extra != 0)
    CHECK (setsockopt (fd, SOL_SOCKET, extra, &on, sizeof on) == 0);
  CHECK (bind (fd, (struct sockaddr *)&address, length) == 0);
  return fd;
}

static int
listening (int type)
{
  int fd = bound (type, 0);

  CHECK (listen (fd, 16) == 0);
  return fd;
}

/* One request, one answer. */
static void
answer (int fd)
{
  const char *id = getenv ("HOTRELOAD_INSTANCE");
  char request[1000], text[1000];
  int flags = fcntl (fd, F_GETFL);

  CHECK (flags >= 0 && fcntl (fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
  if (read (fd, request, sizeof request) > 0)
    {
      snprintf (text, sizeof text, "HTTP/1.0 200 OK\r\n\r\n%s", id);
      if (write (fd, text, strlen (text)) < 0)
        CHECK (errno == EPIPE || errno == ECONNRESET);
    }
  close (fd);
}

static void *
serve_blocking (void *data)
{
  for (;;)
    {
      int fd = accept (listener, NULL, NULL);

      /* What accept(2) says of a socket that waits. */
      if (fd < 0)
        {
          CHECK (errno == EINVAL);
          return NULL;
        }
      answer (fd);
    }
}

/* Takes what there is; the socket is one that does not wait, or one that is ready. */
static void
take (bool waits)
{
  do
    {
      int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd < 0)
        {
          CHECK (errno == (waits ? ECONNABORTED : EAGAIN));
          return;
        }
      CHECK ((fcntl (fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl (fd, F_GETFL) & O_NONBLOCK) != 0);
      answer (fd);
  } while (!waits);
}

static void
serve_epoll (unsigned flags, bool waits)
{
  int set = epoll_create1 (EPOLL_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN | flags, .data.ptr = &listener };

  CHECK (epoll_ctl (set, EPOLL_CTL_ADD, listener, &event) == 0);
  for (;;)
    {
      struct epoll_event found[4];
      int n = epoll_wait (set, found, 4, -1);

      CHECK (n == 1 && found[0].data.ptr == &listener);
      take (waits);
      if ((flags & EPOLLONESHOT) != 0)
        CHECK (epoll_ctl (set, EPOLL_CTL_MOD, listener, &event) == 0);
    }
}

static void *
serve_epoll_exclusive (void *data)
{
  serve_epoll (EPOLLEXCLUSIVE, false);
  return NULL;
}

static void
serve_polling (const char *how)
{
  for (;;)
    {
      struct pollfd fds[2] = { { .fd = listener, .events = POLLIN } };
      /* A number that the compiler does not know: then a fortified program calls __poll_chk(). */
      volatile nfds_t n_fds = 1;
      fd_set set;

      FD_ZERO (&set);
      FD_SET (listener, &set);
      if (strcmp (how, "poll") == 0)
        CHECK (poll (fds, n_fds, -1) == 1);
      else if (strcmp (how, "ppoll") == 0)
        CHECK (ppoll (fds, n_fds, NULL, NULL) == 1);
      else if (strcmp (how, "select") == 0)
        CHECK (select (listener + 1, &set, NULL, NULL, NULL) == 1);
      else
        CHECK (pselect (listener + 1, &set, NULL, NULL, NULL, NULL) == 1);
      take (true);
    }
}

/* Waits in accept(), and in poll() for each connection: the one has nothing to do with the other. */
static void
serve_with_polled_connections (void)
{
  for (;;)
    {
      int fd = accept (listener, NULL, NULL);
      struct pollfd request = { .fd = fd, .events = POLLIN };

      CHECK (fd >= 0);
      poll (&request, 1, 5000);
      answer (fd);
    }
}

static void
start_threads (void *(*func) (void *))
{
  pthread_t thread;

  for (int i = 0; i < WORKERS; i++)
    CHECK (pthread_create (&thread, NULL, func, NULL) == 0);
}

static void
serve_in_threads (void *(*func) (void *))
{
  start_threads (func);
  for (;;)
    pause ();
}

static void
serve_in_children (bool each_binds)
{
  int go[2];

  CHECK (pipe (go) == 0);
  if (!each_binds)
    listener = listening (0);
  for (int i = 0; i < WORKERS; i++)
    if (fork () == 0)
      {
        char byte;

        close (go[1]);
        if (each_binds)
          listener = bound (0, SO_REUSEPORT);
        /* All at once. */
        CHECK (read (go[0], &byte, 1) == 0);
        if (each_binds)
          CHECK (listen (listener, 16) == 0);
        serve_blocking (NULL);
      }
  if (each_binds)
    usleep (100 * 1000);
  close (go[1]);
  for (;;)
    pause ();
}

static void
make_copies (void)
{
  int original = listening (0), copies[4];

  copies[0] = dup (original);
  copies[1] = dup2 (copies[0], 100);
  copies[2] = dup3 (copies[1], 101, O_CLOEXEC);
  copies[3] = fcntl (copies[2], F_DUPFD_CLOEXEC, 102);
  CHECK (copies[3] >= 102 && option_of (copies[3], SOL_SOCKET, SO_ACCEPTCONN) == 1);
  close (original);
  for (int i = 0; i < 3; i++)
    close (copies[i]);
  listener = copies[3];
  CHECK (fcntl (listener, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
}

static void
set_non_blocking (const char *how)
{
  int on = 1;

  listener = listening (strcmp (how, "socket") == 0 ? SOCK_NONBLOCK : 0);
  if (strcmp (how, "fcntl") == 0)
    CHECK (fcntl (listener, F_SETFL, fcntl (listener, F_GETFL) | O_NONBLOCK) == 0);
  else if (strcmp (how, "ioctl") == 0)
    CHECK (ioctl (listener, FIONBIO, &on) == 0);
  CHECK ((fcntl (listener, F_GETFL) & O_NONBLOCK) != 0);
}

/* Closes, and binds the same again: as servers do that read their configuration anew. */
static void
bind_again (void)
{
  close (listening (0));
  CHECK (shutdown (listener = listening (0), SHUT_RDWR) == 0);
  errno = 0;
  CHECK (accept (listener, NULL, NULL) < 0 && errno == EINVAL);
  close (listener);
  listener = listening (0);
}

static void
check_address (const struct sockaddr_storage *address, socklen_t length, const struct sockaddr_storage *wanted)
{
  CHECK (address->ss_family == wanted->ss_family);
  if (wanted->ss_family == AF_INET)
    CHECK (length == sizeof (struct sockaddr_in));
  else
    CHECK (length == sizeof (struct sockaddr_in6));
}

/* What the socket says of itself and of its peers. */
static void
serve_names (bool v6only)
{
  struct sockaddr_storage wanted, name;
  socklen_t length = sizeof name;
  struct timeval patience = { .tv_sec = 20 };

  wanted_address (&wanted);
  listener = bound (0, v6only ? IPV6_V6ONLY : 0);
  CHECK (option_of (listener, SOL_SOCKET, SO_ACCEPTCONN) == 0);
  CHECK (listen (listener, 1) == 0);
  CHECK (option_of (listener, SOL_SOCKET, SO_ACCEPTCONN) == 1);
  CHECK (option_of (listener, SOL_SOCKET, SO_REUSEADDR) == 1);
  CHECK (option_of (listener, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
  CHECK (option_of (listener, SOL_SOCKET, SO_DOMAIN) == wanted.ss_family);
  CHECK (option_of (listener, SOL_SOCKET, SO_ERROR) == 0);
  CHECK (getsockname (listener, (struct sockaddr *)&name, &length) == 0);
  check_address (&name, length, &wanted);
  CHECK (((struct sockaddr_in *)&name)->sin_port == ((struct sockaddr_in *)&wanted)->sin_port);
  CHECK ((fcntl (listener, F_GETFL) & O_NONBLOCK) == 0 && (fcntl (listener, F_GETFD) & FD_CLOEXEC) == 0);
  CHECK (setsockopt (listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  for (;;)
    {
      int fd;

      length = sizeof name;
      fd = accept (listener, (struct sockaddr *)&name, &length);
      CHECK (fd >= 0);
      check_address (&name, length, &wanted);
      if (name.ss_family == AF_INET)
        CHECK (((struct sockaddr_in *)&name)->sin_addr.s_addr == htonl (INADDR_LOOPBACK));
      CHECK (option_of (fd, IPPROTO_TCP, TCP_NODELAY) == 1);
      answer (fd);
    }
}

static void
send_listener (int over)
{
  char space[CMSG_SPACE (sizeof (int))] = { 0 };
  struct iovec data = { .iov_base = (char *)"x", .iov_len = 1 };
  struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };

  CMSG_FIRSTHDR (&header)->cmsg_level = SOL_SOCKET;
  CMSG_FIRSTHDR (&header)->cmsg_type = SCM_RIGHTS;
  CMSG_FIRSTHDR (&header)->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (CMSG_FIRSTHDR (&header)), &listener, sizeof (int));
  CHECK (sendmsg (over, &header, 0) == 1);
}

static void
receive_listener (int over)
{
  char space[CMSG_SPACE (sizeof (int))], byte;
  struct iovec data = { .iov_base = &byte, .iov_len = 1 };
  struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };

  CHECK (recvmsg (over, &header, 0) == 1 && CMSG_FIRSTHDR (&header) != NULL);
  memcpy (&listener, CMSG_DATA (CMSG_FIRSTHDR (&header)), sizeof (int));
}

/* Another program, that has done nothing but this, is given the socket. */
static void
serve_elsewhere (const char *self, bool sends)
{
  int ends[2];
  char number[16];

  listener = listening (0);
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  snprintf (number, sizeof number, "%d", sends ? ends[1] : listener);
  if (sends)
    CHECK (fcntl (listener, F_SETFD, FD_CLOEXEC) == 0);
  if (fork () == 0)
    {
      execl (self, self, sends ? "receive" : "inherit", number, NULL);
      CHECK (false);
    }
  if (sends)
    send_listener (ends[0]);
  close (listener);
  for (;;)
    pause ();
}

static void
on_term (int number)
{
  shutdown (listener, SHUT_RDWR);
}

/* Ends as such programs do: what waits in accept() is woken by shutdown(). */
static void
serve_until_shut (bool by_handler)
{
  struct sigaction action = { .sa_handler = on_term, .sa_flags = SA_RESTART };
  pthread_t thread;
  sigset_t set;
  int number;

  if (by_handler)
    {
      CHECK (sigaction (SIGTERM, &action, NULL) == 0);
      serve_blocking (NULL);
      exit (0);
    }
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  CHECK (pthread_sigmask (SIG_BLOCK, &set, NULL) == 0);
  CHECK (pthread_create (&thread, NULL, serve_blocking, NULL) == 0);
  CHECK (sigwait (&set, &number) == 0);
  CHECK (shutdown (listener, SHUT_RD) == 0);
  CHECK (pthread_join (thread, NULL) == 0);
  exit (0);
}

static void
serve (const char *how, char **argv)
{
  if (strcmp (how, "reuseport") == 0 || strcmp (how, "prefork") == 0)
    serve_in_children (how[0] == 'r');
  else if (strcmp (how, "names") == 0 || strcmp (how, "v6only") == 0)
    serve_names (how[0] == 'v');
  else if (strcmp (how, "exec") == 0 || strcmp (how, "send") == 0)
    serve_elsewhere (argv[0], how[0] == 's');
  else if (strcmp (how, "copies") == 0)
    make_copies ();
  else if (strncmp (how, "nonblock-", 9) == 0)
    set_non_blocking (how + 9);
  else if (strcmp (how, "again") == 0)
    bind_again ();
  else if (strcmp (how, "receive") == 0)
    receive_listener (atoi (argv[2]));
  else if (strcmp (how, "inherit") == 0)
    listener = atoi (argv[2]);
  else
    listener = listening (strncmp (how, "epoll", 5) == 0 && strcmp (how, "epoll-blocking") != 0 ? SOCK_NONBLOCK : 0);
}

int
main (int argc, char **argv)
{
  const char *how = argv[1];

  signal (SIGPIPE, SIG_IGN);
  serve (how, argv);
  if (strcmp (how, "epoll-level") == 0 || strncmp (how, "nonblock-", 9) == 0 || strcmp (how, "copies") == 0)
    serve_epoll (0, false);
  else if (strcmp (how, "epoll-edge") == 0)
    serve_epoll (EPOLLET, false);
  else if (strcmp (how, "epoll-oneshot") == 0)
    serve_epoll (EPOLLONESHOT, false);
  else if (strcmp (how, "epoll-exclusive") == 0)
    serve_in_threads (serve_epoll_exclusive);
  else if (strcmp (how, "epoll-blocking") == 0)
    serve_epoll (0, true);
  else if (strcmp (how, "threads") == 0)
    serve_in_threads (serve_blocking);
  else if (strcmp (how, "polled-connections") == 0)
    serve_with_polled_connections ();
  else if (strncmp (how, "shut-by-", 8) == 0)
    serve_until_shut (strcmp (how, "shut-by-handler") == 0);
  else if (strstr (how, "poll") != NULL || strstr (how, "select") != NULL)
    serve_polling (how);
  else
    serve_blocking (NULL);
}
