/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * canary-fixture.h: a service with a canary, and what must be true when that has not become the release.
 */
#pragma once

#include <string.h>

#include "engine-fixture.h"

#define LISTEN "Listen=http=tcp:127.0.0.1:8080\n"
#define RAMP "[Canary]\nPercentage=10\nRampDuration=90s\nSteps=9\n"
#define MANUAL "[Canary]\nPercentage=0.5\n"

G_GNUC_UNUSED static const HrFakeProgram program = { .retires = TRUE };

G_GNUC_UNUSED static HrFakeListeners *
listeners (Engine *engine)
{
  return engine_parts (engine)->listeners;
}

/* Of what was asked for last; the manager has it. */
static HrJob *newest_job;

static void
note_job (HrManager *manager, HrJob *job, gpointer data)
{
  newest_job = job;
}

/* "web" runs release 1. */
G_GNUC_UNUSED static HrService *
start (Engine *engine, const char *text, const HrFakeProgram *what)
{
  HrService *service = engine_start_with (engine, text, what);

  g_signal_connect (engine->manager, "job-added", G_CALLBACK (note_job), NULL);
  return service;
}

/* "web" runs release 1, and release 2 is its canary. */
G_GNUC_UNUSED static HrService *
begin (Engine *engine, const char *text)
{
  HrService *service = start (engine, text, &program);

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  return service;
}

/* The old one was never touched, and the candidate gets nothing any more. */
G_GNUC_UNUSED static void
expect_kept (Engine *engine, HrService *service, const char *words, const char *verdict)
{
  g_autoptr (HrHistoryEntry) entry = engine_history (engine);

  engine_expect_kept (engine, service, "canary", words);
  g_assert_null (listeners (engine)->separate);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_false (engine_instance (engine, 0)->retired);
  g_assert_null (hr_service_get_canary (service));
  g_assert_cmpstr (entry->phase, ==, "canary");
  if (strstr (entry->canary, verdict) == NULL)
    g_assert_cmpstr (entry->canary, ==, verdict);
}
