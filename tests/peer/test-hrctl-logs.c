/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What hrctl logs makes of the files that the daemon only names.
 */
#include "hrctl-reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-names.h"
#include "hr-since.h"

#define A "being-system.5-aaaaaaaa-1.log"
#define B "being-system.6-bbbbbbbb-2.log"

static void
append (HrctlFixture *f, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  close (fd);
}

/* As the daemon notes it. */
static void
mark (HrctlFixture *f, const char *name, gint64 seconds, guint64 offset)
{
  g_autofree char *line =
      g_strdup_printf ("%016" PRIx64 " %016" PRIx64 "\n", seconds * G_GINT64_CONSTANT (1000000), offset);

  append (f, name, line);
}

static void
set_time (HrctlFixture *f, const char *name, gint64 seconds)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = seconds } };

  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

/* The old one said something while the new one started. */
static void
write_both (HrctlFixture *f)
{
  append (f, A, "a1\na2\n");
  append (f, B, "b1\nb2\n");
  append (f, A, "a3\n");
  append (f, B, "b3\nb");
  append (f, "being-system.x.6-c.log", "another service\n");
  mark (f, "being-system.5-aaaaaaaa-1.times", 1000, 3);
  mark (f, "being-system.5-aaaaaaaa-1.times", 1010, 6);
  mark (f, "being-system.6-bbbbbbbb-2.times", 1020, 6);
  mark (f, "being-system.5-aaaaaaaa-1.times", 1030, 9);
  mark (f, "being-system.6-bbbbbbbb-2.times", 1040, 9);
  set_time (f, A, 1030);
  set_time (f, B, 1050);
}

static void
test_lines_of_all_instances_are_told_apart_and_in_order (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) nothing = hrctl_run (f, "logs", "being-system", NULL);
  g_autoptr (HrctlResult) all = NULL;
  g_autoptr (HrctlResult) plain = NULL;
  g_autoptr (HrctlResult) two = NULL;
  g_autoptr (HrctlResult) many = NULL;
  g_autoptr (HrctlResult) none = NULL;

  g_assert_cmpstr (nothing->out, ==, "");
  g_assert_cmpint (nothing->code, ==, HR_EXIT_OK);
  write_both (f);
  all = hrctl_run (f, "logs", "being-system", NULL);
  g_assert_cmpstr (all->out, ==,
                   "being-system[r5 aaaaaaaa]: a1\nbeing-system[r5 aaaaaaaa]: a2\nbeing-system[r6 bbbbbbbb]: b1\n"
                   "being-system[r6 bbbbbbbb]: b2\nbeing-system[r5 aaaaaaaa]: a3\nbeing-system[r6 bbbbbbbb]: b3\n"
                   "being-system[r6 bbbbbbbb]: b\n");
  g_assert_cmpstr (all->err, ==, "");
  plain = hrctl_run (f, "logs", "being-system", "--plain", NULL);
  g_assert_cmpstr (plain->out, ==, "a1\na2\nb1\nb2\na3\nb3\nb\n");
  two = hrctl_run (f, "logs", "being-system", "--plain", "-n3", NULL);
  g_assert_cmpstr (two->out, ==, "a3\nb3\nb\n");
  many = hrctl_run (f, "logs", "being-system", "--plain", "-n1000", NULL);
  g_assert_cmpstr (many->out, ==, plain->out);
  none = hrctl_run (f, "logs", "being-system", "-n0", NULL);
  g_assert_cmpstr (none->out, ==, "");
  g_assert_cmpint (none->code, ==, HR_EXIT_OK);
}

static void
test_since_begins_where_the_marks_say (HrctlFixture *f, gconstpointer data)
{
  static const struct {
    const char *option;
    const char *out;
  } cases[] = {
    { "--since=@999", "a1\na2\nb1\nb2\na3\nb3\nb\n" },
    { "--since=@1005", "a2\nb1\nb2\na3\nb3\nb\n" },
    { "--since=@1010", "a2\nb1\nb2\na3\nb3\nb\n" },
    { "--since=@1011", "b1\nb2\na3\nb3\nb\n" },
    { "--since=@1030", "a3\nb3\nb\n" },
    { "--since=1970-01-01 00:17:15", "b3\nb\n" },
    { "--since=@1045", "b\n" },
    { "--since=@1051", "" },
    { "--since=1min", "" },
  };
  g_autoptr (HrctlResult) last = NULL;

  write_both (f);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrctlResult) r = hrctl_run (f, "logs", "being-system", "--plain", cases[i].option, NULL);

      g_test_message ("%s", cases[i].option);
      g_assert_cmpstr (r->out, ==, cases[i].out);
      g_assert_cmpint (r->code, ==, HR_EXIT_OK);
    }
  last = hrctl_run (f, "logs", "being-system", "--plain", "--since=@1010", "-n2", NULL);
  g_assert_cmpstr (last->out, ==, "b3\nb\n");
}

