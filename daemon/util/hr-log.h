/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log.h: one structured message per event.
 *
 * Goes through GLib's structured log: to the journal with its fields where standard error is the journal, as a line
 * to standard error elsewhere.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void hr_log (GLogLevelFlags level, const char *service, const char *format, ...) G_GNUC_PRINTF (3, 4);
void hr_log_set_verbose (gboolean verbose);

#define hr_log_info(service, ...) hr_log (G_LOG_LEVEL_INFO, service, __VA_ARGS__)
#define hr_log_warning(service, ...) hr_log (G_LOG_LEVEL_WARNING, service, __VA_ARGS__)
#define hr_log_debug(service, ...) hr_log (G_LOG_LEVEL_DEBUG, service, __VA_ARGS__)

G_END_DECLS
