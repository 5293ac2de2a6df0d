/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-exec-isolation.c: hotreload-exec gives a program the rights and limits that it is told, seen by the program; and
 * starts none where it cannot.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-exec-args.h"
#include "hr-fs.h"
#include "hr-names.h"

#define NOBODY "65534"

/* A directory for everybody outside of those that may be hidden, with a copy of the helper that every user may run. */
typedef struct {
  char *dir;
  char *source;
  char *state;
  char *helper;
  HrIsolation isolation;
} Fixture;

static char *no_paths[] = { NULL };

static char *
make_dir (const char *dir, const char *name)
{
  char *path = g_build_filename (dir, name, NULL);

  g_assert_cmpint (g_mkdir (path, 0777), ==, 0);
  g_assert_cmpint (chmod (path, 0777), ==, 0);
  return path;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *built = hr_exec_helper_path ();

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  g_assert_nonnull (fixture->dir);
  g_assert_cmpint (chmod (fixture->dir, 0777), ==, 0);
  fixture->source = make_dir (fixture->dir, "source");
  fixture->state = make_dir (fixture->dir, "state");
  fixture->helper = g_build_filename (fixture->dir, "helper", NULL);
  fixture->isolation.read_write_paths = no_paths;
  g_assert_true (hr_fs_copy (built, fixture->helper, 0755, NULL));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
  g_free (fixture->source);
  g_free (fixture->state);
  g_free (fixture->helper);
}

/* What a shell says that runs isolated; its exit status in *status. */
static char *
run (Fixture *fixture, gboolean as_nobody, const char *script, int *status)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (HrView) view = hr_view_new (fixture->source, fixture->source, NULL, NULL, NULL);
  g_autofree char *state_out = g_strdup_printf (HR_ENV_STATE_OUT "=%s/out", fixture->state);
  const char *environment[] = { state_out, NULL };
  static const char *const nobody[] = { "setpriv", "--reuid=" NOBODY, "--regid=" NOBODY, "--clear-groups" };
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; as_nobody && i < G_N_ELEMENTS (nobody); i++)
    g_ptr_array_add (argv, g_strdup (nobody[i]));
  g_ptr_array_add (argv, g_strdup (fixture->helper));
  hr_exec_args_add_isolation (argv, &fixture->isolation, view, environment);
  g_ptr_array_add (argv, g_strdup ("--"));
  g_ptr_array_add (argv, g_strdup ("/bin/sh"));
  g_ptr_array_add (argv, g_strdup ("-c"));
  g_ptr_array_add (argv, g_strdup (script));
  g_ptr_array_add (argv, g_strdup ("sh"));
  g_ptr_array_add (argv, g_strdup (fixture->source));
  g_ptr_array_add (argv, g_strdup (fixture->state));
  g_ptr_array_add (argv, g_strdup (fixture->dir));
  g_ptr_array_add (argv, NULL);
  g_spawn_sync ("/", (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors, status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (*status));
  *status = WEXITSTATUS (*status);
  return g_strconcat (output, errors, NULL);
}

static void
assert_says (Fixture *fixture, gboolean as_nobody, const char *script, const char *expected)
{
  int status;
  g_autofree char *said = run (fixture, as_nobody, script, &status);

  g_assert_cmpstr (said, ==, expected);
  g_assert_cmpint (status, ==, 0);
}

static void
assert_refused (Fixture *fixture, gboolean as_nobody, const char *words)
{
  int status;
  g_autofree char *said = run (fixture, as_nobody, "echo it runs", &status);

  if (strstr (said, words) == NULL)
    g_assert_cmpstr (said, ==, words);
  g_assert_null (strstr (said, "it runs"));
  g_assert_cmpint (status, ==, 126);
}

static gboolean
skip_without_mounts (void)
{
  g_autofree char *why = NULL;
  g_autofree char *message = NULL;

  if (hr_exec_can_mount (&why))
    return FALSE;
  message = g_strdup_printf ("not run here: %s", why);
  g_test_skip (message);
  return TRUE;
}

static gboolean
skip_without_root (void)
{
  g_autofree char *setpriv = g_find_program_in_path ("setpriv");

  if (geteuid () == 0 && setpriv != NULL)
    return FALSE;
  g_test_skip ("not run here: only root can become another user");
  return TRUE;
}

