/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * traffic-fixture.h: the listeners of a service, without programs, and clients that see where their connections end up.
 */
#pragma once

#include <sys/socket.h>

#include "hr-socket-listeners.h"

G_BEGIN_DECLS

/* Those who wait for an event give up after this. */
#define TRAFFIC_DEADLINE_USEC (60 * G_USEC_PER_SEC)

typedef enum { TRAFFIC_MAIN, TRAFFIC_OWN, TRAFFIC_NONE } TrafficSide;

/**
 * TrafficFixture:
 * @listeners: of a service
 * @spec: that service; only what open() reads
 * @listener: the first of them
 * @random: with a seed that is printed
 */
typedef struct {
  HrListeners *listeners;
  HrServiceSpec spec;
  HrListener *listener;
  GRand *random;
} TrafficFixture;

void traffic_add_spec (TrafficFixture *fixture, const char *name, const char *host);
void traffic_open_on (TrafficFixture *fixture, const char *host);
void traffic_set_up (TrafficFixture *fixture, gconstpointer data);
void traffic_tear_down (TrafficFixture *fixture, gconstpointer data);
int traffic_fd_of (TrafficFixture *fixture, const char *instance);
void traffic_enter (TrafficFixture *fixture, const char *instance);
void traffic_leave (TrafficFixture *fixture, const char *instance);
void traffic_separate (TrafficFixture *fixture, const char *instance);
void traffic_share (TrafficFixture *fixture, const char *instance, guint permyriad, gboolean sticky);
gboolean traffic_take (int listener);
int traffic_connect_from (TrafficFixture *fixture, const struct sockaddr *from, socklen_t length, const char *to);
int traffic_connect_4 (TrafficFixture *fixture, guint32 host);
TrafficSide traffic_find_side (TrafficFixture *fixture, const char *instance);
TrafficSide traffic_side_of_4 (TrafficFixture *fixture, guint32 host, const char *instance);
guint32 traffic_random_host (TrafficFixture *fixture);
guint32 traffic_source_of (TrafficFixture *fixture, const char *instance);
void traffic_assert_split (TrafficFixture *fixture, const char *instance);

G_END_DECLS
