/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-connection.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "adopt-table.h"

/* By descriptor. */
static AdoptConnection connections[ADOPT_CONNECTIONS_MAX];

static uint32_t
get (const uint32_t *value)
{
  return __atomic_load_n (value, __ATOMIC_ACQUIRE);
}

static void
set (uint32_t *value, uint32_t to)
{
  __atomic_store_n (value, to, __ATOMIC_RELEASE);
}

/**
 * adopt_connection_begin:
 * @fd: that was just accepted
 *
 * Of what is no TCP nothing is known. Keeps errno.
 */
void
adopt_connection_begin (int fd)
{
  if (fd >= 0 && fd < ADOPT_CONNECTIONS_MAX && adopt_get_option (fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP)
    adopt_connection_begin_unseen (fd);
}

/**
 * adopt_connection_begin_unseen:
 * @fd: a connection that came in, of which what came before is not known
 *
 * Nobody else reads from it meanwhile, and nobody answers what was not read.
 *
 * Returns: what is known of it from now on
 */
AdoptConnection *
adopt_connection_begin_unseen (int fd)
{
  AdoptConnection *self = &connections[fd];

  __atomic_store_n (&self->cookie, 0, __ATOMIC_SEQ_CST);
  self->request = self->answer = (AdoptRequest){ 0 };
  self->heads = self->begun = self->ended = self->is_late = 0;
  self->between = 1;
  __atomic_store_n (&self->cookie, adopt_cookie (fd), __ATOMIC_RELEASE);
  set (&self->reads, 0);
  set (&self->writes, 0);
  return self;
}

/**
 * adopt_connection_find:
 * @fd: a descriptor
 *
 * Keeps errno.
 *
 * Returns: (nullable): what is known of it; %NULL: nothing
 */
AdoptConnection *
adopt_connection_find (int fd)
{
  AdoptConnection *self = fd >= 0 && fd < ADOPT_CONNECTIONS_MAX ? &connections[fd] : NULL;
  uint64_t cookie = self != NULL ? __atomic_load_n (&self->cookie, __ATOMIC_ACQUIRE) : 0;

  /* Most descriptors have never been a connection: they cost no system call. */
  if (cookie == 0)
    return NULL;
  if (adopt_cookie (fd) == cookie)
    return self;
  __atomic_store_n (&self->cookie, 0, __ATOMIC_RELEASE);
  return NULL;
}

/* Whether this thread alone goes on with that side; else its bytes are not followed. */
static bool
enter (uint32_t *side)
{
  uint32_t expected = 0;

  return __atomic_compare_exchange_n (side, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static size_t
get_length (const struct iovec *part, size_t left)
{
  return part->iov_len < left ? part->iov_len : left;
}

/**
 * adopt_connection_note_received:
 * @self: a connection
 * @parts: (array length=n_parts): where to the program has read
 * @n_parts: how many; what is not in them is not known
 * @size: how many bytes it has read
 */
void
adopt_connection_note_received (AdoptConnection *self, const struct iovec *parts, size_t n_parts, size_t size)
{
  unsigned heads = 0;

  if (!enter (&self->reads))
    return;
  set (&self->between, 0);
  /* What is not understood may be followed by a request. */
  if (adopt_request_is_lost (&self->request))
    {
      set (&self->heads, 0);
      set (&self->begun, 0);
      set (&self->ended, 0);
      self->request = (AdoptRequest){ 0 };
    }
  for (size_t i = 0; i < n_parts && size > 0; i++)
    {
      size_t length = get_length (&parts[i], size);

      heads += adopt_request_feed (&self->request, parts[i].iov_base, length);
      size -= length;
    }
  /* Of what is not there nothing can be told. */
  if (size > 0)
    adopt_request_lose (&self->request);
  __atomic_add_fetch (&self->heads, heads, __ATOMIC_RELEASE);
  set (&self->between, adopt_request_is_between (&self->request));
  set (&self->reads, 0);
}

static void
feed_answer (AdoptConnection *self, const char *data, size_t size)
{
  while (size > 0)
    {
      bool ended;
      size_t taken = adopt_request_feed_answer (
          &self->answer, adopt_request_asks_for_head (&self->request, get (&self->ended)), data, size, &ended);

      if (ended)
        __atomic_add_fetch (&self->ended, 1, __ATOMIC_RELEASE);
      data = data != NULL ? data + taken : NULL;
      size -= taken;
    }
}

/**
 * adopt_connection_note_sent:
 * @self: a connection
 * @parts: (array length=n_parts): what the program has written; of what has no address it is not known
 * @n_parts: how many
 * @size: how many bytes were taken of it
 * @retired: whether the successor serves
 */
void
adopt_connection_note_sent (AdoptConnection *self, const struct iovec *parts, size_t n_parts, size_t size, bool retired)
{
  size_t first = 0;

  if (size == 0 || get (&self->heads) == 0 || !enter (&self->writes))
    return;
  while (first < n_parts && parts[first].iov_len == 0)
    first++;
  if (first < n_parts && adopt_request_begins_answer (parts[first].iov_base, parts[first].iov_len)
      && get (&self->begun) < get (&self->heads))
    {
      __atomic_add_fetch (&self->begun, 1, __ATOMIC_RELEASE);
      if (retired)
        set (&self->is_late, 1);
    }
  for (size_t i = first; i < n_parts && size > 0; i++)
    {
      size_t length = get_length (&parts[i], size);

      feed_answer (self, parts[i].iov_base, length);
      size -= length;
    }
  set (&self->writes, 0);
}

/**
 * adopt_connection_is_answered:
 * @self: a connection
 *
 * Returns: whether an answer has begun to all that was read of it
 */
bool
adopt_connection_is_answered (const AdoptConnection *self)
{
  uint32_t heads = get (&self->heads);

  return heads > 0 && get (&self->begun) >= heads && get (&self->between);
}

/**
 * adopt_connection_is_busy:
 * @self: a connection
 *
 * Returns: whether it is in the midst of a request that is understood
 */
bool
adopt_connection_is_busy (const AdoptConnection *self)
{
  return !adopt_request_is_between (&self->request) && !adopt_request_is_lost (&self->request);
}

/**
 * adopt_connection_awaits_answer:
 * @self: a connection
 *
 * Where the client has yet to send the rest of its request, or of the next one, it would take an end of the connection for
 * leave not to.
 *
 * Returns: whether the answer to the last request is the next thing that is written, and all of that has been read
 */
bool
adopt_connection_awaits_answer (const AdoptConnection *self)
{
  uint32_t heads = get (&self->heads);

  return heads > 0 && get (&self->begun) + 1 == heads && get (&self->ended) + 1 == heads && get (&self->between)
         && adopt_request_is_between (&self->answer);
}
