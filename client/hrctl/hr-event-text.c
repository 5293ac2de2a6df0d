/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-event-text.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-text.h"

static char *
file_changed (GVariant *parameters)
{
  g_autofree const char **files = NULL;
  g_autofree char *joined = NULL;
  const char *service;

  g_variant_get (parameters, "(&s^a&s)", &service, &files);
  joined = g_strjoinv (" ", (GStrv)files);
  return g_strdup_printf (_ ("%s: changed: %s"), service, joined);
}

static char *
reload_started (GVariant *parameters)
{
  const char *service;
  guint64 release;

  g_variant_get (parameters, "(&s&ot^a&s)", &service, NULL, &release, NULL);
  if (release == 0)
    return g_strdup_printf (_ ("%s: reload started"), service);

  return g_strdup_printf (_ ("%s: reload to release %" PRIu64 " started"), service, release);
}

static char *
reload_completed (GVariant *parameters)
{
  g_autoptr (GVariant) details = NULL;
  g_autofree char *took = NULL;
  g_autofree char *downtime = NULL;
  const char *service;
  guint64 release, usec;

  g_variant_get (parameters, "(&s&ott@a{sv})", &service, NULL, &release, &usec, &details);
  took = hr_text_duration ((gint64)hr_dict_number (details, "durationUsec"));
  downtime = hr_text_duration ((gint64)usec);
  return g_strdup_printf (_ ("%s: release %" PRIu64 " is live in %s, downtime %s"), service, release, took, downtime);
}

static char *
reload_failed (GVariant *parameters)
{
  g_autofree char *indented = NULL;
  const char *service, *phase, *message;

  g_variant_get (parameters, "(&s&o&s&s@a{sv})", &service, NULL, &phase, &message, NULL);
  indented = hr_text_indent (message, "  ");
  return g_strdup_printf (_ ("%s: reload failed in phase %s\n%s"), service, hr_text_word (phase), indented);
}

static char *
state_preserved (GVariant *parameters)
{
  g_autofree char *bytes = NULL;
  const char *service, *snapshot;
  guint64 size;

  g_variant_get (parameters, "(&s&st)", &service, &snapshot, &size);
  bytes = hr_text_size (size);
  return g_strdup_printf (_ ("%s: state preserved as snapshot %s (%s)"), service, snapshot, bytes);
}

static char *
state_restored (GVariant *parameters)
{
  const char *service, *snapshot;

  g_variant_get (parameters, "(&s&s)", &service, &snapshot);
  return g_strdup_printf (_ ("%s: state restored from snapshot %s"), service, snapshot);
}

static char *
rolled_back (GVariant *parameters)
{
  const char *service, *reason;
  guint64 from, to;

  g_variant_get (parameters, "(&stt&s)", &service, &from, &to, &reason);
  return g_strdup_printf (_ ("%s: rolled back from release %" PRIu64 " to %" PRIu64 ": %s"), service, from, to, reason);
}

static char *
canary_progress (GVariant *parameters)
{
  g_autoptr (GVariant) details = NULL;
  const char *service;

  g_variant_get (parameters, "(&su@a{sv})", &service, NULL, &details);
  return g_strdup_printf (_ ("%s: canary of release %" PRIu64 ": %s"), service, hr_dict_number (details, "release"),
                          hr_dict_string (details, "text"));
}

static char *
state_changed (GVariant *parameters)
{
  const char *service, *old, *new;

  g_variant_get (parameters, "(&s&s&s)", &service, &old, &new);
  return g_strdup_printf (_ ("%s: %s, was %s"), service, hr_text_word (new), hr_text_word (old));
}

static char *
configuration_reloaded (GVariant *parameters)
{
  g_autofree const char **added = NULL;
  g_autofree const char **changed = NULL;
  g_autofree const char **removed = NULL;

  g_variant_get (parameters, "(&s^a&s^a&s^a&s@ao)", NULL, &added, &changed, &removed, NULL);
  return g_strdup_printf (_ ("configuration read again: %u added, %u changed, %u removed"),
                          g_strv_length ((GStrv)added), g_strv_length ((GStrv)changed), g_strv_length ((GStrv)removed));
}

static const struct {
  const char *signal;
  const char *type;
  HrTint tint;
  char *(*to_text) (GVariant *parameters);
} events[] = {
  { "FileChanged", "(sas)", HR_TINT_NONE, file_changed },
  { "ReloadStarted", "(sotas)", HR_TINT_NONE, reload_started },
  { "ReloadCompleted", "(sotta{sv})", HR_TINT_GOOD, reload_completed },
  { "ReloadFailed", "(sossa{sv})", HR_TINT_BAD, reload_failed },
  { "StatePreserved", "(sst)", HR_TINT_NONE, state_preserved },
  { "StateRestored", "(ss)", HR_TINT_NONE, state_restored },
  { "RolledBack", "(stts)", HR_TINT_MIDDLING, rolled_back },
  { "CanaryProgress", "(sua{sv})", HR_TINT_NONE, canary_progress },
  { "ConfigurationReloaded", "(sasasasao)", HR_TINT_NONE, configuration_reloaded },
  { "ServiceStateChanged", "(sss)", HR_TINT_DIM, state_changed },
};

/**
 * hr_event_to_text:
 * @signal: name of a signal
 * @parameters: its arguments
 * @tint: (out): colour that suits it
 *
 * Returns: (transfer full) (nullable): what happened; %NULL for a signal that this client does not know
 */
char *
hr_event_to_text (const char *signal, GVariant *parameters, HrTint *tint)
{
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      if (g_str_equal (events[i].signal, signal) && g_variant_is_of_type (parameters, G_VARIANT_TYPE (events[i].type)))
        {
          *tint = events[i].tint;
          return events[i].to_text (parameters);
        }
    }

  return NULL;
}
