/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-release.h: one immutable version of a service's code, and what became of it.
 *
 * The code is a commit in the rollback store; this is what is known about it. Only the fate changes, and only through
 * the store, which keeps it durably.
 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * HrFate:
 * @HR_FATE_CANDIDATE: recorded, its reload has not ended
 * @HR_FATE_UNPROVEN: switched to, its observation has not ended or was cut short
 * @HR_FATE_GOOD: proven: a rollback point
 * @HR_FATE_REJECTED: failed in the phase that the release names
 * @HR_FATE_RETIRED: was good; its code is no longer kept as a rollback point
 */
typedef enum { HR_FATE_CANDIDATE, HR_FATE_UNPROVEN, HR_FATE_GOOD, HR_FATE_REJECTED, HR_FATE_RETIRED } HrFate;

typedef struct _HrRelease HrRelease;

struct _HrRelease {
  guint64 number;
  char *commit;     /* hex */
  char *tree;       /* hex; equal trees are equal code */
  gint64 time_usec; /* when recorded, since 1970 */
  char *trigger;    /* start, file, manual, … */
  char *caller;     /* who asked, NULL */
  char **files;     /* changed paths against the release before it, at most HR_RELEASE_FILES_MAX */
  HrFate fate;
  char *phase; /* of a rejected one, else NULL */
  char *error; /* of a rejected one, else NULL */
};

/* More changed paths than this are counted, not named. */
#define HR_RELEASE_FILES_MAX 100

#define HR_TYPE_RELEASE (hr_release_get_type ())
GType hr_release_get_type (void);

HrRelease *hr_release_new (guint64 number);
HrRelease *hr_release_copy (const HrRelease *self);
void hr_release_free (HrRelease *self);
const char *hr_fate_to_string (HrFate fate);
gboolean hr_fate_from_string (const char *text, HrFate *fate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRelease, hr_release_free)

G_END_DECLS
