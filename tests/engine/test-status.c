/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a service shows of itself.
 */
#include <string.h>

#include "engine-fixture.h"

static void
test_running (Engine *engine)
{
  HrService *service = engine_start (engine, "Description=the front\nListen=http=tcp:127.0.0.1:8080\n");
  g_auto (GStrv) listen = hr_service_get_listen (service);
  g_autofree char *log = hr_service_get_log_file (service);

  g_assert_cmpstr (hr_service_get_description (service), ==, "the front");
  g_assert_cmpstr (listen[0], ==, "tcp:127.0.0.1:8080");
  g_assert_null (listen[1]);
  g_assert_cmpint (hr_service_get_since (service), >, 0);
  g_assert_cmpstr (hr_service_get_view (service), ==, engine_parts (engine)->slots->note);
  g_assert_true (g_str_has_prefix (log, "/fake/logs/web."));
  g_assert_false (hr_service_is_transient (service));
  /* No process has such a PID. */
  g_assert_cmpint (hr_service_get_memory (service), ==, -1);
}

static void
test_stopped (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_auto (GStrv) listen = NULL;

  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  listen = hr_service_get_listen (service);
  g_assert_null (listen[0]);
  g_assert_cmpstr (hr_service_get_description (service), ==, "");
  g_assert_cmpint (hr_service_get_since (service), ==, 0);
  g_assert_cmpint (hr_service_get_memory (service), ==, -1);
  g_assert_null (hr_service_get_status_text (service));
}

static void
test_without_source (Engine *engine)
{
  HrService *service = engine_start (engine, "-");
  g_auto (GStrv) pending = hr_service_get_pending (service);

  g_assert_cmpstr (hr_service_get_view (service), ==, "");
  g_assert_cmpuint (hr_service_get_watched (service), ==, 0);
  g_assert_null (pending[0]);
}

/* A program may say anything of itself: it is cut, and made text. */
static void
test_status_text (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autofree char *longer = g_strnfill (2 * HR_STATUS_TEXT_MAX, 'x');
  g_autofree char *said = g_strconcat ("STATUS=", longer, NULL);

  hr_fake_instance_say (engine_instance (engine, 0), "STATUS=12 connections");
  g_assert_cmpstr (hr_service_get_status_text (service), ==, "12 connections");
  hr_fake_instance_say (engine_instance (engine, 0), "STATUS=\xff");
  g_assert_cmpstr (hr_service_get_status_text (service), ==, "\xef\xbf\xbd");
  hr_fake_instance_say (engine_instance (engine, 0), said);
  g_assert_cmpuint (strlen (hr_service_get_status_text (service)), ==, HR_STATUS_TEXT_MAX);
}

static void
test_notes (Engine *engine)
{
  HrService *service = engine_start (engine, "Sockets=none\n");
  g_auto (GStrv) notes = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  notes = hr_service_get_notes (service);
  g_assert_true (g_strv_contains ((const char *const *)notes, "check: TypeScript: 'tsc' is not installed"));
  g_assert_true (
      g_strv_contains ((const char *const *)notes, "Sockets=none: connections can be refused during a reload"));
}

/* Whoever asks for a reload gets one: it starts what is stopped, and that is remembered. */
static void
test_reload_of_a_stopped_service (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "tester");
  engine_run (engine, SECOND);
  hr_service_reload (service, "tester");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* Not since when the release before runs. */
static void
test_each_state_has_its_own_time (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND };
  HrService *service = engine_start (engine, "");
  gint64 ran = hr_service_get_state_since (service), reloads;

  g_assert_cmpint (ran, >, 0);
  g_assert_cmpint (ran, ==, hr_service_get_since (service));
  engine_run (engine, PROVEN);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "reloading");
  reloads = hr_service_get_state_since (service);
  g_assert_cmpint (reloads, >=, ran + PROVEN);
  g_assert_cmpint (hr_service_get_since (service), ==, ran);
  engine_run (engine, 60 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  hr_service_stop (service, "tester");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpint (hr_service_get_since (service), ==, 0);
  g_assert_cmpint (hr_service_get_state_since (service), >=, reloads + 60 * SECOND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/status/running", test_running);
  engine_add ("/status/stopped", test_stopped);
  engine_add ("/status/without-source", test_without_source);
  engine_add ("/status/text", test_status_text);
  engine_add ("/status/notes", test_notes);
  engine_add ("/status/each-state-has-its-own-time", test_each_state_has_its_own_time);
  engine_add ("/status/reload-of-a-stopped-service", test_reload_of_a_stopped_service);
  return g_test_run ();
}
