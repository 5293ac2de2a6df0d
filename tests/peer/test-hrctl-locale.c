/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hrctl in German, as installed: with a real locale and the catalogue that the build has made. C.UTF-8 would not do:
 * there gettext translates nothing.
 */
#include "hrctl-fixture.h"

#include "hr-names.h"

#define LOCALE "de_DE.UTF-8"

/* The locale comes from its source, so that the machine need not have it. */
static gboolean
make_locale (HrctlFixture *f)
{
  g_autofree char *path = g_build_filename (f->dir, LOCALE, NULL);
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0;

  if (!g_spawn_sync (
          NULL,
          (char *[]){ (char *)"localedef", (char *)"-i", (char *)"de_DE", (char *)"-f", (char *)"UTF-8", path, NULL },
          NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &said, &status, &error)
      || !g_spawn_check_wait_status (status, &error))
    {
      g_autofree char *why = g_strdup_printf ("not run here: localedef cannot make " LOCALE ": %s", error->message);

      g_test_skip (why);
      return FALSE;
    }

  hrctl_fixture_setenv (f, "LOCPATH", f->dir);
  hrctl_fixture_setenv (f, "LC_ALL", LOCALE);
  hrctl_fixture_setenv (f, HR_ENV_LOCALEDIR, g_getenv ("HRCTL_LOCALEDIR"));
  return TRUE;
}

static void
test_german (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) by_locale = NULL;
  g_autoptr (HrctlResult) by_language = NULL;
  g_autoptr (HrctlResult) error = NULL;
  g_autoptr (HrctlResult) json = NULL;
  g_autoptr (HrctlResult) history = NULL;
  g_autoptr (HrctlResult) failure = NULL;
  g_autoptr (HrctlResult) plan = NULL;
  g_autoptr (HrctlResult) english = NULL;

  if (!make_locale (f))
    return;

  by_locale = hrctl_run (f, "list", NULL);
  g_assert_true (g_str_has_prefix (by_locale->out, "DIENST "));
  g_assert_nonnull (strstr (by_locale->out, " läuft "));
  g_assert_null (strstr (by_locale->out, "running"));
  g_assert_null (strstr (by_locale->out, "failed"));
  hrctl_fixture_setenv (f, "LANGUAGE", "de");
  by_language = hrctl_run (f, "pause", NULL);
  g_assert_cmpstr (by_language->out, ==, "Alles ist pausiert; Änderungen werden aufgehoben.\n");
  error = hrctl_run (f, "relaod", NULL);
  g_assert_cmpstr (error->err, ==, "hrctl: unbekanntes Verb »relaod«; ist »reload« gemeint? (siehe »hrctl help«)\n");
  g_assert_cmpint (error->code, ==, HR_EXIT_USAGE);
  /* What programs read is the same in every language. */
  json = hrctl_run (f, "reload", "being-system", "broken", "--json", NULL);
  g_assert_nonnull (strstr (json->out, "\"downtime\" : \"0.2s\""));

  g_assert_nonnull (strstr (json->out, "\"phase\" : \"check\""));
  /* The daemon's words that stand in tables are the client's to translate. */
  history = hrctl_run (f, "history", NULL);
  g_assert_nonnull (strstr (history->out, " gescheitert in Prüfung "));
  g_assert_nonnull (strstr (history->out, " von Hand "));
  failure = hrctl_run (f, "reload", "broken", NULL);
  g_assert_nonnull (strstr (failure->err, " (Phase Prüfung)\n"));
  g_assert_nonnull (strstr (failure->err, "Phasen: Aufnahme 1 ms, Prüfung 40 ms (gescheitert)\n"));
  plan = hrctl_run (f, "plan", "being-system", NULL);
  g_assert_nonnull (strstr (plan->out, "\nPrüfung  "));

  hrctl_fixture_setenv (f, "LANGUAGE", "en");
  english = hrctl_run (f, "list", NULL);
  g_assert_true (g_str_has_prefix (english->out, "SERVICE "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/hrctl-locale/german", HrctlFixture, NULL, hrctl_fixture_set_up, test_german, hrctl_fixture_tear_down);
  return g_test_run ();
}
