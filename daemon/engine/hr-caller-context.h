/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-caller-context.h: what a transient service has of the one who asked for it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrCallerContext:
 *
 * What a transient service gets of its caller instead of the daemon's own: environment, working directory, output. One
 * that is only bound to its caller gets none of them.
 */
typedef struct {
  char **environment; /* NULL: it is only bound to the caller */
  char *directory;
  int stdout_fd;
  int stderr_fd;
  guint uid;   /* the user whose service it is */
  char *owner; /* bus name of the caller, with whom the service goes; NULL: nobody */
  char *text;  /* of its service file */
} HrCallerContext;

HrCallerContext *hr_caller_context_new (const char *const *environment, const char *directory, int stdout_fd,
                                        int stderr_fd);
HrCallerContext *hr_caller_context_new_bound (void);
gboolean hr_caller_context_lends (const HrCallerContext *self);
GVariant *hr_caller_context_carry (const HrCallerContext *self, GArray *fds);
HrCallerContext *hr_caller_context_new_carried (GVariant *carried);
void hr_caller_context_free (HrCallerContext *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrCallerContext, hr_caller_context_free)

G_END_DECLS
