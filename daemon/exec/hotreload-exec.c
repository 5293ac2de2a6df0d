/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hotreload-exec: what must happen in a process between fork and the service's program.
 *
 * GLib's spawn can set neither LISTEN_PID nor a session nor mounts. This does, in a fixed order, whatever the order of
 * the options, and becomes the program. It has no state, keeps no descriptor but the listeners, and is not for people:
 * the daemon checks what it is given. With --keep it is the daemon's keeper instead, see keep.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec-cgroup.h"
#include "exec-fail.h"
#include "exec-protect.h"
#include "exec-rights.h"
#include "exec-user.h"
#include "exec-view.h"
#include "exec-why.h"
#include "hr-config.h"
#include "hr-names.h"
#include "keep.h"

/* More sockets than this is a mistake of the caller. */
#define LISTEN_FDS_MAX 1024
/* Of Linux; libc's NSIG may be less. */
#define KERNEL_SIGNALS 64

typedef struct {
  ExecCgroup cgroup;
  ExecView view;
  ExecProtect protect;
  ExecRights rights;
  ExecUser user;
  int n_shares;
  int n_read_only_shares;
  int n_writable;
  int n_visible;
  int n_groups;
  bool session;
  bool reset_signals;
  bool probe_view;
  int keep;   /* 0: this is no keeper */
  int parent; /* 0: it outlives whoever started it */
  const char *directory;
  const char *log;
  int listen_fds;
  int stored_fds; /* the last of them, which are no listeners */
  const char *listen_names;
  char **program;
} Options;

enum {
  OPTION_STATUS_FD = 1,
  OPTION_SESSION,
  OPTION_SOURCE,
  OPTION_DIR,
  OPTION_REAL_SOURCE,
  OPTION_SHARE,
  OPTION_READ_ONLY_SHARE,
  OPTION_SHARES_READ_ONLY,
  OPTION_DIRECTORY,
  OPTION_LOG,
  OPTION_LISTEN_FDS,
  OPTION_STORED_FDS,
  OPTION_LISTEN_NAMES,
  OPTION_RESET_SIGNALS,
  OPTION_CGROUP,
  OPTION_CGROUP_LIMIT,
  OPTION_LIMIT,
  OPTION_NICE,
  OPTION_UMASK,
  OPTION_NO_NEW_PRIVILEGES,
  OPTION_PROTECT_SYSTEM,
  OPTION_PRIVATE_TMP,
  OPTION_WRITABLE,
  OPTION_VISIBLE,
  OPTION_USER,
  OPTION_GROUP,
  OPTION_SUPPLEMENTARY_GROUP,
  OPTION_PROBE_VIEW,
  OPTION_KEEP,
  OPTION_RELEASE_CGROUP,
  OPTION_WITH_PARENT,
  OPTION_VERSION,
};

