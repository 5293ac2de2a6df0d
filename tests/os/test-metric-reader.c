/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-metric-reader.c: numbers from real servers and commands, good ones and bad ones.
 */
#include <math.h>
#include <string.h>

#include "hr-error.h"
#include "hr-local-metric-reader.h"

/* Longer than any look here may take. */
#define DEADLINE_SEC 60
#define SECOND G_USEC_PER_SEC

typedef struct {
  GSocketService *server;
  guint16 port;
  const char *answer; /* sent to each connection, which then ends */
  gsize filler;       /* so many bytes more behind it */
  gboolean silent;    /* nothing is sent, and the connection stays */
  gboolean trickles;  /* one byte after the other, for ever */
  gint asked;         /* connections */
  char *peer;         /* address of the last one */
  char *request;      /* what it asked for */
  HrMetricReader *reader;
  HrMetricRequest look;
  HrMetricSpec *specs[HR_METRICS_MAX];
  GMainLoop *loop;
  GAsyncResult *result;
} Fixture;

static void
serve_body (Fixture *f, GOutputStream *out, GInputStream *in)
{
  char byte;

  if (f->answer != NULL)
    g_output_stream_write_all (out, f->answer, strlen (f->answer), NULL, NULL, NULL);
  for (gsize i = 0; i < f->filler / 1024; i++)
    {
      char block[1024];

      memset (block, ' ', sizeof block);
      if (!g_output_stream_write_all (out, block, sizeof block, NULL, NULL, NULL))
        return;
    }
  while (f->trickles && g_output_stream_write (out, " ", 1, NULL, NULL) > 0)
    g_usleep (2000);
  /* Until the other side goes. */
  if (f->silent)
    while (g_input_stream_read (in, &byte, 1, NULL, NULL) > 0)
      ;
}

/* In a thread of its own. */
static gboolean
serve (GThreadedSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  Fixture *f = data;
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  g_autoptr (GString) request = g_string_new (NULL);
  g_autoptr (GSocketAddress) peer = g_socket_connection_get_remote_address (connection, NULL);
  char byte;

  while (strstr (request->str, "\r\n\r\n") == NULL && g_input_stream_read (in, &byte, 1, NULL, NULL) == 1)
    g_string_append_c (request, byte);
  g_free (f->request);
  f->request = g_strdup (request->str);
  g_free (f->peer);
  f->peer = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (peer)));
  g_atomic_int_inc (&f->asked);
  serve_body (f, g_io_stream_get_output_stream (G_IO_STREAM (connection)), in);
  return TRUE;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  static const char *const environment[] = { "PATH=/usr/bin:/bin", "N=41", NULL };

  f->server = g_threaded_socket_service_new (10);
  f->port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (f->server), NULL, NULL);
  g_signal_connect (f->server, "run", G_CALLBACK (serve), f);
  f->reader = hr_local_metric_reader_new ();
  f->look = (HrMetricRequest){ .environment = environment, .port = f->port, .timeout_usec = 30 * SECOND };
  f->loop = g_main_loop_new (NULL, FALSE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_socket_service_stop (f->server);
  g_socket_listener_close (G_SOCKET_LISTENER (f->server));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_object_unref (f->server);
  g_assert_finalize_object (f->reader);
  g_main_loop_unref (f->loop);
  for (guint i = 0; i < HR_METRICS_MAX; i++)
    hr_metric_spec_free (f->specs[i]);
  g_free (f->peer);
  g_free (f->request);
}

static void
ask_for (Fixture *f, guint at, const char *text)
{
  g_autoptr (GError) error = NULL;

  hr_metric_spec_free (f->specs[at]);
  f->specs[at] = hr_metric_spec_parse (text, &error);
  g_assert_no_error (error);
  f->look.metrics[at] = f->specs[at];
}

static void
ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  f->result = g_object_ref (result);
  g_main_loop_quit (f->loop);
}

static gboolean
too_late (gpointer data)
{
  g_error ("the look did not end");
  return G_SOURCE_REMOVE;
}

static void
wait_for_end (Fixture *f)
{
  guint timer = g_timeout_add_seconds (DEADLINE_SEC, too_late, NULL);

  if (f->result == NULL)
    g_main_loop_run (f->loop);
  g_source_remove (timer);
}

static gboolean
look (Fixture *f, double values[HR_METRICS_MAX], GError **error)
{
  gboolean ok;

  hr_metric_reader_read_async (f->reader, &f->look, NULL, ended, f);
  wait_for_end (f);
  ok = hr_metric_reader_read_finish (f->reader, f->result, values, error);
  g_clear_object (&f->result);
  return ok;
}

