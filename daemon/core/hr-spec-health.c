/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-health.h"

#include "hr-spec-check.h"

#define GROUP "Health"

gboolean
hr_spec_set_probe (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  HrProbeSpec **member = &G_STRUCT_MEMBER (HrProbeSpec *, spec, key->offset);
  HrProbeSpec *probe = NULL;

  if (*value != '\0' && (probe = hr_probe_spec_parse (value, error)) == NULL)
    return FALSE;
  hr_probe_spec_free (*member);
  *member = probe;
  return TRUE;
}

gboolean
hr_spec_set_probe_status (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  GArray *ranges = hr_probe_status_parse (value, error);

  if (ranges == NULL)
    return FALSE;
  g_array_unref (spec->probe_status);
  spec->probe_status = ranges;
  return TRUE;
}

static gboolean
check_one (const HrServiceSpec *spec, const HrProbeSpec *probe, const HrSpecEntry *entry, GError **error)
{
  return probe == NULL || hr_spec_check_specifiers (spec, (const char *const *)probe->words, entry, error);
}

static gboolean
has_kind (const HrServiceSpec *spec, HrProbeKind kind)
{
  return spec->probe->kind == kind || (spec->start_probe != NULL && spec->start_probe->kind == kind);
}

/* What belongs to a kind of probe that neither is. A value that was taken back is none. */
static gboolean
check_kinds (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const char *const of_http[] = { "Status", "Text" };
  const HrSpecEntry *timeout = hr_spec_table_get (table, GROUP, "Timeout");

  for (guint i = 0; i < G_N_ELEMENTS (of_http); i++)
    {
      const HrSpecEntry *entry = hr_spec_table_get (table, GROUP, of_http[i]);

      if (entry != NULL && *entry->value != '\0' && !has_kind (spec, HR_PROBE_HTTP))
        return hr_spec_entry_fail (entry, error,
                                   "it is about an answer over HTTP, and no probe asks for one: write "
                                   "Probe=http://HOST:PORT/PATH, or remove it");
    }
  if (timeout != NULL && spec->probe->kind == HR_PROBE_WATCHDOG
      && (spec->start_probe == NULL || spec->start_probe->kind == HR_PROBE_WATCHDOG))
    return hr_spec_entry_fail (timeout, error,
                               "a watchdog asks nothing that could take time: write in Interval how often the program "
                               "must report, and remove this");
  return TRUE;
}

/**
 * hr_spec_check_health:
 * @spec: with each key set
 * @table: the keys in force, for their places
 * @error: return location
 *
 * Returns: whether what the group says fits together; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_check_health (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const char *const needy[] = { "Interval", "Timeout", "Failures", "Status", "Text", "StartProbe" };
  const HrSpecEntry *probe = hr_spec_table_get (table, GROUP, "Probe");

  if (spec->probe != NULL)
    return check_one (spec, spec->probe, probe, error)
           && check_one (spec, spec->start_probe, hr_spec_table_get (table, GROUP, "StartProbe"), error)
           && check_kinds (spec, table, error);
  /* A Probe that a drop-in or profile took back leaves what belongs to it. */
  if (probe != NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (needy); i++)
    {
      const HrSpecEntry *entry = hr_spec_table_get (table, GROUP, needy[i]);

      if (entry != NULL)
        return hr_spec_entry_fail (entry, error, "it says how to probe, and there is no Probe in group 'Health'");
    }
  return TRUE;
}
