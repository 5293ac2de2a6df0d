/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a service gets over a re-execution of the daemon: held while that comes, so that nothing is begun; what is under way
 * ends before it, goes on after it (a canary, see hr-service-carry-canary.c) or begins anew after it, under the same job;
 * what the run state does not tell of is carried.
 */
#include "hr-log.h"
#include "hr-service-private.h"

/**
 * hr_service_hold:
 * @self: a service
 *
 * Nothing is begun until hr_service_release(): what is asked for waits.
 */
void
hr_service_hold (HrService *self)
{
  g_return_if_fail (HR_IS_SERVICE (self));
  self->held = TRUE;
}

/**
 * hr_service_put_back:
 * @self: a service that is held
 *
 * Its reload is cancelled where that leaves the old release untouched, and begins anew when the service is not held any
 * more; its job waits meanwhile. A canary goes on, see hr_service_go_on_with_canary().
 */
void
hr_service_put_back (HrService *self)
{
  g_return_if_fail (HR_IS_SERVICE (self) && self->held);

  if (self->reload == NULL || self->puts_back || hr_service_is_in_canary (self)
      || !hr_reload_can_be_put_back (self->reload))
    return;
  hr_log_info (self->name, "its %s is put back, and begins anew after the re-execution",
               hr_job_kind_to_string (self->running->kind));
  self->puts_back = TRUE;
  hr_reload_cancel (self->reload, "the daemon is re-executed");
}

/**
 * hr_service_take_back:
 * @self: a service whose reload has been cancelled to be put back, and has ended
 */
void
hr_service_take_back (HrService *self)
{
  hr_service_keep_what_serves (self);
  if (hr_reload_has_left_candidate (self->reload))
    hr_service_take_rejected (self, hr_reload_get_candidate (self->reload));
  g_clear_object (&self->reload);
  self->put_back = g_steal_pointer (&self->running);
  hr_job_put_back (self->put_back->job);
  hr_service_observe_again (self);
  hr_service_remember (self);
  hr_service_supervise (self);
  hr_service_touch (self);
  hr_service_operation_next (self);
}

static gboolean
is_starting (HrGeneration *generation)
{
  return generation != NULL && hr_generation_is_alive (generation) && !hr_generation_is_ready (generation);
}

/**
 * hr_service_find_activity:
 * @self: a service
 *
 * Returns: (transfer full) (nullable): for people, what is under way that a re-execution would break off
 */
char *
hr_service_find_activity (HrService *self)
{
  g_autoptr (GPtrArray) alive = NULL;

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  if (self->running != NULL && !hr_service_is_in_canary (self))
    return g_strdup_printf ("the %s of '%s' has not ended, in phase '%s'", hr_job_kind_to_string (self->running->kind),
                            self->name, hr_job_get_phase (self->running->job));
  if (self->loading_state || is_starting (self->current)
      || (self->followers != NULL && hr_followers_n_starting (self->followers) > 0))
    return g_strdup_printf ("'%s' is being started", self->name);
  alive = hr_service_list_alive (self);
  for (guint i = 0; i < alive->len; i++)
    if (hr_generation_is_lingering (g_ptr_array_index (alive, i)))
      return g_strdup_printf ("an old instance of '%s' still takes connections", self->name);
  return NULL;
}

static void
insert_text (GVariantDict *dict, const char *key, const char *text)
{
  if (text != NULL)
    g_variant_dict_insert (dict, key, "^ay", text);
}

static void
carry_transient (HrService *self, GVariantDict *dict, GArray *fds)
{
  g_autoptr (HrRunRecord) record = hr_service_make_record (self);
  g_autofree char *text = hr_run_record_to_string (record);

  g_variant_dict_insert_value (dict, "context", hr_caller_context_carry (self->caller, fds));
  g_variant_dict_insert (dict, "record", "s", text);
}

/**
 * hr_service_carry:
 * @self: a service that is held, and of which nothing is under way but a canary
 * @fds: (element-type int): where descriptors are added that must stay open for it
 *
 * Returns: (transfer floating): all that the run state does not tell of it, for hr_service_take_carried()
 */
