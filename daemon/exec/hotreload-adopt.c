/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hotreload-adopt.c: libhotreload-adopt.so, preloaded into programs that bind for themselves.
 *
 * When the program binds an address for which the daemon holds a listener, it gets that one in place of its own;
 * when it listens on what it bound alone, the daemon gets a copy for the next instance. Several instances then accept
 * from one socket. Since O_NONBLOCK belongs to the socket and not to a descriptor, it is always set for shared ones
 * that are accepted from, and what the program asked for is acted here: an accept() that is to wait, waits. When the
 * successor serves, the old instance's accept() acts as if nobody connected any more (adopt-gate.h).
 *
 * Where listeners are passed and not adopted, bind() and what the program makes itself are left alone: only what was
 * passed is shared, and watched for the program being ready.
 *
 * Only TCP over IPv4 and IPv6 and Unix streams are touched, and UDP where the service file names it (adopt-datagram.c);
 * and only calls that go through libc. Whatever fails, the program's own call
 * is made. Nothing here may allocate, lock, log, or change errno without reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "adopt-age.h"
#include "adopt-client.h"
#include "adopt-connection.h"
#include "adopt-gate.h"
#include "adopt-look.h"
#include "adopt-name.h"
#include "adopt-options.h"
#include "adopt-place.h"
#include "adopt-real.h"
#include "adopt-report.h"
#include "adopt-rescue.h"
#include "adopt-table.h"
#include "adopt-wait.h"
#include "hr-names.h"

/* How long an accept() that may not accept takes: the queue is the successor's, but poll() says that there is something
   in it, and the program would run in circles. */
#define RETIRED_NAP_NSEC (1000 * 1000)

enum { STATE_NEW, STATE_STARTING, STATE_OFF, STATE_WATCH, STATE_ADOPT };

static int state = STATE_NEW;
static int has_reported;