static void
expect (Fixture *f, double value)
{
  g_autoptr (GError) error = NULL;
  double values[HR_METRICS_MAX];

  look (f, values, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (values[0], ==, value);
}

static void
expect_error (Fixture *f, const char *words)
{
  g_autoptr (GError) error = NULL;
  double values[HR_METRICS_MAX];

  g_assert_false (look (f, values, &error));
  g_assert_cmpstr (error->message, !=, "");
  if (strstr (error->message, words) == NULL)
    g_assert_cmpstr (error->message, ==, words);
  g_assert_nonnull (strstr (error->message, "while reading '"));
}

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void
test_json (Fixture *f, gconstpointer data)
{
  f->answer = OK "{\"requests\": {\"failed\": 2.5}}";
  ask_for (f, 0, "http://127.0.0.1:%p/stats?a=%20#requests.failed");
  expect (f, 2.5);
  g_assert_true (g_str_has_prefix (f->request, "GET /stats?a=%20 HTTP/1.1\r\n"));
  g_assert_nonnull (strstr (f->request, "Connection: close\r\n"));
  g_assert_null (strstr (f->request, "Accept-Encoding"));
  g_assert_cmpstr (f->peer, ==, "127.0.0.1");
}

static void
test_openmetrics (Fixture *f, gconstpointer data)
{
  f->answer = OK "# TYPE r counter\nr_total{code=\"200\",m=\"a\"} 5\nr_total{code=\"200\",m=\"b\"} 7\n# EOF\n";
  ask_for (f, 0, "http://127.0.0.1:%p/metrics#r_total{code=\"200\"}");
  f->look.add_up = TRUE;
  expect (f, 12);
  f->look.add_up = FALSE;
  expect_error (f, "the answer has 2 samples of 'r_total{code=\"200\"}'");
  f->answer = CHUNKED "8\r\nr_total \r\n3\r\n42\n\r\n0\r\n\r\n";
  ask_for (f, 0, "http://127.0.0.1:%p/metrics#r_total");
  expect (f, 42);
}

/* Several numbers of one answer are of one moment. */
static void
test_one_answer (Fixture *f, gconstpointer data)
{
  double values[HR_METRICS_MAX];
  g_autoptr (GError) error = NULL;

  f->answer = OK "{\"failed\": 1, \"all\": 10}";
  ask_for (f, 0, "http://127.0.0.1:%p/#failed");
  ask_for (f, 2, "http://127.0.0.1:%p/#all");
  ask_for (f, 3, "exec:sh -c 'echo $((N + 1))'");
  look (f, values, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (values[0], ==, 1);
  g_assert_true (isnan (values[1]));
  g_assert_cmpfloat (values[2], ==, 10);
  g_assert_cmpfloat (values[3], ==, 42);
  g_assert_cmpint (f->asked, ==, 1);
}

/* Each look is a connection of its own, from where it is told to come. */
static void
test_connections (Fixture *f, gconstpointer data)
{
  g_autoptr (GInetAddress) source = g_inet_address_new_from_string ("127.9.8.7");

  f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nx 1\n";
  f->look.source = source;
  ask_for (f, 0, "http://127.0.0.1:%p/#x");
  expect (f, 1);
  g_assert_cmpstr (f->peer, ==, "127.9.8.7");
  expect (f, 1);
  g_assert_cmpint (f->asked, ==, 2);
}

static void
test_bad_answers (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *answer;
    const char *words;
  } cases[] = {
    { OK "", "the answer has no metric 'x'" },
    { OK "x NaN\n", "'x' is not a number" },
    { OK "x +Inf\n", "'x' is infinite" },
    { OK "<html>x 1</html>\n", "neither JSON nor OpenMetrics text: line 1" },
    { OK "{\"x\": \"1\"}", "no number at 'x'" },
    { OK "{\"x\": 1", "while reading 'http://" },
    { "HTTP/1.1 500 Oops\r\n\r\nx 1\n", "the answer has status 500" },
    { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\nx 1\n", "the answer has status 302" },
    { "HTTP/1.1 204 No Content\r\n\r\n", "the answer has status 204" },
    { "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx 1\n\377", "neither JSON nor OpenMetrics" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nx 1\n", "the answer ends too early" },
    { "garbage\r\n\r\n\r\n", "while reading 'http://" },
    { "", "while reading 'http://" },
    { CHUNKED "zz\r\nx 1\r\n", "while reading 'http://" },
  };

  ask_for (f, 0, "http://127.0.0.1:%p/#x");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("answer %u", i);
      f->answer = cases[i].answer;
      expect_error (f, cases[i].words);
    }
}

static void
test_huge (Fixture *f, gconstpointer data)
{
  f->answer = OK "x 1\n";
  f->filler = 4 * 1024 * 1024;
  ask_for (f, 0, "http://127.0.0.1:%p/#x");
  expect_error (f, "the answer is larger than 1048576 bytes");
  f->filler = 512 * 1024;
  expect (f, 1);
}

static void
test_late (Fixture *f, gconstpointer data)
{
  gint64 began = g_get_monotonic_time ();

  f->look.timeout_usec = SECOND / 5;
  ask_for (f, 0, "http://127.0.0.1:%p/#x");
  f->silent = TRUE;
  expect_error (f, "there was no whole answer in time");
  f->answer = OK "x 1\n";
  expect_error (f, "there was no whole answer in time");
  f->silent = FALSE;
  f->trickles = TRUE;
  expect_error (f, "there was no whole answer in time");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 20 * SECOND);

  /* All of a look has one deadline: with one each this would take six seconds. */
  f->trickles = FALSE;
  f->look.timeout_usec = 4 * SECOND;
  ask_for (f, 0, "exec:sh -c 'sleep 2; echo 1'");
  ask_for (f, 1, "exec:sh -c 'exec sleep 600'");
  began = g_get_monotonic_time ();
  expect_error (f, "sleep 600'': it did not end in time");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 6 * SECOND);
}

