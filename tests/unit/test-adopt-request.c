/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where requests end: however they come in pieces, and never too early.
 */
#include <glib.h>
#include <string.h>

#include "adopt-request.h"

typedef struct {
  const char *name;
  const char *text;
  guint n; /* requests; each begins with "GET", "POST", "PUT" or "DELETE" */
} Case;

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const Case understood[] = {
  { "without-a-body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1 },
  { "of-the-older-version", "GET / HTTP/1.0\r\n\r\n", 1 },
  { "with-a-length", HEAD "Content-Length: 12\r\n\r\nGET / HTTP/1", 1 },
  { "with-a-length-in-any-case", HEAD "CONTENT-length:\t4 \r\n\r\nbody", 1 },
  { "with-a-length-of-nothing", HEAD "Content-Length: 0\r\n\r\n", 1 },
  { "with-fields-that-only-look-alike", HEAD "X-Content-Length: 9\r\nContent: 9\r\n\r\n", 1 },
  { "with-a-line-that-is-longer-than-what-is-kept",
    "GET /0123456789012345678901234567890123456789012345678901234567890 HTTP/1.1\r\nCookie: "
    "01234567890123456789012345678901234567890123456789012345\r\n\r\n",
    1 },
  { "in-chunks", CHUNKED "4\r\nbody\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n", 1 },
  { "in-chunks-with-words-beside-them", CHUNKED "4;name=value;much=more;much=more;much=more\r\nbody\r\n00 ;x\r\n\r\n",
    1 },
  { "in-chunks-with-a-trailer", CHUNKED "1\r\nx\r\n0\r\nContent-Length: 5\r\nDigest: x\r\n\r\n", 1 },
  { "one-after-the-other",
    "GET / HTTP/1.1\r\n\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n" HEAD "Content-Length: 2\r\n\r\nok" HEAD "\r\n"
    "DELETE /x HTTP/1.1\r\n\r\n",
    5 },
  { "with-an-empty-line-between-them", HEAD "Content-Length: 2\r\n\r\nok\r\nGET / HTTP/1.1\r\n\r\n", 2 },
};

static const Case not_understood[] = {
  { "another-protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0 },
  { "no-protocol", "hello\r\n\r\n", 0 },
  { "a-tunnel", "CONNECT a:1 HTTP/1.1\r\n\r\n", 0 },
  { "a-line-that-ends-otherwise", "GET / HTTP/1.1\n\n", 0 },
  { "a-return-in-a-line", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 0 },
  { "a-field-that-goes-on", HEAD "X: y\r\n Content-Length: 1\r\n\r\n", 0 },
  { "two-lengths", HEAD "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 0 },
  { "a-length-and-chunks", HEAD "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0 },
  { "chunks-and-a-length", HEAD "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 0 },
  { "a-length-that-is-none", HEAD "Content-Length: -1\r\n\r\n", 0 },
  { "a-list-of-lengths", HEAD "Content-Length: 0, 0\r\n\r\n", 0 },
  { "no-length", HEAD "Content-Length:\r\n\r\n", 0 },
  { "a-length-beyond-all", HEAD "Content-Length: 18446744073709551616\r\n\r\n", 0 },
  { "a-length-with-a-blank-before-the-colon", HEAD "Content-Length : 0\r\n\r\n", 0 },
  { "a-length-that-is-cut-off", HEAD "Content-Length:                          0\r\n\r\n", 0 },
  { "another-encoding", HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0 },
  { "a-chunk-without-a-size", CHUNKED "x\r\n\r\n", 0 },
  { "a-chunk-with-an-endless-size", CHUNKED "00000000000000000\r\n\r\n", 0 },
  { "a-chunk-that-does-not-end-where-it-says", CHUNKED "1\r\nxy\r\n0\r\n\r\n", 0 },
};

#define ANSWER "HTTP/1.1 200 OK\r\nServer: a\r\n"
#define EVENTS ANSWER "Transfer-Encoding: chunked\r\n\r\n6\r\nevent\n\r\n"

/* Here n is how many answers end in it; what has no end is lost or goes on. */
static const Case answers[] = {
  { "with-a-length", ANSWER "Content-Length: 4\r\n\r\nbody", 1 },
  { "with-a-length-of-nothing", ANSWER "Content-Length: 0\r\n\r\n", 1 },
  { "in-chunks", EVENTS "0\r\n\r\n", 1 },
  { "in-chunks-that-go-on", EVENTS, 0 },
  { "not-whole", ANSWER "Content-Length: 4\r\n\r\nbod", 0 },
  { "until-the-connection-ends", ANSWER "\r\nbody", 0 },
  { "with-nothing-to-say", "HTTP/1.1 204 No Content\r\n\r\n", 1 },
  { "with-nothing-new", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", 1 },
  { "after-another-that-only-says-that-it-comes",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\n"
    "Content-Length: 2\r\n\r\nno",
    1 },
  { "announced-only", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", 0 },
  { "of-another-protocol-from-now-on", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 0 },
  { "one-after-the-other", ANSWER "Content-Length: 1\r\n\r\nx" EVENTS "0\r\n\r\nHTTP/1.1 204 \r\n\r\n", 3 },
  { "no-answer", "hello\r\n\r\n", 0 },
  { "no-number", "HTTP/1.1 OK OK OK\r\nContent-Length: 0\r\n\r\n", 0 },
};

static guint
count_answers (AdoptRequest *self, gboolean head_only, const char *text, gsize size)
{
  guint n = 0;

  for (gsize at = 0; at < size;)
    {
      bool ended;

      at += adopt_request_feed_answer (self, head_only, text + at, size - at, &ended);
      n += ended ? 1 : 0;
    }
  return n;
}

static void
test_answer (gconstpointer data)
{
  const Case *one = data;
  gsize size = strlen (one->text);

  for (gsize step = 1; step <= size; step++)
    {
      AdoptRequest answer = { 0 };
      guint n = 0;

      for (gsize at = 0; at < size; at += step)
        n += count_answers (&answer, FALSE, one->text + at, MIN (step, size - at));
      g_assert_cmpuint (n, ==, one->n);
    }
}

static void
test_answer_to_head (void)
{
  AdoptRequest request = { 0 }, answer = { 0 };
  const char *asked = "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
  const char *head = ANSWER "Content-Length: 4\r\n\r\n";

  g_assert_cmpuint (adopt_request_feed (&request, asked, strlen (asked)), ==, 3);
  g_assert_false (adopt_request_asks_for_head (&request, 0));
  g_assert_true (adopt_request_asks_for_head (&request, 1));
  g_assert_false (adopt_request_asks_for_head (&request, 2));
  g_assert_cmpuint (count_answers (&answer, TRUE, head, strlen (head)), ==, 1);
  g_assert_cmpuint (count_answers (&answer, FALSE, head, strlen (head)), ==, 0);
}

/* Of what is sent from a file nothing is known but how much. */
static void
test_answer_of_a_file (void)
{
  const char *head = ANSWER "Content-Length: 4\r\n\r\n";
  AdoptRequest answer = { 0 };
  bool ended;

  g_assert_cmpuint (count_answers (&answer, FALSE, head, strlen (head)), ==, 0);
  g_assert_cmpuint (adopt_request_feed_answer (&answer, false, NULL, 3, &ended), ==, 3);
  g_assert_false (ended);
  g_assert_cmpuint (adopt_request_feed_answer (&answer, false, NULL, 2, &ended), ==, 1);
  g_assert_true (ended);
  g_assert_cmpuint (adopt_request_feed_answer (&answer, false, NULL, 1, &ended), ==, 1);
  g_assert_false (ended);
  g_assert_true (adopt_request_is_lost (&answer));
}

/* Fed in pieces of @step bytes. Returns after how much of it, for the first time, all that was fed is whole requests: of
   what begins one, never. */
static void
read_in_steps (const Case *one, gsize step)
{
  AdoptRequest request = { 0 };
  gsize size = strlen (one->text), ended = 0;
  guint heads = 0;

  for (gsize at = 0; at < size; at += step)
    {
      g_assert_false (adopt_request_is_lost (&request));
      heads += adopt_request_feed (&request, one->text + at, MIN (step, size - at));
      if (at + step < size && adopt_request_is_between (&request) && one->n == 1)
        ended = at + step;
    }
  g_assert_cmpuint (ended, ==, 0);
  g_assert_cmpuint (heads, ==, one->n);
  g_assert_true (adopt_request_is_between (&request));
}

static void
test_understood (gconstpointer data)
{
  const Case *one = data;

  for (gsize step = 1; step <= strlen (one->text); step++)
    read_in_steps (one, step);
}

static void
test_not_understood (gconstpointer data)
{
  const Case *one = data;
  AdoptRequest request = { 0 };
  gsize size = strlen (one->text);

  adopt_request_feed (&request, one->text, size);
  g_assert_true (adopt_request_is_lost (&request));
  g_assert_false (adopt_request_is_between (&request));
  /* In single bytes it is lost, too, and what follows begins nothing that was there. */
  request = (AdoptRequest){ 0 };
  for (gsize i = 0; i < size && !adopt_request_is_lost (&request); i++)
    adopt_request_feed (&request, one->text + i, 1);
  g_assert_true (adopt_request_is_lost (&request));
}

static void
test_begins_again (void)
{
  AdoptRequest request = { 0 };
  const char *body = "the rest of a body", *next = "GET / HTTP/1.1\r\n\r\n";

  adopt_request_feed (&request, body, strlen (body));
  adopt_request_feed (&request, "\r\n", 2);
  g_assert_true (adopt_request_is_lost (&request));
  g_assert_cmpuint (adopt_request_feed (&request, next, strlen (next)), ==, 1);
  g_assert_true (adopt_request_is_between (&request));
}

/* Seeded: whatever comes, it stays within its bounds, and what was fed at once or in pieces means the same. */
static void
test_anything (void)
{
  static const char *const words[] = { "GET / HTTP/1.1",
                                       "\r\n",
                                       "\n",
                                       "Content-Length: ",
                                       "3",
                                       "0",
                                       "Transfer-Encoding: ",
                                       "chunked",
                                       "x",
                                       "\r\n\r\n",
                                       " ",
                                       ":",
                                       "\xff",
                                       "POST /long HTTP/1.0" };

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (GString) text = g_string_new ("GET / HTTP/1.1\r\n");
      AdoptRequest whole = { 0 }, pieces = { 0 };
      gsize at = 0;

      for (gint n = g_test_rand_int_range (0, 20); n > 0; n--)
        g_string_append (text, words[g_test_rand_int_range (0, G_N_ELEMENTS (words))]);
      adopt_request_feed (&whole, text->str, text->len);
      while (at < text->len && !adopt_request_is_lost (&pieces))
        {
          gsize step = (gsize)g_test_rand_int_range (1, 9);

          step = MIN (step, text->len - at);
          adopt_request_feed (&pieces, text->str + at, step);
          at += step;
        }
      g_assert_cmpint (adopt_request_is_lost (&whole), ==, adopt_request_is_lost (&pieces));
      g_assert_cmpint (adopt_request_is_between (&whole), ==, adopt_request_is_between (&pieces));
      g_assert_cmpuint (whole.left, ==, pieces.left);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (understood); i++)
    {
      g_autofree char *path = g_strdup_printf ("/adopt-request/understood/%s", understood[i].name);

      g_test_add_data_func (path, &understood[i], test_understood);
    }
  for (guint i = 0; i < G_N_ELEMENTS (not_understood); i++)
    {
      g_autofree char *path = g_strdup_printf ("/adopt-request/not-understood/%s", not_understood[i].name);

      g_test_add_data_func (path, &not_understood[i], test_not_understood);
    }
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *path = g_strdup_printf ("/adopt-request/answer/%s", answers[i].name);

      g_test_add_data_func (path, &answers[i], test_answer);
    }
  g_test_add_func ("/adopt-request/an-answer-to-head-ends-with-its-head", test_answer_to_head);
  g_test_add_func ("/adopt-request/an-answer-from-a-file-ends-by-its-length", test_answer_of_a_file);
  g_test_add_func ("/adopt-request/what-was-not-understood-may-be-followed-by-a-request", test_begins_again);
  g_test_add_func ("/adopt-request/in-pieces-it-means-what-it-means-at-once", test_anything);
  return g_test_run ();
}
