/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-ignore.c: what becomes of a path below a source.
 */
#include <string.h>

#include "hr-ignore-defaults.h"
#include "hr-ignore.h"

/* A spec with nothing but what the rules look at; lists are NULL-terminated and the caller's. */
static HrServiceSpec
spec_of (char **exec)
{
  static char *none[] = { NULL };
  static char *everything[] = { (char *)".", NULL };

  return (HrServiceSpec){
    .source = (char *)"/srv/app",
    .exec = exec != NULL ? exec : none,
    .share_auto = TRUE,
    .share = none,
    .watch_paths = everything,
    .watch_extensions = none,
    .watch_ignore = none,
    .watch_recursive = TRUE,
    .watch_gitignore = TRUE,
  };
}

static const char *
class_name (HrPathClass path_class)
{
  static const char *const names[] = { "record", "share", "cache", "hide" };

  return names[path_class];
}

#define assert_class(ignore, path, name)                                                                               \
  g_assert_cmpstr (class_name (hr_ignore_classify (ignore, path, FALSE)), ==, name)
#define assert_dir_class(ignore, path, name)                                                                           \
  g_assert_cmpstr (class_name (hr_ignore_classify (ignore, path, TRUE)), ==, name)

static void
enter (HrIgnore *ignore, const char *dir, const char *text)
{
  hr_ignore_enter (ignore, dir, text, strlen (text));
}

static void
test_defaults (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);

  assert_dir_class (ignore, ".git", "share");
  assert_class (ignore, ".git", "share");
  assert_dir_class (ignore, "node_modules", "share");
  assert_dir_class (ignore, "web/node_modules", "share");
  assert_class (ignore, "node_modules", "share");
  assert_class (ignore, "node_modules/a/b/c.js", "share");
  assert_dir_class (ignore, ".venv", "share");
  assert_dir_class (ignore, "vendor/bundle", "share");
  assert_dir_class (ignore, "vendor", "record");
  assert_dir_class (ignore, "a/__pycache__", "cache");
  assert_class (ignore, "a/b.pyc", "cache");
  assert_dir_class (ignore, "things.pyc", "record");
  assert_class (ignore, ".main.c.swp", "hide");
  assert_class (ignore, "src/main.c~", "hide");
  assert_class (ignore, "src/.#main.c", "hide");
  assert_class (ignore, "#main.c#", "hide");
  assert_class (ignore, "4913", "hide");
  assert_class (ignore, "4914", "record");
  assert_class (ignore, "src/.goutputstream-ABC123", "hide");
  assert_class (ignore, "src/main.c___jb_tmp___", "hide");
  assert_class (ignore, "src/.main.c.kate-swp", "hide");
  assert_class (ignore, "state.json.tmp", "hide");
  assert_class (ignore, "main.c.bak", "hide");
  assert_class (ignore, ".nfs00000000001a2b3c", "hide");
  assert_dir_class (ignore, "things.tmp", "record");
  assert_class (ignore, "tmp", "record");
  assert_class (ignore, "main.py", "record");
  assert_class (ignore, ".gitignore", "record");
  assert_class (ignore, ".env", "record");
  assert_dir_class (ignore, "target", "record");
  assert_dir_class (ignore, "build", "record");
  assert_dir_class (ignore, "", "record");
  assert_dir_class (ignore, ".", "record");
  g_assert_true (g_strv_contains (hr_ignore_defaults (), "**/node_modules/**"));
  g_assert_true (g_strv_contains (hr_ignore_defaults (), "**/.git/**"));
}

static void
test_being_written (void)
{
  g_assert_true (hr_ignore_is_being_written ("sedfWa6rj", 0600));
  g_assert_true (hr_ignore_is_being_written ("sediments", 0600));
  g_assert_false (hr_ignore_is_being_written ("sediments", 0644));
  g_assert_false (hr_ignore_is_being_written ("sedate.sh", 0600));
  g_assert_false (hr_ignore_is_being_written ("sedative", 0600));
  g_assert_false (hr_ignore_is_being_written ("sedfWa6rjx", 0600));
  g_assert_false (hr_ignore_is_being_written ("sed", 0600));
  g_assert_false (hr_ignore_is_being_written ("used", 0600));
}

