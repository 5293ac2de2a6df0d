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
