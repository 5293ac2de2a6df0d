/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Control groups of instances, in a group of the test's own. Where none can be made, the cases that need one are not
 * run, which is said; what is only read is tested anywhere.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-cgroup-base.h"
#include "hr-cgroup-find.h"
#include "hr-cgroup-limits.h"
#include "hr-cgroup.h"
#include "hr-error.h"
#include "hr-exec-launcher.h"
#include "hr-fs.h"
#include "hr-leftover.h"
#include "hr-names.h"
#include "hr-process-tree.h"
#include "hr-process-usage.h"
#include "warnings.h"

/* An event that has not come after this never will. */
#define DEADLINE_MSEC 20000
/* The grandchild has a session, an environment and a parent of its own: only the group knows it. */
#define LOSE_GRANDCHILD "(setsid env -i sh -c 'echo $$ >pid.tmp; mv pid.tmp pid; exec sleep 1000' &)\n"

/* Of the one instance there is at a time: another run at the same time has another. */
static char *id;

typedef struct {
  char *dir;
  char *group; /* of the instances */
  char *missing;
  HrLauncher *launcher;
  HrInstance *instance;
  gboolean exited;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  HrCgroupBase *base;

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->launcher = hr_exec_launcher_new (fixture->dir, &error);
  g_assert_no_error (error);
  base = hr_cgroup_base_find (fixture->dir, &fixture->missing);
  hr_exec_launcher_set_cgroups (HR_EXEC_LAUNCHER (fixture->launcher), base, fixture->missing);
  fixture->group = hr_launcher_get_cgroup (fixture->launcher, NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  if (fixture->instance != NULL)
    g_assert_finalize_object (fixture->instance);
  if (fixture->launcher != NULL)
    g_assert_finalize_object (fixture->launcher);
  g_assert_false (hr_cgroup_exists (fixture->group));
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
  g_free (fixture->group);
  g_free (fixture->missing);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("nothing happened for %d s", DEADLINE_MSEC / 1000);
  return G_SOURCE_REMOVE;
}

static gboolean
once_more (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main loop until the condition holds. */
#define WAIT_FOR(condition)                                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint deadline = g_timeout_add (DEADLINE_MSEC, on_deadline, NULL);                                                 \
    guint tick = g_timeout_add (2, once_more, NULL);                                                                   \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (tick);                                                                                            \
    g_source_remove (deadline);                                                                                        \
  }                                                                                                                    \
  G_STMT_END

#define NEED_GROUPS(fixture)                                                                                           \
  if ((fixture)->group == NULL)                                                                                        \
    {                                                                                                                  \
      g_test_skip ((fixture)->missing);                                                                                \
      return;                                                                                                          \
    }

static void
on_exited (HrInstance *instance, int status, gboolean known, gpointer user_data)
{
  ((Fixture *)user_data)->exited = TRUE;
}

static gboolean
try_launch (Fixture *fixture, const char *script, const HrIsolation *isolation, GError **error)
{
  const char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C", NULL };
  const char *argv[] = { "sh", "-c", script, NULL };
  HrLaunch launch = {
    .service = "svc",
    .id = id,
    .argv = argv,
    .environment = environment,
    .directory = fixture->dir,
    .isolation = isolation,
    .stdout_fd = -1,
    .stderr_fd = -1,
  };

  fixture->exited = FALSE;
  fixture->instance = hr_launcher_launch (fixture->launcher, &launch, error);
  if (fixture->instance != NULL)
    g_signal_connect (fixture->instance, "exited", G_CALLBACK (on_exited), fixture);
  return fixture->instance != NULL;
}

static void
launch (Fixture *fixture, const char *script)
{
  g_autoptr (GError) error = NULL;

  try_launch (fixture, script, NULL, &error);
  g_assert_no_error (error);
}

static char *
read_line (Fixture *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->dir, name, NULL);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strchr (text, '\n') != NULL ? g_strchomp (text)
                                                                                      : (g_free (text), NULL);
}