static void
test_ignored_data (void)
{
  char *globs[] = { (char *)"logs/**", (char *)"*.{db,sqlite}", (char *)"tmp/",
                    (char *)"/local",  (char *)"dist/**",       NULL };
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = NULL;

  spec.watch_ignore = globs;
  ignore = hr_ignore_new (&spec);
  assert_dir_class (ignore, "logs", "share");
  assert_class (ignore, "logs", "record");
  assert_class (ignore, "logs/a/b.log", "share");
  assert_dir_class (ignore, "web/logs", "record");
  assert_class (ignore, "x/data.sqlite", "share");
  assert_dir_class (ignore, "a/tmp", "share");
  assert_class (ignore, "a/tmp", "record");
  assert_class (ignore, "local", "share");
  assert_class (ignore, "a/local", "record");
  assert_dir_class (ignore, "dist", "cache");
  assert_class (ignore, "dist/a.js", "cache");
}

static void
test_share_no (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = NULL;

  spec.share_auto = FALSE;
  ignore = hr_ignore_new (&spec);
  enter (ignore, "", "data\nbuild\n");
  assert_dir_class (ignore, "data", "hide");
  assert_dir_class (ignore, "node_modules", "hide");
  assert_dir_class (ignore, "build", "cache");
  assert_dir_class (ignore, "__pycache__", "cache");
}

static void
test_share_list (void)
{
  char *share[] = { (char *)"uploads", (char *)"build/keep/this", NULL };
  char *exec[] = { (char *)"./uploads/run.sh", NULL };
  HrServiceSpec spec = spec_of (exec);
  g_autoptr (HrIgnore) ignore = NULL;

  spec.share = share;
  ignore = hr_ignore_new (&spec);
  enter (ignore, "", "build\n");
  assert_dir_class (ignore, "uploads", "share");
  assert_class (ignore, "uploads/run.sh", "share");
  assert_dir_class (ignore, "uploads2", "record");
  assert_dir_class (ignore, "build", "record");
  assert_dir_class (ignore, "build/keep", "record");
  assert_dir_class (ignore, "build/keep/this", "share");
  assert_class (ignore, "build/main.o", "cache");
  assert_class (ignore, "build/keep/other", "cache");
}

static void
test_gitignore_patterns (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);

  enter (ignore, "",
         "\xef\xbb\xbf# comment\n"
         "\n"
         "*.log\n"
         "!keep.log\n"
         "/top\n"
         "doc/*.txt\n"
         "only-dirs/\n"
         "**/deep\n"
         "a/**/z\n"
         "inside/**\n"
         "\\#literal\n"
         "\\!literal\n"
         "trailing   \n"
         "kept\\ \n"
         "crlf\r\n"
         "{x,y}\n"
         "[broken\n"
         "last");
  assert_class (ignore, "x.log", "share");
  assert_class (ignore, "a/x.log", "share");
  assert_class (ignore, "a/keep.log", "record");
  assert_class (ignore, "top", "share");
  assert_class (ignore, "a/top", "record");
  assert_class (ignore, "doc/a.txt", "share");
  assert_class (ignore, "doc/b/a.txt", "record");
  assert_class (ignore, "b/doc/a.txt", "record");
  assert_class (ignore, "only-dirs", "record");
  assert_dir_class (ignore, "b/only-dirs", "share");
  assert_class (ignore, "deep", "share");
  assert_class (ignore, "b/c/deep", "share");
  assert_class (ignore, "a/z", "share");
  assert_class (ignore, "a/b/c/z", "share");
  assert_dir_class (ignore, "inside", "record");
  assert_class (ignore, "inside/x", "share");
  assert_class (ignore, "#literal", "share");
  assert_class (ignore, "!literal", "share");
  assert_class (ignore, "trailing", "share");
  assert_class (ignore, "kept ", "share");
  assert_class (ignore, "kept", "record");
  assert_class (ignore, "crlf", "share");
  assert_class (ignore, "{x,y}", "share");
  assert_class (ignore, "x", "record");
  assert_class (ignore, "[broken", "record");
  assert_class (ignore, "last", "share");
}

