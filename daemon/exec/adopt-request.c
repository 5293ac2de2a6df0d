/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-request.h"

#include <string.h>
#include <strings.h>

enum { AT_REQUEST, IN_HEAD, IN_BODY, AT_SIZE, IN_CHUNK, AFTER_CHUNK, IN_TRAILER, LOST };
enum { HAS_LENGTH = 1, IS_CHUNKED = 2, HAS_RETURNED = 4, IS_ANSWER = 8, IS_INTERIM = 16, HAS_NO_BODY = 32 };

/* As the last eight bytes of a line are kept. */
#define TAIL(a, b, c, d, e, f, g, h)                                                                                   \
  ((uint64_t)(a) << 56 | (uint64_t)(b) << 48 | (uint64_t)(c) << 40 | (uint64_t)(d) << 32 | (uint64_t)(e) << 24         \
   | (uint64_t)(f) << 16 | (uint64_t)(g) << 8 | (uint64_t)(h))

/* "METHOD target HTTP/1.x". What follows CONNECT is no HTTP. */
static bool
is_request_line (const AdoptRequest *self)
{
  size_t end = 0;

  while (end < self->length && ((self->line[end] >= 'A' && self->line[end] <= 'Z') || self->line[end] == '-'))
    end++;
  return end > 0 && end < self->length && self->line[end] == ' ' && strncmp (self->line, "CONNECT ", 8) != 0
         && (self->tail == TAIL ('H', 'T', 'T', 'P', '/', '1', '.', '1')
             || self->tail == TAIL ('H', 'T', 'T', 'P', '/', '1', '.', '0'));
}

/* Which answers have a body: all but to HEAD, and those with these numbers (RFC 9112, 6.3). What follows an upgrade is no
   HTTP. */
static bool
take_status (AdoptRequest *self)
{
  int hundreds = self->length >= 12 ? self->line[9] - '0' : 0;

  if (hundreds < 1 || hundreds > 5 || memcmp (self->line, "HTTP/1.", 7) != 0
      || (self->line[7] != '1' && self->line[7] != '0') || self->line[8] != ' '
      || strncmp (&self->line[9], "101", 3) == 0)
    return false;
  if (hundreds == 1)
    self->flags |= IS_INTERIM;
  if (hundreds == 1 || strncmp (&self->line[9], "204", 3) == 0 || strncmp (&self->line[9], "304", 3) == 0)
    self->flags |= HAS_NO_BODY;
  return true;
}

static void
take_request (AdoptRequest *self)
{
  const uint64_t bit = UINT64_C (1) << self->n_requests % ADOPT_REQUEST_AHEAD_MAX;

  /* Who writes the answer may be another thread. */
  if (strncmp (self->line, "HEAD ", 5) == 0)
    __atomic_or_fetch (&self->heads_only, bit, __ATOMIC_RELAXED);
  else
    __atomic_and_fetch (&self->heads_only, ~bit, __ATOMIC_RELAXED);
  self->n_requests++;
}

static int
digit_of (char letter, unsigned base)
{
  int digit = letter >= '0' && letter <= '9'   ? letter - '0'
              : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
              : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                               : -1;

  return digit < (int)base ? digit : -1;
}

/* The number at the beginning of a text; @end is where it ends. */
static bool
read_number (const char *text, size_t size, unsigned base, uint64_t *number, size_t *end)
{
  size_t i = 0;

  *number = 0;
  for (; i < size && i <= ADOPT_REQUEST_DIGITS_MAX && digit_of (text[i], base) >= 0; i++)
    *number = *number * base + (unsigned)digit_of (text[i], base);
  *end = i;
  return i > 0 && i <= ADOPT_REQUEST_DIGITS_MAX;
}

/* Whether the line is the field of that name, by which then everything depends on its being exactly that. */
static bool
is_field (const AdoptRequest *self, const char *name)
{
  size_t length = strlen (name);

  return self->length >= length && strncasecmp (self->line, name, length) == 0;
}

/* The value, without the blanks around it; NULL where it is longer than what was kept, or no colon follows the name. */
static const char *
value_of (const AdoptRequest *self, const char *name, size_t *size)
{
  size_t begin = strlen (name) + 1, end = self->length;

  if (end == ADOPT_REQUEST_LINE_MAX || begin > end || self->line[begin - 1] != ':')
    return NULL;
  while (begin < end && (self->line[begin] == ' ' || self->line[begin] == '\t'))
    begin++;
  while (end > begin && (self->line[end - 1] == ' ' || self->line[end - 1] == '\t'))
    end--;
  *size = end - begin;
  return self->line + begin;
}

