/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fake-answers.h: the dictionaries that the daemon that only pretends answers with.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean fake_answer_fails (const char *service);
GVariant *fake_answer_details (const char *service, gboolean success);
GVariant *fake_answer_service_status (gboolean running);
GVariant *fake_answer_processes (void);
GVariant *fake_answer_usage (guint64 cpu_usec);
GVariant *fake_answer_daemon (void);
GVariant *fake_answer_history_entry (gboolean success);
GVariant *fake_answer_canary (void);
GVariant *fake_answer_release (guint64 number, const char *fate);

G_END_DECLS
