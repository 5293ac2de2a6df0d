/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * engine-fixture.h: a manager on a fake platform, and what it said, as lines of text.
 */
#pragma once

#include "hr-fake-platform.h"
#include "hr-manager.h"

G_BEGIN_DECLS

#define SECOND G_USEC_PER_SEC
#define MSEC G_TIME_SPAN_MILLISECOND

/* Long enough for a save to become a release that counts as good: settle time and RollbackAfter. */
#define PROVEN (10 * SECOND)

/**
 * Engine:
 * @events: what the manager said since the last engine_expect(): "ReloadCompleted 2"
 * @states: what services became since the last engine_expect_states(): "running"
 * @warnings: what was warned of
 * @completed_pid: PID that the service showed when ReloadCompleted was sent
 * @completed_job: result of the job at that moment
 */
typedef struct {
  char *directory;
  HrFakePlatform *platform;
  HrFakeClock *clock;
  HrFakeLauncher *launcher;
  HrManager *manager;
  GHashTable *texts; /* service to its file */
  GPtrArray *events;
  GPtrArray *states;
  GPtrArray *warnings;
  GPid completed_pid;
  HrJobResult completed_job;
} Engine;

void engine_init (void);
Engine *engine_new (void);
void engine_free (Engine *self);
void engine_new_daemon (Engine *self);
void engine_crash (Engine *self);
HrJob *engine_find_job (Engine *self, guint64 id);
HrService *engine_reexec (Engine *self, const char *name);
HrServiceSpec *engine_spec (const char *name, const char *text);
void engine_set (Engine *self, const char *name, const char *text);
void engine_set_broken (Engine *self, const char *name);
HrService *engine_apply (Engine *self, const char *name);
HrService *engine_start (Engine *self, const char *text);
HrService *engine_start_with (Engine *self, const char *text, const HrFakeProgram *program);
HrFakeService *engine_parts (Engine *self);
void engine_save (Engine *self, const char *path, const char *content);
void engine_run (Engine *self, gint64 usec);
void engine_expect (Engine *self, const char *events);
void engine_expect_states (Engine *self, const char *states);
void engine_forget (Engine *self);
HrFakeInstance *engine_instance (Engine *self, guint index);
const HrRelease *engine_release (Engine *self, guint64 number);
void engine_expect_fate (Engine *self, guint64 number, HrFate fate);
void engine_expect_kept (Engine *self, HrService *service, const char *phase, const char *words);
HrHistoryEntry *engine_history (Engine *self);
guint engine_n_history (Engine *self);
guint engine_n_warnings (Engine *self, const char *pattern);
void engine_add (const char *path, void (*test) (Engine *));

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Engine, engine_free)

G_END_DECLS
