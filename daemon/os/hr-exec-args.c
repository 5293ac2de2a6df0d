/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-exec-args.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-helpers.h"
#include "hr-names.h"

/* A kernel that has not made a mount after this long will not make one in time for a reload either. */
#define PROBE_DEADLINE_MSEC 5000
#define PROBE_WORDS_MAX 1024

/**
 * hr_exec_helper_path:
 *
 * Returns: (transfer full): path of hotreload-exec
 */
char *
hr_exec_helper_path (void)
{
  return hr_helper_path (HR_EXEC_HELPER);
}

/**
 * hr_exec_adopt_library_path:
 *
 * Returns: (transfer full): path of libhotreload-adopt.so
 */
char *
hr_exec_adopt_library_path (void)
{
  return hr_helper_path (HR_ADOPT_LIBRARY);
}

/**
 * hr_exec_preload:
 * @environment: (transfer full): KEY=VALUE
 * @library: path
 *
 * Returns: (transfer full): the same, with the library before any others
 */
char **
hr_exec_preload (char **environment, const char *library)
{
  const char *others = g_environ_getenv (environment, "LD_PRELOAD");
  g_autofree char *both = others != NULL && *others != '\0' ? g_strconcat (library, ":", others, NULL) : NULL;

  return g_environ_setenv (environment, "LD_PRELOAD", both != NULL ? both : library, TRUE);
}

/**
 * hr_exec_preload_probe:
 * @environment: (transfer full): KEY=VALUE, of a command
 *
 * Returns: (transfer full): the same, for a probe's command (%HR_ENV_PROBE_SOURCE) with libhotreload-probe.so
 */
char **
hr_exec_preload_probe (char **environment)
{
  g_autofree char *library = NULL;

  if (g_environ_getenv (environment, HR_ENV_PROBE_SOURCE) == NULL)
    return environment;
  library = hr_helper_path (HR_PROBE_LIBRARY);
  return hr_exec_preload (environment, library);
}

static void
add_option (GPtrArray *argv, const char *option, const char *value)
{
  g_ptr_array_add (argv, g_strconcat (option, value, NULL));
}

/**
 * hr_exec_args_add_view:
 * @argv: (element-type utf8): arguments of hotreload-exec so far, with g_free() as element free function
 * @view: (nullable): where the program sees its files
 * @shares_read_only: whether it may not write what is shared: checks and builds
 *
 * Adds the options that make @view, none when nothing is to be mounted.
 */
void
hr_exec_args_add_view (GPtrArray *argv, HrView *view, gboolean shares_read_only)
{
  if (view == NULL || !view->mounted)
    return;
  add_option (argv, "--source=", view->source);
  add_option (argv, "--dir=", view->dir);
  add_option (argv, "--real-source=", view->real_source);
  for (char **share = view->shares; *share != NULL; share++)
    add_option (argv, "--share=", *share);
  for (char **share = view->read_only_shares; *share != NULL; share++)
    add_option (argv, "--read-only-share=", *share);
  if (shares_read_only)
    add_option (argv, "--shares-read-only", "");
}

/* Where the program sees its files, and where it writes its state: what it is there for. */
static void
add_writable (GPtrArray *argv, const HrIsolation *isolation, HrView *view, const char *const *environment)
{
  const char *state_out = g_environ_getenv ((char **)environment, HR_ENV_STATE_OUT);

  if (view != NULL && view->source != NULL)
    add_option (argv, "--writable=", view->source);
  if (view != NULL && !view->mounted && view->dir != NULL && g_strcmp0 (view->dir, view->source) != 0)
    add_option (argv, "--writable=", view->dir);
  /* Links to files that are shared lead there. */
  if (view != NULL && view->mounted)
    add_option (argv, "--writable=", view->real_source);
  if (state_out != NULL)
    {
      g_autofree char *exchange = g_path_get_dirname (state_out);

      /* Gone with the instance, whose last probe may still be asked. */
      add_option (argv, "--writable=-", exchange);
    }
  for (char **path = isolation->read_write_paths; path != NULL && *path != NULL; path++)
    add_option (argv, "--writable=", *path);
}

/* What is preloaded, and the sockets by which the program speaks to the daemon. */
static void
add_visible (GPtrArray *argv, const char *const *environment)
{
  static const char *const names[] = { "NOTIFY_SOCKET", HR_ENV_ADOPT };
  g_autofree char *library = hr_exec_adopt_library_path ();
  g_autofree char *library_dir = g_path_get_dirname (library);

  if (g_file_test (library_dir, G_FILE_TEST_IS_DIR))
    add_option (argv, "--visible=", library_dir);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *value = g_environ_getenv ((char **)environment, names[i]);
      const char *path = value != NULL ? strchr (value, '/') : NULL;
      g_autofree char *dir = path != NULL ? g_path_get_dirname (path) : NULL;

      if (dir != NULL && g_file_test (dir, G_FILE_TEST_IS_DIR))
        add_option (argv, "--visible=", dir);
    }
}

