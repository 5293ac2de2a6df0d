/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a release is worth, and that the next daemon knows it.
 *
 * The store writes fates in its own time, after whatever it is at. That nobody wants a release any more is in the run
 * state besides, which is written at once: who was told so must not find the release tried again, because the daemon
 * died before the store had come to it.
 */
#include <string.h>

#include "hr-error.h"
#include "hr-history-entry.h"
#include "hr-service-private.h"

static char *
make_verdict (const HrRelease *release)
{
  g_autofree char *error = g_utf8_make_valid (release->error, MIN (strlen (release->error), HR_HISTORY_ERROR_MAX));
  GVariantDict dict;
  g_autoptr (GVariant) variant = NULL;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "release", "t", release->number);
  g_variant_dict_insert (&dict, "commit", "s", release->commit != NULL ? release->commit : "");
  g_variant_dict_insert (&dict, "fate", "s", hr_fate_to_string (release->fate));
  if (release->phase != NULL)
    g_variant_dict_insert (&dict, "phase", "s", release->phase);
  g_variant_dict_insert (&dict, "error", "s", error);
  variant = g_variant_ref_sink (g_variant_dict_end (&dict));
  return g_variant_print (variant, TRUE);
}

/* What it says, and of which release, 0: of none. */
static GVariant *
parse_verdict (const char *verdict, guint64 *number)
{
  GVariant *variant = verdict != NULL ? g_variant_parse (G_VARIANT_TYPE_VARDICT, verdict, NULL, NULL, NULL) : NULL;

  *number = 0;
  if (variant != NULL)
    g_variant_lookup (variant, "release", "t", number);
  return variant;
}

static guint64
verdict_release (const char *verdict)
{
  guint64 number;
  g_autoptr (GVariant) variant = parse_verdict (verdict, &number);

  return number;
}

/**
 * hr_service_set_fate:
 * @self: a service
 * @number: a release, 0: none
 * @fate: what became of it
 * @phase: (nullable): where, of a rejected one
 * @message: (nullable): why nobody wants it any more
 *
 * Tells the store. What has a @message is in what hr_service_remember() writes next.
 */
void
hr_service_set_fate (HrService *self, guint64 number, HrFate fate, const char *phase, const char *message)
{
  const HrRelease *release = hr_release_store_get (self->parts.store, number);

  if (release == NULL
      || (release->fate == fate && g_strcmp0 (release->phase, phase) == 0 && g_strcmp0 (release->error, message) == 0))
    return;
  hr_release_store_set_fate (self->parts.store, number, fate, phase, message);
  if (message == NULL && verdict_release (self->verdict) != number)
    return;
  g_free (self->verdict);
  self->verdict = message != NULL ? make_verdict (hr_release_store_get (self->parts.store, number)) : NULL;
}

/**
 * hr_service_reject_failed:
 * @self: a service whose reload has failed, and may not have ended yet
 * @phase: in which
 * @error: why
 *
 * Its release is rejected, unless it serves or has proven itself before: a new process of that may fail for other reasons
 * than the release. That the service is to stop is no reason at all.
 */
void
hr_service_reject_failed (HrService *self, const char *phase, const GError *error)
{
  const HrRelease *release = hr_reload_get_release (self->reload);
  guint64 number = release != NULL ? release->number : 0;

  if (number == 0 || hr_service_is_good (self, number) || number == hr_service_get_release (self)
      || (self->waiting != NULL && self->waiting->kind == HR_JOB_STOP
          && g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED)))
    return;
  hr_service_set_fate (self, number, HR_FATE_REJECTED, phase, error->message);
}

/**
 * hr_service_keep_verdict:
 * @self: a service whose reload somebody has just put an end to
 *
 * Before that is answered it is known to the next daemon, too: the end itself takes its time.
 */
void
hr_service_keep_verdict (HrService *self)
{
  const GError *error = self->reload != NULL ? hr_reload_get_error (self->reload) : NULL;

  if (error == NULL)
    return;
  hr_service_reject_failed (self, hr_reload_get_failed_phase (self->reload), error);
  hr_service_remember (self);
}

/**
 * hr_service_forget_verdict:
 * @self: a service
 * @number: a release that is tried again
 */
void
hr_service_forget_verdict (HrService *self, guint64 number)
{
  if (verdict_release (self->verdict) == number)
    g_clear_pointer (&self->verdict, g_free);
}

/**
 * hr_service_dup_verdict:
 * @self: a service
 * @number: a release
 *
 * Returns: (transfer full) (nullable): why nobody wants it any more, where that was told last
 */
char *
hr_service_dup_verdict (HrService *self, guint64 number)
{
  const HrRelease *release = hr_release_store_get (self->parts.store, number);

  return release != NULL && verdict_release (self->verdict) == number ? g_strdup (release->error) : NULL;
}

/**
 * hr_service_take_verdict:
 * @self: a service whose store is open
 * @verdict: (nullable): what an earlier daemon has told last of a release of it
 *
 * Tells the store, where that has not heard of it.
 */
void
hr_service_take_verdict (HrService *self, const char *verdict)
{
  guint64 number;
  g_autoptr (GVariant) variant = parse_verdict (verdict, &number);
  const HrRelease *release = hr_release_store_get (self->parts.store, number);
  const char *commit, *fate_word, *error, *phase = NULL;
  HrFate fate;

  if (variant == NULL || release == NULL || !g_variant_lookup (variant, "commit", "&s", &commit)
      || g_strcmp0 (commit, release->commit) != 0 || !g_variant_lookup (variant, "fate", "&s", &fate_word)
      || !hr_fate_from_string (fate_word, &fate) || !g_variant_lookup (variant, "error", "&s", &error))
    return;
  g_variant_lookup (variant, "phase", "&s", &phase);
  if (release->fate != fate || release->error == NULL)
    hr_service_set_fate (self, number, fate, phase, error);
  g_free (self->verdict);
  self->verdict = g_strdup (verdict);
}
