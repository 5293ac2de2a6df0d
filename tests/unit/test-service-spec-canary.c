/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-service-spec-canary.c: [Canary] of a service file: what it means, and where there can be none.
 */
#include "hr-canary-plan.h"
#include "hr-spec-notes.h"
#include "spec-fixture.h"

#define SIX "[Service]\nExec=true\nSource=/srv\nListen=a="
#define HEAD "[Service]\nExec=true\nSource=/srv\nListen=http=tcp::80\n"

static HrServiceSpec *
parse_canary (const char *keys, const char *profile)
{
  g_autofree char *text = g_strconcat (HEAD, keys, "\n", NULL);

  return parse (text, profile);
}

static void
test_defaults (void)
{
  g_autoptr (HrServiceSpec) none = parse_canary ("[Canary]", NULL);
  g_autoptr (HrServiceSpec) manual = parse_canary ("[Canary]\nPercentage=10", NULL);
  g_autoptr (HrServiceSpec) ramp = parse_canary ("[Canary]\nPercentage=10\nRampDuration=5min", NULL);

  g_assert_cmpuint (none->canary_from, ==, 0);
  g_assert_cmpuint (manual->canary_from, ==, 1000);
  g_assert_cmpint (manual->canary_duration, ==, 0);
  g_assert_cmpuint (ramp->canary_from, ==, 1000);
  g_assert_cmpuint (ramp->canary_to, ==, HR_CANARY_SHARE_MAX);
  g_assert_cmpint (ramp->canary_duration, ==, 300 * G_USEC_PER_SEC);
  g_assert_cmpuint (ramp->canary_steps, ==, HR_SPEC_CANARY_STEPS_DEFAULT);
  g_assert_false (ramp->canary_sticky);
}

static void
test_every_key_is_read (void)
{
  g_autoptr (HrServiceSpec) spec =
      parse_canary ("[Canary]\nPercentage=0.5\nRampTo=50 %\nRampDuration=2s\nSteps=4\nSticky=yes", NULL);

  g_assert_cmpuint (spec->canary_from, ==, 50);
  g_assert_cmpuint (spec->canary_to, ==, 5000);
  g_assert_cmpint (spec->canary_duration, ==, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->canary_steps, ==, 4);
  g_assert_true (spec->canary_sticky);
}

