/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "hr-error.h"
#include "hr-listen-spec.h"

static HrListenSpec *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  HrListenSpec *spec = hr_listen_spec_parse (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (spec);
  return spec;
}

static void
test_addresses_are_taken_apart (void)
{
  static const struct {
    const char *text;
    const char *name;
    HrListenKind kind;
    const char *host;
    guint16 port;
    const char *path;
  } cases[] = {
    { "http=tcp:127.0.0.1:8080", "http", HR_LISTEN_TCP, "127.0.0.1", 8080, NULL },
    { "a=tcp:localhost:0", "a", HR_LISTEN_TCP, "localhost", 0, NULL },
    { "a=tcp::80", "a", HR_LISTEN_TCP, "", 80, NULL },
    { "a=tcp:[::1]:65535", "a", HR_LISTEN_TCP, "::1", 65535, NULL },
    { "a=tcp:[::]:1", "a", HR_LISTEN_TCP, "::", 1, NULL },
    { "dns.1_x-y=udp:0.0.0.0:53", "dns.1_x-y", HR_LISTEN_UDP, "0.0.0.0", 53, NULL },
    { "a=unix:/run/a.sock", "a", HR_LISTEN_UNIX, NULL, 0, "/run/a.sock" },
    { "a=unix:/run/../run//a=b", "a", HR_LISTEN_UNIX, NULL, 0, "/run/a=b" },
    { "a=unix:@x/y", "a", HR_LISTEN_UNIX, NULL, 0, "@x/y" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrListenSpec) spec = parse (cases[i].text);

      g_assert_cmpstr (spec->name, ==, cases[i].name);
      g_assert_cmpint (spec->kind, ==, cases[i].kind);
      g_assert_cmpstr (spec->host, ==, cases[i].host);
      g_assert_cmpint (spec->port, ==, cases[i].port);
      g_assert_cmpstr (spec->path, ==, cases[i].path);
    }
}

