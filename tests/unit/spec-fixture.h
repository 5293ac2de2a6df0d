/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * spec-fixture.h: service files that must be taken, or refused with certain words.
 */
#pragma once

#include <string.h>

#include "hr-error.h"
#include "hr-service-spec.h"
#include "spec-text.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

static HrServiceSpec *
parse_sources (const HrSpecSource *sources, gsize n_sources, const char *profile)
{
  g_autoptr (GError) error = NULL;
  HrServiceSpec *spec = hr_service_spec_parse ("web", sources, n_sources, profile, &error);

  g_assert_no_error (error);
  g_assert_nonnull (spec);
  return spec;
}

static HrServiceSpec *
parse (const char *text, const char *profile)
{
  HrSpecSource source = { SPEC_FILE, text, strlen (text) };

  return parse_sources (&source, 1, profile);
}

static char *
fail_sources (const char *name, const HrSpecSource *sources, gsize n_sources, const char *profile)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_service_spec_parse (name, sources, n_sources, profile, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_test_message ("%s", error->message);
  return g_strdup (error->message);
}

static char *
fail_text (const char *text)
{
  HrSpecSource source = { SPEC_FILE, text, strlen (text) };

  return fail_sources ("web", &source, 1, NULL);
}

static void
assert_contains (const char *text, const char *words)
{
  if (strstr (text, words) == NULL)
    g_assert_cmpstr (text, ==, words);
}

#pragma GCC diagnostic pop