static void
test_gitignore_nesting (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);

  enter (ignore, ".", "*.gen\nexcluded\nvar/*\n!var/keep\n");
  enter (ignore, "lib", "!special.gen\n/anchored\nsub/x\n");
  enter (ignore, "lib/sub", "special.gen\n");
  assert_class (ignore, "special.gen", "share");
  assert_class (ignore, "lib/special.gen", "record");
  assert_class (ignore, "lib/other/special.gen", "record");
  assert_class (ignore, "lib/sub/special.gen", "share");
  assert_class (ignore, "lib/anchored", "share");
  assert_class (ignore, "lib/a/anchored", "record");
  assert_class (ignore, "anchored", "record");
  assert_class (ignore, "lib/sub/x", "share");
  assert_class (ignore, "library/anchored", "record");
  assert_class (ignore, "var/a", "share");
  assert_class (ignore, "var/keep", "record");

  /* Nothing in it can bring back what lies below an excluded directory. */
  enter (ignore, "excluded", "!wanted\n");
  assert_class (ignore, "excluded/wanted", "share");

  hr_ignore_enter (ignore, "lib", NULL, 0);
  assert_class (ignore, "lib/special.gen", "share");
  hr_ignore_forget (ignore);
  assert_class (ignore, "lib/sub/special.gen", "record");
}

static void
test_build_output (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);

  enter (ignore, "", "target/\nweb/dist/*\n*.o\n.next\n*.so\n");
  assert_dir_class (ignore, "target", "cache");
  assert_class (ignore, "web/dist/app.js", "cache");
  assert_dir_class (ignore, "web/dist", "record");
  assert_class (ignore, "src/a.o", "cache");
  assert_dir_class (ignore, ".next", "cache");
  assert_class (ignore, "a.so", "share");
}

static void
test_no_gitignore (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = NULL;

  spec.watch_gitignore = FALSE;
  ignore = hr_ignore_new (&spec);
  enter (ignore, "", "*.log\n");
  assert_class (ignore, "x.log", "record");
}

static void
test_program_in_ignored_dir (void)
{
  char *exec[] = { (char *)"node", (char *)"--max-old-space-size=99", (char *)"dist/server/main.js", NULL };
  HrServiceSpec spec = spec_of (exec);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);

  enter (ignore, "", "dist\n");
  assert_dir_class (ignore, "dist", "record");
  assert_dir_class (ignore, "dist/server", "record");
  assert_class (ignore, "dist/server/main.js", "record");
  assert_class (ignore, "dist/server/lib/x.js", "record");
  assert_dir_class (ignore, "dist/server/lib", "record");
  assert_dir_class (ignore, "dist/client", "cache");
  assert_class (ignore, "dist/client/x.js", "cache");
  assert_dir_class (ignore, "dist/server/node_modules", "share");
  assert_dir_class (ignore, "dist/server/__pycache__", "cache");
  assert_class (ignore, "dist/server/.main.js.swp", "hide");
}

static void
test_program_beside_data (void)
{
  char *exec[] = { (char *)"%s/bin/server", (char *)"--db", (char *)"data/app.db", NULL };
  HrServiceSpec spec = spec_of (exec);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);

  enter (ignore, "", "bin/server\nbin/*.log\ndata/\n");
  assert_class (ignore, "bin/server", "record");
  assert_class (ignore, "bin/x.log", "share");
  assert_dir_class (ignore, "data", "share");
  assert_class (ignore, "data/app.db", "share");
}

