/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Programs that nobody sees bind: known before the running one is touched, and said in status.
 */
#include <string.h>

#include "engine-fixture.h"

#define UNSEEN ((HrFakeProgram){ .is_static = TRUE, .unseen = HR_UNSEEN_STATIC })
#define BINDS ((HrFakeProgram){ .is_static = TRUE, .unseen = HR_UNSEEN_STATIC, .binds = TRUE })
/* Its file tells nothing. */
#define LAUNCHER ((HrFakeProgram){ .binds = TRUE })
#define LONG_AGO (60 * SECOND)

static void
expect_advice (HrService *service, const char *words)
{
  g_autofree char *advice = hr_service_get_sockets_advice (service);

  if (words == NULL)
    g_assert_null (advice);
  else
    g_assert_nonnull (strstr (advice != NULL ? advice : "(nothing)", words));
}

/* Runs until the candidate is there, and says whether the old one had ended by then. */
static gboolean
old_ends_first (Engine *engine)
{
  engine_forget (engine);
  engine_instance (engine, 0)->program.stop_takes = SECOND;
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  if (engine->launcher->instances->len == 2)
    {
      g_assert_true (engine_instance (engine, 0)->alive);
      return FALSE;
    }
  g_assert_cmpint (engine_instance (engine, 0)->signalled, !=, 0);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  return TRUE;
}

static void
test_sequential (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &BINDS);

  expect_advice (service, "linked statically: what it binds cannot be handed over, and connections can be refused");
  engine->launcher->program = BINDS;
  engine_run (engine, LONG_AGO);
  g_assert_true (old_ends_first (engine));
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_refused (Engine *engine)
{
  HrService *service = engine_start_with (engine, "Sockets=adopt\n", &BINDS);

  expect_advice (service, "a reload is refused");
  engine->launcher->program = BINDS;
  engine_run (engine, LONG_AGO);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  engine_expect_kept (engine, service, "check", "its program is linked statically, so that what it binds cannot be");
}

static void
test_passed (Engine *engine)
{
  HrService *service = engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n", &UNSEEN);

  expect_advice (service, "it must take LISTEN_FDS");
  engine->launcher->program = UNSEEN;
  engine_run (engine, LONG_AGO);
  g_assert_false (old_ends_first (engine));
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* What has no sockets loses nothing by overlap: the old one serves until the new one has proven itself. */
static void
test_no_server (Engine *engine)
{
  engine_start_with (engine, "", &UNSEEN);
  engine->launcher->program = UNSEEN;
  engine_run (engine, LONG_AGO);
  g_assert_false (old_ends_first (engine));
  engine_run (engine, 2 * SECOND);
}

static void
test_just_started (Engine *engine)
{
  engine_start_with (engine, "", &UNSEEN);
  engine->launcher->program = UNSEEN;
  engine_run (engine, LONG_AGO);
  engine_save (engine, "main", "two");
  engine_run (engine, 3 * SECOND);
  engine_instance (engine, 1)->program.stop_takes = SECOND;
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpint (engine_instance (engine, 1)->signalled, !=, 0);
  engine_run (engine, 3 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
}

static void
test_launcher (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &LAUNCHER);

  expect_advice (service, "does not load the preload library");
  engine->launcher->program = LAUNCHER;
  engine_run (engine, LONG_AGO);
  g_assert_true (old_ends_first (engine));
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
}

static void
test_after_one_that_was_seen (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &(HrFakeProgram){ .readiness = HR_FAKE_LISTENS });

  expect_advice (service, NULL);
  hr_fake_listeners_discover (engine_parts (engine)->listeners, 8080);
  engine->launcher->program = UNSEEN;
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  engine_expect_kept (engine, service, "check", "the socket that the daemon keeps from the one before");
}

static void
test_explains_an_end (Engine *engine)
{
  HrFakeProgram ends = UNSEEN;
  HrService *service = engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n", &UNSEEN);

  ends.readiness = HR_FAKE_SAYS_NOTHING;
  ends.exits_after = 100 * MSEC;
  ends.exit_code = 1;
  hr_fake_launcher_next (engine->launcher, &ends);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect_kept (engine, service, "ready", "(its program is linked statically: it must take LISTEN_FDS");
}

/* Whoever looks at it is held up, and learns nothing: what was seen before counts. */
static void
test_held_up (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &(HrFakeProgram){ .retires = TRUE, .binds = TRUE });
  HrFakeInstance *old = engine_instance (engine, 0);

  g_assert_cmpuint (old->n_looks, ==, 1);
  expect_advice (service, "does not load the preload library");
  old->program.binds = FALSE;
  old->program.cannot_be_seen = TRUE;
  engine_run (engine, LONG_AGO);
  g_assert_true (old_ends_first (engine));
  g_assert_cmpuint (old->n_looks, >, 1);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
}

/* Before it is told to accept no more it is looked at, whether it heeds that. */
static void
test_retired_by_a_look (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &(HrFakeProgram){ .retires = TRUE });
  HrFakeInstance *old = engine_instance (engine, 0);
  guint before;

  old->connections = 1;
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  before = old->n_looks;
  g_assert_true (old->retired);
  g_assert_cmpint (old->signalled, ==, 0);
  /* At its readiness, for the reload, before the candidate was started, and before it was retired. */
  g_assert_cmpuint (before, ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/sight/an-unseen-program-that-binds-is-handed-over-sequentially", test_sequential);
  engine_add ("/sight/adopt-of-an-unseen-program-is-refused-and-the-old-one-serves-on", test_refused);
  engine_add ("/sight/an-unseen-program-that-takes-its-sockets-overlaps", test_passed);
  engine_add ("/sight/an-unseen-program-without-sockets-overlaps", test_no_server);
  engine_add ("/sight/an-unseen-program-that-may-be-about-to-bind-ends-first", test_just_started);
  engine_add ("/sight/what-a-launcher-starts-is-seen-when-it-runs", test_launcher);
  engine_add ("/sight/an-unseen-program-after-one-whose-socket-is-kept-is-refused", test_after_one_that_was_seen);
  engine_add ("/sight/an-unseen-program-that-ends-with-Listen-gets-an-explanation", test_explains_an_end);
  engine_add ("/sight/an-instance-that-holds-up-who-looks-is-what-it-was-seen-to-be", test_held_up);
  engine_add ("/sight/an-instance-is-looked-at-before-it-is-retired", test_retired_by_a_look);
  return g_test_run ();
}
