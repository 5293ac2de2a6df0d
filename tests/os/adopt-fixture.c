/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-fixture.h"

#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-tcp-address.h"

#define SECOND_ANSWERS 50

void
adopt_set_up (AdoptFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->launcher = hr_exec_launcher_new (fixture->dir, &error);
  g_assert_no_error (error);
  fixture->listeners = hr_socket_listeners_new ();
}

/* What there is to know when something did not happen. */
static void
explain (AdoptFixture *fixture)
{
  g_autofree char *log = g_build_filename (fixture->dir, "log", NULL);
  g_autofree char *text = NULL;

  g_file_get_contents (log, &text, NULL, NULL);
  g_test_message (
      "answers of the old one %d, of the new one %d, refused %d, cut %d, exited %d and %d (status %#x, %#x); "
      "the programs said: %s",
      g_atomic_int_get (&fixture->old_answers), g_atomic_int_get (&fixture->new_answers),
      g_atomic_int_get (&fixture->refused), g_atomic_int_get (&fixture->cut), fixture->old.exited, fixture->new.exited,
      (guint)fixture->old.status, (guint)fixture->new.status, text != NULL ? text : "nothing");
}

static gboolean
has_waited_too_long (gint64 since)
{
  return g_get_monotonic_time () - since > (gint64)DEADLINE_MSEC * 1000 / 2;
}

/* Waits for it, but not for what a program that has ended will not do. */
#define EXPECT(fixture, condition)                                                                                     \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    gint64 since = g_get_monotonic_time ();                                                                            \
    ADOPT_WAIT_FOR ((condition) || (fixture)->old.exited || (fixture)->new.exited || has_waited_too_long (since));     \
    if (!(condition))                                                                                                  \
      explain (fixture);                                                                                               \
    g_assert_true (condition);                                                                                         \
  }                                                                                                                    \
  G_STMT_END

gboolean
adopt_on_deadline (gpointer data)
{
  g_error ("nothing happened for %d s", DEADLINE_MSEC / 1000);
  return G_SOURCE_REMOVE;
}

