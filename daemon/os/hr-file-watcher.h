/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-file-watcher.h: the real HrWatcher: monitors on the recorded directories of a source.
 *
 * Hints are collected and told once the loop has nothing more urgent. Events that the kernel or GLib lost are not
 * told of by either, so whenever that may have happened everything is hinted at and the directories are looked at
 * anew: after very many events at once, and a second after more than one file was written to at the same time. Where
 * there are no events, on network file systems and above the limit of watches, everything is hinted at every two
 * seconds instead, with a warning.
 *
 * The monitors live in a thread of their own; this object and its signal in the thread that made it.
 */
#pragma once

#include "hr-watcher.h"

G_BEGIN_DECLS

#define HR_TYPE_FILE_WATCHER (hr_file_watcher_get_type ())
G_DECLARE_FINAL_TYPE (HrFileWatcher, hr_file_watcher, HR, FILE_WATCHER, GObject)

HrWatcher *hr_file_watcher_new (HrServiceSpec *spec);
void hr_file_watcher_set_limit (HrFileWatcher *self, guint limit);
guint hr_file_watcher_get_overflows (HrFileWatcher *self);

G_END_DECLS