static bool
is_tcp (int fd)
{
  int domain = adopt_get_option (fd, SOL_SOCKET, SO_DOMAIN);

  return (domain == AF_INET || domain == AF_INET6) && adopt_get_option (fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
}

/* Whether connections are accepted from such a socket, and handed over. */
static bool
is_stream (int fd)
{
  return is_tcp (fd) || adopt_is_unix_stream (fd);
}

/* Sockets that came as LISTEN_FDS are shared too. LISTEN_PID does not matter: a shell may have started the program, and
   what is open and listens before a program has begun was given to it. */
static void
add_passed (void)
{
  const char *count = getenv ("LISTEN_FDS");

  for (long i = 0, n = count != NULL ? strtol (count, NULL, 10) : 0; i < n && i < ADOPT_TABLE_MAX; i++)
    if ((is_stream (HR_LISTEN_FDS_START + (int)i)
         && adopt_get_option (HR_LISTEN_FDS_START + (int)i, SOL_SOCKET, SO_ACCEPTCONN) == 1)
        || adopt_is_bound_udp (HR_LISTEN_FDS_START + (int)i))
      adopt_table_add (HR_LISTEN_FDS_START + (int)i, false, true);
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

/**
 * adopt_is_on:
 *
 * Returns: whether shared sockets are cared for
 */
bool
adopt_is_on (void)
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

/**
 * adopt_has_reported:
 *
 * Returns: whether the daemon knows that the program listens
 */
bool
adopt_has_reported (void)
{
  return __atomic_load_n (&has_reported, __ATOMIC_ACQUIRE);
}

static void
open_gate (void)
{
  adopt_gate_open ();
  adopt_table_tell ();
}

/* Once is enough: it is about the program being ready. */
static void
report_listening (void)
{
  if (__atomic_exchange_n (&has_reported, 1, __ATOMIC_ACQ_REL))
    return;
  /* Before the daemon is busy with what the report makes it do. */
  open_gate ();
  adopt_client_ask (HR_ADOPT_LISTENING, NULL, 0, -1);
}

/**
 * adopt_report_if_shared:
 * @fd: a descriptor to which the program turns for connections
 *
 * Says so to the daemon, once, if the socket is shared.
 */
void
adopt_report_if_shared (int fd)
{
  if (adopt_is_on () && !adopt_has_reported () && adopt_table_find (fd) != NULL)
    report_listening ();
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
  bool non_blocking = (flags_of (fd) & O_NONBLOCK) != 0;
  int family = adopt_get_option (fd, SOL_SOCKET, SO_DOMAIN);
  AdoptEntry *entry;
  int result;

  adopt_options_copy (fd, held);
  entry = adopt_table_add (held, non_blocking, false);
  if (entry != NULL && family != adopt_get_option (held, SOL_SOCKET, SO_DOMAIN))
    __atomic_store_n (&entry->family, family, __ATOMIC_RELEASE);
  result = adopt_place (fd, held);
  close (held);
  return result;
}

/* Of what is not TCP: the daemon's listener if there is one for it, else the program's own. */
static int
bind_other (int fd, const struct sockaddr *address, socklen_t length)
{
  HrAdoptRequest request = { .question = HR_ADOPT_BIND };
  int held = -1;

  if (adopt_name_fill (fd, address, length, &request))
    adopt_client_call (&request, -1, &held);
  return held >= 0 ? take_over (fd, held) : REAL (bind) (fd, address, length);
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

  if (!adopts ())
    return REAL (bind) (fd, name, length);
  if (!port_of (address, length, &port) || !is_tcp (fd))
    return bind_other (fd, address, length);
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

/* The daemon's listener in place of the program's own, which listens at once. */
static int
listen_on (int fd, int held)
{
  AdoptEntry *entry;

  if (take_over (fd, held) < 0)
    return -1;
  entry = adopt_table_find (fd);
  if (entry != NULL)
    __atomic_store_n (&entry->listens, 1, __ATOMIC_RELEASE);
  report_listening ();
  return 0;
}

/* Gives the daemon what the program is to listen on. Returns another socket to listen on, -1 for this one. */
static int
give (int fd, bool free_port, const struct sockaddr *address, socklen_t length)
{
  HrAdoptRequest request = { .question = free_port ? HR_ADOPT_DISCOVERED_FREE : HR_ADOPT_DISCOVERED };
  int held;

  adopt_name_fill (fd, address, length, &request);
  adopt_client_call (&request, fd, &held);
  return held;
}

/* The program listens on what it bound alone. The daemon comes first: of several processes that have bound one address
   with SO_REUSEPORT, those that are late get the socket of the first, before any connection is in a queue of theirs. */
static int
listen_alone (int fd, int backlog)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  unsigned port = 0;
  bool has_name = REAL (getsockname) (fd, (struct sockaddr *)&address, &length) == 0;
  bool has_address = has_name && port_of ((struct sockaddr *)&address, length, &port);
  bool free_port = is_tcp (fd) && (port == 0 || adopt_free_ports_find (fd));
  int held =
      has_address && free_port ? adopt_client_ask (HR_ADOPT_BIND_FREE, (struct sockaddr *)&address, length, -1) : -1;

  if (held < 0)
    {
      open_gate ();
      held = give (fd, free_port, has_name ? (struct sockaddr *)&address : NULL, length);
    }
  if (held >= 0)
    return listen_on (fd, held);
  if (adopt_get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 && REAL (listen) (fd, backlog) < 0)
    return -1;
  adopt_table_add (fd, (flags_of (fd) & O_NONBLOCK) != 0, true);
  __atomic_store_n (&has_reported, 1, __ATOMIC_RELEASE);
  return 0;
}

EXPORT int
listen (int fd, int backlog)
{
  AdoptEntry *entry;

  if (!adopt_is_on () || !is_stream (fd))
    return REAL (listen) (fd, backlog);
  entry = adopt_table_find (fd);
  if (entry == NULL)
    return adopts () ? listen_alone (fd, backlog) : REAL (listen) (fd, backlog);
  /* It listens already, with a longer queue than most programs ask for. */
  if (adopt_get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 && REAL (listen) (fd, SOMAXCONN) < 0)
    return -1;
  __atomic_store_n (&entry->is_shut, 0, __ATOMIC_RELEASE);
  __atomic_store_n (&entry->listens, 1, __ATOMIC_RELEASE);
  report_listening ();
  return 0;
}

/**
 * adopt_miss:
 * @fd: what the program accepts or receives from
 * @entry: what is known of it
 * @waits: whether the program wants that call to wait
 * @looked: whether it was told that there is something
 * @will_come: whether it may take it
 *
 * What poll() spoke of is another's, or must be left to it. A program that waits in poll() must not be held in accept(),
 * where it would be deaf to everything else; one that waits in accept() is.
 *
 * Returns: whether to try again; else errno is set
 */
bool
adopt_miss (int fd, const AdoptEntry *entry, bool waits, bool looked, bool will_come)
{
  if (waits && !looked)
    return adopt_wait (fd, entry, will_come);
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

  adopt_report_if_shared (fd);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0)
    REAL (fcntl) (fd, F_SETFL, flags | O_NONBLOCK);
  return !__atomic_load_n (&entry->non_blocking, __ATOMIC_ACQUIRE);
}

/* What is known of a socket from which the program accepts; one that it has from another process, by way of exec() or
   SCM_RIGHTS, may be shared. NULL when it is not. */
static AdoptEntry *
find_accepted (int fd)
{
  AdoptEntry *entry = adopt_is_on () ? adopt_table_find (fd) : NULL;
  int held;

  if (!adopt_is_on () || entry != NULL || !is_stream (fd) || adopt_aliens_find (fd))
    return entry;
  held = adopt_client_ask (HR_ADOPT_SHARED, NULL, 0, fd);
  if (held >= 0)
    {
      close (held);
      adopt_gate_open ();
      return adopt_table_add (fd, adopt_gate_recall (adopt_cookie (fd), (flags_of (fd) & O_NONBLOCK) != 0), true);
    }
  adopt_aliens_add (fd);
  return NULL;
}

EXPORT int
accept4 (int fd, __SOCKADDR_ARG name, socklen_t *restrict length, int flags)
{
  const AdoptEntry *entry = find_accepted (fd);
  HrAdoptPage *page;
  bool looked, waits, again;
  int result;

  if (entry == NULL)
    return REAL (accept4) (fd, name, length, flags);
  waits = prepare_accept (fd, entry);
  looked = adopt_look_take (entry);
  do
    {
      bool open;

      if (__atomic_load_n (&entry->is_shut, __ATOMIC_SEQ_CST))
        {
          errno = EINVAL;
          return -1;
        }
      open = adopt_gate_enter (&page);
      result = open ? adopt_rescue_accept (page, fd, __atomic_load_n (&entry->family, __ATOMIC_ACQUIRE),
                                           name.__sockaddr__, length, flags)
                    : -1;
      if (result >= 0)
        {
          adopt_age_note (page, result);
          adopt_connection_begin (result);
        }
      if (open)
        adopt_gate_leave (page, result >= 0);
      again = (!open || (result < 0 && errno == EAGAIN)) && adopt_miss (fd, entry, waits, looked, open);
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
  AdoptEntry *entry = adopt_is_on () ? adopt_table_find (fd) : NULL;

  if (entry == NULL)
    return REAL (shutdown) (fd, how);
  /* It would end the socket for every instance: only this process accepts nothing any more. */
  if (how != SHUT_WR)
    {
      __atomic_store_n (&entry->is_shut, 1, __ATOMIC_SEQ_CST);
      adopt_wait_wake (entry);
    }
  return 0;
}

EXPORT int
getsockname (int fd, __SOCKADDR_ARG name, socklen_t *restrict length)
{
  const AdoptEntry *entry = adopt_is_on () ? adopt_table_find (fd) : NULL;
  int family = entry != NULL ? __atomic_load_n (&entry->family, __ATOMIC_ACQUIRE) : 0;
  struct sockaddr_storage address;
  socklen_t address_length = sizeof address;

  if (family == 0 || name.__sockaddr__ == NULL || length == NULL)
    return REAL (getsockname) (fd, name, length);
  if (REAL (getsockname) (fd, (struct sockaddr *)&address, &address_length) < 0)
    return -1;
  adopt_options_put_address (family, &address, address_length, name.__sockaddr__, length);
  return 0;
}

/* The daemon's socket has its own family and listens before the program does. */
EXPORT int
getsockopt (int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
  bool differs = level == SOL_SOCKET && (name == SO_ACCEPTCONN || name == SO_DOMAIN);
  const AdoptEntry *entry = differs && adopt_is_on () ? adopt_table_find (fd) : NULL;
  int result = REAL (getsockopt) (fd, level, name, value, length), told;

  if (entry == NULL || result < 0 || *length != sizeof told)
    return result;
  memcpy (&told, value, sizeof told);
  if (name == SO_ACCEPTCONN)
    told = __atomic_load_n (&entry->listens, __ATOMIC_ACQUIRE) && !__atomic_load_n (&entry->is_shut, __ATOMIC_ACQUIRE);
  else if (__atomic_load_n (&entry->family, __ATOMIC_ACQUIRE) != 0)
    told = __atomic_load_n (&entry->family, __ATOMIC_ACQUIRE);
  memcpy (value, &told, sizeof told);
  return result;
}