static void
set_limit (Fixture *fixture, HrLimitKind kind, guint64 soft, guint64 hard)
{
  fixture->isolation.limits[kind] = (HrLimit){ TRUE, soft, hard };
}

/* Each to another value, all at once, as the kernel has them. */
static void
test_limits (Fixture *fixture, gconstpointer data)
{
  static const struct {
    HrLimitKind kind;
    const char *line;
    guint64 soft, hard;
  } cases[] = {
    { HR_LIMIT_CPU, "Max cpu time", 31, 32 },
    { HR_LIMIT_FSIZE, "Max file size", 1 << 20, 2 << 20 },
    { HR_LIMIT_DATA, "Max data size", 501 << 20, 502 << 20 },
    { HR_LIMIT_STACK, "Max stack size", 4 << 20, 5 << 20 },
    { HR_LIMIT_CORE, "Max core file size", 0, 0 },
    { HR_LIMIT_RSS, "Max resident set", 503 << 20, 504 << 20 },
    { HR_LIMIT_NOFILE, "Max open files", 50, 60 },
    { HR_LIMIT_AS, "Max address space", 505 << 20, 506 << 20 },
    { HR_LIMIT_NPROC, "Max processes", 900, 901 },
    { HR_LIMIT_MEMLOCK, "Max locked memory", 4096, 8192 },
    { HR_LIMIT_LOCKS, "Max file locks", 11, 12 },
    { HR_LIMIT_SIGPENDING, "Max pending signals", 13, 14 },
    { HR_LIMIT_MSGQUEUE, "Max msgqueue size", 4097, 4098 },
    { HR_LIMIT_NICE, "Max nice priority", 0, 0 },
    { HR_LIMIT_RTPRIO, "Max realtime priority", 0, 0 },
    { HR_LIMIT_RTTIME, "Max realtime timeout", 1000, 2000 },
  };
  g_autofree char *said = NULL;
  int status;

  G_STATIC_ASSERT (G_N_ELEMENTS (cases) == HR_N_LIMITS);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    set_limit (fixture, cases[i].kind, cases[i].soft, cases[i].hard);
  said = run (fixture, FALSE, "cat /proc/self/limits", &status);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *pattern = g_strdup_printf ("(?m)^%s +%" G_GUINT64_FORMAT " +%" G_GUINT64_FORMAT "\\b",
                                                  cases[i].line, cases[i].soft, cases[i].hard);

      if (!g_regex_match_simple (pattern, said, 0, 0))
        g_assert_cmpstr (said, ==, pattern);
    }
}

static void
test_infinity (Fixture *fixture, gconstpointer data)
{
  set_limit (fixture, HR_LIMIT_CPU, 100, HR_LIMIT_INFINITY);
  assert_says (fixture, FALSE, "ulimit -S -t; ulimit -H -t", "100\nunlimited\n");
}

static void
test_nice_and_umask (Fixture *fixture, gconstpointer data)
{
  fixture->isolation.has_nice = fixture->isolation.has_umask = TRUE;
  fixture->isolation.nice = 7;
  fixture->isolation.umask = 027;
  assert_says (fixture, FALSE, "nice; umask", "7\n0027\n");
}