GVariant *
hr_service_carry (HrService *self, GArray *fds)
{
  GVariantDict dict;

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  hr_service_remember (self);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "serves", "b", self->current != NULL && hr_generation_is_alive (self->current));
  if (self->current != NULL && !hr_generation_is_alive (self->current))
    g_variant_dict_insert_value (&dict, "ended", hr_generation_carry_end (self->current));
  /* One that goes on is not told of as if it had been stopped. */
  g_variant_dict_insert (&dict, "state", "s", self->shown_state);
  g_variant_dict_insert (&dict, "failed", "b", self->failed);
  g_variant_dict_insert (&dict, "restarts", "u", self->restarts);
  g_variant_dict_insert (&dict, "restart-at", "x", self->restart_at);
  g_variant_dict_insert (&dict, "drains-cut", "u", (guint32)self->tally->n_cut);
  g_variant_dict_insert (&dict, "connections-cut", "t", self->tally->connections);
  g_variant_dict_insert (&dict, "connections-cut-busy", "t", self->tally->busy);
  g_variant_dict_insert (&dict, "falls-back", "b", self->falls_back);
  g_variant_dict_insert (&dict, "fell-back-from", "t", self->fell_back_from);
  g_variant_dict_insert (&dict, "first-release", "t", self->first_release);
  g_variant_dict_insert (&dict, "outage-since", "x", self->outage_since);
  g_variant_dict_insert (&dict, "since", "x", self->since_real);
  g_variant_dict_insert (&dict, "state-since", "x", self->state_since_real);
  g_variant_dict_insert (&dict, "unproven", "b", self->unproven);
  g_variant_dict_insert (&dict, "to-hold", "t", self->to_hold);
  insert_text (&dict, "observed", self->observed);
  g_variant_dict_insert (&dict, "observed-since", "x", self->observed_since);
  insert_text (&dict, "error", self->error);
  if (self->checks != NULL)
    g_variant_dict_insert (&dict, "checks", "^aay", self->checks);
  if (self->carried_files != NULL)
    g_variant_dict_insert (&dict, "carried", "^aay", self->carried_files);
  g_variant_dict_insert_value (&dict, "ends", hr_ends_carry (self->ends));
  if (self->backoff != NULL)
    g_variant_dict_insert_value (&dict, "backoff", hr_backoff_carry (self->backoff));
  if (self->health != NULL)
    g_variant_dict_insert_value (&dict, "health", hr_health_carry (self->health));
  if (self->put_back != NULL)
    g_variant_dict_insert_value (&dict, "put-back", hr_request_carry (self->put_back));
  else if (hr_service_is_in_canary (self))
    hr_service_carry_canary (self, &dict);
  if (self->waiting != NULL)
    g_variant_dict_insert_value (&dict, "waiting", hr_request_carry (self->waiting));
  if (self->caller != NULL)
    carry_transient (self, &dict, fds);
  return g_variant_dict_end (&dict);
}

/* What is needed before an instance is taken over: its observation goes on. */
static void
take_before (HrService *self, GVariant *carried)
{
  g_autoptr (GVariant) ends = g_variant_lookup_value (carried, "ends", G_VARIANT_TYPE (HR_ENDS_TYPE));

  const char *state;

  if (g_variant_lookup (carried, "state", "&s", &state))
    self->shown_state = g_intern_string (state);
  g_clear_pointer (&self->observed, g_free);
  g_variant_lookup (carried, "state-since", "x", &self->state_since_real);
  g_variant_lookup (carried, "observed", "^ay", &self->observed);
  g_variant_lookup (carried, "observed-since", "x", &self->observed_since);
  g_variant_lookup (carried, "fell-back-from", "t", &self->fell_back_from);
  g_variant_lookup (carried, "first-release", "t", &self->first_release);
  g_variant_lookup (carried, "drains-cut", "u", &self->tally->n_cut);
  g_variant_lookup (carried, "connections-cut", "t", &self->tally->connections);
  g_variant_lookup (carried, "connections-cut-busy", "t", &self->tally->busy);
  if (ends != NULL)
    hr_ends_take_carried (self->ends, ends);
}

static void
take_ended (HrService *self, GVariant *carried)
{
  g_autoptr (GVariant) ended = g_variant_lookup_value (carried, "ended", G_VARIANT_TYPE_VARDICT);
  g_autoptr (HrGeneration) generation = NULL;
  const HrGenerationPlan plan = {
    .spec = self->spec,
    .listeners = self->parts.listeners,
    .state_files = self->parts.state,
    .stored = self->parts.stored,
    .caller = self->caller,
    .tally = self->tally,
    .ever_notified = self->ever_notified,
  };

  if (ended == NULL || self->current != NULL || self->spec == NULL)
    return;
  generation = hr_generation_new_ended (self->platform, &plan, ended);
  if (generation != NULL)
    hr_service_set_current (self, generation, NULL);
}