static void
test_shares_have_up_to_two_decimals (void)
{
  static const struct {
    const char *text;
    guint share;
  } good[] = { { "1", 100 },   { "100", 10000 },    { "100.00", 10000 }, { "0.01", 1 },
               { "0.5%", 50 }, { "33.33 %", 3333 }, { "007", 700 } };
  static const char *const bad[] = { "0",  "0.00",  "100.01", "101", "999",  "1000",  "-1",   "+1",  ".5",
                                     "5.", "1.234", "1e2",    "ten", "10%%", "10 %x", "10,5", "0x1", "1.5.5" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *keys = g_strconcat ("[Canary]\nPercentage=", good[i].text, NULL);
      g_autoptr (HrServiceSpec) spec = parse_canary (keys, NULL);

      g_assert_cmpuint (spec->canary_from, ==, good[i].share);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *text = g_strconcat (HEAD "[Canary]\nPercentage=", bad[i], "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, ":6: group 'Canary': key 'Percentage': ");
      assert_contains (message, "is not a share");
    }
}

static void
test_keys_can_be_taken_back (void)
{
  g_autoptr (HrServiceSpec) testing = parse_canary (
      "[Canary]\nPercentage=10\nRampTo=20\nRampDuration=5s\nSteps=3\n[Profile testing]\nCanary.Percentage=", "testing");
  g_autoptr (HrServiceSpec) production =
      parse_canary ("[Canary]\nPercentage=10\nRampTo=20\nRampDuration=5s\nSteps=3\n[Profile production]\n"
                    "Canary.RampDuration=\nCanary.Steps=",
                    "production");

  g_assert_cmpuint (testing->canary_from, ==, 0);
  g_assert_cmpint (production->canary_duration, ==, 0);
  g_assert_cmpuint (production->canary_steps, ==, HR_SPEC_CANARY_STEPS_DEFAULT);
}

static void
test_what_cannot_be_had_is_refused_with_the_remedy (void)
{
  static const struct {
    const char *text;
    const char *place;
    const char *words;
  } cases[] = {
    { HEAD "[Canary]\nRampDuration=5s", ":6: group 'Canary': key 'RampDuration'", "write Percentage" },
    { HEAD "[Canary]\nRampTo=50", ":6: group 'Canary': key 'RampTo'", "write Percentage" },
    { HEAD "[Canary]\nSteps=5", ":6: group 'Canary': key 'Steps'", "write Percentage" },
    { HEAD "[Canary]\nSticky=yes", ":6: group 'Canary': key 'Sticky'", "write Percentage" },
    { HEAD "[Canary]\nPercentage=5\nRampTo=50", ":7: group 'Canary': key 'RampTo'", "write how long that takes" },
    { HEAD "[Canary]\nPercentage=5\nSteps=5", ":7: group 'Canary': key 'Steps'", "write how long that takes" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=5s\nRampTo=4.5", ":8: group 'Canary': key 'RampTo'",
      "the share rises from Percentage (5%), and 4.5% is less" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=0", ":7: group 'Canary': key 'RampDuration'",
      "'0' is no time at all" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=soon", "key 'RampDuration'", "is not a duration" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=1s\nSteps=0", "key 'Steps'", "is not a number from 1 to 1000" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=1s\nSteps=1%;10%", "key 'Steps'", "is not a number from 1 to 1000" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=1s\nSteps=101", ":8: group 'Canary': key 'Steps'",
      "each of 101 steps would be shorter than 10 ms: write fewer Steps or a longer RampDuration" },
    { HEAD "[Canary]\nPercentage=5\nRampDuration=90ms", ":7: group 'Canary': key 'RampDuration'",
      "each of 10 steps would be shorter than 10 ms" },
    { HEAD "[Canary]\nPercentage=5\nSticky=maybe", "key 'Sticky'", "is neither yes nor no" },
    { HEAD "[Canary]\nRampTo=", "key 'RampTo'", "is not a share in percent" },
    { HEAD "[Canary]\nPercent=5", "key 'Percent'", "there is no such key; did you mean 'Percentage'?" },
    { "[Service]\nExec=true\nListen=a=tcp::80\n[Canary]\nPercentage=5", ":5: group 'Canary': key 'Percentage'",
      "there is no Source in group 'Service'" },
    { "[Service]\nExec=true\nSource=/srv\nSockets=none\n[Canary]\nPercentage=5", ":6: group 'Canary': key 'Percentage'",
      "write Sockets=auto, or remove this" },
    { HEAD "Handover=sequential\n[Canary]\nPercentage=5", ":7: group 'Canary': key 'Percentage'",
      "write Handover=overlap, or remove this" },
    { "[Service]\nExec=true\nSource=/srv\nSockets=pass\n[Canary]\nPercentage=5", ":6: group 'Canary': key 'Percentage'",
      "name a TCP listener in Listen, or remove this" },
    { "[Service]\nExec=true\nSource=/srv\nListen=a=udp:127.0.0.1:1;b=unix:/run/b\n[Canary]\nPercentage=5",
      ":6: group 'Canary': key 'Percentage'", "of what comes to listener 'a' in Listen (UDP) it could take any part" },
    { SIX "tcp:127.0.0.1:1;b=udp:127.0.0.1:1\n[Canary]\nPercentage=5", ":6: group 'Canary': key 'Percentage'",
      "listener 'b' in Listen (UDP)" },
    { SIX "tcp:127.0.0.1:1;c=unix:/run/c\n[Canary]\nPercentage=5", ":6: group 'Canary': key 'Percentage'",
      "listener 'c' in Listen (a Unix socket) it could take any part: take that out of Listen, or remove this" },
    { SIX "tcp:[::1]:80\n[Health]\nProbe=tcp:localhost:80\n[Canary]\nPercentage=5",
      ":8: group 'Canary': key 'Percentage'", "listener 'a' in Listen takes IPv6 only" },
    { SIX "tcp:[fe80::1]:80\n[Health]\nProbe=exec:true\n[Canary]\nPercentage=5", "key 'Percentage'",
      "listen on an IPv4 address too, or remove this" },
    { SIX "tcp:[::1]:80\n[PostCheck]\nErrorRate=5%\nErrorMetric=http://[::1]:80/#errors\n[Canary]\nPercentage=5",
      "key 'Percentage'", "could be answered by the old one" },
    { HEAD "Instances=2\n[State]\nPreserve=no\n[Canary]\nPercentage=5", ":9: group 'Canary': key 'Percentage'",
      "write Instances=1, or remove this" },
    { HEAD "[Profile production]\nCanary.Percentage=5\nService.Sockets=pass\nService.Listen=",
      ":6: group 'Profile production': key 'Canary.Percentage'", "(in profile 'production')" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat (cases[i].text, "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, SPEC_FILE ":");
      assert_contains (message, cases[i].place);
      assert_contains (message, cases[i].words);
    }
}

static void
test_notes_say_what_may_surprise (void)
{
  g_autoptr (HrServiceSpec) none = parse_canary ("", NULL);
  g_autoptr (HrServiceSpec) bare = parse_canary ("[Canary]\nPercentage=5", NULL);
  g_autoptr (HrServiceSpec) full =
      parse_canary ("[Canary]\nPercentage=5\nRampDuration=5s\n[State]\nPreserve=no\n[Health]\nProbe=exec:true", NULL);
  g_auto (GStrv) no_notes = hr_spec_notes (none);
  g_auto (GStrv) bare_notes = hr_spec_notes (bare);
  g_auto (GStrv) full_notes = hr_spec_notes (full);

  g_assert_cmpuint (g_strv_length (no_notes), ==, 0);
  g_assert_cmpuint (g_strv_length (bare_notes), ==, 3);
  assert_contains (bare_notes[0], "a canary candidate gets no state");
  assert_contains (bare_notes[1], "does not rise by itself");
  assert_contains (bare_notes[2], "compared by nothing");
  g_assert_cmpuint (g_strv_length (full_notes), ==, 0);
}

/* A probe over the network of a service whose instances share one socket, as far as its file shows. */
static void
test_notes_say_who_may_answer_a_probe (void)
{
  static const struct {
    const char *text;
    guint n;
  } cases[] = {
    { "Listen=a=unix:/run/a\n[Health]\nProbe=exec:true", 1 },
    { "Listen=a=tcp:[::1]:80\n[Health]\nProbe=http://[::1]:80/", 1 },
    { "Listen=a=unix:/run/a\n[Health]\nProbe=watchdog\nStartProbe=exec:true", 1 },
    { "Listen=a=unix:/run/a\nHandover=sequential\n[Health]\nProbe=exec:true", 0 },
    { "Listen=a=unix:/run/a\n[Health]\nProbe=dbus:org.example.A", 0 },
    { "Listen=a=unix:/run/a;b=tcp:[::]:80\n[Health]\nProbe=exec:true", 0 },
    { "Listen=a=tcp::80\n[Health]\nProbe=exec:true", 0 },
    { "[Health]\nProbe=exec:true", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=app\n", cases[i].text, "\n", NULL);
      g_autoptr (HrServiceSpec) spec = parse (text, NULL);
      g_auto (GStrv) notes = hr_spec_notes (spec);

      g_assert_cmpuint (g_strv_length (notes), ==, cases[i].n);
      if (cases[i].n > 0)
        assert_contains (notes[0], "what the old one answers may count for the new one's probe");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add_func ("/service-spec-canary/" name, func)
  TEST ("defaults", test_defaults);
  TEST ("every-key-is-read", test_every_key_is_read);
  TEST ("shares-have-up-to-two-decimals", test_shares_have_up_to_two_decimals);
  TEST ("keys-can-be-taken-back", test_keys_can_be_taken_back);
  TEST ("what-cannot-be-had-is-refused-with-the-remedy", test_what_cannot_be_had_is_refused_with_the_remedy);
  TEST ("notes-say-what-may-surprise", test_notes_say_what_may_surprise);
  TEST ("notes-say-who-may-answer-a-probe", test_notes_say_who_may_answer_a_probe);
  return g_test_run ();
}
