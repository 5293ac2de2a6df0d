/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * load.c: an HTTP client that sends request after request and says what became of each.
 *
 * Usage: load PORT [--connections N] [--pause USEC] [--keep-alive] [--path PATH] [--seconds N] [--sources N]
 *
 * Each of N threads sends its requests one after the other, over a connection of its own for each, or with
 * --keep-alive over one that stays. There it follows RFC 9112, 9.3.1 and 9.6: an idle connection that ends before any
 * byte of the answer is no failure, the request is sent once more over a new one. With --sources the threads connect
 * from 127.0.1.1, 127.0.1.2 … Ends with its standard input, or after so many seconds; then prints one JSON document.
 * Times are those of CLOCK_MONOTONIC in seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* More are counted, not described. */
#define FAILURES_MAX 20000
#define BODIES_MAX 4096
#define BODY_SIZE 64
#define ANSWER_SIZE 8192
#define THREADS_MAX 256
/* An answer that takes longer never comes. */
#define TIMEOUT_SEC 10
/* Latencies up to 10 s in steps that grow: 64 to each doubling, from 1 µs. */
#define STEPS_PER_DOUBLING 64
#define STEPS (24 * STEPS_PER_DOUBLING)

typedef enum { OK, REFUSED, RESET, DROPPED, TIMED_OUT, WRONG, N_RESULTS } Result;

static const char *const result_words[N_RESULTS] = { "ok", "refused", "reset", "dropped", "timedOut", "wrong" };

typedef struct {
  char text[BODY_SIZE];
  unsigned long count;
  double first_begun, last_begun, last_ended;
} Body;

typedef struct {
  double at;
  Result result;
  unsigned port;
  char source[INET_ADDRSTRLEN];
  char words[96];
} Failure;

