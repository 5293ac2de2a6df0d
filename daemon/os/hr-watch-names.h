/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-names.h: the names on the way to a source, watched for leading elsewhere; see hr-source-links.h.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*HrWatchNamesFunc) (gpointer user_data);

typedef struct _HrWatchNames HrWatchNames;

HrWatchNames *hr_watch_names_new (GPtrArray *names, HrWatchNamesFunc func, gpointer user_data);
void hr_watch_names_free (HrWatchNames *self);

G_END_DECLS