static const struct option long_options[] = {
  { "status-fd", required_argument, NULL, OPTION_STATUS_FD },
  { "session", no_argument, NULL, OPTION_SESSION },
  { "source", required_argument, NULL, OPTION_SOURCE },
  { "dir", required_argument, NULL, OPTION_DIR },
  { "real-source", required_argument, NULL, OPTION_REAL_SOURCE },
  { "share", required_argument, NULL, OPTION_SHARE },
  { "read-only-share", required_argument, NULL, OPTION_READ_ONLY_SHARE },
  { "shares-read-only", no_argument, NULL, OPTION_SHARES_READ_ONLY },
  { "directory", required_argument, NULL, OPTION_DIRECTORY },
  { "log", required_argument, NULL, OPTION_LOG },
  { "listen-fds", required_argument, NULL, OPTION_LISTEN_FDS },
  { "stored-fds", required_argument, NULL, OPTION_STORED_FDS },
  { "listen-names", required_argument, NULL, OPTION_LISTEN_NAMES },
  { "reset-signals", no_argument, NULL, OPTION_RESET_SIGNALS },
  { "cgroup", required_argument, NULL, OPTION_CGROUP },
  { "cgroup-limit", required_argument, NULL, OPTION_CGROUP_LIMIT },
  { "limit", required_argument, NULL, OPTION_LIMIT },
  { "nice", required_argument, NULL, OPTION_NICE },
  { "umask", required_argument, NULL, OPTION_UMASK },
  { "no-new-privileges", no_argument, NULL, OPTION_NO_NEW_PRIVILEGES },
  { "protect-system", required_argument, NULL, OPTION_PROTECT_SYSTEM },
  { "private-tmp", no_argument, NULL, OPTION_PRIVATE_TMP },
  { "writable", required_argument, NULL, OPTION_WRITABLE },
  { "visible", required_argument, NULL, OPTION_VISIBLE },
  { "user", required_argument, NULL, OPTION_USER },
  { "group", required_argument, NULL, OPTION_GROUP },
  { "supplementary-group", required_argument, NULL, OPTION_SUPPLEMENTARY_GROUP },
  { "probe-view", no_argument, NULL, OPTION_PROBE_VIEW },
  { "release-cgroup", no_argument, NULL, OPTION_RELEASE_CGROUP },
  { "keep", required_argument, NULL, OPTION_KEEP },
  { "with-parent", required_argument, NULL, OPTION_WITH_PARENT },
  { "version", no_argument, NULL, OPTION_VERSION },
  { NULL, 0, NULL, 0 },
};

static int
parse_number (const char *option, const char *text, int max)
{
  char *end;
  long number;

  errno = 0;
  number = strtol (text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || number < 0 || number > max)
    exec_fail ("options", 0, "'%s' is not a number for --%s", text, option);
  return (int)number;
}

/* What the program may do; false: it is another option. */
static bool
apply_isolation_option (Options *options, int option)
{
  switch (option)
    {
    case OPTION_CGROUP:
      options->cgroup.dir = optarg;
      return true;
    case OPTION_CGROUP_LIMIT:
      exec_cgroup_add_limit (&options->cgroup, optarg);
      return true;
    case OPTION_LIMIT:
      exec_rights_add_limit (&options->rights, optarg);
      return true;
    case OPTION_NICE:
      options->rights.nice = optarg;
      return true;
    case OPTION_UMASK:
      options->rights.umask = optarg;
      return true;
    case OPTION_NO_NEW_PRIVILEGES:
      options->rights.no_new_privileges = true;
      return true;
    case OPTION_PROTECT_SYSTEM:
      options->protect.system = optarg;
      return true;
    case OPTION_PRIVATE_TMP:
      options->protect.private_tmp = true;
      return true;
    case OPTION_WRITABLE:
      options->protect.writable[options->n_writable++] = optarg;
      return true;
    case OPTION_VISIBLE:
      options->protect.visible[options->n_visible++] = optarg;
      return true;
    case OPTION_USER:
      options->user.user = optarg;
      return true;
    case OPTION_GROUP:
      options->user.group = optarg;
      return true;
    case OPTION_SUPPLEMENTARY_GROUP:
      options->user.groups[options->n_groups++] = optarg;
      return true;
    default:
      return false;
    }
}

