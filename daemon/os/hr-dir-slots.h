/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-dir-slots.h: the slots of a service as directories, STATE/slots/NAME/a and b.
 *
 * Beside each is its record ("a.placed", see hr-slot-record-file.h) and, while it is being changed, "a.placing"; after an
 * interruption everything there is compared with the release by content. What a program wrote and could not be
 * carried is kept below "kept/RELEASE/". With Slots=no, and where slots would do harm (see hr_slots_view_note()), the
 * source itself is the only directory: nothing is placed, nothing is held.
 *
 * A source that is too large for slots is found by its scan: the caller then says so with hr_slots_run_in_place().
 */
#pragma once

#include "hr-service-spec.h"
#include "hr-slots.h"

G_BEGIN_DECLS

#define HR_TYPE_DIR_SLOTS (hr_dir_slots_get_type ())
G_DECLARE_FINAL_TYPE (HrDirSlots, hr_dir_slots, HR, DIR_SLOTS, GObject)

HrSlots *hr_dir_slots_new (HrServiceSpec *spec, HrReleaseStore *store, const char *slots_dir, const char *runtime_dir,
                           const char *no_mount);

G_END_DECLS
