/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A second server of the same user joins the address of a listener: it gets none of its connections, whatever becomes of
 * our own sockets meanwhile.
 */
#include <arpa/inet.h>
#include <asm/socket.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-socket-bind.h"
#include "hr-socket-group.h"

#define DEADLINE_USEC (60 * G_USEC_PER_SEC)
#define N_CLIENTS 20

static const HrSocketGroupSources sources = { .own = 0x7f400005, .main = 0x7f400006 };

static struct sockaddr_in
address_of (int fd)
{
  struct sockaddr_in address;
  socklen_t length = sizeof address;

  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  return address;
}

static int
listen_on (struct sockaddr_in address, gboolean reuse_port)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;

  if (reuse_port)
    g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), ==, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, SOMAXCONN), ==, 0);
  return fd;
}

static guint
take_all (int fd)
{
  guint n = 0;
  int accepted;

  while ((accepted = accept4 (fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    {
      close (accepted);
      n++;
    }
  return n;
}

/* Clients of one address after the other, so that chance does not decide. */
static void
assert_stray_gets_nothing (HrSocketGroup *group, int stray)
{
  struct sockaddr_in to = address_of (stray);
  int ours = hr_socket_group_get_fd (group, NULL);

  for (guint i = 0; i < N_CLIENTS; i++)
    {
      struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = { htonl (0x7f000002 + i) } };
      g_auto (HrFd) client = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

      g_assert_cmpint (bind (client, (struct sockaddr *)&from, sizeof from), ==, 0);
      g_assert_cmpint (connect (client, (struct sockaddr *)&to, sizeof to), ==, 0);
    }
  g_assert_cmpuint (take_all (stray), ==, 0);
  g_assert_true (g_unix_set_fd_nonblocking (ours, TRUE, NULL));
  g_assert_cmpuint (take_all (ours), ==, N_CLIENTS);
}

/* Returns a copy of the socket of an instance that is there no more, while another has taken its place. */
static int
replace (HrSocketGroup *group)
{
  g_autoptr (GError) error = NULL;
  int former = dup (hr_socket_group_get_fd (group, "old"));

  hr_socket_group_enter (group, "old");
  g_assert_true (hr_socket_group_separate (group, "new", &sources, &error));
  g_assert_no_error (error);
  hr_socket_group_enter (group, "new");
  hr_socket_group_promote (group, "new");
  return former;
}

static HrSocketGroup *
new_group (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };

  return hr_socket_group_new (listen_on (address, FALSE));
}

static gboolean
listens (int fd)
{
  return hr_socket_get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) > 0;
}

static gboolean
tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
expect_busy (HrSocketGroup *group)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (hr_socket_group_separate (group, "next", &sources, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_BUSY);
  g_assert_cmpint (hr_socket_group_get_fd (group, "next"), ==, hr_socket_group_get_fd (group, NULL));
}

/* To one group it comes while the old socket is still there, to the other when that has gone: both are waited for in the
 * same time. */
static void
test_gets_nothing (void)
{
  HrSocketGroup *early = new_group (), *late = new_group ();
  g_auto (HrFd) early_former = replace (early);
  g_auto (HrFd) late_former = replace (late);
  int early_stray = listen_on (address_of (early_former), TRUE), late_stray;
  gint64 give_up = g_get_monotonic_time () + DEADLINE_USEC;
  guint source = g_timeout_add (100, tick, NULL);

  assert_stray_gets_nothing (early, early_stray);
  hr_socket_group_leave (early, "old");
  hr_socket_group_leave (late, "old");
  while (listens (late_former) && g_get_monotonic_time () < give_up)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (listens (late_former));
  /* The other one's turn to go has come, too, or comes within the next two looks. */
  for (guint i = 0; i < 3; i++)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);

  g_assert_true (listens (early_former));
  assert_stray_gets_nothing (early, early_stray);
  late_stray = listen_on (address_of (hr_socket_group_get_fd (late, NULL)), TRUE);
  assert_stray_gets_nothing (late, late_stray);
  expect_busy (early);
  expect_busy (late);
  close (early_stray);
  close (late_stray);
  g_assert_true (hr_socket_group_separate (early, "next", &sources, NULL));
  g_assert_true (hr_socket_group_separate (late, "next", &sources, NULL));
  hr_socket_group_free (early);
  hr_socket_group_free (late);
}

/* It comes, and goes, while an instance is separate. */
static void
test_while_separate (void)
{
  HrSocketGroup *group = new_group ();
  g_autoptr (GError) error = NULL;
  g_auto (HrFd) stray = -1;

  hr_socket_group_enter (group, "old");
  g_assert_true (hr_socket_group_separate (group, "new", &sources, &error));
  g_assert_no_error (error);
  stray = listen_on (address_of (hr_socket_group_get_fd (group, NULL)), TRUE);
  assert_stray_gets_nothing (group, stray);
  g_assert_cmpint (hr_socket_count_waiting (hr_socket_group_get_fd (group, "new")), ==, 0);
  hr_socket_group_enter (group, "new");
  hr_socket_group_promote (group, "new");
  assert_stray_gets_nothing (group, stray);
  hr_socket_group_free (group);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/socket-strays/promise-3/gets-nothing", test_gets_nothing);
  g_test_add_func ("/socket-strays/while-separate", test_while_separate);
  return g_test_run ();
}