gboolean
adopt_once_more (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

typedef struct {
  AdoptRunning *running;
  int signal_number;
} Ending;

static gboolean
signal_again (gpointer data)
{
  const Ending *ending = data;

  hr_instance_stop (ending->running->instance, ending->signal_number);
  return G_SOURCE_CONTINUE;
}

void
adopt_end (AdoptRunning *running, int signal_number)
{
  Ending ending = { running, signal_number };
  guint again = 0;

  if (running->instance == NULL)
    return;
  if (signal_number == SIGKILL)
    hr_instance_kill (running->instance);
  else
    {
      hr_instance_stop (running->instance, signal_number);
      /* Python looks for signals between two calls: one that comes just before accept() is seen after the next
       * connection, with the library or without. The daemon retires an instance first, long before it signals. */
      again = g_timeout_add (2000, signal_again, &ending);
    }
  ADOPT_WAIT_FOR (running->exited);
  g_clear_handle_id (&again, g_source_remove);
  g_assert_finalize_object (g_steal_pointer (&running->instance));
}

void
adopt_tear_down (AdoptFixture *fixture, gconstpointer data)
{
  adopt_end (&fixture->old, SIGKILL);
  adopt_end (&fixture->new, SIGKILL);
  g_assert_finalize_object (fixture->launcher);
  g_assert_finalize_object (fixture->listeners);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
  g_free (fixture->path);
}

static void
on_listening (HrInstance *instance, AdoptRunning *running)
{
  running->listening = TRUE;
}

static void
on_notify (HrInstance *instance, char **assignments, HrSentFds *sent, AdoptRunning *running)
{
  running->notified = TRUE;
}

static void
on_exited (HrInstance *instance, int status, gboolean known, AdoptRunning *running)
{
  running->exited = TRUE;
  running->status = status;
}

/* Of this test program alone: what an instance leaves behind is found by its id and killed, also another test's. */
char *
adopt_full_id (const char *id)
{
  return g_strdup_printf ("%d-%s", (int)getpid (), id);
}

void
adopt_start (AdoptFixture *fixture, AdoptRunning *running, const char *id, const char *const *program, const char *host,
             guint16 port)
{
  g_autofree char *log = g_build_filename (fixture->dir, "log", NULL);
  g_autofree char *port_text = g_strdup_printf ("TEST_PORT=%u", port);
  g_autofree char *host_text = g_strdup_printf ("TEST_HOST=%s", host);
  g_autofree char *full_id = adopt_full_id (id);
  g_autofree char *home = g_strdup_printf ("HOME=%s", fixture->dir);
  const char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", home, port_text, host_text, NULL };
  HrLaunch what = { .service = "svc",
                    .id = full_id,
                    .argv = program,
                    .environment = environment,
                    .directory = "/",
                    .listeners = fixture->listeners,
                    .pass = TRUE,
                    .adopt = !fixture->pass_only,
                    .log_file = log,
                    .stdout_fd = -1,
                    .stderr_fd = -1 };
  g_autoptr (GError) error = NULL;

  running->notified = running->listening = running->exited = FALSE;
  running->instance = hr_launcher_launch (fixture->launcher, &what, &error);
  g_assert_no_error (error);
  if (fixture->measure_wait)
    hr_instance_measure_wait (running->instance, TRUE);
  g_signal_connect (running->instance, "listening", G_CALLBACK (on_listening), running);
  g_signal_connect (running->instance, "notify-socket", G_CALLBACK (on_notify), running);
  g_signal_connect (running->instance, "exited", G_CALLBACK (on_exited), running);
  ADOPT_WAIT_FOR (running->notified || running->listening || running->exited);
  if (running->exited)
    {
      const GError *start_error = hr_instance_get_start_error (running->instance);

      g_test_message ("it ended before it listened: %s", start_error != NULL ? start_error->message : "it was started");
      explain (fixture);
    }
  g_assert_false (running->exited);
}

/* Returns the size of the address at which the fixture asks. */
static socklen_t
make_address (AdoptFixture *fixture, struct sockaddr_storage *address)
{
  struct sockaddr_un local = { .sun_family = AF_UNIX };

  if (fixture->path == NULL)
    {
      hr_tcp_address_parse (fixture->host != NULL ? fixture->host : "127.0.0.1", fixture->port, address, NULL);
      return hr_tcp_address_size (address);
    }
  memcpy (local.sun_path, fixture->path, MIN (strlen (fixture->path), sizeof local.sun_path - 1));
  if (local.sun_path[0] == '@')
    local.sun_path[0] = '\0';
  memcpy (address, &local, sizeof local);
  return (socklen_t)(offsetof (struct sockaddr_un, sun_path) + strlen (fixture->path));
}

/* A datagram that says where it comes from: not every call tells that. */
static gboolean
send_port (int fd)
{
  struct sockaddr_in own;
  socklen_t length = sizeof own;

  return getsockname (fd, (struct sockaddr *)&own, &length) == 0
         && send (fd, &own.sin_port, sizeof own.sin_port, MSG_NOSIGNAL) > 0;
}

/* One request on a connection of its own, or one datagram. */
static void
adopt_ask (AdoptFixture *fixture)
{
  static const char request[] = "GET / HTTP/1.0\r\n\r\n";
  const struct timeval patience = { .tv_sec = 30 };
  struct sockaddr_storage address;
  socklen_t size = make_address (fixture, &address);
  g_auto (HrFd) fd = socket (address.ss_family, (fixture->datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  char answer[1024];
  gsize total = 0;
  ssize_t length;

  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect (fd, (struct sockaddr *)&address, size) < 0)
    {
      g_atomic_int_inc (&fixture->refused);
      return;
    }
  if (fixture->datagrams ? send_port (fd) : send (fd, request, strlen (request), MSG_NOSIGNAL) > 0)
    while (total < sizeof answer - 1 && (!fixture->datagrams || total == 0)
           && (length = recv (fd, answer + total, sizeof answer - 1 - total, 0)) > 0)
      total += (gsize)length;
  answer[total] = '\0';
  if (g_str_has_suffix (answer, "old-one"))
    g_atomic_int_inc (&fixture->old_answers);
  else if (g_str_has_suffix (answer, "new-one"))
    g_atomic_int_inc (&fixture->new_answers);
  else
    g_atomic_int_inc (&fixture->cut);
}

gpointer
adopt_keep_asking (gpointer data)
{
  AdoptFixture *fixture = data;

  while (!g_atomic_int_get (&fixture->stop))
    adopt_ask (fixture);
  return NULL;
}

typedef struct {
  HrInstanceSight sight;
  gboolean done;
} Look;

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  g_autoptr (GError) error = NULL;

  hr_instance_look_finish (HR_INSTANCE (source), result, &look->sight, &error);
  g_assert_no_error (error);
  look->done = TRUE;
}

HrInstanceSight
adopt_look (AdoptRunning *running)
{
  Look look = { 0 };

  hr_instance_look_async (running->instance, on_looked, &look);
  ADOPT_WAIT_FOR (look.done);
  return look.sight;
}

/* As the engine does it: what cannot be held back shows when it is looked at. */
gboolean
adopt_retire (AdoptRunning *running)
{
  adopt_look (running);
  return hr_instance_retire (running->instance);
}

static void
on_counted (GObject *source, GAsyncResult *result, gpointer data)
{
  AdoptFixture *fixture = data;
  g_autoptr (GError) error = NULL;

  fixture->connections = hr_instance_count_connections_finish (fixture->old.instance, result, &error);
  g_assert_no_error (error);
  fixture->counted = TRUE;
}

int
adopt_count_connections (AdoptFixture *fixture)
{
  fixture->counted = FALSE;
  hr_instance_count_connections_async (fixture->old.instance, fixture->listeners, FALSE, on_counted, fixture);
  ADOPT_WAIT_FOR (fixture->counted);
  return fixture->connections;
}

/* Tells it to accept no more and waits until it has answered what it had accepted. */
void
adopt_drain (AdoptFixture *fixture)
{
  gint answers;

  g_assert_true (hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  g_assert_true (adopt_retire (&fixture->old));
  ADOPT_WAIT_FOR (!hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  while (adopt_count_connections (fixture) > 0)
    ;
  /* The answer that was on its way is counted with the next one of the other. */
  answers = g_atomic_int_get (&fixture->new_answers);
  EXPECT (fixture, g_atomic_int_get (&fixture->new_answers) > answers);
  answers = g_atomic_int_get (&fixture->old_answers);
  fixture->drained_answers = answers;
}

/* The old one answers, then both do, then the new one alone, while the old one still runs; nobody is refused or cut
 * off. */
void
adopt_hand_over (AdoptFixture *fixture, const char *const *program, const char *host, guint16 program_port)
{
  gint old_before, new_before;

  adopt_start (fixture, &fixture->old, "old-one", program, host, program_port);
  if (fixture->port == 0)
    fixture->port = ((HrListener *)g_ptr_array_index (hr_listeners_list (fixture->listeners), 0))->port;
  fixture->asker = g_thread_new ("asker", adopt_keep_asking, fixture);
  EXPECT (fixture, g_atomic_int_get (&fixture->old_answers) > 0);
  /* The first of a program's listeners makes it ready; at its very first start the others follow a moment later. */
  g_atomic_int_set (&fixture->refused, 0);

  adopt_start (fixture, &fixture->new, "new-one", program, host, program_port);
  old_before = g_atomic_int_get (&fixture->old_answers);
  EXPECT (fixture,
          g_atomic_int_get (&fixture->new_answers) > 0 && g_atomic_int_get (&fixture->old_answers) > old_before);

  adopt_drain (fixture);
  new_before = g_atomic_int_get (&fixture->new_answers);
  ADOPT_WAIT_FOR (g_atomic_int_get (&fixture->new_answers) >= new_before + SECOND_ANSWERS || fixture->new.exited);
  g_assert_cmpint (g_atomic_int_get (&fixture->old_answers), ==, fixture->drained_answers);
  g_assert_false (fixture->old.exited);

  adopt_end (&fixture->old, SIGTERM);
  hr_listeners_revive (fixture->listeners);
  new_before = g_atomic_int_get (&fixture->new_answers);
  ADOPT_WAIT_FOR (g_atomic_int_get (&fixture->new_answers) >= new_before + SECOND_ANSWERS || fixture->new.exited);
  g_assert_false (fixture->new.exited);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_cmpint (fixture->refused, ==, 0);
  g_assert_cmpint (fixture->cut, ==, 0);
}

static void
open_one (AdoptFixture *fixture, HrListenSpec *listen)
{
  HrServiceSpec spec = { .name = (char *)"svc", .listen = g_ptr_array_new () };
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (spec.listen, listen);
  g_assert_true (hr_listeners_open (fixture->listeners, &spec, &error));
  g_assert_no_error (error);
  g_ptr_array_unref (spec.listen);
  fixture->port = ((HrListener *)g_ptr_array_index (hr_listeners_list (fixture->listeners), 0))->port;
}

void
adopt_open_listener (AdoptFixture *fixture, const char *host)
{
  open_one (fixture, &(HrListenSpec){ .name = (char *)"http", .kind = HR_LISTEN_TCP, .host = (char *)host });
}

void
adopt_open_path (AdoptFixture *fixture, const char *path)
{
  open_one (fixture, &(HrListenSpec){ .name = (char *)"http", .kind = HR_LISTEN_UNIX, .path = (char *)path });
}

void
adopt_open_datagrams (AdoptFixture *fixture, const char *host)
{
  fixture->datagrams = TRUE;
  open_one (fixture, &(HrListenSpec){ .name = (char *)"dns", .kind = HR_LISTEN_UDP, .host = (char *)host });
}

guint16
adopt_unused_port (void)
{
  g_auto (HrFd) fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  g_assert_true (hr_tcp_address_parse ("127.0.0.1", 0, &address, NULL));
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof (struct sockaddr_in)), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  return hr_tcp_address_port (&address);
}

gboolean
adopt_skip_without (const char *program)
{
  g_autofree char *message = g_strdup_printf ("not run here: there is no %s", program);

  if (g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
    return FALSE;
  g_test_skip (message);
  return TRUE;
}

/* The old instance, a program in Python that is given the listener; %FALSE where there is no Python. */
gboolean
adopt_start_python (AdoptFixture *fixture, const char *text)
{
  const char *argv[] = { "/usr/bin/python3", "-S", "-c", text, NULL };

  if (adopt_skip_without (argv[0]))
    return FALSE;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  return TRUE;
}
