/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is known of a candidate's program before it is started, and whether its sockets can be handed over.
 */
#include "hr-reload-sight.h"

#include <string.h>

#include "hr-error.h"
#include "hr-reload-private.h"
#include "hr-spec-canary.h"

/**
 * hr_reload_plan:
 * @self: a reload whose candidate is placed
 *
 * Returns: what to start; owns nothing
 */
HrGenerationPlan
hr_reload_plan (HrReload *self)
{
  return (HrGenerationPlan){
    .spec = self->spec,
    .release = self->release != NULL ? self->release->number : 0,
    .commit = self->release != NULL ? self->release->commit : NULL,
    .slot = self->slot,
    .view = self->placement != NULL ? self->placement->view : NULL,
    .listeners = self->parts.listeners,
    .state_files = self->parts.state,
    .stored = self->parts.stored,
    .tally = self->tally,
    .caller = self->caller,
    .index = 1,
    .ever_notified = self->ever_notified,
  };
}

static gboolean
has_found_listener (HrListeners *listeners)
{
  GPtrArray *list = hr_listeners_list (listeners);

  for (guint i = 0; i < list->len; i++)
    if (((const HrListener *)g_ptr_array_index (list, i))->discovered)
      return TRUE;
  return FALSE;
}

/**
 * hr_reload_sequential_reason:
 * @spec: a service
 * @state: its state
 *
 * Returns: (nullable): for people: why the running instance ends before a new one starts, whatever its program is; %NULL
 *   if it does not
 */
const char *
hr_reload_sequential_reason (const HrServiceSpec *spec, HrStateFiles *state)
{
  if (spec->handover == HR_HANDOVER_SEQUENTIAL)
    return "Handover=sequential";
  if (spec->sockets == HR_SOCKETS_NONE)
    return "Sockets=none: the new one could not bind while the old one runs";
  if (spec->preserve && hr_state_files_wait_limit (state) == 0)
    return "the file system of the runtime directory has no leases, by which the new one could wait for its state";
  return NULL;
}

/**
 * hr_reload_sight_case:
 * @previous: (nullable): the instance that runs, which was looked at, see hr_generation_look_async()
 * @listeners: the service's sockets
 * @now: by the clock of the engine
 *
 * Returns: what is known whatever is to be started; that and @sequential are the caller's to fill in
 */
HrUnseenCase
hr_reload_sight_case (HrGeneration *previous, HrListeners *listeners, gint64 now)
{
  HrUnseenCase what = {
    .has_previous = previous != NULL && hr_generation_is_alive (previous),
    .holds_found = has_found_listener (listeners),
  };

  if (what.has_previous)
    {
      what.previous_binds = hr_generation_misses_listener (previous);
      what.previous = hr_generation_get_unseen (previous);
      what.previous_age = now - hr_generation_get_started_at (previous);
    }
  return what;
}

/**
 * hr_reload_holds_tcp:
 * @listeners: a service's sockets
 *
 * Returns: whether the daemon holds a TCP listener of it
 */
gboolean
hr_reload_holds_tcp (HrListeners *listeners)
{
  GPtrArray *list = hr_listeners_list (listeners);

  for (guint i = 0; i < list->len; i++)
    if (((const HrListener *)g_ptr_array_index (list, i))->kind == HR_LISTEN_TCP)
      return TRUE;
  return FALSE;
}