static char *
await_line (Fixture *fixture, const char *name)
{
  char *text = NULL;

  WAIT_FOR ((text = read_line (fixture, name)) != NULL);
  return text;
}

static GPid
await_pid (Fixture *fixture)
{
  g_autofree char *text = await_line (fixture, "pid");

  return atoi (text);
}

static gboolean
is_gone (GPid pid)
{
  HrProcess process;

  return !hr_process_read (pid, &process) || process.state == 'Z';
}

/* What is only read */

static void
test_path (void)
{
  static const struct {
    const char *text, *path;
  } cases[] = {
    { "0::/\n", "/" },
    { "0::/system.slice/hotreload.service\n", "/system.slice/hotreload.service" },
    { "4:memory:/elsewhere\n1:cpu:/\n0::/here\n", "/here" },
    { "0::/a b\n", "/a b" },
    { "4:memory:/elsewhere\n", NULL },
    { "0::/../other\n", NULL },
    { "0::/gone (deleted)\n", NULL },
    { "", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = hr_cgroup_parse_path (cases[i].text);

      g_assert_cmpstr (path, ==, cases[i].path);
    }
}

static void
test_dir (void)
{
  static const char hybrid[] = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
                               "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
  static const char bound[] = "41 31 0:38 /box /mnt/my\\040groups ro - cgroup2 none rw,nsdelegate\n";
  static const struct {
    const char *mounts, *path, *dir;
  } cases[] = {
    { hybrid, "/", "/sys/fs/cgroup/unified" },
    { hybrid, "/a/b", "/sys/fs/cgroup/unified/a/b" },
    { bound, "/box", "/mnt/my groups" },
    { bound, "/box/a", "/mnt/my groups/a" },
    { bound, "/boxes", NULL },
    { bound, "/", NULL },
    { "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "/", NULL },
    { "", "/", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *dir = hr_cgroup_parse_dir (cases[i].mounts, cases[i].path);

      g_assert_cmpstr (dir, ==, cases[i].dir);
    }
}

static void
test_no_group (Fixture *fixture, gconstpointer data)
{
  g_autofree char *file = g_build_filename (fixture->dir, "cgroup.kill", NULL);
  g_autofree char *text = NULL;
  g_autofree char *why = NULL;
  HrCgroupUsage usage = { 1, 1, 1 };

  g_assert_true (g_file_set_contents (file, "0", -1, NULL));
  g_assert_false (hr_cgroup_exists (fixture->dir));
  hr_cgroup_kill (fixture->dir);
  g_assert_true (hr_cgroup_end (fixture->dir));
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "0");
  hr_cgroup_read_usage (fixture->dir, &usage);
  g_assert_cmpint (usage.memory, ==, -1);
  g_assert_cmpint (usage.cpu_usec, ==, -1);
  g_assert_cmpint (usage.tasks, ==, -1);
  g_assert_null (hr_cgroup_base_new (fixture->dir, "key", &why));
  g_assert_nonnull (strstr (why, "is no control group"));
}

/* What needs one */

static void
test_enters_before_its_program (Fixture *fixture, gconstpointer data)
{
  g_autofree char *expected = NULL;
  g_autofree char *group = NULL, *text = NULL, *path = NULL;

  NEED_GROUPS (fixture);
  expected = g_strdup_printf ("%s/svc.%s", fixture->group, id);
  launch (fixture, "cat /proc/self/cgroup >own.tmp; mv own.tmp own; exec sleep 1000");
  text = await_line (fixture, "own");
  path = hr_cgroup_parse_path (text);
  g_assert_true (g_str_has_suffix (expected, path));
  g_assert_cmpstr (hr_instance_get_cgroup (fixture->instance), ==, expected);
  group = hr_cgroup_find_instance (hr_instance_get_pid (fixture->instance), id);
  g_assert_cmpstr (group, ==, expected);
  g_assert_null (hr_cgroup_find_instance (hr_instance_get_pid (fixture->instance), "another"));
  g_assert_null (hr_cgroup_find_instance (getpid (), id));
  hr_instance_stop (fixture->instance, SIGTERM);
  WAIT_FOR (fixture->exited);
  g_assert_false (hr_cgroup_exists (expected));
  g_assert_null (hr_instance_get_cause (fixture->instance));
}

static void
test_lost_grandchild (Fixture *fixture, gconstpointer data)
{
  GPid pid;

  NEED_GROUPS (fixture);
  launch (fixture, LOSE_GRANDCHILD "exec sleep 1000");
  pid = await_pid (fixture);
  g_assert_false (is_gone (pid));
  hr_instance_stop (fixture->instance, SIGTERM);
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (pid));
}

static void
test_kill (Fixture *fixture, gconstpointer data)
{
  GPid pid;

  NEED_GROUPS (fixture);
  launch (fixture, LOSE_GRANDCHILD "trap '' TERM; while :; do sleep 1000; done");
  pid = await_pid (fixture);
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (pid));
}