/**
 * hr_exec_args_add_isolation:
 * @argv: (element-type utf8): arguments of hotreload-exec so far, with g_free() as element free function
 * @isolation: (nullable): with which rights and limits the program runs; %NULL: with the daemon's
 * @view: (nullable): where it sees its files
 * @environment: of the program, complete
 *
 * Adds the options for @isolation.
 */
void
hr_exec_args_add_isolation (GPtrArray *argv, const HrIsolation *isolation, HrView *view, const char *const *environment)
{
  if (isolation == NULL)
    return;
  if (isolation->user != NULL)
    add_option (argv, "--user=", isolation->user);
  if (isolation->group != NULL)
    add_option (argv, "--group=", isolation->group);
  for (char **group = isolation->groups; group != NULL && *group != NULL; group++)
    add_option (argv, "--supplementary-group=", *group);
  for (guint i = 0; i < HR_N_LIMITS; i++)
    if (isolation->limits[i].set)
      {
        g_autofree char *limit = hr_limit_to_string (&isolation->limits[i]);

        g_ptr_array_add (argv, g_strdup_printf ("--limit=%s:%s", hr_limit_name (i) + strlen ("Limit"), limit));
      }
  if (isolation->has_nice)
    g_ptr_array_add (argv, g_strdup_printf ("--nice=%d", isolation->nice));
  if (isolation->has_umask)
    g_ptr_array_add (argv, g_strdup_printf ("--umask=%03o", isolation->umask));
  if (isolation->no_new_privileges)
    add_option (argv, "--no-new-privileges", "");
  if (isolation->protect_system != HR_PROTECT_NO)
    add_option (argv, "--protect-system=", hr_protect_system_name (isolation->protect_system));
  if (isolation->private_tmp)
    add_option (argv, "--private-tmp", "");
  if (isolation->protect_system != HR_PROTECT_NO || isolation->private_tmp)
    {
      add_writable (argv, isolation, view, environment);
      add_visible (argv, environment);
    }
}

/* What the helper said on standard error, on one line. */
static char *
read_words (int fd)
{
  char words[PROBE_WORDS_MAX];
  ssize_t length = read (fd, words, sizeof words - 1);

  words[MAX (length, 0)] = '\0';
  return g_strdup (length > 0 ? g_strstrip (words) : "it ended without a word");
}

static char *
wait_for_probe (GPid pid, int words)
{
  g_auto (HrFd) pidfd = pidfd_open (pid, 0);
  struct pollfd ended = { .fd = pidfd, .events = POLLIN };
  gboolean late = FALSE;
  int status;

  if (pidfd >= 0 && TEMP_FAILURE_RETRY (poll (&ended, 1, PROBE_DEADLINE_MSEC)) != 1)
    {
      late = TRUE;
      pidfd_send_signal (pidfd, SIGKILL, NULL, 0);
    }
  if (TEMP_FAILURE_RETRY (waitpid (pid, &status, 0)) != pid)
    return g_strdup_printf ("its end was missed: %s", g_strerror (errno));
  if (late)
    return g_strdup_printf ("no answer within %d s", PROBE_DEADLINE_MSEC / 1000);
  return status == 0 ? NULL : read_words (words);
}

static char *
run_probe (void)
{
  g_autofree char *helper = hr_exec_helper_path ();
  const char *argv[] = { helper, "--probe-view", NULL };
  g_autoptr (GError) error = NULL;
  g_auto (HrFd) words = -1;
  GPid pid;

  if (!g_spawn_async_with_pipes_and_fds (
          NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_CLOEXEC_PIPES, NULL,
          NULL, -1, -1, -1, NULL, NULL, 0, &pid, NULL, NULL, &words, &error))
    return g_strdup (error->message);
  return wait_for_probe (pid, words);
}

/**
 * hr_exec_can_mount:
 * @why: (out) (optional): why not, to be freed
 *
 * Whether a view can be mounted here. The first call tries it, which blocks for a few milliseconds and at most
 * 5 s; from then on the answer is remembered.
 *
 * Returns: whether it can
 */
gboolean
hr_exec_can_mount (char **why)
{
  static gsize asked = 0;
  static char *reason = NULL;

  if (g_once_init_enter (&asked))
    {
      reason = run_probe ();
      g_once_init_leave (&asked, 1);
    }
  if (why != NULL)
    *why = g_strdup (reason);
  return reason == NULL;
}

/**
 * hr_exec_mount_obstacle:
 *
 * Returns: (transfer none) (nullable): for people, why no view can be mounted here; %NULL: it can
 */
const char *
hr_exec_mount_obstacle (void)
{
  g_autofree char *helper = hr_exec_helper_path ();

  if (hr_exec_can_mount (NULL))
    return NULL;
  return access (helper, X_OK) == 0 ? HR_NO_MOUNT_NAMESPACE : HR_EXEC_HELPER " cannot be executed";
}
