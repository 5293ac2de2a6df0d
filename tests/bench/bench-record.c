/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-record.c: what recording costs, beside the git command line on the same files in the same run.
 *
 * Usage: bench-record [--json FILE] [--runs N]. Works in a temporary directory on the file system of $TMPDIR and
 * removes it. Never fails on a time: machines are shared, so what counts is the ratio.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "hr-fs.h"
#include "hr-git-store.h"

#define N_DIRS 100
#define N_FILES 100
#define FILE_SIZE 4096

static char *json_path;
static int n_runs = 11;

static const GOptionEntry options[] = { { "json", 0, 0, G_OPTION_ARG_FILENAME, &json_path, "Write the figures as JSON",
                                          "FILE" },
                                        { "runs", 0, 0, G_OPTION_ARG_INT, &n_runs, "Runs of what is repeated", "N" },
                                        { NULL } };

typedef struct {
  char *dir;
  char *source;
  char *git_dir;
  HrServiceSpec *spec;
  HrReleaseStore *store;
  guint n_writes;
} Bench;

typedef struct {
  double median;
  double worst;
  guint runs;
} Figure;

/* One operation, and its peer's; in milliseconds. */
typedef struct {
  const char *what;
  Figure ours;
  Figure git;
} Row;

typedef void (*Step) (Bench *bench);

static void
check (gboolean ok, const GError *error)
{
  if (!ok)
    g_error ("%s", error != NULL ? error->message : "failed");
}

/* Text of words, different in each file, that compresses about as source code does. */
static char *
make_text (GRand *random)
{
  static const char *const words[] = { "return",  "static", "if (",    ") {\n",  "value",  "->",
                                       "release", " = ",    "const ",  "char *", ";\n  ",  "store",
                                       "NULL",    "0x",     "while (", "path",   "length", "/* " };
  GString *text = g_string_sized_new (FILE_SIZE + 32);

  while (text->len < FILE_SIZE)
    {
      g_string_append (text, words[g_rand_int_range (random, 0, G_N_ELEMENTS (words))]);
      if (g_rand_int_range (random, 0, 4) == 0)
        g_string_append_printf (text, "%x", g_rand_int (random));
    }
  g_string_truncate (text, FILE_SIZE);
  return g_string_free (text, FALSE);
}

static void
write_file (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  check (g_file_set_contents_full (path, text, FILE_SIZE, G_FILE_SET_CONTENTS_NONE, 0644, &error), error);
}

static void
make_source (Bench *bench)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (1);

  for (int i = 0; i < N_DIRS; i++)
    {
      g_autofree char *dir = g_strdup_printf ("%s/dir%02d", bench->source, i);

      check (g_mkdir (dir, 0755) == 0, NULL);
      for (int j = 0; j < N_FILES; j++)
        {
          g_autofree char *path = g_strdup_printf ("%s/file%02d.c", dir, j), *text = make_text (random);

          write_file (path, text);
        }
    }
}

static void
change_one (Bench *bench)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (1000 + bench->n_writes++);
  g_autofree char *path = g_build_filename (bench->source, "dir50", "file50.c", NULL), *text = make_text (random);

  write_file (path, text);
}

static void
take_result (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static GAsyncResult *
wait_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static HrScan *
scan (Bench *bench, const char *const *hints)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  HrScan *scanned;

  hr_release_store_scan_async (bench->store, hints, NULL, NULL, take_result, &result);
  scanned = hr_release_store_scan_finish (bench->store, wait_result (&result), &error);
  check (scanned != NULL, error);
  return scanned;
}

static void
record (Bench *bench, const char *const *hints)
{
  const HrRelease *newest = hr_release_book_get_newest (hr_release_store_get_book (bench->store));
  const char *base = newest != NULL ? newest->tree : NULL;
  g_autoptr (GAsyncResult) scan_result = NULL, result = NULL;
  g_autoptr (HrRelease) draft = hr_release_new (0), release = NULL;
  g_autoptr (HrScan) scanned = NULL;
  g_autoptr (GError) error = NULL;

  hr_release_store_scan_async (bench->store, hints, base, NULL, take_result, &scan_result);
  scanned = hr_release_store_scan_finish (bench->store, wait_result (&scan_result), &error);
  check (scanned != NULL, error);
  draft->tree = g_strdup (scanned->tree);
  draft->trigger = g_strdup ("file");
  draft->files = g_strdupv (scanned->files);
  draft->time_usec = g_get_real_time ();
  hr_release_store_commit_async (bench->store, draft, NULL, take_result, &result);
  release = hr_release_store_commit_finish (bench->store, wait_result (&result), &error);
  check (release != NULL, error);
}

static void
ours_record (Bench *bench)
{
  record (bench, NULL);
}

static void
ours_record_hinted (Bench *bench)
{
  static const char *const hints[] = { "dir50/file50.c", NULL };

  record (bench, hints);
}

static void
ours_scan (Bench *bench)
{
  g_autoptr (HrScan) scanned = scan (bench, NULL);
}

static void
git (Bench *bench, const char *const *words)
{
  g_autoptr (GStrvBuilder) argv = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0;

  g_strv_builder_add_many (argv, "git", "--git-dir", bench->git_dir, "--work-tree", bench->source, "-c",
                           "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", NULL);
  g_strv_builder_addv (argv, (const char **)words);
  all = g_strv_builder_end (argv);
  check (g_spawn_sync (bench->source, all, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                       NULL, &status, &error)
             && g_spawn_check_wait_status (status, &error),
         error);
}

