/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-gate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

struct _HrAdoptGate {
  int fd;
  HrAdoptPage *page;
};

/**
 * hr_adopt_gate_new:
 * @error: return location
 *
 * Returns: (transfer full): a gate that is open; %NULL with a #GIOErrorEnum set
 */
HrAdoptGate *
hr_adopt_gate_new (GError **error)
{
  g_auto (HrFd) fd = memfd_create ("hotreload-gate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  HrAdoptPage *page = MAP_FAILED;
  HrAdoptGate *self;

  /* Whoever gets it may write into it, but must not make it shorter below our feet. */
  if (fd >= 0 && ftruncate (fd, sizeof *page) == 0
      && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    page = mmap (NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED)
    {
      hr_fs_set_error (error, errno, "while making memory to share with an instance");
      return NULL;
    }
  self = g_new (HrAdoptGate, 1);
  self->fd = hr_fd_steal (&fd);
  self->page = page;
  return self;
}

/**
 * hr_adopt_gate_resume:
 * @fd: (transfer full): memory that an earlier daemon made
 * @error: return location
 *
 * Returns: (transfer full): the gate of an instance that runs, as it is; connections that the other daemon had made to
 *   wake the program are forgotten, as they ended with it; %NULL with a #GIOErrorEnum set
 */
HrAdoptGate *
hr_adopt_gate_resume (int fd, GError **error)
{
  g_auto (HrFd) memory = fd;
  int wanted = F_SEAL_SHRINK | F_SEAL_GROW, seals = fcntl (memory, F_GET_SEALS);
  HrAdoptPage *page = MAP_FAILED;
  HrAdoptGate *self;
  struct stat info;

  if (seals >= 0 && (seals & wanted) == wanted && fstat (memory, &info) == 0 && info.st_size == sizeof *page)
    page = mmap (NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (page == MAP_FAILED)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "the memory that an earlier daemon shared with an instance is of another kind");
      return NULL;
    }
  self = g_new (HrAdoptGate, 1);
  self->fd = hr_fd_steal (&memory);
  self->page = page;
  for (guint i = 0; i < HR_ADOPT_NUDGES_MAX; i++)
    __atomic_store_n (&page->nudges[i].port, 0, __ATOMIC_RELEASE);
  __atomic_store_n (&page->n_nudges, 0, __ATOMIC_SEQ_CST);
  return self;
}

/**
 * hr_adopt_gate_free:
 * @self: (transfer full) (nullable): a gate
 */
void
hr_adopt_gate_free (HrAdoptGate *self)
{
  if (self == NULL)
    return;
  munmap (self->page, sizeof *self->page);
  hr_fd_clear (&self->fd);
  g_free (self);
}

/**
 * hr_adopt_gate_get_fd:
 * @self: a gate
 *
 * Returns: a descriptor for the instance; stays the gate's
 */
int
hr_adopt_gate_get_fd (HrAdoptGate *self)
{
  return self->fd;
}

/**
 * hr_adopt_gate_retire:
 * @self: a gate
 *
 * Closes it: from now on no accept() begins.
 */
void
hr_adopt_gate_retire (HrAdoptGate *self)
{
  __atomic_store_n (&self->page->retired, 1, __ATOMIC_SEQ_CST);
}

/**
 * hr_adopt_gate_is_retired:
 * @self: a gate
 *
 * Returns: whether it was closed
 */
gboolean
hr_adopt_gate_is_retired (HrAdoptGate *self)
{
  return __atomic_load_n (&self->page->retired, __ATOMIC_SEQ_CST) != 0;
}

/**
 * hr_adopt_gate_may_accept:
 * @self: a gate
 *
 * Returns: whether it is open, or an accept() that began before it was closed has not ended
 */
gboolean
hr_adopt_gate_may_accept (HrAdoptGate *self)
{
  return !__atomic_load_n (&self->page->retired, __ATOMIC_SEQ_CST)
         || __atomic_load_n (&self->page->accepting, __ATOMIC_SEQ_CST) != 0;
}

/**
 * hr_adopt_gate_set_stage:
 * @self: a gate
 * @stage: what the instance may still answer
 * @ports: (array length=n_ports) (nullable): of its service
 * @n_ports: how many; more than %HR_ADOPT_PORTS_MAX are left out
 */
void
hr_adopt_gate_set_stage (HrAdoptGate *self, HrAdoptStage stage, const guint16 *ports, guint n_ports)
{
  n_ports = MIN (n_ports, HR_ADOPT_PORTS_MAX);
  for (guint i = 0; i < n_ports; i++)
    self->page->ports[i] = ports[i];
  __atomic_store_n (&self->page->n_ports, n_ports, __ATOMIC_RELEASE);
  __atomic_store_n (&self->page->stage, stage, __ATOMIC_SEQ_CST);
}

/**
 * hr_adopt_gate_has_accepted:
 * @self: a gate
 *
 * Returns: whether a connection came to the instance through an accept() that heeds the gate
 */
gboolean
hr_adopt_gate_has_accepted (HrAdoptGate *self)
{
  return __atomic_load_n (&self->page->accepted, __ATOMIC_RELAXED) != 0;
}

/**
 * hr_adopt_gate_set_nudge:
 * @self: a gate
 * @index: below %HR_ADOPT_NUDGES_MAX
 * @host: source of a connection that is not for the program, of IPv4 as one of IPv6
 * @port: its port; 0: there is none any more
 *
 * To be called before the connection is made, and again when its other end is closed.
 */
void
hr_adopt_gate_set_nudge (HrAdoptGate *self, guint index, const guint8 host[16], guint16 port)
{
  HrAdoptNudge *nudge;
  gboolean had;

  g_return_if_fail (index < HR_ADOPT_NUDGES_MAX);

  nudge = &self->page->nudges[index];
  had = __atomic_exchange_n (&nudge->port, 0, __ATOMIC_ACQ_REL) != 0;
  memcpy (nudge->host, host, sizeof nudge->host);
  if (had && port == 0)
    __atomic_sub_fetch (&self->page->n_nudges, 1, __ATOMIC_SEQ_CST);
  else if (!had && port != 0)
    __atomic_add_fetch (&self->page->n_nudges, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n (&nudge->port, port, __ATOMIC_SEQ_CST);
}

/**
 * hr_adopt_gate_measure_wait:
 * @self: a gate
 * @measure: whether it is to be measured how long connections wait to be accepted, from now on
 *
 * What was measured before is forgotten when it begins, and kept when it ends.
 */
void
hr_adopt_gate_measure_wait (HrAdoptGate *self, gboolean measure)
{
  if (measure)
    __atomic_store_n (&self->page->longest_wait_msec, 0, __ATOMIC_RELAXED);
  __atomic_store_n (&self->page->measures_wait, measure ? 1 : 0, __ATOMIC_RELEASE);
}

/**
 * hr_adopt_gate_get_wait:
 * @self: a gate
 *
 * Returns: the longest that a connection had waited that was accepted while that was measured, in microseconds, as
 *   finely as the kernel's clock for it goes: 1 to 10 ms
 */
gint64
hr_adopt_gate_get_wait (HrAdoptGate *self)
{
  return (gint64)__atomic_load_n (&self->page->longest_wait_msec, __ATOMIC_RELAXED) * G_TIME_SPAN_MILLISECOND;
}

/**
 * hr_adopt_gate_count_handling:
 * @self: a gate
 *
 * Returns: how many threads of the instance have received a datagram and not come back for another
 */
guint
hr_adopt_gate_count_handling (HrAdoptGate *self)
{
  /* A program may write here what it likes: it is not believed to be endless work. */
  return MIN (__atomic_load_n (&self->page->handling, __ATOMIC_SEQ_CST), G_MAXINT16);
}
