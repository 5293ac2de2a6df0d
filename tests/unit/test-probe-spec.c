/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spec-fixture.h"

#define SERVICE "[Service]\nExec=true\nListen=web=tcp:127.0.0.1:8080\nSource=/srv\n[Health]\n"

static const HrSpecifierValues values = { .port = 8080, .directory = "/slot", .release = 7, .name = "web" };

/* Each kind, and what an instance is asked in the end. */
static void
test_each_kind_is_read_and_expanded (void)
{
  static const struct {
    const char *text;
    HrProbeKind kind;
    const char *expanded;
  } cases[] = {
    { "http://127.0.0.1/", HR_PROBE_HTTP, "http://127.0.0.1/" },
    { "http://127.0.0.1:%p/health?release=%r&q=100%%25", HR_PROBE_HTTP,
      "http://127.0.0.1:8080/health?release=7&q=100%25" },
    { "https://[::1]:8443/%n", HR_PROBE_HTTP, "https://[::1]:8443/web" },
    { "http://localhost:%p", HR_PROBE_HTTP, "http://localhost:8080" },
    { "tcp:127.0.0.1:%p", HR_PROBE_TCP, "tcp:127.0.0.1:8080" },
    { "tcp:[::1]:1", HR_PROBE_TCP, "tcp:[::1]:1" },
    { "tcp:localhost:65535", HR_PROBE_TCP, "tcp:localhost:65535" },
    { "exec:curl -f 'a b' %s/x", HR_PROBE_EXEC, "exec:curl -f a b /slot/x" },
    { "dbus:org.example.%n", HR_PROBE_DBUS, "dbus:org.example.web" },
    { "watchdog", HR_PROBE_WATCHDOG, "watchdog" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HrProbeSpec) probe = hr_probe_spec_parse (cases[i].text, &error);
      g_autoptr (HrProbeSpec) expanded = NULL;

      g_assert_no_error (error);
      g_assert_cmpint (probe->kind, ==, cases[i].kind);
      g_assert_cmpstr (probe->text, ==, cases[i].text);
      expanded = hr_probe_spec_expand (probe, &values, &error);
      g_assert_no_error (error);
      g_assert_cmpint (expanded->kind, ==, cases[i].kind);
      g_assert_cmpstr (expanded->text, ==, cases[i].expanded);
    }
}

static void
test_words_of_a_command_stay_words (void)
{
  g_autoptr (HrProbeSpec) probe = hr_probe_spec_parse ("exec:a 'b %n' %p", NULL);
  g_autoptr (HrProbeSpec) expanded = hr_probe_spec_expand (probe, &values, NULL);

  g_assert_cmpuint (g_strv_length (expanded->words), ==, 3);
  g_assert_cmpstr (expanded->words[1], ==, "b web");
  g_assert_cmpstr (expanded->words[2], ==, "8080");
}

