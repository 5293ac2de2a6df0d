/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What [PostCheck] names, looked at while a new release is watched: rates of metrics, of results, and Command.
 */
#include "engine-fixture.h"
#include "hr-error.h"

#define COUNTED                                                                                                        \
  "[PostCheck]\nErrorRate=5%\nErrorMetric=http://127.0.0.1:%p/#errors\nTotalMetric=http://127.0.0.1:%p/#all\n"
#define RATE "[PostCheck]\nErrorRate=5%\nErrorMetric=exec:rate\n"

enum { AT_ERROR, AT_SUCCESS, AT_TOTAL };

static HrFakeMetricReader *
reader (Engine *engine)
{
  return engine->platform->metric_reader;
}

/* From now on so many of so many requests fail between two looks. */
static void
errors (Engine *engine, double failed, double all)
{
  reader (engine)->grow[AT_ERROR] = failed;
  reader (engine)->grow[AT_TOTAL] = all;
}

/* Until the new release serves, with the old one good. */
static HrService *
reload (Engine *engine, const char *text)
{
  HrService *service = engine_start (engine, text);

  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  engine_save (engine, "main", "two");
  while (hr_service_get_release (service) == 1)
    engine_run (engine, 10 * MSEC);
  engine_forget (engine);
  return service;
}

static void
expect_rollback (Engine *engine, HrService *service, const char *reason)
{
  g_autoptr (HrHistoryEntry) entry = NULL;
  const HrRelease *release;

  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "rollback");
  g_assert_cmpstr (entry->reason, ==, reason);
  release = engine_release (engine, 2);
  g_assert_cmpint (release->fate, ==, HR_FATE_REJECTED);
  g_assert_cmpstr (release->error, ==, reason);
}