static struct {
  unsigned port;
  int connections;
  int pause;
  bool keep_alive;
  const char *path;
  int seconds;
  int sources;
} options = { .connections = 8, .pause = 1000, .path = "/", .seconds = 3600 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long results[N_RESULTS], retried, steps[STEPS];
static Failure failures[FAILURES_MAX];
static int n_failures;
static Body bodies[BODIES_MAX];
static int n_bodies;
static double last_answer, longest_gap, longest_gap_at;
static int stopping;

static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int
step_of (double seconds)
{
  double usec = seconds * 1e6;
  int step = 0;

  while (usec >= 2 && step < STEPS - STEPS_PER_DOUBLING)
    {
      usec /= 2;
      step += STEPS_PER_DOUBLING;
    }
  return step + (usec > 1 ? (int)((usec - 1) * STEPS_PER_DOUBLING) : 0);
}

static double
seconds_of (int step)
{
  double usec = 1 + (double)(step % STEPS_PER_DOUBLING) / STEPS_PER_DOUBLING;

  for (int i = 0; i < step / STEPS_PER_DOUBLING; i++)
    usec *= 2;
  return usec / 1e6;
}

static void
note_body (const char *text, double begun, double ended)
{
  Body *body = NULL;

  for (int i = n_bodies - 1; i >= 0 && body == NULL; i--)
    if (strcmp (bodies[i].text, text) == 0)
      body = &bodies[i];
  if (body == NULL && n_bodies == BODIES_MAX)
    return;
  if (body == NULL)
    {
      body = &bodies[n_bodies++];
      snprintf (body->text, sizeof body->text, "%s", text);
      body->first_begun = begun;
    }
  body->count++;
  if (begun > body->last_begun)
    body->last_begun = begun;
  if (ended > body->last_ended)
    body->last_ended = ended;
}

static void
note (Result result, const char *text, double begun, const struct sockaddr_in *local)
{
  double ended = now ();

  pthread_mutex_lock (&lock);
  results[result]++;
  if (result == OK)
    {
      steps[step_of (ended - begun)]++;
      note_body (text, begun, ended);
      if (last_answer > 0 && ended - last_answer > longest_gap)
        {
          longest_gap = ended - last_answer;
          longest_gap_at = ended;
        }
      if (ended > last_answer)
        last_answer = ended;
    }
  else if (n_failures < FAILURES_MAX)
    {
      Failure *failure = &failures[n_failures++];

      failure->at = begun;
      failure->result = result;
      failure->port = ntohs (local->sin_port);
      inet_ntop (AF_INET, &local->sin_addr, failure->source, sizeof failure->source);
      for (size_t i = 0; text[i] != '\0' && i < sizeof failure->words - 1; i++)
        failure->words[i] = text[i] >= ' ' && text[i] < 127 && text[i] != '"' && text[i] != '\\' ? text[i] : '.';
    }
  pthread_mutex_unlock (&lock);
}

/* Returns a connected socket; -1 with errno set. */
static int
open_connection (int number, struct sockaddr_in *local)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((in_port_t)options.port) };
  const struct timeval timeout = { .tv_sec = TIMEOUT_SEC };
  socklen_t length = sizeof *local;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, error;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.sources > 0)
    {
      struct sockaddr_in source = { .sin_family = AF_INET };

      setsockopt (fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      source.sin_addr.s_addr = htonl ((in_addr_t)(0x7f000101 + number % options.sources));
      if (bind (fd, (struct sockaddr *)&source, sizeof source) < 0)
        perror ("load: bind");
    }
  error = connect (fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
  getsockname (fd, (struct sockaddr *)local, &length);
  if (error == 0)
    return fd;
  close (fd);
  errno = error;
  return -1;
}

static Result
failed (int error, bool connecting, char *text)
{
  snprintf (text, ANSWER_SIZE, "%s: %s", connecting ? "connect" : "exchange", strerror (error));
  if (error == ECONNREFUSED)
    return REFUSED;
  return error == EAGAIN || error == EINPROGRESS || error == ETIMEDOUT ? TIMED_OUT : RESET;
}

/* Sends a request and reads its answer; the body comes in @text. @any: whether a byte of the answer came. */
static Result
exchange (int fd, char *text, bool *any, bool *stays)
{
  char request[512], answer[ANSWER_SIZE];
  int length = snprintf (request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", options.path,
                         options.keep_alive ? "" : "Connection: close\r\n");
  size_t have = 0, want = 0;
  char *body = NULL;

  *any = false;
  *stays = false;
  if (send (fd, request, (size_t)length, MSG_NOSIGNAL) != length)
    return failed (errno, false, text);
  while (have < sizeof answer - 1 && (body == NULL || want == 0 || have < want))
    {
      ssize_t got = recv (fd, answer + have, sizeof answer - 1 - have, 0);

      if (got < 0)
        return failed (errno, false, text);
      if (got == 0)
        break;
      *any = true;
      have += (size_t)got;
      answer[have] = '\0';
      if (body == NULL && (body = strstr (answer, "\r\n\r\n")) != NULL)
        {
          const char *field = strcasestr (answer, "\r\ncontent-length:");

          body += 4;
          if (field != NULL && field < body)
            want = (size_t)(body - answer) + strtoul (field + 17, NULL, 10);
        }
    }
  answer[have] = '\0';
  if (body == NULL || (want != 0 && have < want))
    {
      snprintf (text, ANSWER_SIZE, "ended after %zu bytes", have);
      return DROPPED;
    }
  *stays = want != 0 && strcasestr (answer, "\r\nconnection: close") == NULL;
  snprintf (text, ANSWER_SIZE, "%s", body);
  text[strcspn (text, "\r\n")] = '\0';
  return strncmp (answer, "HTTP/1.1 200", 12) == 0 || strncmp (answer, "HTTP/1.0 200", 12) == 0 ? OK : WRONG;
}

/* One request; @fd is a connection that stayed, or -1, and becomes one. */
static void
ask (int number, int *fd, struct sockaddr_in *local)
{
  char text[ANSWER_SIZE] = "";
  double begun = now ();
  bool idle = *fd >= 0, any = false, stays = false;
  Result result;

  if (*fd < 0)
    *fd = open_connection (number, local);
  result = *fd < 0 ? failed (errno, true, text) : exchange (*fd, text, &any, &stays);
  if (result != OK && result != WRONG && idle && !any)
    {
      pthread_mutex_lock (&lock);
      retried++;
      pthread_mutex_unlock (&lock);
      close (*fd);
      *fd = open_connection (number, local);
      result = *fd < 0 ? failed (errno, true, text) : exchange (*fd, text, &any, &stays);
    }
  note (result, text, begun, local);
  if (*fd >= 0 && (result != OK || !options.keep_alive || !stays))
    {
      close (*fd);
      *fd = -1;
    }
}

static void *
run (void *data)
{
  int number = (int)(intptr_t)data, fd = -1;
  struct sockaddr_in local;

  while (!__atomic_load_n (&stopping, __ATOMIC_ACQUIRE))
    {
      ask (number, &fd, &local);
      if (options.pause > 0)
        nanosleep (&(struct timespec){ options.pause / 1000000, options.pause % 1000000 * 1000 }, NULL);
    }
  if (fd >= 0)
    close (fd);
  return NULL;
}

static double
percentile (double share)
{
  unsigned long before = 0;

  for (int i = 0; i < STEPS; i++)
    {
      before += steps[i];
      if ((double)before >= share * (double)results[OK] && before > 0)
        return seconds_of (i);
    }
  return 0;
}

static void
report (void)
{
  printf ("{");
  for (int i = 0; i < N_RESULTS; i++)
    printf ("\"%s\": %lu, ", result_words[i], results[i]);
  printf ("\"retried\": %lu, \"p50\": %.6f, \"p99\": %.6f, \"p999\": %.6f, \"longest\": %.6f, ", retried,
          percentile (0.5), percentile (0.99), percentile (0.999), percentile (1));
  printf ("\"longestGap\": %.6f, \"longestGapAt\": %.6f, \"failures\": [", longest_gap, longest_gap_at);
  for (int i = 0; i < n_failures; i++)
    printf ("%s{\"at\": %.6f, \"what\": \"%s\", \"source\": \"%s\", \"port\": %u, \"words\": \"%s\"}",
            i > 0 ? ", " : "", failures[i].at, result_words[failures[i].result], failures[i].source, failures[i].port,
            failures[i].words);
  printf ("], \"bodies\": {");
  for (int i = 0; i < n_bodies; i++)
    printf ("%s\"%s\": [%lu, %.6f, %.6f, %.6f]", i > 0 ? ", " : "", bodies[i].text, bodies[i].count,
            bodies[i].first_begun, bodies[i].last_begun, bodies[i].last_ended);
  printf ("}}\n");
}

static void
parse (int argc, char **argv)
{
  static const struct option known[] = { { "connections", required_argument, NULL, 'c' },
                                         { "pause", required_argument, NULL, 'p' },
                                         { "keep-alive", no_argument, NULL, 'k' },
                                         { "path", required_argument, NULL, 'u' },
                                         { "seconds", required_argument, NULL, 's' },
                                         { "sources", required_argument, NULL, 'a' },
                                         { NULL } };
  int option;

  while ((option = getopt_long (argc, argv, "", known, NULL)) != -1)
    switch (option)
      {
      case 'c':
        options.connections = atoi (optarg);
        break;
      case 'p':
        options.pause = atoi (optarg);
        break;
      case 'k':
        options.keep_alive = true;
        break;
      case 'u':
        options.path = optarg;
        break;
      case 's':
        options.seconds = atoi (optarg);
        break;
      case 'a':
        options.sources = atoi (optarg);
        break;
      default:
        exit (2);
      }
  options.port = optind == argc - 1 ? (unsigned)atoi (argv[optind]) : 0;
  if (options.port == 0 || options.connections < 1 || options.connections > THREADS_MAX)
    {
      fprintf (stderr, "load: give a PORT, and at most %d connections\n", THREADS_MAX);
      exit (2);
    }
}

int
main (int argc, char **argv)
{
  pthread_t threads[THREADS_MAX];
  struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
  double end;
  char buffer[64];

  parse (argc, argv);
  signal (SIGPIPE, SIG_IGN);
  for (int i = 0; i < options.connections; i++)
    if (pthread_create (&threads[i], NULL, run, (void *)(intptr_t)i) != 0)
      {
        perror ("load: pthread_create");
        return 1;
      }
  puts ("began");
  fflush (stdout);
  for (end = now () + options.seconds; now () < end;)
    if (poll (&input, 1, 1000) > 0 && read (STDIN_FILENO, buffer, sizeof buffer) <= 0)
      break;
  __atomic_store_n (&stopping, 1, __ATOMIC_RELEASE);
  for (int i = 0; i < options.connections; i++)
    pthread_join (threads[i], NULL);
  report ();
  return 0;
}
