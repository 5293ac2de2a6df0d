/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-service-spec-isolation.c: with which rights and limits a program runs, as its service file says it.
 */
#include "spec-fixture.h"

static HrServiceSpec *
parse_keys (const char *keys)
{
  g_autofree char *text = g_strconcat ("[Service]\nExec=true\n", keys, "\n", NULL);

  return parse (text, NULL);
}

static void
test_defaults (void)
{
  g_autoptr (HrServiceSpec) spec = parse_keys ("");

  for (guint i = 0; i < HR_N_LIMITS; i++)
    g_assert_false (spec->isolation.limits[i].set);
  g_assert_false (spec->isolation.has_nice);
  g_assert_false (spec->isolation.has_umask);
  g_assert_true (spec->isolation.no_new_privileges);
  g_assert_false (spec->isolation.private_tmp);
  g_assert_cmpint (spec->isolation.protect_system, ==, HR_PROTECT_NO);
  g_assert_null (spec->isolation.read_write_paths[0]);
}

static void
test_limits (void)
{
  static const struct {
    HrLimitKind kind;
    const char *value;
    guint64 soft, hard;
  } cases[] = {
    { HR_LIMIT_NOFILE, "1024", 1024, 1024 },
    { HR_LIMIT_NOFILE, "1024:65536", 1024, 65536 },
    { HR_LIMIT_NOFILE, "0:infinity", 0, HR_LIMIT_INFINITY },
    { HR_LIMIT_CORE, "infinity", HR_LIMIT_INFINITY, HR_LIMIT_INFINITY },
    { HR_LIMIT_CORE, "0", 0, 0 },
    { HR_LIMIT_AS, "512M:2G", 512 << 20, G_GUINT64_CONSTANT (2) << 30 },
    { HR_LIMIT_FSIZE, "100", 100, 100 },
    { HR_LIMIT_DATA, "1K", 1024, 1024 },
    { HR_LIMIT_STACK, "8M", 8 << 20, 8 << 20 },
    { HR_LIMIT_RSS, "1M", 1 << 20, 1 << 20 },
    { HR_LIMIT_MEMLOCK, "64K", 65536, 65536 },
    { HR_LIMIT_MSGQUEUE, "64K", 65536, 65536 },
    { HR_LIMIT_NPROC, "100", 100, 100 },
    { HR_LIMIT_LOCKS, "7", 7, 7 },
    { HR_LIMIT_SIGPENDING, "8", 8, 8 },
    { HR_LIMIT_RTPRIO, "9", 9, 9 },
    { HR_LIMIT_CPU, "30:2min", 30, 120 },
    { HR_LIMIT_CPU, "1500ms", 2, 2 },
    { HR_LIMIT_RTTIME, "200ms", 200000, 200000 },
    { HR_LIMIT_NICE, "30", 30, 30 },
    { HR_LIMIT_NICE, "-5", 25, 25 },
    { HR_LIMIT_NICE, "+19:-20", 1, 40 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *keys = g_strdup_printf ("%s=%s", hr_limit_name (cases[i].kind), cases[i].value);
      g_autoptr (HrServiceSpec) spec = parse_keys (keys);
      const HrLimit *limit = &spec->isolation.limits[cases[i].kind];

      g_test_message ("%s", keys);
      g_assert_true (limit->set);
      g_assert_cmpuint (limit->soft, ==, cases[i].soft);
      g_assert_cmpuint (limit->hard, ==, cases[i].hard);
    }
}

static void
test_resources (void)
{
  static const struct {
    HrResourceKind kind;
    const char *text;
    HrResource resource;
    const char *written; /* NULL: as @text */
  } cases[] = {
    { HR_RESOURCE_MEMORY, "MemoryMax=64M", { TRUE, FALSE, 64 << 20 }, NULL },
    { HR_RESOURCE_MEMORY, "MemoryMax=1.5G", { TRUE, FALSE, 1536 << 20 }, "MemoryMax=1536M" },
    { HR_RESOURCE_MEMORY, "MemoryMax=50%", { TRUE, TRUE, 5000 }, NULL },
    { HR_RESOURCE_MEMORY, "MemoryMax=0.5%", { TRUE, TRUE, 50 }, "MemoryMax=0.50%" },
    { HR_RESOURCE_CPU, "CPUWeight=1", { TRUE, FALSE, 1 }, NULL },
    { HR_RESOURCE_CPU, "CPUWeight=10000", { TRUE, FALSE, 10000 }, NULL },
    { HR_RESOURCE_TASKS, "TasksMax=20", { TRUE, FALSE, 20 }, NULL },
    { HR_RESOURCE_TASKS, "TasksMax=12.5%", { TRUE, TRUE, 1250 }, "TasksMax=12.50%" },
    { HR_RESOURCE_TASKS, "TasksMax=100%", { TRUE, TRUE, 10000 }, NULL },
  };
  static const char *const none[] = { "", "MemoryMax=infinity", "TasksMax=infinity", "MemoryMax=", "CPUWeight=" };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrServiceSpec) spec = parse_keys (cases[i].text);
      const HrResource *resource = &spec->isolation.resources[cases[i].kind];
      g_autofree char *written = hr_resource_to_string (cases[i].kind, resource);

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (resource->set, ==, cases[i].resource.set);
      g_assert_cmpint (resource->is_share, ==, cases[i].resource.is_share);
      g_assert_cmpuint (resource->value, ==, cases[i].resource.value);
      g_assert_cmpstr (written, ==, cases[i].written != NULL ? cases[i].written : cases[i].text);
    }
  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    {
      g_autoptr (HrServiceSpec) spec = parse_keys (none[i]);

      for (guint kind = 0; kind < HR_N_RESOURCES; kind++)
        g_assert_false (spec->isolation.resources[kind].set);
    }
}

