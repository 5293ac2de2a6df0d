/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The completion for bash, run by bash as readline would.
 */
#include "hrctl-fixture.h"

#include <json-glib/json-glib.h>

/* What is offered for the last of @words; one a line. */
static char *
complete (HrctlFixture *f, const char *words)
{
  g_autofree char *dir = g_path_get_dirname (g_getenv ("HRCTL"));
  g_autofree char *path = g_strdup_printf ("%s:%s", dir, g_getenv ("PATH"));
  g_autofree char *script =
      g_strdup_printf ("source '%s'; COMP_WORDS=(%s); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _hrctl;"
                       " printf '%%s\\n' \"${COMPREPLY[@]}\"",
                       g_getenv ("HRCTL_COMPLETION"), words);
  g_autoptr (GSubprocess) bash = NULL;
  g_autoptr (HrctlResult) result = NULL;

  hrctl_fixture_setenv (f, "PATH", path);
  bash = hrctl_spawn_program (f, "/bin/bash", (const char *const[]){ "--norc", "-c", script, NULL });
  result = hrctl_finish (bash);
  g_assert_cmpstr (result->err, ==, "");
  return g_steal_pointer (&result->out);
}

static void
test_words_are_offered_where_they_fit (HrctlFixture *f, gconstpointer data)
{
  static const struct {
    const char *words;
    const char *offered;
  } cases[] = {
    { "hrctl re", "restart\nreload\nreload-all\nreset-failed\nreleases\nresume\nremove\n" },
    { "hrctl --json stat", "status\n" },
    { "hrctl reload ''", "being-system\nbroken\n" },
    { "hrctl reload broken be", "being-system\n" },
    { "hrctl status broken ''", "\n" },
    { "hrctl --timeout = 5 status br", "broken\n" },
    { "hrctl rollback broken --t", "--timeout=\n--to=\n" },
    { "hrctl snapshot re", "restore\n" },
    { "hrctl snapshot show be", "being-system\n" },
    { "hrctl check --profile = t", "testing\n" },
    { "hrctl rollback --to = ''", "\n" },
    { "hrctl help snap", "snapshot\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *offered = complete (f, cases[i].words);

      g_test_message ("%s", cases[i].words);
      g_assert_cmpstr (offered, ==, cases[i].offered);
    }
}

static void
test_without_a_daemon_nothing_is_offered_or_started (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *offered = NULL;

  g_clear_pointer (&f->fake, fake_manager_free);
  offered = complete (f, "hrctl reload ''");
  g_assert_cmpstr (offered, ==, "\n");
}

static void
test_every_verb_is_offered (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) help = hrctl_run (f, "help", "--json", NULL);
  g_autoptr (JsonNode) node = json_from_string (help->out, NULL);
  g_autofree char *offered = complete (f, "hrctl ''");
  g_auto (GStrv) words = g_strsplit (offered, "\n", -1);
  JsonArray *verbs;

  g_assert_nonnull (node);
  verbs = json_node_get_array (node);
  g_assert_cmpint (json_array_get_length (verbs), ==, g_strv_length (words) - 1);
  for (guint i = 0; i < json_array_get_length (verbs); i++)
    g_assert_cmpstr (words[i], ==, json_object_get_string_member (json_array_get_object_element (verbs, i), "verb"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl-completion/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  ADD ("words-are-offered-where-they-fit", test_words_are_offered_where_they_fit);
  ADD ("without-a-daemon-nothing-is-offered-or-started", test_without_a_daemon_nothing_is_offered_or_started);
  ADD ("every-verb-is-offered", test_every_verb_is_offered);

  return g_test_run ();
}
