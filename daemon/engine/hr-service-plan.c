/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a reload would do now, without doing it.
 */
#include <string.h>

#include "hr-canary-plan.h"
#include "hr-duration.h"
#include "hr-error.h"
#include "hr-reload-policy.h"
#include "hr-reload-sight.h"
#include "hr-service-private.h"

/* How the sockets of the running instance pass to the new one. */
typedef enum { NOTHING_RUNS, OVERLAP, SEQUENTIAL, REFUSED } Handover;

static const char *const handover_words[] = {
  [NOTHING_RUNS] = NULL,
  [OVERLAP] = "overlap",
  [SEQUENTIAL] = "sequential",
  [REFUSED] = "refused",
};

/**
 * hr_plan_step_free:
 * @self: (transfer full) (nullable): a step
 */
void
hr_plan_step_free (HrPlanStep *self)
{
  if (self == NULL)
    return;
  g_free (self->phase);
  g_free (self->text);
  g_free (self->reason);
  g_free (self);
}

static HrPlanStep *
add_step (GPtrArray *steps, HrReloadPhase phase, char *text)
{
  HrPlanStep *step = g_new0 (HrPlanStep, 1);

  step->phase = g_strdup (hr_reload_phase_to_string (phase));
  step->text = text;
  g_ptr_array_add (steps, step);
  return step;
}

static void
plan_record (HrService *self, GPtrArray *steps, const HrScan *scan, HrReloadVerdict verdict, guint64 next)
{
  g_autofree char *files = g_strjoinv (", ", scan->files);

  if (verdict == HR_RELOAD_NEW)
    add_step (steps, HR_PHASE_RECORD,
              g_strdup_printf ("record release %" G_GUINT64_FORMAT " of '%s': %u %s changed: %s", next, self->name,
                               scan->n_changed, scan->n_changed == 1 ? "path" : "paths", files));
  else if (verdict == HR_RELOAD_RUNNING)
    add_step (steps, HR_PHASE_RECORD,
              g_strdup_printf ("nothing changed: a new process of release %" G_GUINT64_FORMAT, self->last_release));
  else
    add_step (steps, HR_PHASE_RECORD, g_strdup ("nothing changed since the last recorded release: it is tried again"));
}

static void
plan_check (HrService *self, GPtrArray *steps)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (self->spec->forbid[0] != NULL)
    g_string_append (text, "forbidden patterns, ");
  if (self->spec->validate)
    g_string_append (text, "syntax of the changed files, ");
  if (self->spec->build[0] != NULL)
    g_string_append_printf (text, "build with '%s', ", self->spec->build[0]);
  if (self->spec->precheck[0] != NULL)
    g_string_append_printf (text, "pre-check with '%s', ", self->spec->precheck[0]);
  if (text->len > 0)
    {
      g_string_truncate (text, text->len - strlen (", "));
      add_step (steps, HR_PHASE_CHECK, g_strdup (text->str));
    }
}

/* As hr_reload_decide_canary(), of a reload that has not begun. */
static void
plan_canary (HrService *self, GPtrArray *steps)
{
  g_autofree char *from = hr_canary_share_to_string (self->spec->canary_from);
  g_autofree char *to = hr_canary_share_to_string (self->spec->canary_to);
  g_autofree char *time = hr_duration_to_string (self->spec->canary_duration);

  if (self->spec->canary_duration > 0)
    add_step (steps, HR_PHASE_CANARY,
              g_strdup_printf ("give it %s of the new connections, rising to %s in %s, and compare it with the release "
                               "that runs; it gets no state",
                               from, to, time));
  else
    add_step (steps, HR_PHASE_CANARY,
              g_strdup_printf ("give it %s of the new connections until somebody promotes or aborts it, and compare it "
                               "with the release that runs; it gets no state",
                               from));
}

/* As hr_reload_look_at_program(), of a reload that has not begun: the program that is to be started is taken for one like
 * that which runs. Returns how the sockets pass, and why not in overlap. */