static void
test_nothing_is_set (Fixture *fixture, gconstpointer data)
{
  assert_says (fixture, FALSE, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0\n");
}

static void
test_no_new_privileges (Fixture *fixture, gconstpointer data)
{
  fixture->isolation.no_new_privileges = TRUE;
  assert_says (fixture, FALSE, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n");
}

/* An ordinary user asks for what only root may have. */
static void
test_refused (Fixture *fixture, gconstpointer data)
{
  if (skip_without_root ())
    return;
  fixture->isolation.has_nice = TRUE;
  fixture->isolation.nice = -5;
  assert_refused (fixture, TRUE, "Nice cannot be set to '-5': only root may go before others: Permission denied");
  fixture->isolation.has_nice = FALSE;
  set_limit (fixture, HR_LIMIT_NOFILE, 1024, HR_LIMIT_INFINITY);
  assert_refused (fixture, TRUE, "LimitNOFILE cannot be set to '1024:infinity'");
}

static void
check_private_tmp (Fixture *fixture, gboolean as_nobody)
{
  fixture->isolation.private_tmp = TRUE;
  /* What the program is there for is below /tmp, and stays. */
  assert_says (
      fixture, as_nobody,
      "set -e; cd /tmp; test $(ls | wc -l) = 1; test \"$(stat -c %a /tmp /var/tmp)\" = \"$(printf '1777\\n1777')\"\n"
      "echo mine >/tmp/own; echo mine >/var/tmp/own; echo code >\"$1/written\"; echo state >\"$2/out\"; cat own",
      "mine\n");
  g_assert_false (g_file_test ("/tmp/own", G_FILE_TEST_EXISTS));
  {
    g_autofree char *code = g_build_filename (fixture->source, "written", NULL);
    g_autofree char *state = g_build_filename (fixture->state, "out", NULL);

    g_assert_true (g_file_test (code, G_FILE_TEST_EXISTS));
    g_assert_true (g_file_test (state, G_FILE_TEST_EXISTS));
  }
  /* The next one begins with nothing. */
  assert_says (fixture, as_nobody, "test ! -e /tmp/own && echo empty", "empty\n");
}

static void
test_private_tmp (Fixture *fixture, gconstpointer data)
{
  if (!skip_without_mounts ())
    check_private_tmp (fixture, FALSE);
}

static void
test_private_tmp_as_ordinary_user (Fixture *fixture, gconstpointer data)
{
  if (!skip_without_root () && !skip_without_mounts ())
    check_private_tmp (fixture, TRUE);
}

static void
check_strict (Fixture *fixture, gboolean as_nobody)
{
  static const char script[] =
      "set -e; echo code >\"$1/written\"; echo state >\"$2/out\"; echo x >/dev/null; test -d /proc/$$\n"
      "for path in \"$3/outside\" /etc/hotreload-test /var/tmp/hotreload-test /usr/hotreload-test; do\n"
      "  if (echo x >\"$path\") 2>/dev/null; then echo \"$path can be written\"; rm \"$path\"; fi\ndone; echo done";
  g_autofree char *outside = g_build_filename (fixture->dir, "outside", NULL);
  char *paths[] = { fixture->dir, (char *)"-/no/such/path", NULL };

  fixture->isolation.protect_system = HR_PROTECT_STRICT;
  assert_says (fixture, as_nobody, script, "done\n");
  g_assert_false (g_file_test (outside, G_FILE_TEST_EXISTS));
  /* ReadWritePaths adds to what is the program's own. */
  fixture->isolation.read_write_paths = paths;
  assert_says (fixture, as_nobody, "echo x >\"$3/outside\"; cat \"$3/outside\"", "x\n");
}

static void
test_strict (Fixture *fixture, gconstpointer data)
{
  if (!skip_without_mounts ())
    check_strict (fixture, FALSE);
}

static void
test_strict_as_ordinary_user (Fixture *fixture, gconstpointer data)
{
  if (!skip_without_root () && !skip_without_mounts ())
    check_strict (fixture, TRUE);
}

static void
test_strict_with_private_tmp (Fixture *fixture, gconstpointer data)
{
  if (skip_without_mounts ())
    return;
  fixture->isolation.protect_system = HR_PROTECT_STRICT;
  fixture->isolation.private_tmp = TRUE;
  assert_says (fixture, FALSE, "set -e; echo x >/tmp/own; echo x >/var/tmp/own; echo x >\"$1/own\"; echo done",
               "done\n");
}

/* Root is refused by the file system, not by the owner of a file. */
static void
test_yes_and_full (Fixture *fixture, gconstpointer data)
{
  static const char script[] =
      "for dir in /usr /etc \"$3\"; do\n"
      "  if (: >\"$dir/hotreload-test\") 2>/dev/null; then printf w; rm \"$dir/hotreload-test\"\n"
      "  else printf r; fi\ndone";

  if (skip_without_root () || skip_without_mounts ())
    return;
  fixture->isolation.protect_system = HR_PROTECT_YES;
  assert_says (fixture, FALSE, script, "rww");
  fixture->isolation.protect_system = HR_PROTECT_FULL;
  assert_says (fixture, FALSE, script, "rrw");
}

static void
test_missing_path_is_refused (Fixture *fixture, gconstpointer data)
{
  char *paths[] = { (char *)"/no/such/path", NULL };

  if (skip_without_mounts ())
    return;
  fixture->isolation.protect_system = HR_PROTECT_STRICT;
  fixture->isolation.read_write_paths = paths;
  assert_refused (fixture, FALSE, "ProtectSystem cannot be had here: cannot open directory '/no/such/path'");
}

static void
test_user (Fixture *fixture, gconstpointer data)
{
  char *groups[] = { (char *)"4242", NULL };

  if (skip_without_root ())
    return;
  fixture->isolation.user = (char *)NOBODY;
  assert_says (fixture, FALSE, "id -u; id -g; id -ru; id -G; grep CapEff /proc/self/status",
               NOBODY "\n" NOBODY "\n" NOBODY "\n" NOBODY "\nCapEff:\t0000000000000000\n");
  fixture->isolation.group = (char *)"4241";
  fixture->isolation.groups = groups;
  assert_says (fixture, FALSE, "id -u; id -g; id -G | tr ' ' '\\n' | grep 42", NOBODY "\n4241\n4241\n4242\n");
  /* With everything at once: what needs root comes before. */
  fixture->isolation.has_nice = TRUE;
  fixture->isolation.nice = -3;
  fixture->isolation.no_new_privileges = TRUE;
  assert_says (fixture, FALSE, "id -u; nice", NOBODY "\n-3\n");
}

static void
test_user_refused (Fixture *fixture, gconstpointer data)
{
  if (skip_without_root ())
    return;
  fixture->isolation.user = (char *)"no-such-user";
  assert_refused (fixture, FALSE, "User=no-such-user: there is no such user");
  fixture->isolation.user = (char *)"root";
  assert_refused (fixture, TRUE, "only root can start a program in another group");
  fixture->isolation.user = (char *)NOBODY;
  fixture->isolation.group = (char *)"no-such-group";
  assert_refused (fixture, FALSE, "Group=no-such-group: there is no such group");
}

/* A state file that it cannot open would be the program's own trouble, later. */
static void
test_user_must_reach_its_state (Fixture *fixture, gconstpointer data)
{
  g_autofree char *state_in = g_build_filename (fixture->state, "in", NULL);

  if (skip_without_root ())
    return;
  g_assert_true (g_file_set_contents (state_in, "{}", -1, NULL));
  g_assert_cmpint (chmod (fixture->state, 0700), ==, 0);
  fixture->isolation.user = (char *)NOBODY;
  g_setenv (HR_ENV_STATE_IN, state_in, TRUE);
  assert_refused (fixture, FALSE, "let it enter the directories above");
  g_unsetenv (HR_ENV_STATE_IN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/exec-isolation/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("each-limit-is-the-programs", test_limits);
  ADD ("hard-limit-may-be-infinite", test_infinity);
  ADD ("nice-and-umask-are-the-programs", test_nice_and_umask);
  ADD ("what-is-not-told-is-not-set", test_nothing_is_set);
  ADD ("no-new-privileges", test_no_new_privileges);
  ADD ("what-only-root-may-is-refused-by-name", test_refused);
  ADD ("private-tmp-is-empty-and-nobody-elses", test_private_tmp);
  ADD ("private-tmp-for-an-ordinary-user", test_private_tmp_as_ordinary_user);
  ADD ("strict-leaves-the-programs-own-directories", test_strict);
  ADD ("strict-for-an-ordinary-user", test_strict_as_ordinary_user);
  ADD ("private-tmp-can-be-written-under-strict", test_strict_with_private_tmp);
  ADD ("yes-is-usr-and-full-is-etc-too", test_yes_and_full);
  ADD ("missing-path-is-refused", test_missing_path_is_refused);
  ADD ("user-and-groups-are-the-programs", test_user);
  ADD ("user-that-cannot-be-had-is-refused", test_user_refused);
  ADD ("user-must-reach-its-state", test_user_must_reach_its_state);
  return g_test_run ();
}
