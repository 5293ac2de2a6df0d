/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-notes.h: what follows from a service file and may surprise whoever wrote it.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

char **hr_spec_notes (const HrServiceSpec *spec);
char *hr_spec_note_shared (const HrServiceSpec *spec, const HrServiceSpec *other);

G_END_DECLS