static void
apply_option (Options *options, int option)
{
  switch (option)
    {
    case OPTION_STATUS_FD:
      exec_fail_set_fd (parse_number ("status-fd", optarg, 1 << 20));
      break;
    case OPTION_SESSION:
      options->session = true;
      break;
    case OPTION_SOURCE:
      options->view.source = optarg;
      break;
    case OPTION_DIR:
      options->view.dir = optarg;
      break;
    case OPTION_REAL_SOURCE:
      options->view.real_source = optarg;
      break;
    case OPTION_SHARE:
      options->view.shares[options->n_shares++] = optarg;
      break;
    case OPTION_READ_ONLY_SHARE:
      options->view.read_only_shares[options->n_read_only_shares++] = optarg;
      break;
    case OPTION_SHARES_READ_ONLY:
      options->view.shares_read_only = true;
      break;
    case OPTION_DIRECTORY:
      options->directory = optarg;
      break;
    case OPTION_LOG:
      options->log = optarg;
      break;
    case OPTION_LISTEN_FDS:
      options->listen_fds = parse_number ("listen-fds", optarg, LISTEN_FDS_MAX);
      break;
    case OPTION_STORED_FDS:
      options->stored_fds = parse_number ("stored-fds", optarg, LISTEN_FDS_MAX);
      break;
    case OPTION_LISTEN_NAMES:
      options->listen_names = optarg;
      break;
    case OPTION_RESET_SIGNALS:
      options->reset_signals = true;
      break;
    case OPTION_PROBE_VIEW:
      options->probe_view = true;
      break;
    case OPTION_WITH_PARENT:
      options->parent = parse_number ("with-parent", optarg, INT_MAX);
      break;
    case OPTION_RELEASE_CGROUP:
      exit (exec_cgroup_release ());
    case OPTION_KEEP:
      options->keep = parse_number ("keep", optarg, 1 << 20);
      break;
    case OPTION_VERSION:
      puts ("hotreload-exec " HR_VERSION);
      exit (EXIT_SUCCESS);
    default:
      exec_fail ("options", 0, "unknown option or missing value");
    }
}

static void
parse_options (Options *options, int argc, char **argv)
{
  int option;

  /* No list is longer than the arguments, and each ends with NULL. */
  options->view.shares = calloc ((size_t)argc + 1, sizeof (char *));
  options->view.read_only_shares = calloc ((size_t)argc + 1, sizeof (char *));
  options->protect.writable = calloc ((size_t)argc + 1, sizeof (char *));
  options->protect.visible = calloc ((size_t)argc + 1, sizeof (char *));
  options->user.groups = calloc ((size_t)argc + 1, sizeof (char *));
  if (options->view.shares == NULL || options->view.read_only_shares == NULL || options->protect.writable == NULL
      || options->protect.visible == NULL || options->user.groups == NULL)
    exec_fail ("options", ENOMEM, "cannot read the options");

  opterr = 0;
  while ((option = getopt_long (argc, argv, "+", long_options, NULL)) != -1)
    if (!apply_isolation_option (options, option))
      apply_option (options, option);
  options->program = argv + optind;
  if (*options->program == NULL && !options->probe_view && options->keep == 0)
    exec_fail ("options", 0, "no program given");
  if ((options->view.source == NULL) != (options->view.dir == NULL))
    exec_fail ("options", 0, "--source and --dir belong together");
}

/* What the daemon ignores or blocks is its own matter; a program expects to start with nothing set. Past libc, which
   keeps two signals to itself and leaves them ignored in what posix_spawn() starts. */
static void
reset_signals (void)
{
  /* SIG_DFL, no flags, no mask, larger than the kernel's structure anywhere. */
  static const unsigned long initial[16];
  sigset_t none;

  for (int number = 1; number <= KERNEL_SIGNALS; number++)
    if (number != SIGKILL && number != SIGSTOP)
      syscall (SYS_rt_sigaction, number, initial, NULL, KERNEL_SIGNALS / CHAR_BIT);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

static void
open_log (const char *path)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  int log = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

  if (null < 0 || dup2 (null, STDIN_FILENO) < 0)
    exec_fail ("log", errno, "cannot open '/dev/null'");
  if (log < 0 || dup2 (log, STDOUT_FILENO) < 0 || dup2 (log, STDERR_FILENO) < 0)
    exec_fail ("log", errno, "cannot open log file '%s'", path);
  if (null > STDERR_FILENO)
    close (null);
  if (log > STDERR_FILENO)
    close (log);
}

static void
set_variable (const char *name, const char *value)
{
  if (value != NULL ? setenv (name, value, 1) < 0 : unsetenv (name) < 0)
    exec_fail ("listeners", errno, "cannot set %s", name);
}

