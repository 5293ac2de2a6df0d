/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fake-manager.h: a daemon that only pretends, on a real bus: its answers are fixed and depend on the service's name.
 *
 * Services:
 *
 * - "being-system": everything ends well, after a few turns of the loop
 * - "instant": its jobs have ended before the reply arrives
 * - "broken": its jobs fail in the phase check
 * - "gone": its jobs fail because there is no such release
 * - "hang": its jobs never end
 * - "leave": the daemon leaves the bus while its job runs
 * - "secret": the caller may not
 * - "denied": the bus does not let the caller
 * - "busy": refused
 * - "nobody", and every other name: no such service
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _FakeManager FakeManager;

/**
 * FakeRun:
 * @FAKE_RUN_ENDS_WELL: the program writes, is reloaded, and ends
 * @FAKE_RUN_FAILS: its reload fails and it ends for good
 * @FAKE_RUN_REFUSED: its source does not pass the checks, so that it fails and waits for a change
 * @FAKE_RUN_STAYS: it runs until it is stopped
 * @FAKE_RUN_FOLLOWS: the same, begun while one of that name was ending and the manager was about to
 *
 * What a transient service does.
 */
typedef enum { FAKE_RUN_ENDS_WELL, FAKE_RUN_FAILS, FAKE_RUN_REFUSED, FAKE_RUN_STAYS, FAKE_RUN_FOLLOWS } FakeRun;

FakeManager *fake_manager_new (GDBusConnection *bus);
void fake_manager_free (FakeManager *self);
void fake_manager_set_directory (FakeManager *self, const char *directory);
void fake_manager_set_run (FakeManager *self, FakeRun run);
void fake_manager_set_instance_logs (FakeManager *self, const char *file, const char *other);
void fake_manager_set_configuration (FakeManager *self, const char *changed, gboolean broken);
void fake_manager_leave (FakeManager *self);
void fake_manager_emit_all (FakeManager *self);
const char *fake_manager_get_calls (FakeManager *self);
gboolean fake_manager_is_running (FakeManager *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeManager, fake_manager_free)

G_END_DECLS
