/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-unseen.h"

#include "spec-fixture.h"

#define HEAD "[Service]\nExec=program\n"
#define LISTEN "Listen=http=tcp:127.0.0.1:8080\n"
#define OLD (60 * G_USEC_PER_SEC)

/* One line: what is known, and what follows. */
static const struct {
  const char *name, *text;
  HrUnseenCase what;
  HrUnseenVerdict verdict;
} cases[] = {
  { "seen", "", { .has_previous = TRUE, .previous_age = OLD }, HR_UNSEEN_GOES },
  { "seen-and-found", "", { .has_previous = TRUE, .holds_found = TRUE, .previous_age = OLD }, HR_UNSEEN_GOES },
  { "first", "", { .candidate = HR_UNSEEN_STATIC }, HR_UNSEEN_GOES },
  { "binds",
    "",
    { .candidate = HR_UNSEEN_STATIC,
      .has_previous = TRUE,
      .previous = HR_UNSEEN_STATIC,
      .previous_binds = TRUE,
      .previous_age = OLD },
    HR_UNSEEN_NEEDS_SEQUENTIAL },
  { "binds-nothing",
    "",
    { .candidate = HR_UNSEEN_GO, .has_previous = TRUE, .previous = HR_UNSEEN_GO, .previous_age = OLD },
    HR_UNSEEN_GOES },
  { "may-be-about-to-bind",
    "",
    { .candidate = HR_UNSEEN_GO,
      .has_previous = TRUE,
      .previous = HR_UNSEEN_GO,
      .previous_age = HR_UNSEEN_BINDS_WITHIN_USEC - 1 },
    HR_UNSEEN_NEEDS_SEQUENTIAL },
  { "has-been-replaced-by-one-that-is-seen",
    "",
    { .has_previous = TRUE, .previous = HR_UNSEEN_STATIC, .previous_binds = TRUE, .previous_age = OLD },
    HR_UNSEEN_NEEDS_SEQUENTIAL },
  { "starts-what-binds",
    "",
    { .has_previous = TRUE, .previous = HR_UNSEEN_RUNNING, .previous_binds = TRUE, .previous_age = OLD },
    HR_UNSEEN_NEEDS_SEQUENTIAL },
  { "takes-the-place-of-one-that-was-seen",
    "",
    { .candidate = HR_UNSEEN_STATIC, .has_previous = TRUE, .holds_found = TRUE, .previous_age = OLD },
    HR_UNSEEN_CANNOT },
  { "binds-and-adopt-is-asked-for",
    "Sockets=adopt\n",
    { .candidate = HR_UNSEEN_SETID,
      .has_previous = TRUE,
      .previous = HR_UNSEEN_SETID,
      .previous_binds = TRUE,
      .previous_age = OLD },
    HR_UNSEEN_CANNOT },
  { "binds-and-ends-first-anyway",
    "Sockets=adopt\nHandover=sequential\n",
    { .candidate = HR_UNSEEN_SETID,
      .has_previous = TRUE,
      .previous = HR_UNSEEN_SETID,
      .previous_binds = TRUE,
      .previous_age = OLD,
      .sequential = TRUE },
    HR_UNSEEN_GOES },
  { "adopt-what-is-in-Listen", "Sockets=adopt\n" LISTEN, { .candidate = HR_UNSEEN_STATIC }, HR_UNSEEN_CANNOT },
  { "takes-Listen",
    LISTEN,
    { .candidate = HR_UNSEEN_STATIC, .has_previous = TRUE, .previous = HR_UNSEEN_STATIC },
    HR_UNSEEN_GOES },
  { "takes-Listen-and-binds-more",
    LISTEN,
    { .candidate = HR_UNSEEN_STATIC, .has_previous = TRUE, .previous = HR_UNSEEN_STATIC, .previous_binds = TRUE },
    HR_UNSEEN_NEEDS_SEQUENTIAL },
  { "pass",
    "Sockets=pass\n",
    { .candidate = HR_UNSEEN_GO, .has_previous = TRUE, .previous = HR_UNSEEN_GO, .previous_binds = TRUE },
    HR_UNSEEN_GOES },
  { "none",
    "Sockets=none\n",
    { .candidate = HR_UNSEEN_GO, .has_previous = TRUE, .previous = HR_UNSEEN_GO, .previous_binds = TRUE },
    HR_UNSEEN_GOES },
};