static void
take_field (AdoptRequest *self)
{
  static const char length_name[] = "content-length", encoding_name[] = "transfer-encoding";
  const bool is_length = is_field (self, length_name);
  size_t size = 0, end;
  const char *value;

  /* A line that goes on with the next is understood in many ways. */
  if (self->line[0] == ' ' || self->line[0] == '\t')
    {
      adopt_request_lose (self);
      return;
    }
  if (!is_length && !is_field (self, encoding_name))
    return;
  value = value_of (self, is_length ? length_name : encoding_name, &size);
  /* Both, or one of them twice: of these, programs differ in which one they heed. */
  if (value == NULL || (self->flags & (HAS_LENGTH | IS_CHUNKED)) != 0
      || (is_length && (!read_number (value, size, 10, &self->left, &end) || end != size))
      || (!is_length && (size != strlen ("chunked") || strncasecmp (value, "chunked", size) != 0)))
    {
      adopt_request_lose (self);
      return;
    }
  self->flags |= is_length ? HAS_LENGTH : IS_CHUNKED;
}

/* The size, and what a program may say of the chunk beside it. */
static void
take_size (AdoptRequest *self)
{
  size_t end;

  if (!read_number (self->line, self->length, 16, &self->left, &end)
      || (end < self->length && self->line[end] != ';' && self->line[end] != ' ' && self->line[end] != '\t'))
    adopt_request_lose (self);
  else
    self->state = self->left > 0 ? IN_CHUNK : IN_TRAILER;
}

/* The head has ended. */
static void
begin_body (AdoptRequest *self)
{
  const bool is_answer = (self->flags & IS_ANSWER) != 0;

  if (is_answer && (self->flags & HAS_NO_BODY) != 0)
    self->state = AT_REQUEST;
  else if ((self->flags & IS_CHUNKED) != 0)
    self->state = AT_SIZE;
  else if (is_answer && (self->flags & HAS_LENGTH) == 0)
    adopt_request_lose (self);
  else
    self->state = self->left > 0 ? IN_BODY : AT_REQUEST;
}

/* Returns whether that was the end of a head. */
static bool
take_line (AdoptRequest *self)
{
  switch (self->state)
    {
    case AT_REQUEST:
      self->flags &= IS_ANSWER | HAS_NO_BODY;
      self->left = 0;
      /* An empty line before a request is no part of it. */
      if (self->length == 0 && (self->flags & IS_ANSWER) == 0)
        return false;
      if ((self->flags & IS_ANSWER) != 0 ? take_status (self) : is_request_line (self))
        self->state = IN_HEAD;
      else
        adopt_request_lose (self);
      if (self->state == IN_HEAD && (self->flags & IS_ANSWER) == 0)
        take_request (self);
      return false;
    case IN_HEAD:
      if (self->length > 0)
        {
          take_field (self);
          return false;
        }
      begin_body (self);
      return true;
    case AT_SIZE:
      take_size (self);
      return false;
    case AFTER_CHUNK:
      if (self->length > 0)
        adopt_request_lose (self);
      else
        self->state = AT_SIZE;
      return false;
    default:
      if (self->length == 0)
        self->state = AT_REQUEST;
      return false;
    }
}

/* Returns whether that was the end of a head. */
static bool
take_byte (AdoptRequest *self, char byte)
{
  const bool returned = (self->flags & HAS_RETURNED) != 0;
  bool ended;

  self->flags &= (uint8_t)~HAS_RETURNED;
  /* Some programs take either of both for the end of a line; and none begins with what is no letter, such as TLS. */
  if ((self->state == AT_REQUEST && self->length == 0 && byte != '\r' && byte != '\n' && (byte < ' ' || byte > '~'))
      || returned != (byte == '\n'))
    {
      adopt_request_lose (self);
      return false;
    }
  if (byte == '\r')
    self->flags |= HAS_RETURNED;
  if (byte != '\r' && byte != '\n')
    {
      self->tail = self->tail << 8 | (uint8_t)byte;
      if (self->length < ADOPT_REQUEST_LINE_MAX)
        self->line[self->length++] = byte;
    }
  if (byte != '\n')
    return false;
  ended = take_line (self);
  self->length = 0;
  self->tail = 0;
  return ended;
}