/* Each has ended before its PID is known to anybody. */
#define FORK_ALL_THE_TIME                                                                                              \
  "echo 'echo $$ >pid.tmp; mv pid.tmp pid; (sh ./fork &) & exit' >fork; setsid env -i sh ./fork & exec sleep 1000"

static void
test_forks_all_the_time (Fixture *fixture, gconstpointer data)
{
  g_autofree char *group = NULL;
  GPid pid;

  NEED_GROUPS (fixture);
  launch (fixture, FORK_ALL_THE_TIME);
  pid = await_pid (fixture);
  WAIT_FOR (is_gone (pid));
  group = g_strdup (hr_instance_get_cgroup (fixture->instance));
  hr_instance_stop (fixture->instance, SIGTERM);
  WAIT_FOR (fixture->exited);
  g_assert_false (hr_cgroup_exists (group));
}

static gboolean
is_empty (const char *group)
{
  g_autoptr (GArray) pids = hr_cgroup_list (group);

  return pids->len == 0;
}

/* As kernels before 5.14 need it. */
static void
test_kill_each (Fixture *fixture, gconstpointer data)
{
  const char *group;
  GPid pid;

  NEED_GROUPS (fixture);
  launch (fixture, FORK_ALL_THE_TIME);
  pid = await_pid (fixture);
  WAIT_FOR (is_gone (pid));
  group = hr_instance_get_cgroup (fixture->instance);
  WAIT_FOR ((hr_cgroup_kill_each (group), is_empty (group)));
  WAIT_FOR (fixture->exited);
}

static void
test_groups_of_the_program (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script = NULL;
  g_autofree char *group = NULL;
  GPid pid;

  NEED_GROUPS (fixture);
  group = g_strdup_printf ("%s/svc.%s", fixture->group, id);
  script = g_strdup_printf (
      "mkdir -p %s/own/deep && echo $$ >%s/own/deep/cgroup.procs\n" LOSE_GRANDCHILD "exec sleep 1000", group, group);
  launch (fixture, script);
  pid = await_pid (fixture);
  g_free (script);
  script = hr_cgroup_find_instance (pid, id);
  g_assert_cmpstr (script, ==, group);
  hr_instance_stop (fixture->instance, SIGTERM);
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (pid));
  g_assert_false (hr_cgroup_exists (group));
}

/* A process that is no instance's, in a group of its own. */
static GPid
start_in (const char *group)
{
  const char *argv[] = { "sleep", "1000", NULL };
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  GPid pid;

  g_assert_cmpint (g_mkdir (group, 0755), ==, 0);
  g_spawn_async (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error);
  g_assert_no_error (error);
  text = g_strdup_printf ("%d", (int)pid);
  hr_cgroup_write (group, "cgroup.procs", text, &error);
  g_assert_no_error (error);
  return pid;
}

