/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-request.h"

/**
 * hr_request_new:
 * @id: for its job
 * @kind: what to do
 * @service: the service's name
 * @trigger: the contract's word
 * @caller: (nullable): who asked
 *
 * Returns: (transfer full): a request with a new job, by hand when there is a caller
 */
HrRequest *
hr_request_new (guint64 id, HrJobKind kind, const char *service, const char *trigger, const char *caller)
{
  HrRequest *self = g_new0 (HrRequest, 1);

  self->job = hr_job_new (id, kind, service, caller);
  self->kind = kind;
  self->trigger = g_strdup (trigger);
  self->by_hand = caller != NULL;
  return self;
}

/**
 * hr_request_free:
 * @self: (transfer full) (nullable): a request; its job is left as it is
 */
void
hr_request_free (HrRequest *self)
{
  if (self == NULL)
    return;
  g_clear_object (&self->job);
  g_free (self->trigger);
  g_free (self->snapshot);
  g_free (self->reason);
  g_strfreev (self->hints);
  g_free (self);
}

/**
 * hr_request_carry:
 * @self: a request
 *
 * Returns: (transfer floating): what was asked for, for hr_request_new_carried(); its job is named by "job"
 */
GVariant *
hr_request_carry (const HrRequest *self)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "job", "t", hr_job_get_id (self->job));
  g_variant_dict_insert (&dict, "trigger", "s", self->trigger);
  g_variant_dict_insert (&dict, "by-hand", "b", self->by_hand);
  g_variant_dict_insert (&dict, "spares-rejected", "b", self->spares_rejected);
  g_variant_dict_insert (&dict, "retries-unproven", "b", self->retries_unproven);
  g_variant_dict_insert (&dict, "begun", "b", self->begun);
  g_variant_dict_insert (&dict, "target", "t", self->target);
  g_variant_dict_insert (&dict, "open", "b", self->open);
  g_variant_dict_insert (&dict, "aborted", "t", self->aborted);
  if (self->snapshot != NULL)
    g_variant_dict_insert (&dict, "snapshot", "s", self->snapshot);
  if (self->reason != NULL)
    g_variant_dict_insert (&dict, "reason", "^ay", self->reason);
  if (self->hints != NULL)
    g_variant_dict_insert (&dict, "hints", "^aay", self->hints);
  return g_variant_dict_end (&dict);
}

/**
 * hr_request_new_carried:
 * @carried: what hr_request_carry() made
 * @job: its job
 *
 * Returns: (transfer full): the request
 */
HrRequest *
hr_request_new_carried (GVariant *carried, HrJob *job)
{
  HrRequest *self = g_new0 (HrRequest, 1);

  self->job = g_object_ref (job);
  self->kind = hr_job_get_kind (job);
  if (!g_variant_lookup (carried, "trigger", "s", &self->trigger))
    self->trigger = g_strdup ("manual");
  g_variant_lookup (carried, "by-hand", "b", &self->by_hand);
  g_variant_lookup (carried, "spares-rejected", "b", &self->spares_rejected);
  g_variant_lookup (carried, "retries-unproven", "b", &self->retries_unproven);
  g_variant_lookup (carried, "begun", "b", &self->begun);
  g_variant_lookup (carried, "target", "t", &self->target);
  g_variant_lookup (carried, "open", "b", &self->open);
  g_variant_lookup (carried, "aborted", "t", &self->aborted);
  g_variant_lookup (carried, "snapshot", "s", &self->snapshot);
  g_variant_lookup (carried, "reason", "^ay", &self->reason);
  g_variant_lookup (carried, "hints", "^aay", &self->hints);
  return self;
}
