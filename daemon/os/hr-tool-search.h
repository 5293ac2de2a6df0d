/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tool-search.h: finding interpreters that may read a service's files.
 *
 * A file of the service is never one, wherever links lead: running it would run the service's code. Paths are given
 * as the service sees them; they are looked at where they are for the daemon.
 */
#pragma once

#include "hr-service-spec.h"
#include "hr-view.h"

G_BEGIN_DECLS

/**
 * HrToolSearch:
 * @spec: the service
 * @view: its files, with a directory
 * @path: (nullable): its PATH
 */
typedef struct {
  HrServiceSpec *spec;
  HrView *view;
  const char *path;
} HrToolSearch;

/**
 * HrToolIsWanted:
 * @name: of a program, without directory
 *
 * Returns: whether this is what is looked for
 */
typedef gboolean (*HrToolIsWanted) (const char *name);

char *hr_tool_search_path (const HrToolSearch *search, const char *name);
char *hr_tool_search_own (const HrToolSearch *search, HrToolIsWanted is_wanted);
char *hr_tool_search_interpreter (const HrToolSearch *search, HrToolIsWanted is_wanted, const char *name);
char *hr_tool_search_typescript (const HrToolSearch *search);

G_END_DECLS