static void
test_program_words (void)
{
  char *make[] = { (char *)"make", (char *)"build", NULL };
  char *bin[] = { (char *)"node_modules/.bin/vite", NULL };
  char *venv[] = { (char *)"/srv/app/.venv/bin/python", (char *)"-m", (char *)"app", NULL };
  char *dir[] = { (char *)"node", (char *)"dist", NULL };
  char *cargo[] = { (char *)"./target/debug/app", NULL };
  char *cwd[] = { (char *)"./run", NULL };
  char *outside[] = { (char *)"/usr/bin/dist/x.js", (char *)"../dist/x.js", (char *)"--file=dist/x.js", NULL };
  struct {
    char **exec;
    const char *working_directory;
    const char *path;
    gboolean is_dir;
    const char *expected;
  } cases[] = {
    { make, NULL, "build", TRUE, "cache" },
    { bin, NULL, "node_modules", TRUE, "share" },
    { venv, NULL, ".venv", TRUE, "share" },
    { dir, NULL, "dist", TRUE, "record" },
    { dir, NULL, "dist/index.js", FALSE, "record" },
    { cargo, NULL, "target/debug/app", FALSE, "record" },
    { cargo, NULL, "target/debug", TRUE, "record" },
    { cargo, NULL, "target/debug/lib.so", FALSE, "record" },
    { cargo, NULL, "target/debug/deps", TRUE, "cache" },
    { cargo, NULL, "target/release", TRUE, "cache" },
    { cwd, "out", "out/run", FALSE, "record" },
    { cwd, "%s/out", "out/run", FALSE, "record" },
    { cwd, "/srv/app/out", "out/run", FALSE, "record" },
    { cwd, NULL, "out/run", FALSE, "cache" },
    { outside, NULL, "dist", TRUE, "cache" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      HrServiceSpec spec = spec_of (cases[i].exec);
      g_autoptr (HrIgnore) ignore = NULL;

      spec.working_directory = (char *)cases[i].working_directory;
      ignore = hr_ignore_new (&spec);
      enter (ignore, "", "build\ndist\ntarget\nout\n");
      g_test_message ("%s: %s", cases[i].exec[0], cases[i].path);
      g_assert_cmpstr (class_name (hr_ignore_classify (ignore, cases[i].path, cases[i].is_dir)), ==, cases[i].expected);
    }
}

static void
test_triggers (void)
{
  char *paths[] = { (char *)"src", (char *)"main.py", NULL };
  char *extensions[] = { (char *)"py", (char *)"tmpl.html", NULL };
  HrActionRule rules[] = { { (char *)"src/keep/**", HR_ACTION_RELOAD }, { (char *)"src/*/**", HR_ACTION_IGNORE } };
  g_autoptr (GPtrArray) actions = g_ptr_array_new ();
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) all = hr_ignore_new (&spec);
  g_autoptr (HrIgnore) some = NULL;
  g_autoptr (HrIgnore) flat = NULL;

  g_assert_true (hr_ignore_triggers (all, "anything/at.all"));

  g_ptr_array_add (actions, &rules[0]);
  g_ptr_array_add (actions, &rules[1]);
  spec.watch_paths = paths;
  spec.watch_extensions = extensions;
  spec.actions = actions;
  some = hr_ignore_new (&spec);
  g_assert_true (hr_ignore_triggers (some, "src/a.py"));
  g_assert_true (hr_ignore_triggers (some, "main.py"));
  g_assert_true (hr_ignore_triggers (some, "src/a.tmpl.html"));
  g_assert_false (hr_ignore_triggers (some, "src/a.html"));
  g_assert_false (hr_ignore_triggers (some, "other.py"));
  g_assert_false (hr_ignore_triggers (some, "src2/a.py"));
  g_assert_false (hr_ignore_triggers (some, "src/x/a.py"));
  g_assert_true (hr_ignore_triggers (some, "src/keep/a.py"));
  assert_class (some, "other.py", "record");
  g_assert_true (hr_ignore_watches (some, ""));
  g_assert_true (hr_ignore_watches (some, "src/x/y"));
  g_assert_false (hr_ignore_watches (some, "docs"));

  spec.watch_recursive = FALSE;
  flat = hr_ignore_new (&spec);
  g_assert_true (hr_ignore_triggers (flat, "src/a.py"));
  g_assert_false (hr_ignore_triggers (flat, "src/keep/a.py"));
  g_assert_true (hr_ignore_watches (flat, "src"));
  g_assert_false (hr_ignore_watches (flat, "src/x"));
}