static void
test_others_live (Fixture *fixture, gconstpointer data)
{
  g_autofree char *why = NULL, *other = NULL;
  g_autofree char *own = hr_cgroup_find_of (getpid ());
  g_autoptr (HrCgroupBase) base = NULL;
  GPid pid;

  NEED_GROUPS (fixture);
  base = hr_cgroup_base_new (own, id, &why);
  g_assert_nonnull (base);
  other = hr_cgroup_base_name (base, "svc", id);
  pid = start_in (other);

  launch (fixture, "exec sleep 1000");
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  hr_exec_launcher_sweep (HR_EXEC_LAUNCHER (fixture->launcher));
  g_assert_false (is_gone (pid));
  g_assert_true (hr_cgroup_exists (other));
  g_assert_true (hr_cgroup_end (other));
  TEMP_FAILURE_RETRY (waitpid (pid, NULL, 0));
}

/* A daemon that leaves what is in its group. */
static char *
leave (const char *own, const char *name, GPid *pid)
{
  g_autofree char *key = g_strdup_printf ("%s-%s", id, name);
  g_autofree char *why = NULL;
  g_autoptr (HrCgroupBase) base = hr_cgroup_base_new (own, key, &why);
  char *group = hr_cgroup_base_name (base, "svc", id);

  if (pid != NULL)
    *pid = start_in (group);
  else
    g_assert_cmpint (g_mkdir (group, 0755), ==, 0);
  return group;
}

static void
test_forgotten (Fixture *fixture, gconstpointer data)
{
  g_autofree char *own = hr_cgroup_find_of (getpid ());
  g_autofree char *ended = NULL, *running = NULL, *why = NULL, *above_ended = NULL, *above_running = NULL;
  HrCgroupBase *base;
  GPid pid;

  NEED_GROUPS (fixture);
  running = leave (own, "running", &pid);
  above_running = g_path_get_dirname (running);
  ended = leave (own, "ended", NULL);
  above_ended = g_path_get_dirname (ended);
  base = hr_cgroup_base_new (own, id, &why);
  /* Another run may be at it just now. */
  WAIT_FOR (!hr_cgroup_exists (above_ended));
  /* Of that one something runs on, and of the fixture's daemon nothing runs, but the daemon. */
  g_assert_true (hr_cgroup_exists (running));
  g_assert_true (hr_cgroup_exists (fixture->group));
  hr_cgroup_base_free (base);
  g_assert_true (hr_cgroup_end (running));
  TEMP_FAILURE_RETRY (waitpid (pid, NULL, 0));
  WAIT_FOR ((g_rmdir (above_running), !hr_cgroup_exists (above_running)));
}

/* The daemon is gone, and its instance's main process, too. */
static void
test_sweep (Fixture *fixture, gconstpointer data)
{
  g_autofree char *group = NULL;
  g_autofree char *why = NULL;
  GPid leader, pid;

  NEED_GROUPS (fixture);
  launch (fixture, LOSE_GRANDCHILD "exec sleep 1000");
  pid = await_pid (fixture);
  leader = hr_instance_get_pid (fixture->instance);
  group = g_strdup (hr_instance_get_cgroup (fixture->instance));
  hr_exec_launcher_sweep (HR_EXEC_LAUNCHER (fixture->launcher));
  g_assert_true (hr_cgroup_exists (group));
  g_assert_false (is_gone (pid));

  g_signal_handlers_disconnect_by_data (fixture->instance, fixture);
  g_assert_finalize_object (fixture->launcher);
  g_assert_finalize_object (g_steal_pointer (&fixture->instance));
  kill (leader, SIGKILL);
  TEMP_FAILURE_RETRY (waitpid (leader, NULL, 0));
  g_assert_false (is_gone (pid));
  fixture->launcher = hr_exec_launcher_new (fixture->dir, NULL);
  hr_exec_launcher_set_cgroups (HR_EXEC_LAUNCHER (fixture->launcher), hr_cgroup_base_find (fixture->dir, &why), NULL);
  hr_exec_launcher_sweep (HR_EXEC_LAUNCHER (fixture->launcher));
  WAIT_FOR (warnings->len > 0);
  warnings_expect ("what an instance of an earlier daemon had left running was ended: * in '*'");
  g_assert_false (hr_cgroup_exists (group));
  g_assert_true (is_gone (pid));
}