static gboolean
takes_ipv4 (HrListeners *listeners)
{
  GPtrArray *list = hr_listeners_list (listeners);

  for (guint i = 0; i < list->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (list, i);

      if (listener->kind == HR_LISTEN_TCP && !listener->only_ipv6)
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_reload_canary_obstacle:
 * @spec: what is to run
 * @watched: whether the adopt library sees the instance that runs
 * @listeners: the service's sockets
 *
 * Returns: (nullable): for people: why it can have no canary, which only the running instance shows, and what to do
 *   but remove Percentage; %NULL if it can
 */
const char *
hr_reload_canary_obstacle (const HrServiceSpec *spec, gboolean watched, HrListeners *listeners)
{
  if (!hr_reload_holds_tcp (listeners))
    return "it has no TCP listener that the daemon holds: name it in Listen";
  if (!watched)
    return "the adopt library does not see its program, as it is with static programs and those written in Go: what it "
           "has accepted could not be finished";
  if (hr_spec_canary_asks_by_network (spec) && !takes_ipv4 (listeners))
    return "its listeners take IPv6 only, and IPv6 has one loopback address, so that what is asked of the new release "
           "by "
           "the network could be answered by the old one: let it listen on IPv4 too";
  return NULL;
}

/**
 * hr_reload_probe_obstacle:
 * @spec: what is to run
 * @watched: whether the adopt library sees the instance that runs
 * @listeners: the service's sockets
 *
 * Returns: (nullable): for people: why a probe of a new instance may be answered by the one that runs, as both share their
 *   sockets; %NULL if it may not, or asks by another way than the network
 */
const char *
hr_reload_probe_obstacle (const HrServiceSpec *spec, gboolean watched, HrListeners *listeners)
{
  GPtrArray *list = hr_listeners_list (listeners);

  if ((!hr_probe_spec_is_by_network (spec->probe) && !hr_probe_spec_is_by_network (spec->start_probe))
      || list->len == 0)
    return NULL;
  if (!hr_reload_holds_tcp (listeners))
    return "it has no TCP listener, and of others there is but one socket";
  for (guint i = 0; i < list->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (list, i);

      if (listener->kind == HR_LISTEN_TCP && listener->passed)
        return "its socket was passed to the daemon, and whoever did that has it open too";
    }
  if (!takes_ipv4 (listeners))
    return "no listener takes IPv4";
  return watched ? NULL : "the adopt library does not see the program of the instance that runs";
}

/* Nothing runs that could hand it over: what is started again would go on with the same state beside it. */
static gboolean
gets_state_at_start (HrReload *self)
{
  return self->previous == NULL && self->spec->preserve && !hr_reload_has_several (self);
}

/* Nothing runs now, and what is started again would bind the same address. */
static gboolean
meets_nobody (HrReload *self, const HrUnseenCase *what)
{
  gboolean unseen = self->previous != NULL && hr_generation_get_unseen (self->previous) != HR_UNSEEN_NOT;

  return !what->has_previous && self->spec->listen->len == 0 && (unseen || what->candidate != HR_UNSEEN_NOT);
}

/**
 * hr_reload_look_at_program:
 * @self: a reload whose candidate is placed and checked
 * @error: return location
 *
 * Makes the handover sequential where the candidate would find the address in use that the running instance has. Nothing
 * is touched before that is known. Where that one has just ended by itself it is not started again beside the candidate.
 *
 * Returns: whether it can be started; else %HR_ERROR_NOT_SUPPORTED
 */
gboolean
hr_reload_look_at_program (HrReload *self, GError **error)
{
  HrGenerationPlan plan = hr_reload_plan (self);
  HrUnseenCase what =
      hr_reload_sight_case (self->previous, self->parts.listeners, hr_clock_now (hr_reload_clock (self)));
  g_autofree char *why = NULL;

  what.candidate = hr_generation_plan_look (&plan, self->platform);
  what.sequential = self->sequential;
  switch (hr_unseen_judge (self->spec, &what))
    {
    case HR_UNSEEN_NEEDS_SEQUENTIAL:
      self->sequential = TRUE;
      return TRUE;
    case HR_UNSEEN_CANNOT:
      why = hr_unseen_describe_refusal (self->spec, &what);
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "while checking whether '%s' can be handed over: %s",
                   self->spec->name, why);
      return FALSE;
    case HR_UNSEEN_GOES:
    default:
      self->claims_previous = gets_state_at_start (self) || meets_nobody (self, &what);
      return TRUE;
    }
}

/* As libraries and languages write EADDRINUSE: its name, or the C library's words for it. */
static gboolean
speaks_of_address_in_use (const char *words)
{
  g_autofree char *lower = g_ascii_strdown (words, -1);

  return strstr (lower, "address already in use") != NULL || strstr (lower, "address in use") != NULL
         || strstr (lower, "eaddrinuse") != NULL;
}

/**
 * hr_reload_advise:
 * @self: a reload whose candidate has ended
 * @words: its last ones
 *
 * Returns: (transfer full): a newline and what may explain it, "" where nothing is known: a program that nobody sees
 *   and that binds what is in Listen, instead of taking it, finds it in use, and so does one that binds beside the running
 *   instance what the daemon does not hold
 */
char *
hr_reload_advise (HrReload *self, const char *words)
{
  g_autofree char *advice =
      self->spec->listen->len > 0 ? hr_unseen_advise (self->spec, hr_generation_get_unseen (self->candidate)) : NULL;

  if (advice == NULL && self->previous != NULL && !self->sequential && !hr_generation_is_ready (self->candidate)
      && speaks_of_address_in_use (words))
    advice =
        g_strdup ("what the running instance has bound by itself and the daemon does not hold, as a UDP socket, is "
                  "in use as long as that runs: name it in Listen and stop the service once, or write "
                  "Handover=sequential");
  return advice != NULL ? g_strdup_printf ("\n(%s)", advice) : g_strdup ("");
}