/* A mark is the size at a moment, which may be within a line. */
static void
test_since_begins_with_a_whole_line (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = NULL;

  append (f, A, "first\nsecond\nthird\n");
  mark (f, "being-system.5-aaaaaaaa-1.times", 1000, 9);
  mark (f, "being-system.5-aaaaaaaa-1.times", 1010, 19);
  r = hrctl_run (f, "logs", "being-system", "--plain", "--since=@1005", NULL);
  g_assert_cmpstr (r->out, ==, "third\n");
}

static void
test_release_and_newest_choose (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) release = NULL;
  g_autoptr (HrctlResult) newest = NULL;
  g_autoptr (HrctlResult) missing = NULL;
  g_autoptr (HrctlResult) both = NULL;

  append (f, "being-system.6-a.log", "before\n");
  append (f, "being-system.6-b.log", "serves\n");
  append (f, "being-system.7-d.log", "died\n");
  release = hrctl_run (f, "logs", "being-system", "--plain", "--release=6", NULL);
  g_assert_cmpstr (release->out, ==, "before\nserves\n");
  newest = hrctl_run (f, "logs", "being-system", "--newest", NULL);
  g_assert_cmpstr (newest->out, ==, "being-system[r7 d]: died\n");
  missing = hrctl_run (f, "logs", "being-system", "--release=4", NULL);
  g_assert_cmpstr (missing->err, ==,
                   "hrctl: there is no log of release 4 of 'being-system'; there are those of 6, 7\n");
  g_assert_cmpint (missing->code, ==, HR_EXIT_NOT_FOUND);
  both = hrctl_run (f, "logs", "being-system", "--newest", "--release=6", NULL);
  g_assert_cmpint (both->code, ==, HR_EXIT_USAGE);
}

static void
test_json_tells_of_each_line (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *expected = NULL;
  g_autoptr (HrctlResult) json = NULL;

  append (f, "being-system.0-n.log", "\xff\n");
  write_both (f);
  set_time (f, "being-system.0-n.log", 2000);
  json = hrctl_run (f, "logs", "being-system", "-n3", "--json", NULL);
  expected = g_strdup_printf (
      "{\"service\":\"being-system\",\"files\":[\"%s/being-system.0-n.log\",\"%s/" A "\",\"%s/" B "\"],\"lines\":["
      "{\"time\":\"1970-01-01T00:17:20Z\",\"release\":6,\"instance\":\"bbbbbbbb-2\",\"text\":\"b3\"},"
      "{\"time\":\"1970-01-01T00:17:30Z\",\"release\":6,\"instance\":\"bbbbbbbb-2\",\"text\":\"b\"},"
      "{\"time\":\"1970-01-01T00:33:20Z\",\"release\":null,\"instance\":\"n\",\"text\":\"\xef\xbf\xbd\"}]}",
      f->dir, f->dir, f->dir);
  hrctl_assert_json (json, expected);
}

/* What a program prints may be what a client of it wrote. */
static void
test_no_line_steers_the_terminal (HrctlFixture *f, gconstpointer data)
{
  static const char text[] = "\033[2J\033[31mred\r\n\033]0;title\a\xc2\x9b\n";
  static const char *const plain[] = { "logs", "--plain", "being-system", NULL };
  static const char *const no_color[] = { "--no-color", "logs", "being-system", NULL };
  g_autoptr (HrctlResult) terminal = NULL;
  g_autoptr (HrctlResult) colorless = NULL;
  g_autoptr (HrctlResult) wanted = NULL;
  g_autoptr (HrctlResult) piped = NULL;

  append (f, A, text);
  terminal = hrctl_run_on_terminal (f, plain);
  g_assert_cmpstr (terminal->out, ==,
                   "\xef\xbf\xbd[2J\033[31mred\033[0m\n\xef\xbf\xbd]0;title\xef\xbf\xbd\xef\xbf\xbd\n");
  colorless = hrctl_run_on_terminal (f, no_color);
  g_assert_cmpstr (colorless->out, ==,
                   "being-system[r5 aaaaaaaa]: \xef\xbf\xbd[2J\xef\xbf\xbd[31mred\n"
                   "being-system[r5 aaaaaaaa]: \xef\xbf\xbd]0;title\xef\xbf\xbd\xef\xbf\xbd\n");
  hrctl_fixture_setenv (f, "NO_COLOR", "1");
  wanted = hrctl_run_on_terminal (f, plain);
  g_assert_cmpstr (wanted->out, ==,
                   "\xef\xbf\xbd[2J\xef\xbf\xbd[31mred\n\xef\xbf\xbd]0;title\xef\xbf\xbd\xef\xbf\xbd\n");
  /* Elsewhere they are what the program wrote. */
  piped = hrctl_run (f, "logs", "--plain", "being-system", NULL);
  g_assert_cmpstr (piped->out, ==, text);
}

