/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hotreload-adopt.c: libhotreload-adopt.so, preloaded into programs that bind for themselves.
 *
 * When the program binds a TCP address for which the daemon holds a listener, it gets that one in place of its own;
 * when it listens on what it bound alone, the daemon gets a copy for the next instance. Several instances then accept
 * from one socket. Since O_NONBLOCK belongs to the socket and not to a descriptor, it is always set for shared ones
 * that are accepted from, and what the program asked for is acted here: an accept() that is to wait, waits. When the
 * successor serves, the old instance's accept() acts as if nobody connected any more (adopt-gate.h).
 *
 * Where listeners are passed and not adopted, bind() and what the program makes itself are left alone: only what was
 * passed is shared, and watched for the program being ready.
 *
 * Only TCP over IPv4 and IPv6 is touched, and only calls that go through libc. Whatever fails, the program's own call
 * is made. Nothing here may allocate, lock, log, or change errno without reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "adopt-client.h"
#include "adopt-gate.h"
#include "adopt-real.h"
#include "adopt-table.h"
#include "hr-names.h"

#define EXPORT __attribute__ ((visibility ("default")))

/* How long an accept() that may not accept takes: the queue is the successor's, but poll() says that there is something
   in it, and the program would run in circles. */
#define RETIRED_NAP_NSEC (1000 * 1000)

enum { STATE_NEW, STATE_STARTING, STATE_OFF, STATE_WATCH, STATE_ADOPT };

static int state = STATE_NEW;
static int has_reported;
/* Whether this thread asked poll() or select(), and got an answer, since its last accept(). */
static __thread bool has_looked __attribute__ ((tls_model ("initial-exec")));

static int
get_option (int fd, int level, int name)
{
  int value = -1;
  socklen_t length = sizeof value;
  int saved = errno;

  if (getsockopt (fd, level, name, &value, &length) < 0)
    value = -1;
  errno = saved;
  return value;
}