static void
test_faults_say_what_would_be_right (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "", "'' has no name: write NAME=ADDRESS" },
    { "tcp:127.0.0.1:80", "'tcp:127.0.0.1:80' has no name: write NAME=ADDRESS" },
    { "=tcp:127.0.0.1:80", "the name of '=tcp:127.0.0.1:80' is not one to 64 letters" },
    { "a b=tcp::80", "the name of 'a b=tcp::80' is not" },
    { "a:b=tcp::80", "the name of 'a:b=tcp::80' is not" },
    { "a=", "'' is not an address: write NAME=ADDRESS, and ADDRESS as tcp:HOST:PORT" },
    { "a=8080", "'8080' is not an address" },
    { "a=http://x:80", "'http://x:80' is not an address" },
    { "a=tcp:8080", "'8080' lacks the port" },
    { "a=tcp:host:", "the port of 'host:' is not a number from 0 to 65535" },
    { "a=tcp:host:x", "the port of 'host:x' is not" },
    { "a=tcp:host:-1", "the port of 'host:-1' is not" },
    { "a=tcp:host:65536", "the port of 'host:65536' is not" },
    { "a=tcp:::1:80", "'::1' is not a host: an IPv6 address stands in brackets" },
    { "a=tcp:[::g]:80", "'[::g]' holds no IPv6 address" },
    { "a=tcp:[127.0.0.1]:80", "'[127.0.0.1]' holds no IPv6 address" },
    { "a=tcp:[]:80", "'[]' holds no IPv6 address" },
    { "a=tcp:256.1.1.1:80", "'256.1.1.1' is not an IPv4 address" },
    { "a=tcp:a b:80", "'a b' is not a host" },
    { "a=tcp:*:80", "'*' is not a host" },
    { "a=unix:", "the path after 'unix:' is missing" },
    { "a=unix:@", "the path after 'unix:' is missing" },
    { "a=unix:run/a", "'run/a' is a relative path, and there is no directory that it is relative to" },
    { "a=unix:/run/", "'/run/' is a directory" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_listen_spec_parse (cases[i].text, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
}

static void
test_lengths_have_limits (void)
{
  g_autofree char *name = g_strnfill (HR_LISTEN_NAME_MAX + 1, 'n');
  g_autofree char *long_name = g_strconcat (name, "=tcp::80", NULL);
  g_autofree char *host = g_strnfill (254, 'h');
  g_autofree char *long_host = g_strconcat ("a=tcp:", host, ":80", NULL);
  g_autofree char *path = g_strnfill (107, 'p');
  g_autofree char *long_path = g_strconcat ("a=unix:/", path, NULL);
  g_autofree char *longest_path = g_strndup (long_path, strlen (long_path) - 1);
  g_autofree char *longest_name = g_strconcat (name + 1, "=tcp::80", NULL);
  g_autoptr (HrListenSpec) first = parse (longest_path);
  g_autoptr (HrListenSpec) second = parse (longest_name);
  g_autofree char *long_abstract = g_strconcat ("a=unix:@", path, NULL);
  const char *const texts[] = { long_name, long_host, long_path, long_abstract };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_listen_spec_parse (texts[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
    }
}

static void
test_of_those_that_collide_only_one_can_be_bound (void)
{
  static const struct {
    const char *first;
    const char *second;
    gboolean collide;
  } cases[] = {
    { "a=tcp:localhost:80", "b=tcp:LOCALHOST:80", TRUE },
    { "a=tcp:localhost:80", "b=tcp:localhost:81", FALSE },
    { "a=tcp:localhost:80", "b=udp:localhost:80", FALSE },
    { "a=tcp:localhost:0", "b=tcp:localhost:0", FALSE },
    { "a=tcp:localhost:80", "b=tcp:127.0.0.1:80", TRUE },
    { "a=tcp:0.0.0.0:80", "b=tcp:127.0.0.1:80", TRUE },
    { "a=tcp:0.0.0.0:80", "b=tcp:localhost:80", TRUE },
    { "a=tcp:0.0.0.0:80", "b=tcp:[::1]:80", FALSE },
    { "a=tcp:0.0.0.0:80", "b=tcp:[::]:80", TRUE },
    { "a=tcp:[::]:80", "b=tcp:127.0.0.1:80", TRUE },
    { "a=tcp:[::]:80", "b=tcp:[fe80::1]:80", TRUE },
    { "a=tcp:[::1]:80", "b=tcp:[0::0:1]:80", TRUE },
    { "a=tcp:[::1]:80", "b=tcp:127.0.0.1:80", FALSE },
    { "a=tcp:[::ffff:127.0.0.1]:80", "b=tcp:127.0.0.1:80", TRUE },
    { "a=tcp::80", "b=tcp:10.0.0.1:80", TRUE },
    { "a=udp:0.0.0.0:80", "b=udp:10.0.0.1:80", TRUE },
    { "a=tcp:0.0.0.0:80", "b=udp:10.0.0.1:80", FALSE },
    { "a=tcp:10.0.0.1:80", "b=tcp:10.0.0.2:80", FALSE },
    { "a=unix:/x", "b=unix:/y/../x", TRUE },
    { "a=unix:/x", "b=unix:/X", FALSE },
    { "a=unix:@x", "b=unix:@x", TRUE },
    { "a=unix:@x", "b=unix:/x", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrListenSpec) first = parse (cases[i].first);
      g_autoptr (HrListenSpec) second = parse (cases[i].second);

      g_assert_cmpint (hr_listen_spec_collides (first, second), ==, cases[i].collide);
      g_assert_cmpint (hr_listen_spec_collides (second, first), ==, cases[i].collide);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/listen-spec/addresses-are-taken-apart", test_addresses_are_taken_apart);
  g_test_add_func ("/listen-spec/faults-say-what-would-be-right", test_faults_say_what_would_be_right);
  g_test_add_func ("/listen-spec/lengths-have-limits", test_lengths_have_limits);
  g_test_add_func ("/listen-spec/of-those-that-collide-only-one-can-be-bound",
                   test_of_those_that_collide_only_one_can_be_bound);
  return g_test_run ();
}
