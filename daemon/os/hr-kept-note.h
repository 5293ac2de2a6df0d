/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-kept-note.h: what a daemon notes of a reload while it is under way, for the one that comes after its death.
 *
 * The keeper has it, and a file in the runtime directory: both processes can be killed at once. Like the processes that
 * it tells of it does not outlive the machine's run.
 */
#pragma once

#include "hr-keeper.h"

G_BEGIN_DECLS

#define HR_KEPT_NOTE_SUFFIX ".note"

void hr_kept_note_set (HrKeeper *keeper, int nothing, const char *runtime_dir, const char *service, const char *note);
char *hr_kept_note_take (HrKeeper *keeper, const char *runtime_dir, const char *service);

G_END_DECLS