static void
on_leftover_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  hr_leftover_end_finish (result, &error);
  g_assert_no_error (error);
  *(gboolean *)user_data = TRUE;
}

static void
test_leftover (Fixture *fixture, gconstpointer data)
{
  g_autofree char *group = NULL;
  g_autofree char *why = NULL;
  gboolean ended = FALSE;
  HrProcess process;
  GPid leader, pid;

  NEED_GROUPS (fixture);
  launch (fixture, "trap 'echo well >end; exit 0' TERM\n" LOSE_GRANDCHILD "while :; do sleep 0.01; done");
  pid = await_pid (fixture);
  leader = hr_instance_get_pid (fixture->instance);
  group = g_strdup (hr_instance_get_cgroup (fixture->instance));
  g_assert_true (hr_process_read (leader, &process));
  g_signal_handlers_disconnect_by_data (fixture->instance, fixture);
  g_assert_finalize_object (fixture->launcher);
  g_assert_finalize_object (g_steal_pointer (&fixture->instance));

  fixture->launcher = hr_exec_launcher_new (fixture->dir, NULL);
  hr_exec_launcher_set_cgroups (HR_EXEC_LAUNCHER (fixture->launcher), hr_cgroup_base_find (fixture->dir, &why), NULL);
  hr_leftover_end_async (leader, process.start, id, SIGTERM, 30 * G_USEC_PER_SEC, on_leftover_ended, &ended);
  g_assert_true (hr_leftover_is_ending (id));
  /* It has its StopTimeout. */
  hr_exec_launcher_sweep (HR_EXEC_LAUNCHER (fixture->launcher));
  WAIT_FOR (ended);
  TEMP_FAILURE_RETRY (waitpid (leader, NULL, 0));
  g_free (await_line (fixture, "end"));
  g_assert_true (is_gone (pid));
  g_assert_false (hr_cgroup_exists (group));
  WAIT_FOR (!hr_leftover_is_ending (id));
}

/* What nothing but its group tells of is the instance's all the same. */
static void
test_membership (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) roots = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_process_root_free);
  g_autoptr (GPtrArray) processes = NULL;
  gboolean listed = FALSE;
  GPid leader, pid;

  NEED_GROUPS (fixture);
  launch (fixture, LOSE_GRANDCHILD "exec sleep 1000");
  pid = await_pid (fixture);
  leader = hr_instance_get_pid (fixture->instance);
  WAIT_FOR (hr_process_belongs (pid, leader, id));
  g_assert_false (hr_process_belongs (pid, leader, "another"));
  g_assert_false (hr_process_belongs (getpid (), leader, id));

  g_ptr_array_add (roots, hr_process_root_new (leader, id, hr_instance_get_cgroup (fixture->instance)));
  processes = hr_process_usage_read (roots, FALSE);
  for (guint i = 0; i < processes->len; i++)
    listed = listed || ((HrProcessUsage *)g_ptr_array_index (processes, i))->pid == pid;
  g_assert_true (listed);
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
}

static void
test_usage (Fixture *fixture, gconstpointer data)
{
  HrCgroupUsage usage;

  NEED_GROUPS (fixture);
  launch (fixture, "while :; do :; done");
  WAIT_FOR ((hr_cgroup_read_usage (hr_instance_get_cgroup (fixture->instance), &usage), usage.cpu_usec > 100000));
  /* These two belong to controllers, which other tests may have let in. */
  g_assert_cmpint (usage.memory, >=, -1);
  g_assert_cmpint (usage.tasks, >=, -1);
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
}

static void
expect_limit (Fixture *fixture, const char *file, const char *value)
{
  g_autofree char *path = g_build_filename (hr_instance_get_cgroup (fixture->instance), file, NULL);
  g_autofree char *text = NULL;

  WAIT_FOR ((g_free (text), text = NULL, g_file_get_contents (path, &text, NULL, NULL))
            && g_str_equal (g_strchomp (text), value));
}