static void
take_after (HrService *self, GVariant *carried)
{
  g_autoptr (GVariant) backoff = g_variant_lookup_value (carried, "backoff", G_VARIANT_TYPE ("(xxax)"));
  g_autoptr (GVariant) health = g_variant_lookup_value (carried, "health", G_VARIANT_TYPE_VARDICT);
  g_autofree char *error = NULL;

  g_variant_lookup (carried, "failed", "b", &self->failed);
  g_variant_lookup (carried, "restarts", "u", &self->restarts);
  g_variant_lookup (carried, "restart-at", "x", &self->restart_at);
  g_variant_lookup (carried, "falls-back", "b", &self->falls_back);
  g_variant_lookup (carried, "outage-since", "x", &self->outage_since);
  g_variant_lookup (carried, "since", "x", &self->since_real);
  g_variant_lookup (carried, "unproven", "b", &self->unproven);
  g_variant_lookup (carried, "to-hold", "t", &self->to_hold);
  g_variant_lookup (carried, "error", "^ay", &error);
  hr_service_set_error (self, error);
  g_clear_pointer (&self->checks, g_strfreev);
  g_variant_lookup (carried, "checks", "^aay", &self->checks);
  g_clear_pointer (&self->carried_files, g_strfreev);
  g_variant_lookup (carried, "carried", "^aay", &self->carried_files);
  if (backoff != NULL && self->backoff != NULL)
    hr_backoff_take_carried (self->backoff, backoff);
  if (health != NULL && self->health != NULL)
    hr_health_take_carried (self->health, health);
}

static void
take_request (HrService *self, GVariant *carried, const char *key, HrJobList *jobs, HrRequest **place)
{
  g_autoptr (GVariant) request = g_variant_lookup_value (carried, key, G_VARIANT_TYPE_VARDICT);
  guint64 id = 0;
  HrJob *job;

  if (request == NULL || !g_variant_lookup (request, "job", "t", &id))
    return;
  job = hr_job_list_find (jobs, id);
  if (job != NULL && !hr_job_is_finished (job))
    hr_service_wait_again (self, hr_request_new_carried (request, job), place);
}

/**
 * hr_service_take_carried:
 * @self: a service that has not run
 * @record: (inout): what is written down of it
 * @carried: what hr_service_carry() made in the program that this process was before
 * @jobs: where its jobs are
 *
 * Goes on with it as it was; it is held until hr_service_release().
 */
void
hr_service_take_carried (HrService *self, HrRunRecord *record, GVariant *carried, HrJobList *jobs)
{
  gboolean served = FALSE;

  g_return_if_fail (HR_IS_SERVICE (self));

  self->held = TRUE;
  self->carried = TRUE;
  take_before (self, carried);
  hr_service_expect_canary (self, carried);
  hr_service_restore (self, record);
  hr_service_check_canary (self);
  g_variant_lookup (carried, "serves", "b", &served);
  if (served && self->current == NULL)
    /* It has ended in between, or cannot be gone on with: it starts as any does with its daemon. */
    self->carried = FALSE;
  else
    {
      take_ended (self, carried);
      take_after (self, carried);
    }
  take_request (self, carried, "put-back", jobs, &self->put_back);
  take_request (self, carried, "waiting", jobs, &self->waiting);
  hr_service_touch (self);
}

/**
 * hr_service_is_carried:
 * @self: a service
 *
 * Returns: whether it goes on as it was before the daemon was re-executed, so that it does not start with this one
 */
gboolean
hr_service_is_carried (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), FALSE);
  return self->carried;
}

static void
open_listeners (HrService *self)
{
  g_autoptr (GError) error = NULL;

  if (self->spec != NULL && self->current != NULL && hr_generation_is_serving (self->current)
      && !hr_listeners_open (self->parts.listeners, self->spec, &error))
    hr_log_warning (self->name, "%s", error->message);
}

/**
 * hr_service_release:
 * @self: a service that is held
 *
 * It goes on: with what was put back, what waits, what its timers say.
 */
void
hr_service_release (HrService *self)
{
  g_return_if_fail (HR_IS_SERVICE (self));

  if (!self->held)
    return;
  self->held = FALSE;
  if (self->carried)
    open_listeners (self);
  hr_service_go_on_with_canary (self);
  self->carried = FALSE;
  /* What goes on, or begins anew, is by the file as it is now. */
  if (self->has_changed && self->running == NULL && self->put_back == NULL && self->waiting == NULL)
    hr_service_reload_as_configured (self);
  self->has_changed = FALSE;
  if (self->running != NULL)
    return;
  hr_service_supervise (self);
  hr_service_operation_next (self);
}
