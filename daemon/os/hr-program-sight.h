/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-program-sight.h: what a program's file tells before it is started.
 *
 * hr-adopt-sight.h looks at processes that run; this at the file that a command line names, found as exec would find it
 * and through the interpreters of scripts. What such a program starts in its turn is not known before.
 */
#pragma once

#include "hr-unseen.h"
#include "hr-view.h"

G_BEGIN_DECLS

/**
 * HrProgramSight:
 * @unseen: whether and why the adopt library will not see what it does
 * @needs_asan: whether it needs the address sanitizer's shared runtime, which refuses to come second in its list of
 *   libraries unless ASAN_OPTIONS says otherwise
 */
typedef struct {
  HrUnseen unseen;
  gboolean needs_asan;
} HrProgramSight;

HrProgramSight hr_program_sight_look (const char *const *argv, const char *const *environment, const char *directory,
                                      HrView *view);

G_END_DECLS