/* The head of the file is a hole, and the rest of a block. */
static void
test_what_was_freed_is_not_shown (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, A, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (HrctlResult) all = NULL;
  g_autoptr (HrctlResult) some = NULL;
  int fd;

  for (guint i = 0; i < 20000; i++)
    g_string_append_printf (text, "%06u\n", i);
  append (f, A, text->str);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 7 * 19990) != 0)
    g_test_skip_printf ("not run here: no holes in '%s'", f->dir);
  close (fd);
  all = hrctl_run (f, "logs", "being-system", "--plain", "-n", "1000", NULL);
  g_assert_cmpstr (all->out, ==, "019990\n019991\n019992\n019993\n019994\n019995\n019996\n019997\n019998\n019999\n");
  some = hrctl_run (f, "logs", "being-system", "--plain", "--since=1min", NULL);
  g_assert_cmpstr (some->out, ==, all->out);
}

static void
test_followed_from_instance_to_instance (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlReader) reader = NULL;

  append (f, A, "a1\n");
  reader = hrctl_reader_new (f, (const char *const[]){ "logs", "-f", "being-system", NULL });
  hrctl_reader_wait_for (reader, "a1\n");
  append (f, A, "a2\n");
  hrctl_reader_wait_for (reader, "a2\n");
  append (f, B, "b1\nb");
  hrctl_reader_wait_for (reader, "b1\n");
  /* A line is printed when it is whole. */
  append (f, A, "a3\n");
  hrctl_reader_wait_for (reader, "a3\n");
  append (f, B, "2\n");
  hrctl_reader_wait_for (reader, "b2\n");
  append (f, A, "the last");
  fake_manager_set_instance_logs (f->fake, B, NULL);
  hrctl_reader_wait_for (reader, "the last\n");
  append (f, B, "rest");
  g_subprocess_send_signal (reader->process, SIGINT);
  hrctl_wait (hrctl_reader_has_ended, reader);
  g_subprocess_wait (reader->process, NULL, NULL);
  g_assert_cmpint (g_subprocess_get_exit_status (reader->process), ==, HR_EXIT_OK);
  g_assert_true (g_str_has_prefix (reader->text->str,
                                   "being-system[r5 aaaaaaaa]: a1\nbeing-system[r5 aaaaaaaa]: a2\n"
                                   "being-system[r6 bbbbbbbb]: b1\nbeing-system[r5 aaaaaaaa]: a3\n"
                                   "being-system[r6 bbbbbbbb]: b2\nbeing-system[r5 aaaaaaaa]: the last\n"));
}

static void
test_followed_of_one_release_and_as_json (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlReader) reader = NULL;

  append (f, A, "a1\n");
  reader = hrctl_reader_new (f, (const char *const[]){ "logs", "-f", "--json", "--release=5", "being-system", NULL });
  hrctl_reader_wait_for (reader, "\"release\":5,\"instance\":\"aaaaaaaa-1\",\"text\":\"a1\"}\n");
  append (f, B, "b1\n");
  append (f, "being-system.5-z.log", "z1\n");
  hrctl_reader_wait_for (reader, "\"release\":5,\"instance\":\"z\",\"text\":\"z1\"}\n");
  g_assert_null (strstr (reader->text->str, "b1"));
}

