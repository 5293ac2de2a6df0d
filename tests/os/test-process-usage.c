/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which processes are of an instance, below which they hang, and what they use.
 */
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-names.h"
#include "hr-process-usage.h"

#define DEADLINE_USEC (30 * G_USEC_PER_SEC)
#define SHARED_SIZE (32 * 1024 * 1024)

typedef struct {
  GPid pid;
  int out; /* says a line when all is as it is to be */
} Instance;

/* As an instance is: leader of a session, with its id in the environment. */
static Instance
start (const char *id, const char *script)
{
  const char *const argv[] = { "/bin/sh", "-c", script, NULL };
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), HR_ENV_INSTANCE, id, TRUE);
  int out[2];
  Instance self;
  char line;

  g_assert_cmpint (pipe (out), ==, 0);
  self.pid = fork ();
  if (self.pid == 0)
    {
      setsid ();
      dup2 (out[1], STDOUT_FILENO);
      close (out[0]);
      close (out[1]);
      execve (argv[0], (char *const *)argv, environment);
      _exit (127);
    }
  close (out[1]);
  self.out = out[0];
  g_assert_cmpint (read (self.out, &line, 1), ==, 1);
  return self;
}

static void
end (Instance *self)
{
  /* What left the session is told by the end of the pipe. */
  kill (-self->pid, SIGKILL);
  waitpid (self->pid, NULL, 0);
  close (self->out);
}

static GPtrArray *
look (const Instance *instances, const char *const *ids, gboolean commands)
{
  g_autoptr (GPtrArray) roots = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_process_root_free);

  for (guint i = 0; ids[i] != NULL; i++)
    g_ptr_array_add (roots, hr_process_root_new (instances[i].pid, ids[i], NULL));
  return hr_process_usage_read (roots, commands);
}

static HrProcessUsage *
look_for (GPtrArray *usage, const char *command)
{
  for (guint i = 0; i < usage->len; i++)
    {
      HrProcessUsage *process = g_ptr_array_index (usage, i);

      if (g_str_equal (process->command, command))
        return process;
    }
  return NULL;
}

static HrProcessUsage *
find (GPtrArray *usage, const char *command)
{
  HrProcessUsage *process = look_for (usage, command);

  g_assert_nonnull (process);
  return process;
}

/* Each process has begun what it is to do: until then it is a copy of its parent. */
static gboolean
has_all (GPtrArray *usage, const char *const *commands)
{
  for (; *commands != NULL; commands++)
    if (look_for (usage, *commands) == NULL)
      return FALSE;
  return TRUE;
}

static void
test_tree (void)
{
  /* One more that is not of it, and is older than none. */
  static const char *const ids[] = { "usage-a", "usage-b", NULL };
  static const char *const commands[] = { "sleep 60.2", "sh -c sleep 60.3; true", "sleep 60.3", "sleep 60.4", NULL };
  const Instance none = start ("usage-c", "sleep 60.1 & echo; wait");
  Instance instances[] = {
    start ("usage-a", "sleep 60.2 & (setsid sh -c 'sleep 60.3; true' & echo $! >/dev/null); echo; wait"),
    start ("usage-b", "exec 3>&1; echo >&3; exec sleep 60.4"),
  };
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  g_autoptr (GPtrArray) usage = NULL;
  const HrProcessUsage *shell;
  Instance copy = none;

  do
    {
      g_clear_pointer (&usage, g_ptr_array_unref);
      usage = look (instances, ids, TRUE);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  } while (usage->len != 5 || !has_all (usage, commands));

  for (guint i = 0; i < usage->len; i++)
    {
      const HrProcessUsage *process = g_ptr_array_index (usage, i);

      g_assert_cmpuint (process->threads, ==, 1);
      g_assert_cmpint (process->memory, >, 0);
      g_assert_cmpstr (process->name, !=, "");
    }
  g_assert_cmpint (find (usage, "sleep 60.2")->parent, ==, instances[0].pid);
  g_assert_cmpuint (find (usage, "sleep 60.2")->root, ==, 0);
  g_assert_cmpstr (find (usage, "sleep 60.2")->name, ==, "sleep");
  g_assert_cmpuint (find (usage, "sleep 60.4")->root, ==, 1);
  g_assert_cmpint (find (usage, "sleep 60.4")->parent, ==, 0);
  /* It left session and parent, and what it started belongs to it. */
  shell = find (usage, "sh -c sleep 60.3; true");
  g_assert_cmpuint (shell->root, ==, 0);
  g_assert_cmpint (shell->parent, ==, 0);
  g_assert_cmpint (shell->pid, !=, instances[0].pid);
  g_assert_cmpint (find (usage, "sleep 60.3")->parent, ==, shell->pid);

  kill (find (usage, "sleep 60.3")->pid, SIGKILL);
  kill (shell->pid, SIGKILL);
  end (&instances[0]);
  end (&instances[1]);
  end (&copy);
  g_clear_pointer (&usage, g_ptr_array_unref);
  usage = look (instances, ids, FALSE);
  g_assert_cmpuint (usage->len, ==, 0);
}

/* Two that share it, each with all of it in its resident set. */
static void
test_shared_memory_counts_once (void)
{
  static const char *const ids[] = { "usage-shared", NULL };
  char *shared = mmap (NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_autoptr (GPtrArray) usage = NULL;
  int ready[2];
  Instance instance;
  gint64 sum = 0;
  char letter;

  if (!g_file_test ("/proc/self/smaps_rollup", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("not run here: the kernel has no smaps_rollup");
      return;
    }
  g_assert_true (shared != MAP_FAILED);
  g_assert_cmpint (pipe (ready), ==, 0);
  instance.pid = fork ();
  if (instance.pid == 0)
    {
      volatile char last = 0;

      setsid ();
      alarm (60);
      if (fork () == 0)
        alarm (60);
      memset (shared, 1, SHARED_SIZE);
      last = shared[SHARED_SIZE - 1];
      if (write (ready[1], "x", 1) != 1 || last != 1)
        _exit (1);
      for (;;)
        pause ();
    }
  munmap (shared, SHARED_SIZE);
  for (int i = 0; i < 2; i++)
    g_assert_cmpint (read (ready[0], &letter, 1), ==, 1);
  usage = look (&instance, ids, TRUE);
  g_assert_cmpuint (usage->len, ==, 2);
  for (guint i = 0; i < usage->len; i++)
    sum += ((HrProcessUsage *)g_ptr_array_index (usage, i))->memory;
  g_assert_cmpint (sum, >=, SHARED_SIZE);
  g_assert_cmpint (sum, <, SHARED_SIZE * 3 / 2);
  close (ready[0]);
  instance.out = ready[1];
  end (&instance);
}

static void
test_own_figures (void)
{
  guint before = hr_process_count_descriptors ();
  int more = dup (STDERR_FILENO);

  g_assert_cmpuint (before, >, 2);
  g_assert_cmpuint (hr_process_count_descriptors (), ==, before + 1);
  close (more);
  g_assert_cmpuint (hr_process_count_descriptors (), ==, before);
  g_assert_cmpuint (hr_process_cpu_usec (), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* As the daemon: what loses its parent becomes a child of this process. */
  prctl (PR_SET_CHILD_SUBREAPER, 1);

  g_test_add_func ("/process-usage/tree", test_tree);
  g_test_add_func ("/process-usage/shared-memory-counts-once", test_shared_memory_counts_once);
  g_test_add_func ("/process-usage/own-figures", test_own_figures);

  return g_test_run ();
}