static Handover
foresee_handover (HrService *self, char **reason)
{
  const char *sequential = hr_reload_sequential_reason (self->spec, self->parts.state);
  HrUnseen unseen = hr_generation_get_unseen (self->current);
  HrUnseenCase what = hr_reload_sight_case (self->current, self->parts.listeners,
                                            hr_clock_now (hr_platform_get_clock (self->platform)));

  what.candidate = unseen == HR_UNSEEN_RUNNING ? HR_UNSEEN_NOT : unseen;
  what.sequential = sequential != NULL;
  switch (hr_unseen_judge (self->spec, &what))
    {
    case HR_UNSEEN_CANNOT:
      *reason = hr_unseen_describe_refusal (self->spec, &what);
      return REFUSED;
    case HR_UNSEEN_NEEDS_SEQUENTIAL:
      *reason = hr_unseen_describe_sequential (self->spec, &what);
      return SEQUENTIAL;
    case HR_UNSEEN_GOES:
    default:
      *reason = g_strdup (sequential);
      return sequential != NULL ? SEQUENTIAL : OVERLAP;
    }
}

/* The last step of a reload that would not be one. */
static void
add_refusal (GPtrArray *steps, HrReloadPhase phase, const char *reason)
{
  HrPlanStep *step = add_step (steps, phase, g_strdup_printf ("refuse it: %s", reason));

  step->handover = handover_words[REFUSED];
  step->reason = g_strdup (reason);
}

/* As hr_reload_can_have_canary(), of a reload that has not begun. Returns why there can be none that is asked for. */
static char *
foresee_canary (HrService *self)
{
  const char *why;

  if (self->spec->canary_from == 0 || self->current == NULL || !hr_generation_is_alive (self->current)
      || hr_reload_sequential_reason (self->spec, self->parts.state) != NULL)
    return NULL;
  why = hr_reload_canary_obstacle (self->spec, hr_generation_is_watched (self->current), self->parts.listeners);
  return why != NULL ? g_strdup_printf ("the canary that Percentage asks for cannot be: %s; or remove Percentage", why)
                     : NULL;
}

/* The steps that bring a new instance beside the running one, or in its place. */
static void
plan_start (HrService *self, GPtrArray *steps, Handover handover, const char *reason, gboolean canary)
{
  HrPlanStep *step;

  if (handover == SEQUENTIAL)
    add_step (steps, HR_PHASE_PRESERVE,
              g_strdup_printf (self->spec->preserve
                                   ? "stop the running instance and take its state before the new one starts: %s"
                                   : "stop the running instance before the new one starts: %s",
                               reason));
  step =
      add_step (steps, HR_PHASE_START, g_strdup (handover == OVERLAP ? "start beside the running instance" : "start"));
  step->handover = handover_words[handover];
  step->reason = g_strdup (reason);
  if (handover == OVERLAP && self->spec->preserve && self->spec->instances == 1 && !canary)
    add_step (steps, HR_PHASE_PRESERVE,
              g_strdup ("if the new instance opens its state: stop the running one, take its state, hand it over"));
}

/* As the running instance is asked, whose port is the next one's, too; else as the service file has it. */
static void
plan_probe (HrService *self, GPtrArray *steps, gboolean beside)
{
  const HrProbeSpec *probe = self->spec->start_probe != NULL ? self->spec->start_probe : self->spec->probe;
  g_autoptr (HrProbeSpec) expanded =
      self->current != NULL ? hr_generation_expand_probe (self->current, probe, NULL) : NULL;

  const char *why =
      beside ? hr_reload_probe_obstacle (self->spec, hr_generation_is_watched (self->current), self->parts.listeners)
             : NULL;

  add_step (steps, HR_PHASE_VERIFY,
            g_strdup_printf ("probe with '%s'%s%s", expanded != NULL ? expanded->text : probe->text,
                             why != NULL ? "; what the running instance answers may count for the new one: " : "",
                             why != NULL ? why : ""));
}