/* The sockets are at 3 and following already. An O_NONBLOCK that another instance set is a property of the socket, not
   of its descriptor: programs that take over sockets expect them to block. What a program has stored it gets as it was. */
static void
pass_listeners (const Options *options)
{
  char text[16];

  set_variable ("LISTEN_FDS", NULL);
  set_variable ("LISTEN_FDNAMES", NULL);
  set_variable ("LISTEN_PID", NULL);
  if (options->listen_fds == 0)
    return;
  for (int fd = HR_LISTEN_FDS_START; fd < HR_LISTEN_FDS_START + options->listen_fds; fd++)
    {
      bool stored = fd >= HR_LISTEN_FDS_START + options->listen_fds - options->stored_fds;
      int flags = stored ? 0 : fcntl (fd, F_GETFL);

      if (flags < 0 || (!stored && fcntl (fd, F_SETFL, flags & ~O_NONBLOCK) < 0) || fcntl (fd, F_SETFD, 0) < 0)
        exec_fail ("listeners", errno, "descriptor %d is no socket to pass on", fd);
    }
  snprintf (text, sizeof text, "%d", options->listen_fds);
  set_variable ("LISTEN_FDS", text);
  set_variable ("LISTEN_FDNAMES", options->listen_names);
  snprintf (text, sizeof text, "%d", (int)getpid ());
  set_variable ("LISTEN_PID", text);
}

/* As with LISTEN_PID: who has a watchdog is told by number, since children have the same environment. */
static void
set_watchdog (void)
{
  char text[16];

  if (getenv ("WATCHDOG_USEC") == NULL)
    return;
  snprintf (text, sizeof text, "%d", (int)getpid ());
  set_variable ("WATCHDOG_PID", text);
}

/* A command of the daemon has no use without it. To be called last: new credentials undo it. The thread that started this
   process waits for its end; so its death is the daemon's. */
static void
end_with_parent (int parent)
{
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) < 0)
    exec_fail ("parent", errno, "cannot be told of the end of process %d", parent);
  if (getppid () != parent)
    exit (EXIT_FAILURE);
}

/* Becomes the program. What is no program at all is taken for a script of the shell, as execvp() does, but not what was
   made for another machine. */
static _Noreturn void
run_program (char **program)
{
  if (strchr (program[0], '/') != NULL)
    {
      execv (program[0], program);
      if (errno != ENOEXEC || exec_why_is_elf (program[0]))
        exec_why_fail (program[0], errno);
    }
  execvp (program[0], program);
  exec_why_fail (program[0], errno);
}

int
main (int argc, char **argv)
{
  Options options = { 0 };

  parse_options (&options, argc, argv);
  if (options.probe_view)
    {
      exec_view_probe ();
      return EXIT_SUCCESS;
    }

  if (options.reset_signals)
    reset_signals ();
  exec_cgroup_enter (&options.cgroup);
  if (options.session && setsid () < 0)
    exec_fail ("session", errno, "cannot make a session");
  if (options.keep != 0)
    {
      close_range ((unsigned)options.keep + 1, ~0U, 0);
      return keep_run (options.keep);
    }
  if (options.log != NULL)
    open_log (options.log);
  exec_view_apply (&options.view);
  exec_protect_apply (&options.protect);
  exec_user_find (&options.user);
  pass_listeners (&options);
  set_watchdog ();
  /* A descriptor that nobody meant to pass on must not reach the program. */
  close_range (HR_LISTEN_FDS_START + (unsigned)options.listen_fds, ~0U, CLOSE_RANGE_CLOEXEC);
  exec_rights_apply (&options.rights);
  exec_user_become (&options.user);
  if (options.directory != NULL && chdir (options.directory) < 0)
    exec_fail ("directory", errno, "cannot enter working directory '%s'", options.directory);

  if (options.parent != 0)
    end_with_parent (options.parent);
  run_program (options.program);
}
