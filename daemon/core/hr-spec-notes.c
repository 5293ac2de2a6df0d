/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-notes.h"

#include "hr-rollback-policy.h"

/**
 * hr_spec_notes:
 * @spec: a spec
 *
 * Returns: (transfer full): what is no fault and should be known, a line each
 */
char **
hr_spec_notes (const HrServiceSpec *spec)
{
  g_autoptr (GStrvBuilder) notes = g_strv_builder_new ();

  g_return_val_if_fail (spec != NULL, NULL);

  if (spec->canary_from > 0 && spec->preserve)
    g_strv_builder_add (notes,
                        "a canary candidate gets no state: the state of the release before is not handed over to "
                        "a release that begins as a canary (see group 'Canary')");
  if (spec->canary_from > 0 && spec->canary_duration == 0)
    g_strv_builder_add (notes,
                        "the share of a canary does not rise by itself: without RampDuration it waits for 'hrctl "
                        "promote' or 'hrctl abort', 24 hours at most");
  if (spec->canary_from > 0 && spec->probe == NULL && !hr_rollback_policy_by_metrics (spec))
    g_strv_builder_add (notes, "a canary is compared by nothing but that it runs: name a Probe in group 'Health', or "
                               "metrics in group 'PostCheck'");
  return g_strv_builder_end (notes);
}