static gpointer
classify_in_thread (gpointer data)
{
  HrIgnore *ignore = data;

  return (gpointer)class_name (hr_ignore_classify (ignore, "lib/x.gen", FALSE));
}

static void
test_copy (void)
{
  char *exec[] = { (char *)"./out/run", NULL };
  HrServiceSpec spec = spec_of (exec);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);
  g_autoptr (HrIgnore) copy = NULL;

  enter (ignore, "lib", "*.gen\n");
  copy = hr_ignore_copy (ignore);
  hr_ignore_forget (ignore);
  enter (ignore, "lib", "*.other\n");
  g_assert_cmpstr (g_thread_join (g_thread_new ("test", classify_in_thread, copy)), ==, "share");
  assert_class (ignore, "lib/x.gen", "record");
  assert_class (ignore, "lib/x.other", "share");
}

static void
test_limits (void)
{
  HrServiceSpec spec = spec_of (NULL);
  g_autoptr (HrIgnore) ignore = hr_ignore_new (&spec);
  g_autoptr (GString) huge = g_string_new ("first\n");

  while (huge->len < 3 * 1024 * 1024)
    g_string_append (huge, "# a line of no use to anyone\n");
  g_string_append (huge, "last\n");
  hr_ignore_enter (ignore, "", huge->str, huge->len);
  assert_class (ignore, "first", "share");
  assert_class (ignore, "last", "record");

  g_string_assign (huge, "first\n");
  for (guint i = 0; i < 5000; i++)
    g_string_append_printf (huge, "rule%u\n", i);
  hr_ignore_enter (ignore, "", huge->str, huge->len);
  assert_class (ignore, "rule100", "share");
  assert_class (ignore, "rule4999", "record");

  /* Binary. */
  hr_ignore_enter (ignore, "", "a\0b\n\xff\xfe\n", 7);
  assert_class (ignore, "a", "share");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ignore/case-13-node-modules-and-other-defaults-at-any-depth", test_defaults);
  g_test_add_func ("/ignore/what-sed-is-writing-is-known-by-name-and-mode", test_being_written);
  g_test_add_func ("/ignore/what-the-service-file-ignores-is-shared-or-build-output", test_ignored_data);
  g_test_add_func ("/ignore/share-no-hides-ignored-data", test_share_no);
  g_test_add_func ("/ignore/share-names-paths-that-are-not-ignored", test_share_list);
  g_test_add_func ("/ignore/gitignore-patterns-mean-what-they-mean-to-git", test_gitignore_patterns);
  g_test_add_func ("/ignore/nested-gitignore-files-and-negation", test_gitignore_nesting);
  g_test_add_func ("/ignore/ignored-build-output-belongs-to-each-slot", test_build_output);
  g_test_add_func ("/ignore/use-gitignore-no", test_no_gitignore);
  g_test_add_func ("/ignore/a-program-in-an-ignored-directory-is-recorded", test_program_in_ignored_dir);
  g_test_add_func ("/ignore/data-beside-a-program-stays-data", test_program_beside_data);
  g_test_add_func ("/ignore/which-words-are-programs", test_program_words);
  g_test_add_func ("/ignore/paths-extensions-and-actions-decide-what-triggers", test_triggers);
  g_test_add_func ("/ignore/a-copy-is-a-snapshot-for-another-thread", test_copy);
  g_test_add_func ("/ignore/limits", test_limits);
  return g_test_run ();
}
