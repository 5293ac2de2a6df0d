/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-client.h: asking the daemon at $HOTRELOAD_ADOPT.
 *
 * Every question has a connection of its own, so that threads and forked children do not get in each other's way.
 * Whatever goes wrong, the answer is "no" and the program does what it would have done alone.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "hr-adopt-protocol.h"

/* The daemon answers within milliseconds. Without its answer the port it holds is in use, so it gets some time: for a
   question as a whole, whatever interrupts. */
#define ADOPT_ANSWER_DEADLINE_SEC 5

/* What the daemon wants to know. */
typedef enum { ADOPT_NOTHING, ADOPT_WATCH, ADOPT_ALL } AdoptMode;

AdoptMode adopt_client_init (void);
int adopt_client_fetch (const struct sockaddr_storage *nudge, socklen_t length);
bool adopt_client_call (HrAdoptRequest *request, int given, int *found);
int adopt_client_ask (HrAdoptQuestion question, const struct sockaddr *address, socklen_t length, int given);
