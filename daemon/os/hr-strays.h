/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-strays.h: processes of instances that an earlier daemon started, by what is in their environment.
 *
 * HOTRELOAD_STATE_OUT is in a directory of the daemon that started it and has the names of service and instance: so
 * what was started and not written down is found too, and nothing that belongs to a daemon with other directories.
 */
#pragma once

#include "hr-run-process.h"

G_BEGIN_DECLS

/**
 * HrStray:
 * @service: name
 * @process: of an instance of it: its main process, where that runs; else the oldest that does
 */
typedef struct {
  char *service;
  HrRunProcess *process;
} HrStray;

void hr_stray_free (HrStray *self);
GPtrArray *hr_strays_find (const char *exchange_dir);

G_END_DECLS
