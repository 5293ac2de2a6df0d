/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-nearest.h: what somebody may have meant who wrote a name that is none.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

const char *hr_nearest_find (const char *word, const char *const *known);

G_END_DECLS
