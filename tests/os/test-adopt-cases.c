/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-cases.c: the ways in which programs bind, listen, wait and accept, each handed over under load.
 */
#include <signal.h>
#include <sys/wait.h>

#include "adopt-fixture.h"

#define PROGRAM TEST_PROGRAM_DIR "/adopt-program"
#define LATE_BIND_PROGRAM TEST_PROGRAM_DIR "/late-bind-program"

static const char *
program_for (const char *how)
{
  return g_str_has_suffix (how, "-before-bind") ? LATE_BIND_PROGRAM : PROGRAM;
}

/* The daemon holds the socket from the start. */
static void
test_configured (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { program_for (data), data, NULL };

  adopt_open_listener (fixture, "127.0.0.1");
  adopt_hand_over (fixture, argv, "", fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* The first instance binds it. */
static void
test_discovered (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { program_for (data), data, NULL };

  fixture->port = adopt_unused_port ();
  adopt_hand_over (fixture, argv, "", fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

typedef struct {
  const char *held; /* host in Listen; NULL: the program's own is discovered */
  const char *bound;
  const char *asked;
  const char *how;
} Hosts;

static void
test_hosts (AdoptFixture *fixture, gconstpointer data)
{
  const Hosts *hosts = data;
  const char *argv[] = { PROGRAM, hosts->how, NULL };

  fixture->host = hosts->asked;
  if (hosts->held != NULL)
    adopt_open_listener (fixture, hosts->held);
  else
    fixture->port = adopt_unused_port ();
  adopt_hand_over (fixture, argv, hosts->bound, fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* What waits in accept() ends as it would without the library, also when it lost the race for a connection. */
static void
test_shut (AdoptFixture *fixture, gconstpointer data)
{
  test_configured (fixture, data);
  g_assert_true (WIFEXITED (fixture->old.status));
  g_assert_cmpint (WEXITSTATUS (fixture->old.status), ==, 0);
  adopt_end (&fixture->new, SIGTERM);
  g_assert_true (WIFEXITED (fixture->new.status));
  g_assert_cmpint (WEXITSTATUS (fixture->new.status), ==, 0);
}

/* Its runtime insists on being the first library. */
static void
test_asan (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { TEST_PROGRAM_DIR "/asan-program", data, NULL };

  if (adopt_skip_without (argv[0]))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_hand_over (fixture, argv, "", fixture->port);
}

static const struct {
  const char *name, *how;
} both[] = {
  { "reuseport-workers-share-one-socket", "reuseport" },
  { "fork-after-listen", "prefork" },
  { "threads-that-accept", "threads" },
  { "copies-of-the-descriptor", "copies" },
  { "non-blocking-from-birth", "nonblock-socket" },
  { "non-blocking-by-fcntl", "nonblock-fcntl" },
  { "non-blocking-by-ioctl", "nonblock-ioctl" },
  { "closed-and-bound-again", "again" },
  { "epoll-level-triggered", "epoll-level" },
  { "epoll-edge-triggered", "epoll-edge" },
  { "epoll-oneshot", "epoll-oneshot" },
  { "epoll-exclusive-in-threads", "epoll-exclusive" },
  { "epoll-with-a-socket-that-blocks", "epoll-blocking" },
  { "poll-with-a-socket-that-blocks", "poll" },
  { "ppoll-with-a-socket-that-blocks", "ppoll" },
  { "select-with-a-socket-that-blocks", "select" },
  { "pselect-with-a-socket-that-blocks", "pselect" },
  { "accept-that-waits-beside-polled-connections", "polled-connections" },
  { "epoll-before-bind", "epoll-before-bind" },
  { "epoll-edge-triggered-before-bind", "epoll-edge-before-bind" },
  { "epoll-by-a-closed-copy-before-bind", "epoll-by-copy-before-bind" },
  { "copy-before-bind", "copy-before-bind" },
  { "inherited-by-exec", "exec" },
  { "received-by-message", "send" },
};

static const Hosts hosts[] = {
  { "", "0.0.0.0", "127.0.0.1", "names" },
  { "", "::", "127.0.0.1", "names" },
  { "", "127.0.0.1", "127.0.0.1", "names" },
  { "", "::1", "::1", "names" },
  { "0.0.0.0", "::", "127.0.0.1", "names" },
  { "0.0.0.0", "127.0.0.1", "127.0.0.1", "names" },
  { "127.0.0.1", "0.0.0.0", "127.0.0.1", "names" },
  { "127.0.0.1", "::", "127.0.0.1", "names" },
  { "[::1]", "::", "::1", "names" },
  { NULL, "0.0.0.0", "127.0.0.1", "names" },
  { NULL, "::", "127.0.0.1", "names" },
  { NULL, "::", "::1", "v6only" },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      g_autofree char *held = g_strconcat ("/adopt-cases/configured/", both[i].name, NULL);
      g_autofree char *found = g_strconcat ("/adopt-cases/discovered/", both[i].name, NULL);

      g_test_add (held, AdoptFixture, both[i].how, adopt_set_up, test_configured, adopt_tear_down);
      g_test_add (found, AdoptFixture, both[i].how, adopt_set_up, test_discovered, adopt_tear_down);
    }
  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    {
      g_autofree char *name = g_strdup_printf ("/adopt-cases/hosts/%s-gets-%s-asked-at-%s-%s", hosts[i].bound,
                                               hosts[i].held == NULL      ? "its-own"
                                               : hosts[i].held[0] == '\0' ? "every-host"
                                                                          : hosts[i].held,
                                               hosts[i].asked, hosts[i].how);

      g_test_add (name, AdoptFixture, &hosts[i], adopt_set_up, test_hosts, adopt_tear_down);
    }
#define ADD(path, data, func) g_test_add ("/adopt-cases/" path, AdoptFixture, data, adopt_set_up, func, adopt_tear_down)
  ADD ("a-program-of-the-address-sanitizer", "epoll-level", test_asan);
  ADD ("accept-is-woken-by-shutdown-in-a-handler", "shut-by-handler", test_shut);
  ADD ("accept-is-woken-by-shutdown-in-another-thread", "shut-by-thread", test_shut);
  return g_test_run ();
}