static void
git_record (Bench *bench)
{
  static const char *const add[] = { "add", "-A", NULL }, *const commit[] = { "commit", "-q", "-m", "x", NULL };

  git (bench, add);
  git (bench, commit);
}

static void
git_status (Bench *bench)
{
  static const char *const status[] = { "status", "--porcelain", NULL };

  git (bench, status);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double first = *(const double *)a, second = *(const double *)b;

  return first < second ? -1 : first > second;
}

/* @before: run before each, not counted. */
static Figure
measure (Bench *bench, int runs, Step before, Step step)
{
  g_autofree double *times = g_new (double, runs);
  Figure figure;

  for (int i = 0; i < runs; i++)
    {
      gint64 start;

      if (before != NULL)
        before (bench);
      start = g_get_monotonic_time ();
      step (bench);
      times[i] = (double)(g_get_monotonic_time () - start) / 1000;
    }
  qsort (times, (size_t)runs, sizeof *times, compare_doubles);
  figure.median = times[runs / 2];
  figure.worst = times[runs - 1];
  figure.runs = (guint)runs;
  return figure;
}

static void
open_store (Bench *bench)
{
  g_autofree char *text = g_strdup_printf ("[Service]\nExec=true\nSource=%s\n", bench->source);
  g_autofree char *repo = g_build_filename (bench->dir, "state", "store.git", NULL);
  HrSpecSource source = { "/bench.conf", text, strlen (text) };
  g_autoptr (GError) error = NULL;

  bench->spec = hr_service_spec_parse ("bench", &source, 1, NULL, &error);
  check (bench->spec != NULL, error);
  bench->store = hr_git_store_open (repo, bench->spec, &error);
  check (bench->store != NULL, error);
}

static void
print_table (const Row *rows, gsize n_rows)
{
  struct utsname machine;

  uname (&machine);
  g_print ("recording %d files of %d bytes; %s, Linux %s, %u processors; GLib %u.%u.%u\n", N_DIRS * N_FILES, FILE_SIZE,
           machine.machine, machine.release, g_get_num_processors (), glib_major_version, glib_minor_version,
           glib_micro_version);
  g_print ("%-38s %22s %22s %7s\n", "milliseconds, median (worst)", "hotreload", "git", "ratio");
  for (gsize i = 0; i < n_rows; i++)
    g_print ("%-38s %12.1f (%7.1f) %12.1f (%7.1f) %7.2f\n", rows[i].what, rows[i].ours.median, rows[i].ours.worst,
             rows[i].git.median, rows[i].git.worst, rows[i].ours.median / rows[i].git.median);
}

static void
write_json (const Row *rows, gsize n_rows)
{
  g_autoptr (GString) text = g_string_new ("[");
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < n_rows; i++)
    g_string_append_printf (text,
                            "%s\n {\"what\": \"%s\", \"runs\": %u, \"oursMs\": %.3f, \"oursWorstMs\": %.3f, "
                            "\"gitMs\": %.3f, \"gitWorstMs\": %.3f}",
                            i > 0 ? "," : "", rows[i].what, rows[i].ours.runs, rows[i].ours.median, rows[i].ours.worst,
                            rows[i].git.median, rows[i].git.worst);
  g_string_append (text, "\n]\n");
  check (g_file_set_contents (json_path, text->str, (gssize)text->len, &error), error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- what recording costs");
  static const char *const init[] = { "init", "-q", NULL };
  g_autoptr (GError) error = NULL;
  Bench bench = { 0 };
  Row rows[4];

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || n_runs < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "--runs must be at least 1");
      return 2;
    }
  bench.dir = g_dir_make_tmp ("hotreload-bench-XXXXXX", &error);
  check (bench.dir != NULL, error);
  bench.source = g_build_filename (bench.dir, "source", NULL);
  bench.git_dir = g_build_filename (bench.dir, "peer.git", NULL);
  check (g_mkdir (bench.source, 0755) == 0, NULL);
  make_source (&bench);
  git (&bench, init);
  open_store (&bench);

  rows[0] = (Row){ "first record", measure (&bench, 1, NULL, ours_record), measure (&bench, 1, NULL, git_record) };
  rows[1] = (Row){ "record one changed file, by hint", measure (&bench, n_runs, change_one, ours_record_hinted),
                   measure (&bench, n_runs, change_one, git_record) };
  rows[2] = (Row){ "record one changed file, full scan", measure (&bench, n_runs, change_one, ours_record),
                   measure (&bench, n_runs, change_one, git_record) };
  rows[3] = (Row){ "full scan, nothing changed", measure (&bench, n_runs, NULL, ours_scan),
                   measure (&bench, n_runs, NULL, git_status) };

  print_table (rows, G_N_ELEMENTS (rows));
  if (json_path != NULL)
    write_json (rows, G_N_ELEMENTS (rows));
  g_object_unref (bench.store);
  hr_service_spec_unref (bench.spec);
  hr_fs_remove_tree (bench.dir, NULL);
  g_free (bench.dir);
  g_free (bench.source);
  g_free (bench.git_dir);
  return 0;
}
