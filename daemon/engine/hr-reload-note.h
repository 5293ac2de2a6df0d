/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reload-note.h: what is noted of a reload while it is under way, for a daemon that finds it interrupted.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrReloadNote:
 * @phase: the word of the phase that it was in
 * @release: what it moves to
 * @previous: what ran when it began, 0: nothing
 * @trigger: the contract's word
 * @caller: (nullable): who asked
 * @began_at: microseconds since 1970
 * @told: whether it is a reload to those who use the service
 * @held: whether its canary was held
 * @heir: (nullable): id of the candidate that the state of the service was given to
 * @heir_opened: whether that has opened HOTRELOAD_STATE_IN
 */
typedef struct {
  char *phase;
  guint64 release;
  guint64 previous;
  char *trigger;
  char *caller;
  gint64 began_at;
  gboolean told;
  gboolean held;
  char *heir;
  gboolean heir_opened;
} HrReloadNote;

char *hr_reload_note_to_string (const HrReloadNote *self);
HrReloadNote *hr_reload_note_parse (const char *text);
void hr_reload_note_free (HrReloadNote *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrReloadNote, hr_reload_note_free)

G_END_DECLS