static void
test_bad_resources (void)
{
  static const struct {
    const char *key, *words;
  } cases[] = {
    { "MemoryMax=lots", "'lots' is not a size" },
    { "MemoryMax=0", "'0' is not a limit under which a program could run" },
    { "MemoryMax=-1", "'-1' is not a size" },
    { "MemoryMax=0%", "'0%' is not a share under which a program could run" },
    { "MemoryMax=101%", "'101%' is not a share" },
    { "CPUWeight=0", "'0' is not a weight from 1 to 10000" },
    { "CPUWeight=10001", "'10001' is not a weight" },
    { "CPUWeight=50%", "'50%' is not a weight" },
    { "CPUWeight=infinity", "'infinity' is not a weight" },
    { "TasksMax=0", "'0' is not a number from 1 on" },
    { "TasksMax=10K", "'10K' is not a number from 1 on" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=true\n", cases[i].key, "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, cases[i].words);
    }
}

static void
test_limit_is_written_as_it_is_read (void)
{
  HrLimit limit;
  g_autofree char *text = NULL;

  g_assert_true (hr_limit_parse (HR_LIMIT_AS, "1K:infinity", &limit, NULL));
  text = hr_limit_to_string (&limit);
  g_assert_cmpstr (text, ==, "1024:infinity");
}

static void
test_everything_else (void)
{
  g_autoptr (HrServiceSpec) spec = parse_keys ("Nice=-7\nUMask=0027\nNoNewPrivileges=no\nPrivateTmp=yes\n"
                                               "ProtectSystem=strict\nReadWritePaths=/srv/data;-cache\n"
                                               "User=www-data\nGroup=33\nSupplementaryGroups=ssl;4");
  g_autoptr (HrServiceSpec) nice = parse_keys ("Nice=+3\nUMask=22");

  g_assert_true (spec->isolation.has_nice);
  g_assert_cmpint (spec->isolation.nice, ==, -7);
  g_assert_true (spec->isolation.has_umask);
  g_assert_cmpuint (spec->isolation.umask, ==, 027);
  g_assert_false (spec->isolation.no_new_privileges);
  g_assert_true (spec->isolation.private_tmp);
  g_assert_cmpint (spec->isolation.protect_system, ==, HR_PROTECT_STRICT);
  g_assert_cmpstr (spec->isolation.read_write_paths[0], ==, "/srv/data");
  g_assert_true (g_str_has_prefix (spec->isolation.read_write_paths[1], "-/"));
  g_assert_true (g_str_has_suffix (spec->isolation.read_write_paths[1], "/cache"));
  g_assert_cmpstr (spec->isolation.user, ==, "www-data");
  g_assert_cmpstr (spec->isolation.group, ==, "33");
  g_assert_cmpstr (spec->isolation.groups[0], ==, "ssl");
  g_assert_cmpstr (spec->isolation.groups[1], ==, "4");
  g_assert_cmpint (nice->isolation.nice, ==, 3);
  g_assert_cmpuint (nice->isolation.umask, ==, 022);
}

