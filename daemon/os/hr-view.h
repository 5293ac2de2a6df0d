/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-view.h: where a program sees its files.
 *
 * Made by the slots, used by whoever starts a process for a service: the launcher, the checker, the prober. Immutable.
 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * HrView:
 * @source: the real source directory, absolute; %NULL for a service without one
 * @dir: the directory that holds the files: a slot, the source itself with Slots=no, or %NULL
 * @mounted: whether @dir is mounted over @source in a mount namespace of the process
 * @real_source: (nullable): when @mounted, where the real source stays reachable in there: an existing empty directory
 *   outside of slot and source, as a mount point
 * @shares: when @mounted, directories relative to the source that are mounted from the real source into @dir; each
 *   exists in both
 * @read_only_shares: when @mounted, the same, but always read-only (.git)
 *
 * What the program sees as its source is hr_view_program_dir().
 */
typedef struct {
  gatomicrefcount refs;
  char *source;
  char *dir;
  gboolean mounted;
  char *real_source;
  char **shares;
  char **read_only_shares;
} HrView;

#define HR_TYPE_VIEW (hr_view_get_type ())
GType hr_view_get_type (void);

HrView *hr_view_new (const char *source, const char *dir, const char *real_source, const char *const *shares,
                     const char *const *read_only_shares);
HrView *hr_view_ref (HrView *self);
void hr_view_unref (HrView *self);
const char *hr_view_program_dir (const HrView *self);
char *hr_view_locate (const HrView *self, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrView, hr_view_unref)

G_END_DECLS
