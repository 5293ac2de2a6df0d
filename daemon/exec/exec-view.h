/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-view.h: what the program sees as its source, in a mount namespace of its own.
 *
 * Needs the mount calls that work on descriptors (Linux 5.12). Without privilege a user namespace that maps the caller
 * to itself comes with it: files of other users then show as nobody's, and set-user-ID programs do not gain anything.
 */
#pragma once

#include <stdbool.h>

/**
 * ExecView:
 * @source: path that is covered; NULL: no view
 * @dir: directory that covers it
 * @real_source: (nullable): mount point where what was at @source stays reachable
 * @shares: NULL-terminated, below @source: mounted from what was there into what covers it
 * @read_only_shares: the same, but read-only
 * @shares_read_only: whether @shares are read-only as well
 */
typedef struct {
  const char *source;
  const char *dir;
  const char *real_source;
  const char **shares;
  const char **read_only_shares;
  bool shares_read_only;
} ExecView;

void exec_view_apply (const ExecView *self);
void exec_view_probe (void);