static void
test_profile_takes_back (void)
{
  g_autofree char *text = g_strdup ("[Service]\nExec=true\nNice=5\nUMask=027\nLimitNOFILE=10\n"
                                    "[Profile testing]\nService.Nice=\nService.UMask=\nService.LimitNOFILE=\n");
  g_autoptr (HrServiceSpec) spec = parse (text, "testing");

  g_assert_false (spec->isolation.has_nice);
  g_assert_false (spec->isolation.has_umask);
  g_assert_false (spec->isolation.limits[HR_LIMIT_NOFILE].set);
}

static void
test_faults (void)
{
  static const struct {
    const char *keys;
    const char *words;
  } cases[] = {
    { "LimitNOFILE=-1", "'-1' is not a number from 0 on, or infinity" },
    { "LimitNOFILE=1M", "'1M' is not a number from 0 on, or infinity" },
    { "LimitNOFILE=10:", "'' is not a number from 0 on, or infinity" },
    { "LimitNOFILE=1:2:3", "'2:3' is not a number" },
    { "LimitNOFILE=20:10", "the soft limit '20' is above the hard one, '10'" },
    { "LimitAS=infinity:1G", "the soft limit 'infinity' is above the hard one" },
    { "LimitAS=much", "'much' is not a size" },
    { "LimitCPU=long", "'long' is not a duration" },
    { "LimitNICE=-21", "'-21' is not a nice level" },
    { "LimitNICE=41", "'41' is not a nice level" },
    { "LimitNOFILES=1", "did you mean 'LimitNOFILE'?" },
    { "Nice=20", "'20' is not a number from -20 (first) to 19 (last)" },
    { "Nice=low", "'low' is not a number" },
    { "UMask=9", "'9' is not a mask of three octal digits" },
    { "UMask=1022", "'1022' is not a mask" },
    { "NoNewPrivileges=perhaps", "'perhaps'" },
    { "ProtectSystem=all", "'all'" },
    { "User=the boss", "'the boss' is neither the name nor the number" },
    { "SupplementaryGroups=ssl;-x", "'-x' is neither the name nor the number" },
    { "ProtectSystem=strict\nReadWritePaths=/srv;-", "the path after '-' is missing" },
    { "ReadWritePaths=/srv", "it says what can be written in spite of ProtectSystem" },
    { "PrivateTmp=yes\nListen=web=unix:/tmp/web.sock", "it hides '/tmp/web.sock' of Listen" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=true\n", cases[i].keys, "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, "group 'Service': key '");
      assert_contains (message, cases[i].words);
    }
}

static void
test_passed_socket_may_be_in_tmp (void)
{
  g_autoptr (HrServiceSpec) spec = parse_keys ("PrivateTmp=yes\nListen=web=unix:/tmp/web.sock\nSockets=pass");

  g_assert_true (spec->isolation.private_tmp);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add_func ("/service-spec-isolation/" path, func)
  ADD ("nothing-is-limited-but-new-privileges", test_defaults);
  ADD ("limits-are-counts-sizes-times-and-levels", test_limits);
  ADD ("what-all-processes-may-use-is-a-size-a-weight-a-number-or-a-share", test_resources);
  ADD ("what-they-cannot-use-says-what-would-be-right", test_bad_resources);
  ADD ("limit-is-written-as-it-is-read", test_limit_is_written_as_it_is_read);
  ADD ("every-other-key-is-read", test_everything_else);
  ADD ("profile-takes-back", test_profile_takes_back);
  ADD ("fault-is-told", test_faults);
  ADD ("passed-socket-may-be-in-tmp", test_passed_socket_may_be_in_tmp);
  return g_test_run ();
}