static bool
is_tcp (int fd)
{
  int domain = get_option (fd, SOL_SOCKET, SO_DOMAIN);

  return (domain == AF_INET || domain == AF_INET6) && get_option (fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
}

/* Sockets that came as LISTEN_FDS are shared too. LISTEN_PID does not matter: a shell may have started the program, and
   what is open and listens before a program has begun was given to it. */
static void
add_passed (void)
{
  const char *count = getenv ("LISTEN_FDS");

  for (long i = 0, n = count != NULL ? strtol (count, NULL, 10) : 0; i < n && i < ADOPT_TABLE_MAX; i++)
    if (is_tcp (HR_LISTEN_FDS_START + (int)i)
        && get_option (HR_LISTEN_FDS_START + (int)i, SOL_SOCKET, SO_ACCEPTCONN) == 1)
      adopt_table_add (HR_LISTEN_FDS_START + (int)i, false);
}

/* What the daemon wants to know. Other libraries' constructors may call before ours has run. */
static int
get_state (void)
{
  int now = __atomic_load_n (&state, __ATOMIC_ACQUIRE), expected = STATE_NEW;

  if (now == STATE_NEW
      && __atomic_compare_exchange_n (&state, &expected, STATE_STARTING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
      AdoptMode mode = adopt_client_init ();

      now = mode == ADOPT_ALL ? STATE_ADOPT : mode == ADOPT_WATCH ? STATE_WATCH : STATE_OFF;
      if (now != STATE_OFF)
        add_passed ();
      __atomic_store_n (&state, now, __ATOMIC_RELEASE);
    }
  return now;
}

/* Whether shared sockets are cared for. */
static bool
is_on (void)
{
  return get_state () >= STATE_WATCH;
}

/* Whether the daemon is asked at bind(), and given what the program listens on. */
static bool
adopts (void)
{
  return get_state () == STATE_ADOPT;
}

__attribute__ ((constructor)) static void
start (void)
{
  get_state ();
}

/* Once is enough: it is about the program being ready. */
static void
report_listening (void)
{
  if (__atomic_exchange_n (&has_reported, 1, __ATOMIC_ACQ_REL))
    return;
  /* Before the daemon is busy with what the report makes it do. */
  adopt_gate_open ();
  adopt_client_ask (HR_ADOPT_LISTENING, NULL, 0, -1);
}

static void
report_if_shared (int fd)
{
  if (is_on () && !__atomic_load_n (&has_reported, __ATOMIC_ACQUIRE) && adopt_table_find (fd) != NULL)
    report_listening ();
}

/* What accepted connections inherit from the socket that accepts. */
static void
copy_options (int from, int to)
{
  static const struct {
    int level, name;
  } options[] = {
    { SOL_SOCKET, SO_KEEPALIVE },      { SOL_SOCKET, SO_OOBINLINE },  { SOL_SOCKET, SO_PRIORITY },
    { IPPROTO_TCP, TCP_NODELAY },      { IPPROTO_TCP, TCP_KEEPIDLE }, { IPPROTO_TCP, TCP_KEEPINTVL },
    { IPPROTO_TCP, TCP_KEEPCNT },      { IPPROTO_TCP, TCP_LINGER2 },  { IPPROTO_TCP, TCP_USER_TIMEOUT },
    { IPPROTO_TCP, TCP_DEFER_ACCEPT },
  };

  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    {
      int wanted = get_option (from, options[i].level, options[i].name);

      if (wanted >= 0 && wanted != get_option (to, options[i].level, options[i].name))
        setsockopt (to, options[i].level, options[i].name, &wanted, sizeof wanted);
    }
}

static int
flags_of (int fd)
{
  return REAL (fcntl) (fd, F_GETFL);
}

/* Puts the daemon's listener in the place of the program's own socket. */
static int
take_over (int fd, int held)
{
  bool close_on_exec = (REAL (fcntl) (fd, F_GETFD) & FD_CLOEXEC) != 0;
  bool non_blocking = (flags_of (fd) & O_NONBLOCK) != 0;
  int result;

  copy_options (fd, held);
  adopt_table_add (held, non_blocking);
  result = dup3 (held, fd, close_on_exec ? O_CLOEXEC : 0);
  close (held);
  return result < 0 ? -1 : 0;
}

static bool
port_of (const struct sockaddr *address, socklen_t length, unsigned *port)
{
  if (address != NULL && address->sa_family == AF_INET && length >= sizeof (struct sockaddr_in))
    *port = ntohs (((const struct sockaddr_in *)(const void *)address)->sin_port);
  else if (address != NULL && address->sa_family == AF_INET6 && length >= sizeof (struct sockaddr_in6))
    *port = ntohs (((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
  else
    return false;
  return true;
}

EXPORT int
bind (int fd, __CONST_SOCKADDR_ARG name, socklen_t length)
{
  const struct sockaddr *address = name.__sockaddr__;
  unsigned port;
  int held, result;

  if (!adopts () || !port_of (address, length, &port) || !is_tcp (fd))
    return REAL (bind) (fd, name, length);
  held = port != 0 ? adopt_client_ask (HR_ADOPT_BIND, address, length, -1) : -1;
  if (held >= 0)
    return take_over (fd, held);
  result = REAL (bind) (fd, name, length);
  if (result == 0 && port == 0)
    adopt_free_ports_add (fd);
  if (result < 0 && errno == EADDRINUSE && port != 0)
    {
      held = adopt_client_ask (HR_ADOPT_BIND_IN_USE, address, length, -1);
      if (held >= 0)
        return take_over (fd, held);
    }
  return result;
}

/* The program listens on what it bound alone. */
static int
listen_alone (int fd, int backlog)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  unsigned port = 0;
  bool has_address = getsockname (fd, (struct sockaddr *)&address, &length) == 0
                     && port_of ((struct sockaddr *)&address, length, &port);
  bool free_port = port == 0 || adopt_free_ports_find (fd);
  int result;

  if (has_address && free_port)
    {
      int held = adopt_client_ask (HR_ADOPT_BIND_FREE, (struct sockaddr *)&address, length, -1);

      if (held >= 0)
        {
          result = take_over (fd, held);
          report_listening ();
          return result;
        }
    }
  result = REAL (listen) (fd, backlog);
  if (result < 0)
    return result;
  adopt_table_add (fd, (flags_of (fd) & O_NONBLOCK) != 0);
  __atomic_store_n (&has_reported, 1, __ATOMIC_RELEASE);
  adopt_gate_open ();
  adopt_client_ask (free_port ? HR_ADOPT_DISCOVERED_FREE : HR_ADOPT_DISCOVERED, NULL, 0, fd);
  return result;
}

EXPORT int
listen (int fd, int backlog)
{
  if (!is_on () || !is_tcp (fd))
    return REAL (listen) (fd, backlog);
  if (adopt_table_find (fd) == NULL)
    return adopts () ? listen_alone (fd, backlog) : REAL (listen) (fd, backlog);
  /* It listens already, with a longer queue than most programs ask for. */
  if (get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 && REAL (listen) (fd, SOMAXCONN) < 0)
    return -1;
  report_listening ();
  return 0;
}

/* Whether a call that a signal interrupts is to go on by itself: all handlers of the program say so. */
static bool
handlers_restart (void)
{
  struct sigaction action;

  for (int number = 1; number < NSIG; number++)
    if (sigaction (number, NULL, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN
        && (action.sa_flags & SA_RESTART) == 0)
      return false;
  return true;
}

/* Waits for a connection as a blocking accept() would, also for one that will not come. Returns whether to try again;
   else errno is set. */
static bool
await_connection (int fd, bool will_come)
{
  struct pollfd connection = { .fd = will_come ? fd : -1, .events = POLLIN };
  struct timeval limit = { 0 };
  socklen_t length = sizeof limit;
  int milliseconds = -1, result;

  if (getsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &length) == 0 && (limit.tv_sec != 0 || limit.tv_usec != 0))
    milliseconds = (int)(limit.tv_sec * 1000 + limit.tv_usec / 1000);
  result = REAL (poll) (&connection, 1, milliseconds);
  if (result == 0)
    errno = EAGAIN;
  return result > 0 || (result < 0 && errno == EINTR && milliseconds < 0 && handlers_restart ());
}

/* The connection that poll() spoke of is another's, or must be left to it. A program that waits in poll() must not be
   held in accept(), where it would be deaf to everything else; one that waits in accept() is. Returns whether to try
   again; else errno is set. */
static bool
miss_connection (int fd, bool waits, bool looked, bool will_come)
{
  if (waits && !looked)
    return await_connection (fd, will_come);
  if (!will_come)
    nanosleep (&(struct timespec){ .tv_nsec = RETIRED_NAP_NSEC }, NULL);
  errno = waits ? ECONNABORTED : EAGAIN;
  return false;
}

/* Before each accept(): another holder may have set the socket to blocking, and a program that does not want to wait
   must not. Returns whether the program waits. */
static bool
prepare_accept (int fd, const AdoptEntry *entry)
{
  int flags = flags_of (fd);

  report_if_shared (fd);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0)
    REAL (fcntl) (fd, F_SETFL, flags | O_NONBLOCK);
  return !__atomic_load_n (&entry->non_blocking, __ATOMIC_ACQUIRE);
}

EXPORT int
accept4 (int fd, __SOCKADDR_ARG name, socklen_t *restrict length, int flags)
{
  const AdoptEntry *entry = is_on () ? adopt_table_find (fd) : NULL;
  HrAdoptPage *page;
  bool looked = has_looked, waits, again;
  int result;

  if (entry == NULL)
    return REAL (accept4) (fd, name, length, flags);
  waits = prepare_accept (fd, entry);
  has_looked = false;
  do
    {
      bool open = adopt_gate_enter (&page);

      result = open ? REAL (accept4) (fd, name, length, flags) : -1;
      if (open)
        adopt_gate_leave (page);
      again = (!open || (result < 0 && errno == EAGAIN)) && miss_connection (fd, waits, looked, open);
  } while (again);
  return result;
}

EXPORT int
accept (int fd, __SOCKADDR_ARG name, socklen_t *restrict length)
{
  return accept4 (fd, name, length, 0);
}

EXPORT int
shutdown (int fd, int how)
{
  /* It would end the socket for every instance. */
  if (is_on () && adopt_table_find (fd) != NULL)
    return 0;
  return REAL (shutdown) (fd, how);
}

EXPORT int
ioctl (int fd, unsigned long request, ...)
{
  AdoptEntry *entry;
  va_list args;
  void *argument;

  va_start (args, request);
  argument = va_arg (args, void *);
  va_end (args);
  entry = request == FIONBIO && argument != NULL && is_on () ? adopt_table_find (fd) : NULL;
  if (entry == NULL)
    return REAL (ioctl) (fd, request, argument);
  __atomic_store_n (&entry->non_blocking, *(const int *)argument != 0, __ATOMIC_RELEASE);
  return 0;
}

/* F_GETFL and F_SETFL speak of what the program wants; everything else goes through. */
static int
control (int fd, int command, void *argument, __typeof__ (&fcntl) real)
{
  AdoptEntry *entry = (command == F_GETFL || command == F_SETFL) && is_on () ? adopt_table_find (fd) : NULL;
  int flags = (int)(intptr_t)argument;

  if (entry == NULL)
    return real (fd, command, argument);
  if (command == F_SETFL)
    {
      __atomic_store_n (&entry->non_blocking, (flags & O_NONBLOCK) != 0, __ATOMIC_RELEASE);
      return real (fd, F_SETFL, flags | O_NONBLOCK);
    }
  flags = real (fd, F_GETFL);
  if (flags < 0)
    return flags;
  return (flags & ~O_NONBLOCK) | (__atomic_load_n (&entry->non_blocking, __ATOMIC_ACQUIRE) ? O_NONBLOCK : 0);
}

EXPORT int
fcntl (int fd, int command, ...)
{
  va_list args;
  void *argument;

  va_start (args, command);
  argument = va_arg (args, void *);
  va_end (args);
  return control (fd, command, argument, REAL (fcntl));
}

EXPORT int
fcntl64 (int fd, int command, ...)
{
  va_list args;
  void *argument;

  va_start (args, command);
  argument = va_arg (args, void *);
  va_end (args);
  return control (fd, command, argument, REAL (fcntl64));
}

/* Only reads; not const, because glibc says of poll() that it does not read what it is given. */
static void
report_polled (struct pollfd *fds, nfds_t n_fds)
{
  if (__atomic_load_n (&has_reported, __ATOMIC_ACQUIRE))
    return;
  for (nfds_t i = 0; i < n_fds; i++)
    if ((fds[i].events & POLLIN) != 0)
      report_if_shared (fds[i].fd);
}

static void
report_selected (int n_fds, fd_set *readable)
{
  if (__atomic_load_n (&has_reported, __ATOMIC_ACQUIRE) || readable == NULL)
    return;
  for (int fd = 0; fd < n_fds && fd < FD_SETSIZE; fd++)
    if (FD_ISSET (fd, readable))
      report_if_shared (fd);
}

static int
note_looked (int result)
{
  has_looked = has_looked || result > 0;
  return result;
}

EXPORT int
poll (struct pollfd *fds, nfds_t n_fds, int timeout)
{
  report_polled (fds, n_fds);
  return note_looked (REAL (poll) (fds, n_fds, timeout));
}

EXPORT int
ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask)
{
  report_polled (fds, n_fds);
  return note_looked (REAL (ppoll) (fds, n_fds, timeout, mask));
}

/* What poll() and ppoll() become in programs that are built with _FORTIFY_SOURCE. */
int __poll_chk (struct pollfd *fds, nfds_t n_fds, int timeout, size_t size);
int __ppoll_chk (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask, size_t size);

EXPORT int
__poll_chk (struct pollfd *fds, nfds_t n_fds, int timeout, size_t size)
{
  if (size / sizeof *fds >= n_fds)
    report_polled (fds, n_fds);
  return note_looked (REAL (__poll_chk) (fds, n_fds, timeout, size));
}

EXPORT int
__ppoll_chk (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask, size_t size)
{
  if (size / sizeof *fds >= n_fds)
    report_polled (fds, n_fds);
  return note_looked (REAL (__ppoll_chk) (fds, n_fds, timeout, mask, size));
}

EXPORT int
select (int n_fds, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict other,
        struct timeval *restrict timeout)
{
  report_selected (n_fds, readable);
  return note_looked (REAL (select) (n_fds, readable, writable, other, timeout));
}

EXPORT int
pselect (int n_fds, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict other,
         const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
  report_selected (n_fds, readable);
  return note_looked (REAL (pselect) (n_fds, readable, writable, other, timeout, mask));
}

EXPORT int
epoll_ctl (int epoll, int operation, int fd, struct epoll_event *event)
{
  if (operation == EPOLL_CTL_ADD)
    report_if_shared (fd);
  return REAL (epoll_ctl) (epoll, operation, fd, event);
}
