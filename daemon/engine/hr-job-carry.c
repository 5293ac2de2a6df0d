/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a job gets over a re-execution of the daemon: under its number, so that whoever waits for it sees its end.
 */
#include "hr-error.h"
#include "hr-job-private.h"

static void
insert_string (GVariantDict *dict, const char *key, const char *text)
{
  if (text != NULL)
    g_variant_dict_insert (dict, key, "^ay", text);
}

static void
insert_strv (GVariantDict *dict, const char *key, char **list)
{
  if (list != NULL)
    g_variant_dict_insert (dict, key, "^aay", list);
}

static GVariant *
carry_phases (const HrPhaseTimes *phases)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sx)"));
  for (guint i = 0; phases != NULL && i < hr_phase_times_count (phases); i++)
    {
      gint64 usec = 0;
      const char *phase = hr_phase_times_get (phases, i, &usec);

      g_variant_builder_add (&builder, "(sx)", phase, usec);
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
carry_outcome (const HrOutcome *outcome)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  insert_string (&dict, "message", outcome->message);
  insert_string (&dict, "phase", outcome->phase);
  insert_string (&dict, "canary", outcome->canary);
  insert_strv (&dict, "checks", outcome->checks);
  insert_strv (&dict, "carried", outcome->carried);
  insert_strv (&dict, "files", outcome->files);
  g_variant_dict_insert (&dict, "release", "t", outcome->release);
  g_variant_dict_insert (&dict, "previous-release", "t", outcome->previous_release);
  g_variant_dict_insert (&dict, "rollback-to", "t", outcome->rollback_to);
  g_variant_dict_insert (&dict, "state-preserved", "b", outcome->state_preserved);
  g_variant_dict_insert (&dict, "downtime", "x", outcome->downtime_usec);
  g_variant_dict_insert (&dict, "duration", "x", outcome->duration_usec);
  g_variant_dict_insert (&dict, "queue-wait", "x", outcome->queue_wait_usec);
  if (outcome->phases != NULL)
    g_variant_dict_insert_value (&dict, "phases", carry_phases (outcome->phases));
  return g_variant_dict_end (&dict);
}

/**
 * hr_job_carry:
 * @self: a job
 *
 * Returns: (transfer floating): all of it but its children and how to cancel it, as hr_job_new_carried() reads it
 */
GVariant *
hr_job_carry (HrJob *self)
{
  GVariantDict dict;

  g_return_val_if_fail (HR_IS_JOB (self), NULL);

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "id", "t", self->id);
  g_variant_dict_insert (&dict, "kind", "s", hr_job_kind_to_string (self->kind));
  g_variant_dict_insert (&dict, "service", "s", self->service);
  insert_string (&dict, "caller", self->caller);
  g_variant_dict_insert (&dict, "result", "s", hr_job_result_to_string (self->result));
  if (self->error != NULL)
    {
      g_variant_dict_insert (&dict, "error-code", "i", self->error->domain == HR_ERROR ? self->error->code : -1);
      insert_string (&dict, "error", self->error->message);
    }
  g_variant_dict_insert_value (&dict, "outcome", carry_outcome (&self->outcome));
  return g_variant_dict_end (&dict);
}

static void
lookup_outcome (GVariant *carried, HrOutcome *outcome)
{
  g_autoptr (GVariant) phases = g_variant_lookup_value (carried, "phases", G_VARIANT_TYPE ("a(sx)"));
  GVariantIter iter;
  const char *phase;
  gint64 usec;

  g_variant_lookup (carried, "message", "^ay", &outcome->message);
  g_variant_lookup (carried, "phase", "^ay", &outcome->phase);
  g_variant_lookup (carried, "canary", "^ay", &outcome->canary);
  g_variant_lookup (carried, "checks", "^aay", &outcome->checks);
  g_variant_lookup (carried, "carried", "^aay", &outcome->carried);
  g_variant_lookup (carried, "files", "^aay", &outcome->files);
  g_variant_lookup (carried, "release", "t", &outcome->release);
  g_variant_lookup (carried, "previous-release", "t", &outcome->previous_release);
  g_variant_lookup (carried, "rollback-to", "t", &outcome->rollback_to);
  g_variant_lookup (carried, "state-preserved", "b", &outcome->state_preserved);
  g_variant_lookup (carried, "downtime", "x", &outcome->downtime_usec);
  g_variant_lookup (carried, "duration", "x", &outcome->duration_usec);
  g_variant_lookup (carried, "queue-wait", "x", &outcome->queue_wait_usec);
  if (phases == NULL)
    return;
  outcome->phases = hr_phase_times_new ();
  g_variant_iter_init (&iter, phases);
  while (g_variant_iter_next (&iter, "(&sx)", &phase, &usec))
    hr_phase_times_add (outcome->phases, phase, usec);
}

/* The value of an enumeration by its word; @n: there is none. */
static guint
find_word (const char *word, guint n, const char *(*to_string) (guint value))
{
  guint value = 0;

  while (value < n && !g_str_equal (word, to_string (value)))
    value++;
  return value;
}

static const char *
kind_word (guint value)
{
  return hr_job_kind_to_string ((HrJobKind)value);
}

static const char *
result_word (guint value)
{
  return hr_job_result_to_string ((HrJobResult)value);
}

/**
 * hr_job_new_carried:
 * @carried: what hr_job_carry() made
 *
 * Returns: (transfer full) (nullable): the job; %NULL: it is none
 */
HrJob *
hr_job_new_carried (GVariant *carried)
{
  g_autoptr (GVariant) outcome = g_variant_lookup_value (carried, "outcome", G_VARIANT_TYPE_VARDICT);
  const char *kind_text, *service, *result_text;
  g_autofree char *caller = NULL;
  g_autofree char *error = NULL;
  guint kind, result;
  guint64 id = 0;
  gint32 code = -1;
  HrJob *self;

  if (!g_variant_lookup (carried, "id", "t", &id) || id == 0 || !g_variant_lookup (carried, "kind", "&s", &kind_text)
      || !g_variant_lookup (carried, "service", "&s", &service)
      || !g_variant_lookup (carried, "result", "&s", &result_text))
    return NULL;
  kind = find_word (kind_text, HR_JOB_RESTORE_SNAPSHOT + 1, kind_word);
  result = find_word (result_text, HR_JOB_CANCELLED + 1, result_word);
  if (kind > HR_JOB_RESTORE_SNAPSHOT || result > HR_JOB_CANCELLED)
    return NULL;
  g_variant_lookup (carried, "caller", "^ay", &caller);
  self = hr_job_new (id, (HrJobKind)kind, service, caller);
  self->result = (HrJobResult)result;
  g_variant_lookup (carried, "error-code", "i", &code);
  if (g_variant_lookup (carried, "error", "^ay", &error))
    self->error = g_error_new_literal (HR_ERROR, code >= 0 ? code : HR_ERROR_FAILED, error);
  if (outcome != NULL)
    lookup_outcome (outcome, &self->outcome);
  return self;
}
