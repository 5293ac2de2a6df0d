/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-checker.h: whether a candidate may be started at all.
 *
 * An interface; HrProcessChecker is the real one. Forbidden patterns, then syntax of the changed files, then Build,
 * then PreCheck: each in a child process (but for the patterns), in the candidate's view, with captured output and one
 * deadline. Never runs code of the service inside the daemon, and no hook of it.
 */
#pragma once

#include <gio/gio.h>

#include "hr-service-spec.h"
#include "hr-view.h"

G_BEGIN_DECLS

/* The checker's own words are kept up to this, in bytes. */
#define HR_CHECK_OUTPUT_MAX 4096

/**
 * HrCheckRequest:
 * @spec: what to check
 * @view: the candidate's files
 * @files: paths below the source that exist in the candidate and changed; or all of it on the first start
 * @environment: as the program will get it
 * @baseline: (nullable): view of the running release, to tell a checker that never fits this service from a real
 *   fault
 *
 * All members stay the caller's until the check ends.
 */
typedef struct {
  HrServiceSpec *spec;
  HrView *view;
  const char *const *files;
  const char *const *environment;
  HrView *baseline;
} HrCheckRequest;

/**
 * HrCheckReport:
 * @done: for people, what was checked: "python3: 2 files"; of what failed the last: "PreCheck (failed)"
 * @unavailable: for people, what was not and why: "TypeScript: neither 'tsc' nor 'bun' is installed (3 files)"
 *
 * Of a check that passed, or up to where it failed.
 */
typedef struct {
  char **done;
  char **unavailable;
} HrCheckReport;

void hr_check_report_free (HrCheckReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrCheckReport, hr_check_report_free)

#define HR_TYPE_CHECKER (hr_checker_get_type ())
G_DECLARE_INTERFACE (HrChecker, hr_checker, HR, CHECKER, GObject)

struct _HrCheckerInterface {
  GTypeInterface parent;

  void (*check_async) (HrChecker *self, const HrCheckRequest *request, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*check_finish) (HrChecker *self, GAsyncResult *result, HrCheckReport **report, GError **error);
};

void hr_checker_check_async (HrChecker *self, const HrCheckRequest *request, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_checker_check_finish (HrChecker *self, GAsyncResult *result, HrCheckReport **report, GError **error);

G_END_DECLS
