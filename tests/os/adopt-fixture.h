/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-fixture.h: two instances of a program that share listeners, and a client that opens a connection for each
 * request, or sends a datagram.
 */
#pragma once

#include <sys/socket.h>

#include "hr-exec-launcher.h"
#include "hr-socket-listeners.h"

/* An event that has not come after this never will. */
#define DEADLINE_MSEC 60000
#define PASSED_PROGRAM TEST_PROGRAM_DIR "/passed-program"

typedef struct {
  HrInstance *instance;
  gboolean notified;
  gboolean listening;
  gboolean exited;
  int status;
} AdoptRunning;

typedef struct {
  char *dir;
  HrLauncher *launcher;
  HrListeners *listeners;
  AdoptRunning old, new;
  guint16 port;
  const char *host;   /* where it is asked; NULL: 127.0.0.1 */
  char *path;         /* ask at this Unix socket, '@' in front of an abstract name */
  gboolean datagrams; /* ask by UDP */
  gboolean pass_only;
  gboolean measure_wait; /* from its start */
  /* Of the thread that asks; atomic. */
  gint stop;
  gint old_answers, new_answers, refused, cut;
  GThread *asker;
  gboolean counted;
  int connections;
  gint drained_answers;
} AdoptFixture;

/* Runs the main loop until the condition holds; looks now and then, as the asking thread does not wake the loop. */
#define ADOPT_WAIT_FOR(condition)                                                                                      \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint deadline = g_timeout_add (DEADLINE_MSEC, adopt_on_deadline, NULL);                                           \
    guint tick = g_timeout_add (2, adopt_once_more, NULL);                                                             \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (tick);                                                                                            \
    g_source_remove (deadline);                                                                                        \
  }                                                                                                                    \
  G_STMT_END

gboolean adopt_on_deadline (gpointer data);
gboolean adopt_once_more (gpointer data);
HrInstanceSight adopt_look (AdoptRunning *running);
gboolean adopt_retire (AdoptRunning *running);
void adopt_set_up (AdoptFixture *fixture, gconstpointer data);
void adopt_tear_down (AdoptFixture *fixture, gconstpointer data);
char *adopt_full_id (const char *id);
void adopt_start (AdoptFixture *fixture, AdoptRunning *running, const char *id, const char *const *program,
                  const char *host, guint16 port);
void adopt_end (AdoptRunning *running, int signal_number);
int adopt_count_connections (AdoptFixture *fixture);
void adopt_drain (AdoptFixture *fixture);
void adopt_hand_over (AdoptFixture *fixture, const char *const *program, const char *host, guint16 program_port);
gpointer adopt_keep_asking (gpointer data);
void adopt_open_listener (AdoptFixture *fixture, const char *host);
void adopt_open_path (AdoptFixture *fixture, const char *path);
void adopt_open_datagrams (AdoptFixture *fixture, const char *host);
guint16 adopt_unused_port (void);
gboolean adopt_skip_without (const char *program);
gboolean adopt_start_python (AdoptFixture *fixture, const char *text);
