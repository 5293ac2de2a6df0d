/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-reload-policy.h"

static const char *const phases[] = {
  [HR_PHASE_WAIT] = "wait",         [HR_PHASE_SETTLE] = "settle", [HR_PHASE_RECORD] = "record",
  [HR_PHASE_PLACE] = "place",       [HR_PHASE_CHECK] = "check",   [HR_PHASE_START] = "start",
  [HR_PHASE_PRESERVE] = "preserve", [HR_PHASE_READY] = "ready",   [HR_PHASE_VERIFY] = "verify",
  [HR_PHASE_CANARY] = "canary",     [HR_PHASE_SWITCH] = "switch", [HR_PHASE_OBSERVE] = "observe",
};

/**
 * hr_reload_phase_to_string:
 * @phase: a phase
 *
 * Returns: (transfer none): its word
 */
const char *
hr_reload_phase_to_string (HrReloadPhase phase)
{
  g_return_val_if_fail (phase < G_N_ELEMENTS (phases), NULL);
  return phases[phase];
}

/**
 * hr_reload_decide:
 * @tree: the source's tree as it is now
 * @running_tree: (nullable): tree of the running release; %NULL: nothing runs
 * @last_tree: (nullable): tree of the release with the highest number, whatever became of it
 * @by_hand: whether somebody asked for this reload
 *
 * Rule 3: a change set is nothing to do when its tree is the running one's or the last candidate's, unless somebody
 * asked, also when nothing runs; rule 4: a tree that differs from the last recorded one is a new release, also when an
 * older one is equal.
 *
 * Returns: what to do
 */
HrReloadVerdict
hr_reload_decide (const char *tree, const char *running_tree, const char *last_tree, gboolean by_hand)
{
  g_return_val_if_fail (tree != NULL, HR_RELOAD_NOTHING);

  if (g_strcmp0 (tree, running_tree) == 0)
    return by_hand ? HR_RELOAD_RUNNING : HR_RELOAD_NOTHING;
  if (g_strcmp0 (tree, last_tree) == 0)
    return by_hand ? HR_RELOAD_LAST : HR_RELOAD_NOTHING;
  return HR_RELOAD_NEW;
}

/**
 * hr_reload_patience:
 * @usual: how long the last candidate took that got there, in microseconds; 0: none has yet
 * @n_superseded: how many have given way to a newer change since then, one after the other
 *
 * Who saves once a second must not keep a program from ever coming up that takes longer than that, nor a version that
 * starts more slowly than those before: each candidate that gives way leaves twice the time to the next.
 *
 * Returns: for how long a candidate is let alone although there is a newer change
 */
gint64
hr_reload_patience (gint64 usual, guint n_superseded)
{
  gint64 patience = MAX (HR_PATIENCE_LEAST_USEC, MIN (usual, HR_PATIENCE_MOST_USEC) * HR_PATIENCE_FACTOR);

  for (guint i = 0; i < n_superseded && patience < HR_PATIENCE_MOST_USEC; i++)
    patience *= 2;
  return MIN (patience, HR_PATIENCE_MOST_USEC);
}