/* A listener that the program made itself may not be there yet. */
static void
test_a_specifier_without_value_is_an_error (void)
{
  const HrSpecifierValues nothing = { .release = 1, .name = "web" };
  g_autoptr (HrProbeSpec) probe = hr_probe_spec_parse ("tcp:127.0.0.1:%p", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_probe_spec_expand (probe, &nothing, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
}

static void
test_what_is_no_probe_says_what_to_write (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "", "'' is not a probe: write http://HOST:PORT/PATH, https://HOST:PORT/PATH, tcp:HOST:PORT, exec:COMMAND, "
          "dbus:NAME or watchdog" },
    { "curl x", "'curl x' is not a probe" },
    { "http:localhost", "'http:localhost' is not a probe" },
    { "ftp://localhost/", "is not a probe" },
    { "watchdog:5s", "is not a probe" },
    { "http:///x", "names no host or port to connect to: write http://HOST:PORT/PATH" },
    { "http://a:0/", "names no host or port" },
    { "http://a:99999/", "is not an address: " },
    { "http://[::1/", "is not an address: " },
    { "http://me:secret@a/", "write exec:curl with them instead" },
    { "http://a/#x", "has a part after '#'" },
    { "http://a/%20b", "'%2' is not known: write %p" },
    { "tcp:8080", "'8080' does not end with ':' and a port from 1 to 65535: write tcp:HOST:PORT" },
    { "tcp:a:0", "does not end with ':' and a port" },
    { "tcp:a:http", "does not end with ':' and a port" },
    { "tcp::1", "names no host to connect to" },
    { "tcp:::1:80", "an IPv6 address stands in brackets" },
    { "tcp:[a]:80", "holds no IPv6 address" },
    { "tcp:a b:80", "names no host to connect to" },
    { "exec:", "names no program" },
    { "exec:a 'b", "ends within quotes" },
    { "exec:date +%F", "'%F' is not known" },
    { "dbus:app", "'app' is not a name that a program can own on the bus: write dbus:NAME" },
    { "dbus::1.5", "is not a name that a program can own" },
    { "dbus:", "'' is not a name" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_probe_spec_parse (cases[i].text, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      assert_contains (error->message, cases[i].words);
    }
}

static void
test_status_is_a_list_of_ranges (void)
{
  g_autoptr (GArray) usual = hr_probe_status_parse ("", NULL);
  g_autoptr (GArray) some = hr_probe_status_parse ("204;301-303;500", NULL);
  static const char *const wrong[] = { "99", "600", "x", "300-200", "200-", "-200", "200-300-400", "2xx", "200;0" };

  g_assert_false (hr_probe_status_accepts (usual, 199));
  g_assert_true (hr_probe_status_accepts (usual, 200));
  g_assert_true (hr_probe_status_accepts (usual, 399));
  g_assert_false (hr_probe_status_accepts (usual, 400));
  g_assert_true (hr_probe_status_accepts (some, 204));
  g_assert_true (hr_probe_status_accepts (some, 303));
  g_assert_true (hr_probe_status_accepts (some, 500));
  g_assert_false (hr_probe_status_accepts (some, 200));
  g_assert_false (hr_probe_status_accepts (some, 304));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_probe_status_parse (wrong[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      assert_contains (error->message, "is neither a status of HTTP nor a range of them");
    }
}

static void
test_keys_that_need_another_are_refused (void)
{
  static const struct {
    const char *keys;
    const char *words;
  } cases[] = {
    { "Status=200", ":6: group 'Health': key 'Status': it says how to probe, and there is no Probe" },
    { "Text=ok", "key 'Text': it says how to probe, and there is no Probe" },
    { "StartProbe=tcp:a:1", "key 'StartProbe': it says how to probe, and there is no Probe" },
    { "Probe=tcp:a:1\nStatus=200", ":7: group 'Health': key 'Status': it is about an answer over HTTP, and no probe "
                                   "asks for one: write Probe=http://HOST:PORT/PATH" },
    { "Probe=exec:x\nText=ok", "key 'Text': it is about an answer over HTTP" },
    { "Probe=watchdog\nTimeout=1s", "key 'Timeout': a watchdog asks nothing that could take time" },
    { "Probe=tcp:a:1\nStartProbe=nothing", ":7: group 'Health': key 'StartProbe': 'nothing' is not a probe" },
    { "Probe=http://a/%s\n[Profile production]\nService.Source=", "'%s' stands for the directory of the code" },
    { "Probe=tcp:a:%p\n[Profile production]\nService.Listen=", "'%p' stands for the port of the first TCP listener" },
    { "Probe=tcp:a:1\nStartProbe=tcp:a:%p\n[Profile production]\nService.Listen=",
      "key 'StartProbe': '%p' stands for the port of the first TCP listener" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat (SERVICE, cases[i].keys, "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, SPEC_FILE ":");
      assert_contains (message, cases[i].words);
    }
}

static void
test_keys_that_fit_are_read (void)
{
  static const char text[] = SERVICE "Probe=watchdog\nStartProbe=http://a:%p/deep\nStatus=200;204\nText=all well\n"
                                     "Timeout=9s\n[Profile testing]\nHealth.StartProbe=\nHealth.Status=\n"
                                     "Health.Text=\nHealth.Probe=http://a/\n";
  g_autoptr (HrServiceSpec) spec = parse (text, NULL);
  g_autoptr (HrServiceSpec) testing = parse (text, "testing");

  g_assert_cmpint (spec->probe->kind, ==, HR_PROBE_WATCHDOG);
  g_assert_cmpstr (spec->start_probe->text, ==, "http://a:%p/deep");
  g_assert_cmpstr (spec->probe_text, ==, "all well");
  g_assert_cmpuint (spec->probe_status->len, ==, 2);
  g_assert_null (testing->start_probe);
  g_assert_cmpstr (testing->probe_text, ==, NULL);
  g_assert_true (hr_probe_status_accepts (testing->probe_status, 302));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add_func ("/probe-spec/" name, func)
  TEST ("each-kind-is-read-and-expanded", test_each_kind_is_read_and_expanded);
  TEST ("words-of-a-command-stay-words", test_words_of_a_command_stay_words);
  TEST ("a-specifier-without-value-is-an-error", test_a_specifier_without_value_is_an_error);
  TEST ("what-is-no-probe-says-what-to-write", test_what_is_no_probe_says_what_to_write);
  TEST ("status-is-a-list-of-ranges", test_status_is_a_list_of_ranges);
  TEST ("keys-that-need-another-are-refused", test_keys_that_need_another_are_refused);
  TEST ("keys-that-fit-are-read", test_keys_that_fit_are_read);
  return g_test_run ();
}
