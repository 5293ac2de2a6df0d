/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-lease.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

#define BREAK_TIME_FILE "/proc/sys/fs/lease-break-time"
/* The kernel's time runs from the open, ours from when the main loop learns of it. */
#define LATENESS_USEC G_USEC_PER_SEC

struct _HrLease {
  int fd;
  HrLeaseOpenedFunc func;
  gpointer user_data;
  gboolean told;
  gint64 expires; /* monotonic, in microseconds; once told */
};

/* Written by the signal handler, read by the main loop. */
static int wake_fd = -1;
/* All leases, of the main loop's thread. */
static GPtrArray *leases;

static void
on_signal (int signal_number)
{
  guint64 one = 1;
  int saved = errno;

  /* A full counter wakes as well. */
  if (write (wake_fd, &one, sizeof one) < 0)
    errno = 0;
  errno = saved;
}

/* While a break is under way F_GETLEASE answers with what the lease is to become. */
static gboolean
is_broken (const HrLease *self)
{
  return fcntl (self->fd, F_GETLEASE) != F_WRLCK;
}

static HrLease *
find_broken (void)
{
  for (guint i = 0; i < leases->len; i++)
    {
      HrLease *lease = leases->pdata[i];
      if (!lease->told && is_broken (lease))
        return lease;
    }
  return NULL;
}

static gboolean
on_wake (int fd, GIOCondition condition, gpointer user_data)
{
  guint64 count;
  HrLease *lease;

  if (read (fd, &count, sizeof count) < 0 && errno != EAGAIN)
    g_debug ("while reading what leases were broken: %s", g_strerror (errno));

  /* From the beginning each time: the function may free this lease and others. */
  while ((lease = find_broken ()) != NULL)
    {
      lease->told = TRUE;
      lease->expires = g_get_monotonic_time () + hr_lease_wait_max () - LATENESS_USEC;
      lease->func (lease->user_data);
    }
  return G_SOURCE_CONTINUE;
}

/**
 * hr_lease_init:
 * @error: return location
 *
 * Takes the signals for leases and watches for them in the default main context. The first lease does it where it
 * has not been done; done early, a failure is seen early.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_lease_init (GError **error)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  g_auto (HrFd) fd = -1;
  sigset_t signals;

  if (leases != NULL)
    return TRUE;

  fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0)
    return hr_fs_set_error (error, errno, "while making an eventfd for leases");
  wake_fd = hr_fd_dup (fd, error);
  if (wake_fd < 0)
    return FALSE;

  sigemptyset (&action.sa_mask);
  sigemptyset (&signals);
  sigaddset (&signals, HR_LEASE_SIGNAL);
  sigaddset (&signals, SIGIO);
  if (sigaction (HR_LEASE_SIGNAL, &action, NULL) != 0 || sigaction (SIGIO, &action, NULL) != 0
      || pthread_sigmask (SIG_UNBLOCK, &signals, NULL) != 0)
    {
      hr_fs_set_error (error, errno, "while taking the signals for leases");
      hr_fd_clear (&wake_fd);
      return FALSE;
    }
  leases = g_ptr_array_new ();
  g_unix_fd_add (wake_fd, G_IO_IN, on_wake, NULL);
  return TRUE;
}

/**
 * hr_lease_wait_max:
 *
 * Returns: for how long the kernel lets an open wait, in microseconds; half of %G_MAXINT64 when for ever; 0 when it
 *   does not say
 */
gint64
hr_lease_wait_max (void)
{
  g_autoptr (GBytes) text = hr_fs_read (BREAK_TIME_FILE, 64, NULL);
  g_autofree char *digits = NULL;
  gint64 seconds;

  if (text == NULL)
    return 0;
  digits = g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  seconds = g_ascii_strtoll (digits, NULL, 10);
  return seconds > 0 ? seconds * G_USEC_PER_SEC : G_MAXINT64 / 2;
}

/**
 * hr_lease_new:
 * @fd: of a regular file, open for reading and writing and by nobody else; the lease keeps a copy
 * @func: called when another process opens the file
 * @user_data: for @func
 * @error: return location
 *
 * Returns: (transfer full): the lease; %NULL with a #GIOErrorEnum where leases are refused, or the file is open
 */
HrLease *
hr_lease_new (int fd, HrLeaseOpenedFunc func, gpointer user_data, GError **error)
{
  struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = getpid () };
  g_auto (HrFd) copy = -1;
  HrLease *self;

  g_return_val_if_fail (func != NULL, NULL);

  if (!hr_lease_init (error))
    return NULL;
  copy = hr_fd_dup (fd, error);
  if (copy < 0)
    return NULL;
  /* The owner before the lease: F_SETLEASE makes the calling thread the owner only where there is none. */
  if (fcntl (copy, F_SETSIG, HR_LEASE_SIGNAL) != 0 || fcntl (copy, F_SETOWN_EX, &owner) != 0
      || fcntl (copy, F_SETLEASE, F_WRLCK) != 0)
    {
      hr_fs_set_error (error, errno, "while taking a write lease");
      return NULL;
    }
  self = g_new0 (HrLease, 1);
  self->fd = hr_fd_steal (&copy);
  self->func = func;
  self->user_data = user_data;
  g_ptr_array_add (leases, self);
  return self;
}

/**
 * hr_lease_expired:
 * @self: a lease
 *
 * Returns: whether the kernel no longer lets the open wait, or may stop to at any moment
 */
gboolean
hr_lease_expired (HrLease *self)
{
  return self->told && g_get_monotonic_time () >= self->expires;
}

/**
 * hr_lease_free:
 * @self: a lease
 *
 * Gives it up: opens that wait return, later ones do not wait.
 */
void
hr_lease_free (HrLease *self)
{
  g_ptr_array_remove (leases, self);
  /* Closing alone would not do while another holder of the descriptor, a child before its exec, has it open. */
  if (fcntl (self->fd, F_SETLEASE, F_UNLCK) != 0)
    g_debug ("while giving up a lease: %s", g_strerror (errno));
  hr_fd_clear (&self->fd);
  g_free (self);
}