static void
test_emptied_log_is_followed (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, A, NULL);
  g_autoptr (HrctlReader) reader = NULL;

  append (f, A, "before\n");
  reader = hrctl_reader_new (f, (const char *const[]){ "logs", "-f", "--plain", "being-system", NULL });
  hrctl_reader_wait_for (reader, "before\n");
  g_assert_cmpint (truncate (path, 0), ==, 0);
  append (f, A, "then\n");
  hrctl_reader_wait_for (reader, "then\n");
  g_assert_cmpstr (reader->text->str, ==, "before\nthen\n");
}

/* It does not wait for a next line to find that out. */
static void
test_it_ends_when_nobody_reads (HrctlFixture *f, gconstpointer data)
{
  const char *const words[] = { "-c", "\"$HRCTL\" logs -f being-system | head -n 1", NULL };
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (HrctlResult) r = NULL;

  append (f, A, "a1\na2\n");
  hrctl_fixture_setenv (f, "HRCTL", g_getenv ("HRCTL"));
  process = hrctl_spawn_program (f, "/bin/sh", words);
  r = hrctl_finish (process);
  g_assert_cmpstr (r->out, ==, "being-system[r5 aaaaaaaa]: a1\n");
  g_assert_cmpstr (r->err, ==, "");
}

static void
test_moments_are_read_as_people_write_them (void)
{
  static const struct {
    const char *text;
    const char *expected; /* NULL: it is none */
  } cases[] = {
    { "now", "2026-03-10T12:30:00Z" },
    { "10min", "2026-03-10T12:20:00Z" },
    { "-10min", "2026-03-10T12:20:00Z" },
    { "10 min ago", "2026-03-10T12:20:00Z" },
    { "1h 30min", "2026-03-10T11:00:00Z" },
    { "2h", "2026-03-10T10:30:00Z" },
    { "90s", "2026-03-10T12:28:30Z" },
    { "1.5h", "2026-03-10T11:00:00Z" },
    { "2d", "2026-03-08T12:30:00Z" },
    { "1w", "2026-03-03T12:30:00Z" },
    { "today", "2026-03-10T00:00:00Z" },
    { "yesterday", "2026-03-09T00:00:00Z" },
    { "08:15", "2026-03-10T08:15:00Z" },
    { "08:15:30", "2026-03-10T08:15:30Z" },
    { "2026-02-01", "2026-02-01T00:00:00Z" },
    { "2026-02-01 08:15", "2026-02-01T08:15:00Z" },
    { "2026-02-01 08:15:30", "2026-02-01T08:15:30Z" },
    { "2026-02-01T08:15:30+01:00", "2026-02-01T07:15:30Z" },
    { "@1000", "1970-01-01T00:16:40Z" },
    { "", NULL },
    { "10", NULL },
    { "soon", NULL },
    { "10 parsecs", NULL },
    { "-", NULL },
    { "25:00", NULL },
    { "08:15x", NULL },
    { "2026-13-01", NULL },
    { "@x", NULL },
    { "ago", NULL },
    { "99999999999999h", NULL },
  };
  g_autoptr (GDateTime) now = g_date_time_new_utc (2026, 3, 10, 12, 30, 0);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gint64 usec = 0;
      gboolean is = hr_since_parse (cases[i].text, now, &usec);
      g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (usec / G_USEC_PER_SEC);
      g_autofree char *text = is ? g_date_time_format (date, "%Y-%m-%dT%H:%M:%SZ") : NULL;

      g_test_message ("%s", cases[i].text);
      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl-logs/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  g_test_add_func ("/hrctl-logs/moments-are-read-as-people-write-them", test_moments_are_read_as_people_write_them);
  ADD ("lines-of-all-instances-are-told-apart-and-in-order", test_lines_of_all_instances_are_told_apart_and_in_order);
  ADD ("since-begins-where-the-marks-say", test_since_begins_where_the_marks_say);
  ADD ("since-begins-with-a-whole-line", test_since_begins_with_a_whole_line);
  ADD ("release-and-newest-choose", test_release_and_newest_choose);
  ADD ("json-tells-of-each-line", test_json_tells_of_each_line);
  ADD ("no-line-steers-the-terminal", test_no_line_steers_the_terminal);
  ADD ("what-was-freed-is-not-shown", test_what_was_freed_is_not_shown);
  ADD ("followed-from-instance-to-instance", test_followed_from_instance_to_instance);
  ADD ("followed-of-one-release-and-as-json", test_followed_of_one_release_and_as_json);
  ADD ("emptied-log-is-followed", test_emptied_log_is_followed);
  ADD ("it-ends-when-nobody-reads", test_it_ends_when_nobody_reads);

  return g_test_run ();
}
