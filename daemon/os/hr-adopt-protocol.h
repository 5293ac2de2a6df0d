/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-protocol.h: what libhotreload-adopt.so and the daemon say to each other at $HOTRELOAD_ADOPT.
 *
 * A SOCK_SEQPACKET connection for every question: one request, with a descriptor when the program hands one over; one
 * reply, with a descriptor when the daemon does. Nobody waits for the reply to HR_ADOPT_LISTENING. Private to one
 * installation: both sides are of the same version, and a message of another is not answered, so that the program binds
 * for itself. No GLib: the library includes this.
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#define HR_ADOPT_VERSION 6
/* Stands before the address in $HOTRELOAD_ADOPT where sockets are passed and not adopted: then the library answers no
   bind() and gives nothing: what it says and asks begins at HR_ADOPT_LISTENING. */
#define HR_ADOPT_WATCH_ONLY "watch:"

/**
 * HrAdoptQuestion:
 * @HR_ADOPT_BIND: the program binds this address: is there a listener that was made for it?
 * @HR_ADOPT_BIND_IN_USE: it could not bind this address itself: is there any listener in its way?
 * @HR_ADOPT_BIND_FREE: it listens on a port that the kernel chose: did an earlier instance, on this address?
 * @HR_ADOPT_DISCOVERED: it is about to listen on the socket that comes along; the daemon makes it listen, or has
 *   another of the same address, on which a process of the instance was quicker to listen
 * @HR_ADOPT_DISCOVERED_FREE: the same, on a port that the kernel chose
 * @HR_ADOPT_LISTENING: it listens on, accepts from or polls a listener that it was given
 * @HR_ADOPT_GATE: it is about to: the memory that holds its instance's #HrAdoptPage
 * @HR_ADOPT_SHARED: it accepts from the socket that comes along, which it has from another process: is it shared?
 * @HR_ADOPT_RESCUE: it accepted a nudge from this address: the connection that is to be in its place
 * @HR_ADOPT_TAKEN: it has that connection; said on the same connection to the daemon, which until then would give it to
 *   another if the process ended
 * @HR_ADOPT_UNLINK: it removes the file of a Unix socket: is that a listener's, which stays?
 * @HR_ADOPT_REMOVE_DIRECTORY: it removes this directory, in which such files stayed: those that it made go now
 * @HR_ADOPT_JOIN: it was given a connection that another process accepted: what %HR_ADOPT_GATE is answered with, if any
 *   process has asked for that
 */
typedef enum {
  HR_ADOPT_BIND,
  HR_ADOPT_BIND_IN_USE,
  HR_ADOPT_BIND_FREE,
  HR_ADOPT_DISCOVERED,
  HR_ADOPT_DISCOVERED_FREE,
  HR_ADOPT_LISTENING,
  HR_ADOPT_GATE,
  HR_ADOPT_SHARED,
  HR_ADOPT_RESCUE,
  HR_ADOPT_TAKEN,
  HR_ADOPT_UNLINK,
  HR_ADOPT_REMOVE_DIRECTORY,
  HR_ADOPT_JOIN,
} HrAdoptQuestion;

/**
 * HrAdoptRequest:
 * @version: %HR_ADOPT_VERSION
 * @question: a #HrAdoptQuestion
 * @datagrams: 1: the address is a UDP socket's
 * @length: bytes of @address that count
 * @address: of a bind() and of %HR_ADOPT_RESCUE, and of a Unix socket that comes along: with an absolute path; else zero
 * @device: of the file that the Unix socket has or is to have, as the program sees it, or of the directory
 * @inode: of the same; 0: there is none
 */
typedef struct {
  uint32_t version;
  uint32_t question;
  uint32_t datagrams;
  uint32_t length;
  struct sockaddr_storage address;
  uint64_t device;
  uint64_t inode;
} HrAdoptRequest;

/**
 * HrAdoptReply:
 * @version: %HR_ADOPT_VERSION
 * @found: 1: yes; and a descriptor comes along, except for %HR_ADOPT_UNLINK and %HR_ADOPT_REMOVE_DIRECTORY
 */
typedef struct {
  uint32_t version;
  uint32_t found;
} HrAdoptReply;

/* TCP ports of a service by which its connections come in; those of more are not looked at. */
#define HR_ADOPT_PORTS_MAX 64

/**
 * HrAdoptStage:
 * @HR_ADOPT_GOES_ON: nothing special
 * @HR_ADOPT_FINISHES: the instance will be told to stop: what is under way is answered, and on a connection of HTTP/1
 *   that was answered no other request is
 * @HR_ADOPT_ENDS: it will be told to stop at any moment, and nothing was under way: no connection that was answered
 *   before gets another answer
 */
typedef enum { HR_ADOPT_GOES_ON, HR_ADOPT_FINISHES, HR_ADOPT_ENDS } HrAdoptStage;

/* Sockets of which an instance's processes tell each other. */
#define HR_ADOPT_WISHES_MAX 64

/**
 * HrAdoptWish:
 * @cookie: the kernel's name for a shared socket; 0: unused
 * @non_blocking: whether the program wants accept() on it to return at once
 *
 * O_NONBLOCK belongs to the socket and is set for all instances. What the processes of one want of it goes from one to
 * the other with the descriptor, by exec() or SCM_RIGHTS.
 */
typedef struct {
  uint64_t cookie;
  uint32_t non_blocking;
  uint32_t unused;
} HrAdoptWish;

/* Nudges at a time. */
#define HR_ADOPT_NUDGES_MAX 16

/**
 * HrAdoptNudge:
 * @port: source port of a connection that the daemon has made to wake the program; 0: none. Written last
 * @host: its source address, of IPv4 as one of IPv6
 *
 * Connections that wait in the queue of a socket from which nobody accepts any more are accepted by the daemon. For each
 * it connects to the program, as a client would, so that whatever the program waits in wakes up; the library gives the
 * program the connection that was meant in the place of that nudge.
 */
typedef struct {
  uint32_t port;
  uint8_t host[16];
} HrAdoptNudge;

/**
 * HrAdoptPage:
 * @retired: 1: a successor serves; nothing is accepted any more
 * @accepting: how many threads of the instance are in an accept(), or receive a datagram, just now
 * @accepted: 1: an accept() of the instance has returned a connection
 * @measures_wait: 1: the daemon wants to know how long connections wait in the queue
 * @longest_wait_msec: the longest that one had waited that was accepted since
 * @n_nudges: how many @nudges there are; where there are none nothing else is looked at
 * @nudges: connections that are not for the program
 * @stage: a #HrAdoptStage, only read by the library
 * @n_ports: how many @ports there are; written last
 * @ports: those by which connections came in that @stage is about
 * @wishes: for the instance's processes alone
 * @handling: how many of its threads have received a datagram and not come back for another
 *
 * Memory that the daemon shares with all processes of an instance. The daemon writes @retired and then reads
 * @accepting, the library writes @accepting and then reads @retired, both in sequentially consistent order: once the
 * daemon has seen 0, the instance accepts nothing. What a program writes here harms nobody but itself.
 */
typedef struct {
  uint32_t retired;
  uint32_t accepting;
  uint32_t accepted;
  uint32_t n_nudges;
  uint32_t measures_wait;
  uint32_t longest_wait_msec;
  uint32_t handling;
  uint32_t unused;
  HrAdoptWish wishes[HR_ADOPT_WISHES_MAX];
  HrAdoptNudge nudges[HR_ADOPT_NUDGES_MAX];
  uint32_t stage;
  uint32_t n_ports;
  uint16_t ports[HR_ADOPT_PORTS_MAX];
} HrAdoptPage;