/* Takes what can be taken at once. Returns how much, and whether that was the end of a head. */
static size_t
take_some (AdoptRequest *self, const char *data, size_t size, bool *head_ended)
{
  size_t part = self->left < size ? self->left : size;

  *head_ended = false;
  if (self->state != IN_BODY && self->state != IN_CHUNK)
    {
      *head_ended = take_byte (self, data[0]);
      return 1;
    }
  self->left -= part;
  if (self->left == 0)
    self->state = self->state == IN_BODY ? AT_REQUEST : AFTER_CHUNK;
  return part;
}

/**
 * adopt_request_feed:
 * @self: what was read of a connection so far
 * @data: what is read now
 * @size: how much
 *
 * Returns: how many heads of requests ended in it
 */
unsigned
adopt_request_feed (AdoptRequest *self, const char *data, size_t size)
{
  unsigned heads = 0;

  if (self->state == LOST)
    *self = (AdoptRequest){ 0 };
  for (size_t i = 0; i < size && self->state != LOST;)
    {
      bool head_ended;

      i += take_some (self, data + i, size - i, &head_ended);
      heads += head_ended;
    }
  return heads;
}

/**
 * adopt_request_feed_answer:
 * @self: what was written on a connection so far
 * @head_only: whether the answer that is being written is one to HEAD
 * @data: what is written now; %NULL: it is not known, as that of a file
 * @size: how much
 * @ended: (out): whether the answer ended with what was taken
 *
 * Takes one answer at most. One that is lost is so for ever: then all is taken, and nothing ends.
 *
 * Returns: how much was taken
 */
size_t
adopt_request_feed_answer (AdoptRequest *self, bool head_only, const char *data, size_t size, bool *ended)
{
  size_t at = 0;

  *ended = false;
  if (data == NULL && self->state != IN_BODY && self->state != IN_CHUNK)
    adopt_request_lose (self);
  if (adopt_request_is_between (self))
    self->flags = (uint8_t)(IS_ANSWER | (head_only ? HAS_NO_BODY : 0));
  while (at < size && !*ended && self->state != LOST)
    {
      const bool in_head = self->state == IN_HEAD;
      bool head_ended;

      at += take_some (self, data != NULL ? data + at : NULL, size - at, &head_ended);
      if (data == NULL && self->state == AFTER_CHUNK && at < size)
        adopt_request_lose (self);
      /* One that says that another comes is none yet. */
      *ended = self->state == AT_REQUEST && self->length == 0 && !(in_head && (self->flags & IS_INTERIM) != 0)
               && (self->flags & HAS_RETURNED) == 0;
      if (self->state == AT_REQUEST && !*ended && self->length == 0 && (self->flags & IS_INTERIM) != 0)
        self->flags = (uint8_t)(IS_ANSWER | (head_only ? HAS_NO_BODY : 0));
    }
  return self->state == LOST ? size : at;
}

/**
 * adopt_request_begins_answer:
 * @data: (nullable): what is written
 * @size: how much
 *
 * Returns: whether it begins with the head of an answer, and not of one that says that another comes (1xx)
 */
bool
adopt_request_begins_answer (const char *data, size_t size)
{
  return data != NULL && size >= 10 && memcmp (data, "HTTP/1.", 7) == 0 && data[8] == ' ' && data[9] != '1';
}

/**
 * adopt_request_asks_for_head:
 * @self: what was read of a connection so far; of another thread
 * @number: of a request: how many came before it
 *
 * Returns: whether its answer has no body
 */
bool
adopt_request_asks_for_head (const AdoptRequest *self, uint32_t number)
{
  return (__atomic_load_n (&self->heads_only, __ATOMIC_RELAXED) >> number % ADOPT_REQUEST_AHEAD_MAX & 1) != 0;
}

/**
 * adopt_request_lose:
 * @self: what was read of a connection so far
 *
 * What comes now has no end that could be known.
 */
void
adopt_request_lose (AdoptRequest *self)
{
  self->state = LOST;
}

/**
 * adopt_request_is_between:
 * @self: what was read of a connection so far
 *
 * Returns: whether every request that began has been read to its end
 */
bool
adopt_request_is_between (const AdoptRequest *self)
{
  return self->state == AT_REQUEST && self->length == 0 && (self->flags & HAS_RETURNED) == 0;
}

/**
 * adopt_request_is_lost:
 * @self: what was read of a connection so far
 *
 * Returns: whether it is not known where it is
 */
bool
adopt_request_is_lost (const AdoptRequest *self)
{
  return self->state == LOST;
}
