/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a canary gets over a re-execution of the daemon. The candidate is taken over beside the instance that serves, with
 * its share; its reload goes on when the service is not held any more. Where something of that cannot be, the reload begins
 * anew, under the same job.
 */
#include "hr-log.h"
#include "hr-service-private.h"

/**
 * hr_service_is_in_canary:
 * @self: a service
 *
 * Returns: whether its reload is in its phase canary, and has not failed
 */
gboolean
hr_service_is_in_canary (HrService *self)
{
  return self->reload != NULL && hr_reload_get_canary (self->reload) != NULL;
}

/**
 * hr_service_carry_canary:
 * @self: a service that is held, and whose reload is in its phase canary
 * @dict: where all is added that hr_service_expect_canary() and hr_service_go_on_with_canary() need
 */
void
hr_service_carry_canary (HrService *self, GVariantDict *dict)
{
  g_autoptr (GVariant) carried = g_variant_ref_sink (hr_reload_carry_canary (self->reload));
  HrCanaryInfo info = hr_canary_get_info (hr_reload_get_canary (self->reload));
  GVariantDict reload;

  g_variant_dict_init (&reload, carried);
  g_variant_dict_insert (&reload, "events", "b", self->reload_events);
  g_variant_dict_insert (&reload, "began-at", "x", self->reload_began_at);
  g_variant_dict_insert (&reload, "held", "b", info.held);
  g_variant_dict_insert (&reload, "share", "u", info.share);
  g_variant_dict_insert_value (dict, "reload", g_variant_dict_end (&reload));
  /* Also for a program that knows nothing of that. */
  g_variant_dict_insert_value (dict, "put-back", hr_request_carry (self->running));
}

/**
 * hr_service_expect_canary:
 * @self: a service that has not run
 * @carried: what is known of it
 *
 * To be called before its instances are taken over: the candidate keeps the share that it had. Else what waits in its
 * sockets would be taken for left behind, and handed on.
 */
void
hr_service_expect_canary (HrService *self, GVariant *carried)
{
  g_autoptr (GError) error = NULL;
  const char *id = NULL;
  guint share = 0;

  self->carried_reload = g_variant_lookup_value (carried, "reload", G_VARIANT_TYPE_VARDICT);
  if (self->carried_reload == NULL || self->parts.listeners == NULL || self->spec == NULL
      || !g_variant_lookup (self->carried_reload, "candidate", "&s", &id)
      || !g_variant_lookup (self->carried_reload, "share", "u", &share))
    return;
  if (!hr_listeners_separate_again (self->parts.listeners, id, MIN (share, HR_SHARE_ALL), self->spec->canary_sticky,
                                    &error))
    hr_log_warning (self->name, "its canary gets no connections any more: %s", error->message);
}

/**
 * hr_service_take_candidate:
 * @self: a service whose running instance was taken over
 * @record: (inout): what is written down of its instances
 *
 * Where a canary is to go on, takes over that, too.
 */
void
hr_service_take_candidate (HrService *self, HrRunRecord *record)
{
  const char *id = NULL;
  HrRunProcess *process = NULL;
  guint index = 0;
  g_autoptr (GError) error = NULL;

  if (self->carried_reload == NULL || !g_variant_lookup (self->carried_reload, "candidate", "&s", &id))
    return;
  for (guint i = 0; process == NULL && record->others != NULL && i < record->others->len; i++)
    if (g_strcmp0 (((HrRunProcess *)g_ptr_array_index (record->others, i))->instance, id) == 0)
      {
        process = g_ptr_array_index (record->others, i);
        index = i;
      }
  /* What its file says by now is not what it was started by. */
  if (process == NULL || g_strcmp0 (process->spec, self->spec->checksum) != 0
      || !hr_launcher_finds (hr_platform_get_launcher (self->platform), process))
    return;
  self->carried_candidate = hr_service_take_over_process (self, process, &error);
  if (self->carried_candidate == NULL)
    {
      hr_log_warning (self->name, "PID %d: %s", (int)process->pid, error->message);
      return;
    }
  g_ptr_array_remove_index (record->others, index);
}

/**
 * hr_service_check_canary:
 * @self: a service whose instances were taken over
 *
 * Where the candidate was not, all new connections go to the instance that serves.
 */
void
hr_service_check_canary (HrService *self)
{
  const char *id = NULL;

  if (self->carried_reload != NULL && self->carried_candidate == NULL && self->parts.listeners != NULL
      && g_variant_lookup (self->carried_reload, "candidate", "&s", &id))
    hr_listeners_rejoin (self->parts.listeners, id);
}

static gboolean
resume (HrService *self, HrGeneration *candidate)
{
  GVariant *carried = self->carried_reload;
  gint64 began_at = 0;

  if (candidate == NULL || !hr_generation_is_alive (candidate) || self->put_back == NULL || self->current == NULL
      || !hr_generation_is_serving (self->current) || self->config_error != NULL
      || !hr_listeners_is_separate (self->parts.listeners, hr_generation_get_id (candidate)))
    return FALSE;
  self->running = g_steal_pointer (&self->put_back);
  self->reload = hr_service_new_reload (self);
  if (!hr_reload_take_canary (self->reload, candidate, carried))
    {
      g_clear_object (&self->reload);
      self->put_back = g_steal_pointer (&self->running);
      return FALSE;
    }
  hr_service_follow_reload (self);
  g_variant_lookup (carried, "events", "b", &self->reload_events);
  g_variant_lookup (carried, "began-at", "x", &began_at);
  hr_service_observe_reload (self);
  hr_service_note_reload (self, began_at);
  g_signal_connect_swapped (self->running->job, "changed", G_CALLBACK (hr_service_look_for_newer), self);
  hr_log_info (self->name, "PID %d goes on as a canary", (int)hr_generation_get_pid (candidate));
  return TRUE;
}

/* As after any canary that failed: it finishes what it has, and its job waits. */
static void
give_up (HrService *self, HrGeneration *candidate)
{
  gboolean held = FALSE;

  if (self->put_back == NULL)
    return;
  hr_log_info (self->name, "its %s begins anew after the re-execution", hr_job_kind_to_string (self->put_back->kind));
  g_variant_lookup (self->carried_reload, "held", "b", &held);
  if (held)
    g_variant_lookup (self->carried_reload, "release", "t", &self->to_hold);
  hr_job_put_back (self->put_back->job);
  if (candidate == NULL)
    return;
  if (self->parts.listeners != NULL)
    hr_listeners_rejoin (self->parts.listeners, hr_generation_get_id (candidate));
  if (hr_generation_is_alive (candidate))
    hr_service_let_candidate_go (self, candidate);
}

/**
 * hr_service_go_on_with_canary:
 * @self: a service that is not held any more
 *
 * The reload that was in its phase canary goes on, or begins anew.
 */
void
hr_service_go_on_with_canary (HrService *self)
{
  g_autoptr (HrGeneration) candidate = g_steal_pointer (&self->carried_candidate);

  if (self->carried_reload == NULL)
    return;
  if (!resume (self, candidate))
    give_up (self, candidate);
  g_clear_pointer (&self->carried_reload, g_variant_unref);
  if (self->running != NULL && self->waiting != NULL && self->waiting->kind == HR_JOB_STOP)
    hr_reload_give_way (self->reload);
  if (self->running != NULL)
    hr_service_yield_to_rollback (self);
  hr_service_remember (self);
  hr_service_touch (self);
}
