/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-view.h"

#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "exec-mount.h"

static void
attach_shares (const ExecView *self, int original, const char **shares, bool read_only)
{
  for (; *shares != NULL; shares++)
    {
      /* Opened anew: what is looked up must be on top of the mounts made so far. */
      int covered = exec_mount_open (self->source);
      int from = exec_mount_open_below (original, self->source, *shares, 0);
      int to = exec_mount_open_below (covered, self->dir, *shares, RESOLVE_NO_SYMLINKS);

      exec_mount_attach (exec_mount_clone (from, *shares, read_only), to, *shares);
      close (to);
      close (from);
      close (covered);
    }
}

/**
 * exec_view_apply:
 * @self: a view
 *
 * Moves the calling process into a mount namespace in which the view's directory is at its source. Exits through
 * exec_fail() when that cannot be done. The working directory must be entered after it.
 */
void
exec_view_apply (const ExecView *self)
{
  int original, dir;

  if (self->source == NULL)
    return;
  exec_mount_enter_namespace ();
  original = exec_mount_open (self->source);
  dir = exec_mount_open (self->dir);
  if (self->real_source != NULL)
    {
      int point = exec_mount_open (self->real_source);

      exec_mount_attach (exec_mount_clone (original, self->source, false), point, self->real_source);
      close (point);
    }
  exec_mount_attach (exec_mount_clone (dir, self->dir, false), original, self->source);
  attach_shares (self, original, self->shares, self->shares_read_only);
  attach_shares (self, original, self->read_only_shares, true);
  close (dir);
  close (original);
}

/**
 * exec_view_probe:
 *
 * Does what a view needs, on the directory for temporary files, visible to this process only. Exits through exec_fail()
 * when the kernel does not allow it.
 */
void
exec_view_probe (void)
{
  int point;

  exec_mount_enter_namespace ();
  point = exec_mount_open (P_tmpdir);
  exec_mount_attach (exec_mount_clone (point, P_tmpdir, true), point, P_tmpdir);
  close (point);
}