static void
test_case (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autofree char *text = g_strconcat (HEAD, cases[i].text, NULL);
  g_autoptr (HrServiceSpec) spec = parse (text, NULL);

  g_assert_cmpint (hr_unseen_judge (spec, &cases[i].what), ==, cases[i].verdict);
  if (cases[i].verdict == HR_UNSEEN_CANNOT)
    {
      g_autofree char *why = hr_unseen_describe_refusal (spec, &cases[i].what);

      g_test_message ("%s", why);
      assert_contains (why, "address in use; ");
      assert_contains (why, "LISTEN_FDS");
    }
}

/* What there is to say, by mode: NULL is nothing. */
static const struct {
  const char *text;
  HrUnseen unseen;
  const char *words[2];
} advices[] = {
  { "", HR_UNSEEN_NOT, { NULL } },
  { "Sockets=none\n", HR_UNSEEN_STATIC, { NULL } },
  { "Sockets=pass\n", HR_UNSEEN_STATIC, { NULL } },
  { LISTEN, HR_UNSEEN_RUNNING, { "does not load the preload library", "name its address in Listen" } },
  { "",
    HR_UNSEEN_STATIC,
    { "linked statically", "connections can be refused during a reload; name its address in Listen" } },
  { "", HR_UNSEEN_GO, { "written in Go", "take LISTEN_FDS" } },
  { "", HR_UNSEEN_SETID, { "rights of its file's owner", "take LISTEN_FDS" } },
  { "", HR_UNSEEN_CAPABLE, { "capabilities", "take LISTEN_FDS" } },
  { "", HR_UNSEEN_FOREIGN, { "another processor or word size", "take LISTEN_FDS" } },
  { "Sockets=adopt\n", HR_UNSEEN_GO, { "a reload is refused", "Sockets=pass" } },
  { "Sockets=adopt\nHandover=sequential\n", HR_UNSEEN_GO, { "connections can be refused", "take LISTEN_FDS" } },
  { "Sockets=adopt\n" LISTEN, HR_UNSEEN_GO, { "cannot be answered with the socket of Listen", "Sockets=pass" } },
  { "Sockets=pass\n" LISTEN, HR_UNSEEN_STATIC, { "must take LISTEN_FDS", "finish by itself" } },
  { LISTEN, HR_UNSEEN_STATIC, { "must take LISTEN_FDS", "READY=1" } },
};

static void
test_advice (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (advices); i++)
    {
      g_autofree char *text = g_strconcat (HEAD, advices[i].text, NULL);
      g_autoptr (HrServiceSpec) spec = parse (text, NULL);
      g_autofree char *advice = hr_unseen_advise (spec, advices[i].unseen);

      if (advices[i].words[0] == NULL)
        {
          g_assert_null (advice);
          continue;
        }
      g_assert_nonnull (advice);
      assert_contains (advice, advices[i].words[0]);
      assert_contains (advice, advices[i].words[1]);
    }
}

static void
test_sequential (void)
{
  static const struct {
    const char *text;
    HrUnseenCase what;
    const char *words[2];
  } sequential[] = {
    { "",
      { .has_previous = TRUE, .candidate = HR_UNSEEN_GO, .previous = HR_UNSEEN_GO, .previous_binds = TRUE },
      { "written in Go, so that what it binds cannot be handed over",
        "name its address in Listen and take LISTEN_FDS" } },
    { "",
      { .has_previous = TRUE, .previous = HR_UNSEEN_RUNNING, .previous_binds = TRUE },
      { "a process of it that listens does not load the preload library", "name its address in Listen" } },
    { LISTEN,
      { .has_previous = TRUE, .candidate = HR_UNSEEN_STATIC, .previous = HR_UNSEEN_STATIC, .previous_binds = TRUE },
      { "linked statically", "to avoid that, take LISTEN_FDS" } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (sequential); i++)
    {
      g_autofree char *text = g_strconcat (HEAD, sequential[i].text, NULL);
      g_autoptr (HrServiceSpec) spec = parse (text, NULL);
      g_autofree char *why = hr_unseen_describe_sequential (spec, &sequential[i].what);

      g_assert_cmpint (hr_unseen_judge (spec, &sequential[i].what), ==, HR_UNSEEN_NEEDS_SEQUENTIAL);
      assert_contains (why, sequential[i].words[0]);
      assert_contains (why, sequential[i].words[1]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/unseen/", cases[i].name, NULL);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_case);
    }
  g_test_add_func ("/unseen/advice-says-why-and-what-to-do", test_advice);
  g_test_add_func ("/unseen/what-makes-it-sequential-is-said-with-a-remedy", test_sequential);
  return g_test_run ();
}