static void
test_nobody_there (Fixture *f, gconstpointer data)
{
  g_socket_service_stop (f->server);
  g_socket_listener_close (G_SOCKET_LISTENER (f->server));
  ask_for (f, 0, "http://127.0.0.1:%p/#x");
  expect_error (f, "refused");
}

static void
test_cancelled (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  double values[HR_METRICS_MAX];

  f->silent = TRUE;
  ask_for (f, 0, "http://127.0.0.1:%p/#x");
  hr_metric_reader_read_async (f->reader, &f->look, cancellable, ended, f);
  while (g_atomic_int_get (&f->asked) == 0)
    g_main_context_iteration (NULL, FALSE);
  g_cancellable_cancel (cancellable);
  wait_for_end (f);
  g_assert_false (hr_metric_reader_read_finish (f->reader, f->result, values, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&f->result);
}

static void
test_commands (Fixture *f, gconstpointer data)
{
  ask_for (f, 0, "exec:sh -c 'echo \" 3.5 \"; echo words >&2'");
  expect (f, 3.5);
  ask_for (f, 0, "exec:sh -c 'echo 1; echo the reason >&2; exit 3'");
  expect_error (f, "exit code 3: the reason");
  ask_for (f, 0, "exec:sh -c 'echo NaN'");
  expect_error (f, "'NaN' is not a number");
  ask_for (f, 0, "exec:true");
  expect_error (f, "'' is not a number");
  ask_for (f, 0, "exec:/nowhere/program");
  expect_error (f, "/nowhere/program");
  ask_for (f, 0, "exec:head -c 100000 /dev/zero");
  expect_error (f, "it printed more than 4096 bytes");
}

static gboolean
run (Fixture *f, const char *line, GError **error)
{
  const char *const argv[] = { "sh", "-c", line, NULL };
  gboolean ok;

  f->look.argv = argv;
  hr_metric_reader_run_async (f->reader, &f->look, NULL, ended, f);
  wait_for_end (f);
  ok = hr_metric_reader_run_finish (f->reader, f->result, error);
  g_clear_object (&f->result);
  return ok;
}

static void
test_run (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (run (f, "exit 0", NULL));
  g_assert_false (run (f, "echo it is ill; exit 4", &error));
  g_assert_cmpstr (error->message, ==, "exit code 4: it is ill");
  g_clear_error (&error);
  f->look.timeout_usec = SECOND / 10;
  g_assert_false (run (f, "exec sleep 600", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_TIMED_OUT);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/metric-reader/json", test_json);
  ADD ("/metric-reader/openmetrics", test_openmetrics);
  ADD ("/metric-reader/one-answer-for-one-url", test_one_answer);
  ADD ("/metric-reader/connections-are-its-own", test_connections);
  ADD ("/metric-reader/bad-answers", test_bad_answers);
  ADD ("/metric-reader/huge-answer", test_huge);
  ADD ("/metric-reader/late-answer", test_late);
  ADD ("/metric-reader/nobody-there", test_nobody_there);
  ADD ("/metric-reader/cancelled", test_cancelled);
  ADD ("/metric-reader/commands", test_commands);
  ADD ("/metric-reader/run", test_run);
  return g_test_run ();
}
