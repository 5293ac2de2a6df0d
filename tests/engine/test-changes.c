/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What becomes of changes: none is lost, none is acted on twice.
 */
#include "engine-fixture.h"

#include <string.h>

#include "hr-figures.h"

/* Promise 1, case 5: a save in the daemon's first moments. */
static void
test_save_during_start (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 2 * SECOND };
  HrService *service;

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 500 * MSEC);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 2, "main"), ==, "two");
}

/* Case 2: two files, 300 ms apart, while the source settles for longer: one reload. */
static void
test_two_files (Engine *engine)
{
  engine_start (engine, "[Watch]\nSettle=400ms\n");
  engine_save (engine, "main", "two");
  engine_run (engine, 300 * MSEC);
  engine_save (engine, "other", "x");
  engine_run (engine, 399 * MSEC);
  engine_expect (engine, "");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main,other | ReloadStarted 2 | ReloadCompleted 2");
}

/* Pain 15: a source that never rests is looked at all the same. */
static void
test_max_wait (Engine *engine)
{
  HrService *service = engine_start (engine, "[Watch]\nSettle=400ms\nMaxWait=2s\n");

  for (int i = 0; i < 21; i++)
    {
      g_autofree char *content = g_strdup_printf ("%d", i);

      engine_save (engine, "main", content);
      engine_run (engine, 100 * MSEC);
    }
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* A look comes in the midst of a save that it was not made for: what it finds is an empty file. */
static void
test_half_saved (Engine *engine)
{
  HrService *service = engine_start (engine, "[Watch]\nSettle=400ms\n");

  engine_save (engine, "main", "");
  engine_parts (engine)->store->quiet = 399 * MSEC;
  engine_run (engine, 700 * MSEC);
  engine_expect (engine, "");
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 2, "main"), ==, "two");
}

/* Pain 15: files that are written all the time are no reason to look for ever. */
static void
test_never_saved (Engine *engine)
{
  HrService *service = engine_start (engine, "[Watch]\nSettle=400ms\nMaxWait=2s\n");

  engine_save (engine, "main", "two");
  for (int i = 0; i < 19; i++)
    {
      g_assert_cmpuint (hr_service_get_release (service), ==, 1);
      engine_parts (engine)->store->quiet = 1 * MSEC;
      engine_run (engine, 100 * MSEC);
    }
  engine_parts (engine)->store->quiet = 1 * MSEC;
  engine_run (engine, 400 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  /* The next is waited for as long. */
  engine_save (engine, "main", "three");
  engine_parts (engine)->store->quiet = 1 * MSEC;
  engine_run (engine, 700 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* Case 3: a save during a reload gives a second one, with the final content. */
static void
test_save_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram slow = { .ready_after = 2 * SECOND };

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_save (engine, "main", "three");
  engine_run (engine, 100 * MSEC);
  engine_save (engine, "main", "four");
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2 | "
                         "FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 3, "main"), ==, "four");
}

/* The save came while the first scan ran: it may have missed it. */
static void
test_save_during_scan (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_hold (&engine_parts (engine)->store->commit);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_save (engine, "main", "three");
  hr_fake_gate_release (&engine_parts (engine)->store->commit);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 3, "main"), ==, "three");
}

/* During a reload by hand too: that takes in what was saved before, and nothing is reloaded twice. */
static void
test_save_before_reload_by_hand (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  hr_service_reload (service, "a");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2");
}

/* A pause keeps changes; resuming acts on them, and says why. */
static void
test_pause (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (HrHistoryEntry) entry = NULL;
  g_auto (GStrv) pending = NULL;
  g_auto (GStrv) of_all = NULL;

  hr_service_set_paused (service, TRUE, FALSE);
  g_assert_true (hr_service_get_paused (service));
  engine_save (engine, "main", "two");
  engine_save (engine, "a", "x");
  engine_run (engine, 60 * SECOND);
  engine_expect (engine, "");
  pending = hr_service_get_pending (service);
  g_assert_cmpuint (g_strv_length (pending), ==, 2);
  g_assert_cmpstr (pending[0], ==, "a");
  of_all = hr_figures_get_pending (engine->manager);
  g_assert_cmpstr (of_all[1], ==, "web/main");
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged a,main | ReloadStarted 2 | ReloadCompleted 2");
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "resume");
}

/* A hint of a directory itself. */
static void
test_pending_directory (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_auto (GStrv) pending = NULL;

  hr_service_set_paused (service, TRUE, FALSE);
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "app/.");
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "app");
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "app/gone");
  engine_run (engine, 60 * SECOND);
  pending = hr_service_get_pending (service);
  g_assert_cmpuint (g_strv_length (pending), ==, 2);
  g_assert_cmpstr (pending[0], ==, "app");
  g_assert_cmpstr (pending[1], ==, "app/gone");
}

/* Also a change of which no event told. */
static void
test_pause_without_hint (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_set_paused (service, TRUE, FALSE);
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* Each kind of pause ends by itself; a resume that finds nothing says nothing. */
static void
test_both_pauses (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_set_paused (service, TRUE, FALSE);
  hr_manager_set_paused (engine->manager, TRUE);
  g_assert_true (hr_manager_get_paused (engine->manager));
  engine_save (engine, "main", "two");
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "");
  hr_manager_set_paused (engine->manager, FALSE);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_forget (engine);
  hr_manager_set_paused (engine->manager, TRUE);
  hr_manager_set_paused (engine->manager, FALSE);
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "");
}

