/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-names.h: every name that users, tests or other programs may rely on, in one place.
 *
 * Names of the bus, of environment variables, of programs and of exit codes. The meaning of each is in the XML beside
 * this file and in the manual pages.
 */
#pragma once

/* D-Bus */
#define HR_BUS_NAME "org.hotreload.Manager"
#define HR_ROOT_PATH "/org/hotreload"
#define HR_MANAGER_PATH "/org/hotreload/Manager"
#define HR_SERVICE_PATH_PREFIX "/org/hotreload/service/"
#define HR_JOB_PATH_PREFIX "/org/hotreload/job/"
#define HR_MANAGER_INTERFACE "org.hotreload.Manager"
#define HR_SERVICE_INTERFACE "org.hotreload.Service"
#define HR_JOB_INTERFACE "org.hotreload.Job"
#define HR_ERROR_PREFIX "org.hotreload.Error."

/* What the daemon and the client read */
#define HR_ENV_BUS "HOTRELOAD_BUS"
#define HR_ENV_PROFILE "HOTRELOAD_PROFILE"
/* Directory of hotreload-exec and libhotreload-adopt.so, for a build tree that is not installed. */
#define HR_ENV_LIBEXECDIR "HOTRELOAD_LIBEXECDIR"
/* Directory of the translations, likewise. */
#define HR_ENV_LOCALEDIR "HOTRELOAD_LOCALEDIR"

/* Socket of the journal instead of systemd's, for tests. */
#define HR_ENV_JOURNAL "HOTRELOAD_JOURNAL"
/* Descriptor with what a daemon that is re-executed hands to the program that it becomes. */
#define HR_ENV_HANDED "HOTRELOAD_HANDED"

/* What a service gets */
#define HR_ENV_SERVICE "HOTRELOAD_SERVICE"
#define HR_ENV_RELEASE "HOTRELOAD_RELEASE"
#define HR_ENV_COMMIT "HOTRELOAD_COMMIT"
#define HR_ENV_SLOT "HOTRELOAD_SLOT"
#define HR_ENV_INSTANCE "HOTRELOAD_INSTANCE"
/* 1 to Instances: each of those that serve at the same time has another. */
#define HR_ENV_INSTANCE_INDEX "HOTRELOAD_INSTANCE_INDEX"
#define HR_ENV_STATE_IN "HOTRELOAD_STATE_IN"
#define HR_ENV_STATE_OUT "HOTRELOAD_STATE_OUT"
/* Path of the Unix socket at which libhotreload-adopt.so asks the daemon for a listener. */
#define HR_ENV_ADOPT "HOTRELOAD_ADOPT"

/* Helpers */
#define HR_EXEC_HELPER "hotreload-exec"
#define HR_JOURNAL_HELPER "hotreload-journal"
#define HR_ADOPT_LIBRARY "libhotreload-adopt.so"
#define HR_PROBE_LIBRARY "libhotreload-probe.so"
/* For the command of a probe: the address from which it reaches the instance that it is to probe and no other, and the
   ports of that instance's TCP listeners, with blanks between them. Absent where every instance is the same to it. */
#define HR_ENV_PROBE_SOURCE "HOTRELOAD_PROBE_SOURCE"
#define HR_ENV_PROBE_PORTS "HOTRELOAD_PROBE_PORTS"

/* The output of an instance is in logs/NAME.RELEASE-INSTANCE.log of the state directory. Beside it, with this suffix
   instead, is when it was written: lines "TIME OFFSET", 16 hexadecimal digits each, for microseconds since 1970 and
   bytes. What lies before OFFSET was written by TIME, and what lies at or after it later than that. */
#define HR_LOG_SUFFIX ".log"
#define HR_LOG_TIMES_SUFFIX ".times"
#define HR_LOG_TIMES_LINE 34
/* And with this one, how much of it was passed on to the journal. */
#define HR_LOG_JOURNAL_SUFFIX ".journal"

/* Exit codes of hrctl, also used by hotreloadd --check */
#define HR_EXIT_OK 0
#define HR_EXIT_FAILED 1
#define HR_EXIT_USAGE 2
#define HR_EXIT_TIMEOUT 3
#define HR_EXIT_NOT_ALLOWED 4
#define HR_EXIT_NOT_RUNNING 8
#define HR_EXIT_NOT_FOUND 10

/* The unit whose control group its manager has given to the daemon, where the group does not say so. */
#define HR_ENV_DELEGATED "HOTRELOAD_DELEGATED"

/* What the control groups of daemons begin with; in each are those of its instances. */
#define HR_CGROUP_PREFIX "hotreload-"

/* The first descriptor passed by LISTEN_FDS, see sd_listen_fds(3). */
#define HR_LISTEN_FDS_START 3