/* With the controllers they hold; without one the start is refused, and says which one. */
static void
test_limits (Fixture *fixture, gconstpointer data)
{
  static const struct {
    HrResourceKind kind;
    const char *text, *controller, *file, *value;
  } cases[] = {
    { HR_RESOURCE_MEMORY, "64M", "memory", "memory.max", "67108864" },
    { HR_RESOURCE_CPU, "50", "cpu", "cpu.weight", "50" },
    { HR_RESOURCE_TASKS, "20", "pids", "pids.max", "20" },
  };

  NEED_GROUPS (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      HrIsolation isolation = { 0 };
      g_autoptr (GError) error = NULL;
      g_autoptr (GError) refusal = NULL;
      g_autofree char *key = g_strdup_printf ("'%s'", cases[i].controller);

      hr_resource_parse (cases[i].kind, cases[i].text, &isolation.resources[cases[i].kind], &error);
      g_assert_no_error (error);
      if (hr_launcher_can_limit (fixture->launcher, &isolation, &refusal)
          && try_launch (fixture, "exec sleep 1000", &isolation, &error))
        {
          expect_limit (fixture, cases[i].file, cases[i].value);
          hr_instance_kill (fixture->instance);
          WAIT_FOR (fixture->exited);
          g_clear_object (&fixture->instance);
          continue;
        }
      g_test_message ("%s", (refusal != NULL ? refusal : error)->message);
      if (refusal != NULL)
        {
          g_assert_error (refusal, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
          g_assert_nonnull (strstr (refusal->message, key));
          g_assert_false (try_launch (fixture, "exec sleep 1000", &isolation, &error));
        }
      g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
      g_assert_nonnull (strstr (error->message, hr_resource_name (cases[i].kind)));
    }
}

static void
test_limits_without_groups (Fixture *fixture, gconstpointer data)
{
  HrIsolation isolation = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_cgroup_limits_check (NULL, "there is no cgroup v2", &isolation, &error));
  g_assert_no_error (error);
  isolation.resources[HR_RESOURCE_TASKS] = (HrResource){ .set = TRUE, .is_share = TRUE, .value = 1250 };
  g_assert_false (hr_cgroup_limits_check (NULL, "there is no cgroup v2", &isolation, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_cmpstr (error->message, ==, "TasksMax=12.50% cannot be had here: there is no cgroup v2");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  id = g_uuid_string_random ();
  g_test_add_func ("/cgroup/path-of-a-process-is-read", test_path);
  g_test_add_func ("/cgroup/place-is-found-among-mounts", test_dir);
#define ADD(path, func) g_test_add ("/cgroup/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("what-is-no-group-is-left-alone", test_no_group);
  ADD ("instance-enters-before-its-program-runs", test_enters_before_its_program);
  ADD ("grandchild-that-left-session-and-environment-ends", test_lost_grandchild);
  ADD ("kill-ends-it-too", test_kill);
  ADD ("what-forks-all-the-time-ends", test_forks_all_the_time);
  ADD ("what-forks-all-the-time-ends-one-by-one", test_kill_each);
  ADD ("groups-that-the-program-made-go", test_groups_of_the_program);
  ADD ("groups-of-other-daemons-stay", test_others_live);
  ADD ("groups-of-daemons-that-are-no-more-go-when-empty", test_forgotten);
  ADD ("what-nobody-goes-on-with-is-swept", test_sweep);
  ADD ("leftover-of-a-dead-daemon-has-time-and-ends", test_leftover);
  ADD ("what-only-its-group-tells-of-belongs-to-the-instance", test_membership);
  ADD ("usage-is-read", test_usage);
  ADD ("limits-hold-or-are-refused", test_limits);
  ADD ("limits-without-groups-are-refused", test_limits_without_groups);
  status = g_test_run ();
  g_free (id);
  return status;
}