/* A pause holds back what comes from files, not what somebody asks for. */
static void
test_reload_while_paused (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_set_paused (service, TRUE, FALSE);
  engine_save (engine, "main", "two");
  hr_service_reload (service, "a");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* A pause during a reload keeps what came before it. */
static void
test_pause_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram slow = { .ready_after = 2 * SECOND };

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  hr_service_set_paused (service, TRUE, FALSE);
  engine_run (engine, 30 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* Pain 14: a version-control operation is waited for, but not for ever. */
static void
test_held (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_parts (engine)->watcher->held = TRUE;
  engine_save (engine, "main", "half");
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "");
  engine_save (engine, "main", "whole");
  engine_parts (engine)->watcher->held = FALSE;
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 2, "main"), ==, "whole");
}

/* It begins while the source is already looked at: what was found is half of it. */
static void
test_held_meanwhile (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", "half");
  engine_run (engine, 100 * MSEC);
  engine_parts (engine)->watcher->held = TRUE;
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "");
  engine_save (engine, "main", "whole");
  engine_parts (engine)->watcher->held = FALSE;
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 2, "main"), ==, "whole");
}

static void
test_held_for_ever (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_parts (engine)->watcher->held = TRUE;
  engine_save (engine, "main", "two");
  engine_run (engine, 62 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (engine_n_warnings (engine, "*lock file left over*"), ==, 1);
}

/* What the actions leave out is no reason, also where everything is looked at. */
static void
test_ignored_by_action (Engine *engine)
{
  HrService *service = engine_start (engine, "[Watch]\nExtensions=py\n[Actions]\ndocs/**=ignore\n");

  hr_service_set_paused (service, TRUE, FALSE);
  engine_save (engine, "docs/a.py", "x");
  engine_save (engine, "b.txt", "x");
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  /* With something else it comes along. */
  engine_save (engine, "main.py", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 2, "docs/a.py"), ==, "x");
}

/* A mistake that was taken back is none any more. */
static void
test_mended_by_taking_back (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autofree char *before = g_strdup (hr_fake_store_read (engine_parts (engine)->store, 1, "main"));

  engine->platform->checker->fault = "SyntaxError";
  engine_save (engine, "main", "broken");
  engine_run (engine, SECOND);
  g_assert_nonnull (strstr (hr_service_get_error (service), "SyntaxError"));
  engine_save (engine, "main", before);
  engine_run (engine, SECOND);
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Hints beyond count are "look at everything". */
static void
test_many_hints (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  guint before = engine_parts (engine)->store->full_scans;

  for (guint i = 0; i <= 1000; i++)
    {
      g_autofree char *path = g_strdup_printf ("file-%u", i);

      engine_save (engine, path, "x");
    }
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (engine_parts (engine)->store->full_scans, ==, before + 1);
}

static void
test_hint_of_anything (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  hr_fake_watcher_hint (engine_parts (engine)->watcher, NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* A reload that cannot begin for want of its sockets does not swallow the save. */
static void
test_save_while_sockets_fail (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_parts (engine)->listeners->failure = "address in use";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_service_get_error (service), ==, "address in use");
  engine_expect (engine, "ReloadFailed wait");
  engine_parts (engine)->listeners->failure = NULL;
  engine_save (engine, "other", "x");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, hr_service_get_release (service), "main"), ==,
                   "two");
}

static void
test_watch_fails (Engine *engine)
{
  HrService *service;

  engine_parts (engine)->watcher->failure = "fs.inotify.max_user_watches is 10, 20 are needed";
  service = engine_start (engine, "");
  g_assert_cmpuint (hr_service_get_watched (service), ==, 0);
  engine_parts (engine)->watcher->failure = NULL;
}

/* Watch.Enabled=no: reloads by request only. */
static void
test_not_watched (Engine *engine)
{
  HrService *service = engine_start (engine, "[Watch]\nEnabled=no\n");

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  hr_service_reload (service, "a");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/changes/case-5/save-during-start", test_save_during_start);
  engine_add ("/changes/case-2/two-files-one-reload", test_two_files);
  engine_add ("/changes/pain-15/max-wait", test_max_wait);
  engine_add ("/changes/half-saved", test_half_saved);
  engine_add ("/changes/pain-15/never-saved", test_never_saved);
  engine_add ("/changes/case-3/save-during-reload", test_save_during_reload);
  engine_add ("/changes/promise-1/save-during-scan", test_save_during_scan);
  engine_add ("/changes/promise-1/save-before-reload-by-hand", test_save_before_reload_by_hand);
  engine_add ("/changes/promise-1/pause-and-resume", test_pause);
  engine_add ("/changes/promise-1/pending-directory-is-shown-by-its-path", test_pending_directory);
  engine_add ("/changes/promise-1/pause-without-hint", test_pause_without_hint);
  engine_add ("/changes/promise-1/both-pauses", test_both_pauses);
  engine_add ("/changes/promise-1/pause-during-reload", test_pause_during_reload);
  engine_add ("/changes/reload-while-paused", test_reload_while_paused);
  engine_add ("/changes/pain-14/held", test_held);
  engine_add ("/changes/pain-14/held-while-the-source-is-looked-at", test_held_meanwhile);
  engine_add ("/changes/what-the-actions-leave-out-is-no-reason", test_ignored_by_action);
  engine_add ("/changes/a-mistake-that-was-taken-back-is-forgotten", test_mended_by_taking_back);
  engine_add ("/changes/pain-14/held-for-ever", test_held_for_ever);
  engine_add ("/changes/promise-1/many-hints", test_many_hints);
  engine_add ("/changes/promise-1/hint-of-anything", test_hint_of_anything);
  engine_add ("/changes/promise-1/save-while-sockets-fail", test_save_while_sockets_fail);
  engine_add ("/changes/watch-fails", test_watch_fails);
  engine_add ("/changes/not-watched", test_not_watched);
  return g_test_run ();
}
