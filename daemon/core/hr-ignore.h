/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ignore.h: what becomes of a path below a service's source: recorded, shared, per slot, or hidden.
 *
 * Pure: whoever walks the tree hands in the text of each .gitignore when it enters a directory. Paths are relative to
 * the source, with '/' between parts, without "./" in front. A path is asked for only when its parents are recorded:
 * nothing below a directory that is not is ever walked.
 *
 * An ignored path is one that the defaults, the file's Watch.Ignore, or a .gitignore (UseGitignore=yes) name.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

/**
 * HrPathClass:
 * @HR_PATH_RECORD: part of every release; a change of it is a change of the service
 * @HR_PATH_SHARE: used in place, from the real source, by every instance: dependency directories and ignored data
 * @HR_PATH_CACHE: belongs to each slot: caches and build output
 * @HR_PATH_HIDE: in no slot: editors' temporary files, what Share=no leaves out
 */
typedef enum { HR_PATH_RECORD, HR_PATH_SHARE, HR_PATH_CACHE, HR_PATH_HIDE } HrPathClass;

#define HR_TYPE_IGNORE (hr_ignore_get_type ())
G_DECLARE_FINAL_TYPE (HrIgnore, hr_ignore, HR, IGNORE, GObject)

HrIgnore *hr_ignore_new (HrServiceSpec *spec);
void hr_ignore_enter (HrIgnore *self, const char *dir, const char *gitignore, gsize size);
void hr_ignore_forget (HrIgnore *self);
HrPathClass hr_ignore_classify (HrIgnore *self, const char *path, gboolean is_dir);
HrIgnore *hr_ignore_copy (HrIgnore *self);
gboolean hr_ignore_triggers (HrIgnore *self, const char *path);
gboolean hr_ignore_watches (HrIgnore *self, const char *dir);
const char *const *hr_ignore_defaults (void);

G_END_DECLS
