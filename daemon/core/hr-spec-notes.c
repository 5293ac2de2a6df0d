/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-notes.h"

#include "hr-rollback-policy.h"

/* Whether it is known already that no socket of it can be one of two for the same address. */
static gboolean
has_but_one_socket (const HrServiceSpec *spec)
{
  for (guint i = 0; i < spec->listen->len; i++)
    {
      const HrListenSpec *listen = g_ptr_array_index (spec->listen, i);

      if (listen->kind == HR_LISTEN_TCP && !hr_listen_spec_is_ipv6_only (listen))
        return FALSE;
    }
  return spec->listen->len > 0 && spec->handover != HR_HANDOVER_SEQUENTIAL;
}

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
  if (has_but_one_socket (spec)
      && (hr_probe_spec_is_by_network (spec->probe) || hr_probe_spec_is_by_network (spec->start_probe)))
    g_strv_builder_add (notes,
                        "Listen has no TCP listener that takes IPv4, so that old and new instance share a socket: "
                        "what the old one answers may count for the new one's probe");
  return g_strv_builder_end (notes);
}

/**
 * hr_spec_note_shared:
 * @spec: a spec
 * @other: that of another service
 *
 * That both want one address is no fault: they may be meant to run at different times.
 *
 * Returns: (transfer full) (nullable): that a listener of @spec cannot be bound beside one of @other; %NULL: each can
 */
char *
hr_spec_note_shared (const HrServiceSpec *spec, const HrServiceSpec *other)
{
  g_return_val_if_fail (spec != NULL && other != NULL, NULL);

  for (guint i = 0; i < spec->listen->len; i++)
    for (guint j = 0; j < other->listen->len; j++)
      {
        const HrListenSpec *ours = g_ptr_array_index (spec->listen, i), *theirs = g_ptr_array_index (other->listen, j);

        if (hr_listen_spec_collides (ours, theirs))
          return g_strdup_printf (
              "listener '%s' and listener '%s' of service '%s' have one address, or one takes every "
              "address: only one of the two services can run at a time",
              ours->name, theirs->name, other->name);
      }
  return NULL;
}