static void
plan_handover (HrService *self, GPtrArray *steps, gboolean moves)
{
  gboolean alive = self->current != NULL && hr_generation_is_alive (self->current);
  g_autofree char *reason = NULL;
  g_autofree char *watched = hr_duration_to_string (self->spec->rollback_after);
  Handover handover = alive ? foresee_handover (self, &reason) : NOTHING_RUNS;
  gboolean canary = handover == OVERLAP && moves && self->spec->canary_from > 0;
  g_autoptr (GError) no_limits = NULL;

  if (handover == REFUSED)
    {
      add_refusal (steps, HR_PHASE_CHECK, reason);
      return;
    }
  if (!hr_launcher_can_limit (hr_platform_get_launcher (self->platform), &self->spec->isolation, &no_limits))
    {
      add_refusal (steps, HR_PHASE_START, no_limits->message);
      return;
    }
  plan_start (self, steps, handover, reason, canary);
  if (self->spec->probe != NULL)
    plan_probe (self, steps,
                handover == OVERLAP && (!self->spec->preserve || !hr_generation_has_opened_state (self->current)));
  if (canary)
    plan_canary (self, steps);
  add_step (
      steps, HR_PHASE_SWITCH,
      g_strdup_printf ("the new instance serves; it is watched for %s before its release counts as good", watched));
}

static void
scanned_for_plan (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HrService *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (HrScan) scan = hr_release_store_scan_finish (HR_RELEASE_STORE (source), result, &error);
  g_autoptr (GPtrArray) steps = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_plan_step_free);
  const HrRelease *last = hr_release_book_get_newest (hr_release_store_get_book (HR_RELEASE_STORE (source)));
  const HrRelease *running =
      self->last_release != 0 ? hr_release_store_get (self->parts.store, self->last_release) : NULL;
  g_autofree char *no_canary = foresee_canary (self);
  HrReloadVerdict verdict;

  if (scan == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  verdict =
      hr_reload_decide (scan->tree, running != NULL ? running->tree : NULL, last != NULL ? last->tree : NULL, TRUE);
  plan_record (self, steps, scan, verdict, last != NULL ? last->number + 1 : 1);
  if (no_canary != NULL && verdict != HR_RELOAD_RUNNING)
    {
      add_refusal (steps, HR_PHASE_CANARY, no_canary);
      g_task_return_pointer (task, g_steal_pointer (&steps), (GDestroyNotify)g_ptr_array_unref);
      return;
    }
  add_step (steps, HR_PHASE_PLACE,
            g_strdup_printf ("bring slot %s to it; the program sees its files as %s",
                             hr_slot_to_string (self->last_slot == HR_SLOT_A ? HR_SLOT_B : HR_SLOT_A),
                             hr_slots_view_note (self->parts.slots)));
  plan_check (self, steps);
  plan_handover (self, steps, verdict != HR_RELOAD_RUNNING);
  g_task_return_pointer (task, g_steal_pointer (&steps), (GDestroyNotify)g_ptr_array_unref);
}

static void
looked_for_plan (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HrService *self = g_task_get_source_object (task);
  const HrRelease *running;

  /* Its file may have been read again meanwhile. */
  if (self->spec == NULL)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "service '%s' does not load: %s",
                               self->name, self->config_error);
      return;
    }
  if (self->parts.store == NULL)
    {
      g_autoptr (GPtrArray) steps = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_plan_step_free);

      add_step (steps, HR_PHASE_RECORD, g_strdup ("without Source there is nothing to record"));
      plan_handover (self, steps, FALSE);
      g_task_return_pointer (task, g_steal_pointer (&steps), (GDestroyNotify)g_ptr_array_unref);
      return;
    }
  running = self->last_release != 0 ? hr_release_store_get (self->parts.store, self->last_release) : NULL;
  hr_release_store_scan_async (self->parts.store, NULL, running != NULL ? running->tree : NULL, NULL, scanned_for_plan,
                               g_steal_pointer (&task));
}

/**
 * hr_service_plan_async:
 * @self: a service
 * @callback: called when done
 * @user_data: for @callback
 *
 * What a reload by hand would do now.
 */
void
hr_service_plan_async (HrService *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);

  g_task_set_source_tag (task, hr_service_plan_async);
  if (self->current != NULL)
    hr_generation_look_async (self->current, looked_for_plan, g_steal_pointer (&task));
  else
    looked_for_plan (NULL, NULL, g_steal_pointer (&task));
}

/**
 * hr_service_plan_finish:
 * @self: a service
 * @result: of hr_service_plan_async()
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrPlanStep): the steps in order; %NULL with an error set
 */
GPtrArray *
hr_service_plan_finish (HrService *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
