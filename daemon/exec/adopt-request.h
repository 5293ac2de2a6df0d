/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-request.h: where requests of HTTP/1 end in what a program reads, and answers in what it writes.
 *
 * A reader is fed with what is read of one connection, in pieces as they come, and knows whether it is between two
 * requests: their bodies are measured by Content-Length or by chunks (RFC 9112, 6 and 7). What it does not understand,
 * or what two programs could understand in two ways, has no end; the next piece may begin a request again. Another is fed
 * with what is written, one answer at a time; an answer that only the end of its connection ends has no end here. No
 * memory but the reader's, no GLib: it runs inside a service's process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As much of a line is kept as it takes to know it: a field that tells of a body with its value, the size of a chunk. */
#define ADOPT_REQUEST_LINE_MAX 40
/* A body's length has so many digits at most, a chunk's so many hexadecimal ones. */
#define ADOPT_REQUEST_DIGITS_MAX 15
/* Requests before the answer to the first of them, of which it is known what they ask for. */
#define ADOPT_REQUEST_AHEAD_MAX 64

/**
 * AdoptRequest:
 * @left: bytes that are to come of the body or the chunk
 * @tail: the last eight bytes of the line
 * @state: where it is
 * @length: how much of the line is in @line; what is longer is cut off
 * @flags: what is known of this request's body, and of the end of the line
 * @line: the beginning of the line that is being read
 * @n_requests: how many requests have begun
 * @heads_only: of each of the last 64 of them, by its number, whether its answer has no body
 *
 * All zero: nothing was read.
 */
typedef struct {
  uint64_t left;
  uint64_t tail;
  uint8_t state;
  uint8_t length;
  uint8_t flags;
  char line[ADOPT_REQUEST_LINE_MAX];
  uint32_t n_requests;
  uint64_t heads_only;
} AdoptRequest;

unsigned adopt_request_feed (AdoptRequest *self, const char *data, size_t size);
void adopt_request_lose (AdoptRequest *self);
size_t adopt_request_feed_answer (AdoptRequest *self, bool head_only, const char *data, size_t size, bool *ended);
bool adopt_request_begins_answer (const char *data, size_t size);
bool adopt_request_asks_for_head (const AdoptRequest *self, uint32_t number);
bool adopt_request_is_between (const AdoptRequest *self);
bool adopt_request_is_lost (const AdoptRequest *self);