static void
test_good (Engine *engine)
{
  errors (engine, 1, 100);
  reload (engine, COUNTED);
  g_assert_true (reader (engine)->add_up);
  engine_run (engine, 4 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_run (engine, 2 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  engine_expect (engine, "");
  /* Nobody needs the figures any more. */
  {
    guint calls = reader (engine)->read.calls;
    engine_run (engine, 60 * SECOND);
    g_assert_cmpuint (reader (engine)->read.calls, ==, calls);
  }
}

/* As soon as there is enough to judge it by, and not before: three looks at what grew. */
static void
test_error_rate (Engine *engine)
{
  HrService *service;

  errors (engine, 1, 100);
  service = reload (engine, COUNTED);
  errors (engine, 30, 100);
  engine_run (engine, 2900 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_run (engine, SECOND);
  expect_rollback (engine, service, "ErrorRate: 30% (90 of 300 requests) is above 5%");
  /* It is not tried again until its tree changes. */
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  errors (engine, 0, 100);
  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
}

/* Too few requests to say so at once: it is said at the end of the time. */
static void
test_few (Engine *engine)
{
  HrService *service = reload (engine, COUNTED);

  errors (engine, 1, 2);
  engine_run (engine, 4900 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_run (engine, SECOND);
  expect_rollback (engine, service, "ErrorRate: 50% (5 of 10 requests) is above 5%");
}

/* Shorter than the interval: the look at the end is the second one. */
static void
test_short (Engine *engine)
{
  HrService *service = reload (engine, COUNTED "RollbackAfter=300ms\n");

  errors (engine, 3, 4);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Nothing was asked of it: nothing is held against it. */
static void
test_no_requests (Engine *engine)
{
  reload (engine, COUNTED);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

static void
test_gauge (Engine *engine)
{
  HrService *service = reload (engine, RATE);

  g_assert_false (reader (engine)->add_up);
  reader (engine)->values[AT_ERROR] = 12;
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_nonnull (g_strstr_len (engine_release (engine, 2)->error, -1, "(mean of "));
}

static void
test_nonsense (Engine *engine)
{
  reload (engine, RATE);
  reader (engine)->values[AT_ERROR] = 250;
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (engine_n_warnings (engine, "*ErrorMetric is 250, and a rate is from 0 to 100 percent*"), ==, 1);
}

static void
test_success_rate (Engine *engine)
{
  HrService *service =
      reload (engine, "[PostCheck]\nSuccessRate=90%\nSuccessMetric=exec:good\nTotalMetric=exec:all\nInterval=100ms\n");

  reader (engine)->grow[AT_SUCCESS] = 8;
  reader (engine)->grow[AT_TOTAL] = 10;
  engine_run (engine, 450 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_command (Engine *engine)
{
  HrService *service = reload (engine, "[PostCheck]\nCommand=ask\n");

  reader (engine)->fault = "exit code 4: it is ill";
  engine_run (engine, 1900 * MSEC);
  engine_expect (engine, "");
  engine_run (engine, SECOND);
  expect_rollback (engine, service, "Command failed 2 of 3 times; the last look: Command: exit code 4: it is ill");
}

static void
test_command_once (Engine *engine)
{
  HrService *service = reload (engine, "[PostCheck]\nCommand=ask\nRollbackAfter=2500ms\n");

  engine_run (engine, 500 * MSEC);
  hr_fake_gate_fail_next (&reader (engine)->run, HR_ERROR, HR_ERROR_TIMED_OUT, "it did not end in time");
  engine_run (engine, 900 * MSEC);
  engine_expect (engine, "");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* A rate of its results lets a command fail now and then. */
static void
test_command_rate (Engine *engine)
{
  reload (engine, "[PostCheck]\nCommand=ask\nErrorRate=50%\n");
  engine_run (engine, 500 * MSEC);
  hr_fake_gate_fail_next (&reader (engine)->run, HR_ERROR, HR_ERROR_FAILED, "once");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

static void
test_probe_rate (Engine *engine)
{
  HrService *service = reload (engine, "[Health]\nProbe=exec:ask\nInterval=500ms\nFailures=100\n"
                                       "[PostCheck]\nErrorRate=50%\n");

  engine->platform->prober->illness = "ill";
  while (engine_n_warnings (engine, "*release 2 failed its observation: *") == 0)
    engine_run (engine, 10 * MSEC);
  engine->platform->prober->illness = NULL;
  engine_run (engine, SECOND);
  expect_rollback (engine, service, "ErrorRate: 100% (3 of 3 results of Probe) is above 50%");
}

/* What the old release was like before the new one was started is the measure; it is known for as long as it runs. */
static void
test_baseline (Engine *engine)
{
  HrService *service;

  errors (engine, 10, 100);
  service = reload (engine, COUNTED "Baseline=yes\n");
  errors (engine, 14, 100);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  engine_expect (engine, "");
  engine_save (engine, "main", "three");
  while (hr_service_get_release (service) == 2)
    engine_run (engine, 10 * MSEC);
  errors (engine, 40, 100);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (engine_release (engine, 3)->error, ==,
                   "ErrorRate: 40% (120 of 300 requests) is more than 5 points above the 14% (84 of 600 requests) of "
                   "the release before");
}

/* There is nothing to go back to: that is said once, and it may prove itself yet. */
static void
test_first (Engine *engine)
{
  HrService *service;

  errors (engine, 10, 100);
  engine_set (engine, "web", COUNTED);
  service = engine_apply (engine, "web");
  engine_run (engine, 60 * SECOND);
  engine_expect_fate (engine, 1, HR_FATE_UNPROVEN);
  g_assert_cmpuint (engine_n_warnings (engine, "*release 1 failed its observation: ErrorRate: 10% *there is no good*"),
                    ==, 1);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  errors (engine, 1, 100);
  engine_run (engine, 2 * PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* While a candidate runs, either may answer: what is read then is nobody's. */
static void
test_held (Engine *engine)
{
  HrService *service;

  errors (engine, 2, 100);
  service = engine_start (engine, COUNTED "Baseline=yes\n");
  engine_run (engine, PROVEN);
  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .ready_after = 20 * SECOND });
  engine_save (engine, "main", "two");
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  errors (engine, 100, 100);
  engine_run (engine, 10 * SECOND);
  while (hr_service_get_release (service) == 1)
    engine_run (engine, 10 * MSEC);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_nonnull (g_strstr_len (engine_release (engine, 2)->error, -1,
                                  "is more than 5 points above the 2% (12 of 600 requests) of the release before"));
}

static void
test_unreadable (Engine *engine)
{
  HrService *service = engine_start (engine, COUNTED);

  engine_run (engine, PROVEN);
  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .ready_after = 100 * MSEC });
  engine_save (engine, "main", "two");
  while (engine->launcher->instances->len == 1)
    engine_run (engine, 10 * MSEC);
  reader (engine)->unreadable = "no answer";
  while (hr_service_get_release (service) == 1)
    engine_run (engine, 10 * MSEC);
  engine_forget (engine);
  engine_run (engine, 5 * SECOND);
  expect_rollback (engine, service,
                   "its metrics could not be read (3 times tried), and those of the release before could; the last "
                   "look: no answer");
}

static void
test_unreadable_before (Engine *engine)
{
  reader (engine)->unreadable = "no answer";
  engine_set (engine, "web", COUNTED);
  engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  g_assert_cmpuint (engine_n_warnings (engine, "*the metrics of release 1 cannot be read: no answer*"), ==, 1);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_cmpuint (engine_n_warnings (engine, "*the metrics of release 2 cannot be read: no answer*"), ==, 1);
}

static void
count_changes (HrService *service, guint *n)
{
  (*n)++;
}

static void
keep_job (HrManager *manager, HrJob *job, HrJob **newest)
{
  g_set_object (newest, job);
}

static gboolean
has_note (HrService *service, const char *line)
{
  g_auto (GStrv) notes = hr_service_get_notes (service);

  return g_strv_contains ((const char *const *)notes, line);
}

/* Whoever looks at the service or waits for a reload of it is told, not only who reads the daemon's log. */
static void
test_unreadable_is_told (Engine *engine)
{
  static const char first[] = "post-check: the metrics of release 1 cannot be read, and decide nothing: no answer";
  static const char second[] = "post-check: the metrics of release 2 cannot be read, and decide nothing: no answer";
  g_autoptr (HrJob) job = NULL;
  HrService *service;
  guint changes = 0;

  reader (engine)->unreadable = "no answer";
  hr_fake_gate_hold (&reader (engine)->read);
  engine_set (engine, "web", COUNTED);
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_false (has_note (service, first));
  g_signal_connect (service, "changed", G_CALLBACK (count_changes), &changes);
  hr_fake_gate_release (&reader (engine)->read);
  engine_run (engine, 0);
  g_assert_true (has_note (service, first));
  g_assert_cmpuint (changes, >=, 1);
  /* Also of one that has proven itself. */
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  g_assert_true (has_note (service, first));

  g_signal_connect (engine->manager, "job-added", G_CALLBACK (keep_job), &job);
  engine_save (engine, "main", "two");
  while (hr_service_get_release (service) == 1)
    engine_run (engine, 10 * MSEC);
  g_assert_true (g_strv_contains ((const char *const *)hr_job_get_outcome (job)->checks, first));
  engine_run (engine, SECOND);
  g_assert_true (has_note (service, second) && !has_note (service, first));
  /* What can be read is no reason to say anything. */
  reader (engine)->unreadable = NULL;
  engine_run (engine, SECOND);
  g_assert_false (has_note (service, second));
  engine_save (engine, "main", "three");
  while (hr_service_get_release (service) == 2)
    engine_run (engine, 10 * MSEC);
  g_assert_false (g_strv_contains ((const char *const *)hr_job_get_outcome (job)->checks, second));
  g_signal_handlers_disconnect_by_data (service, &changes);
  g_signal_handlers_disconnect_by_data (engine->manager, &job);
}

/* A figure of the first release of all has nothing to be compared with. */
static void
test_first_with_baseline (Engine *engine)
{
  errors (engine, 50, 100);
  engine_start (engine, COUNTED "Baseline=yes\n");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
}

static void
test_no_piling_up (Engine *engine)
{
  guint calls;

  reload (engine, COUNTED "RollbackAfter=9s\n");
  engine_run (engine, 2 * SECOND);
  hr_fake_gate_hold (&reader (engine)->read);
  engine_run (engine, 2 * SECOND);
  calls = reader (engine)->read.calls;
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (reader (engine)->read.calls, ==, calls);
  hr_fake_gate_release (&reader (engine)->read);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (reader (engine)->read.calls, <=, calls + 2);
  g_assert_cmpuint (reader (engine)->read.calls, >, calls);
}

/* Rule 2: the new reload ends the observation, also one whose last look is under way. */
static void
test_reload_ends_it (Engine *engine)
{
  HrService *service = reload (engine, COUNTED);

  errors (engine, 100, 100);
  engine_run (engine, SECOND);
  hr_fake_gate_hold (&reader (engine)->read);
  engine_run (engine, 5 * SECOND);
  errors (engine, 0, 100);
  engine_save (engine, "main", "three");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  hr_fake_gate_release (&reader (engine)->read);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
}

/* Its own, louder result, and not tried again for ever. */
static void
test_failed_rollback (Engine *engine)
{
  const HrFakeProgram broken = { .exits_after = MSEC, .ready_after = SECOND, .exit_code = 1 };
  HrService *service = reload (engine, COUNTED);
  g_autoptr (HrHistoryEntry) entry = NULL;
  guint n;

  hr_fake_launcher_next (engine->launcher, &broken);
  errors (engine, 100, 100);
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadFailed ready");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  entry = engine_history (engine);
  g_assert_false (entry->success);
  g_assert_cmpstr (entry->trigger, ==, "rollback");
  g_assert_cmpstr (entry->reason, !=, NULL);
  n = engine->launcher->instances->len;
  engine_run (engine, 600 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, n);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/post-check/good", test_good);
  engine_add ("/post-check/error-rate-rolls-back", test_error_rate);
  engine_add ("/post-check/few-requests-at-the-end", test_few);
  engine_add ("/post-check/shorter-than-the-interval", test_short);
  engine_add ("/post-check/no-requests-no-verdict", test_no_requests);
  engine_add ("/post-check/rate-as-it-is-read", test_gauge);
  engine_add ("/post-check/nonsense-is-no-figure", test_nonsense);
  engine_add ("/post-check/success-rate", test_success_rate);
  engine_add ("/post-check/command", test_command);
  engine_add ("/post-check/command-fails-once", test_command_once);
  engine_add ("/post-check/rate-of-command", test_command_rate);
  engine_add ("/post-check/rate-of-probe", test_probe_rate);
  engine_add ("/post-check/baseline", test_baseline);
  engine_add ("/post-check/first-release", test_first);
  engine_add ("/post-check/first-release-with-baseline", test_first_with_baseline);
  engine_add ("/post-check/candidate-does-not-answer-for-the-old", test_held);
  engine_add ("/post-check/metrics-that-cannot-be-read-any-more", test_unreadable);
  engine_add ("/post-check/metrics-that-never-could-be-read", test_unreadable_before);
  engine_add ("/post-check/what-cannot-be-read-is-told-by-status-and-result", test_unreadable_is_told);
  engine_add ("/post-check/looks-do-not-pile-up", test_no_piling_up);
  engine_add ("/post-check/rule-2/reload-ends-it", test_reload_ends_it);
  engine_add ("/post-check/rollback-that-failed", test_failed_rollback);
  return g_test_run ();
}
