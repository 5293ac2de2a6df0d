/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-reload-note.h"

/**
 * hr_reload_note_to_string:
 * @self: a note
 *
 * Returns: (transfer full): as hr_reload_note_parse() reads it
 */
char *
hr_reload_note_to_string (const HrReloadNote *self)
{
  GVariantDict dict;
  g_autoptr (GVariant) variant = NULL;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "phase", "s", self->phase);
  g_variant_dict_insert (&dict, "release", "t", self->release);
  g_variant_dict_insert (&dict, "previous", "t", self->previous);
  g_variant_dict_insert (&dict, "trigger", "s", self->trigger);
  if (self->caller != NULL)
    g_variant_dict_insert (&dict, "caller", "s", self->caller);
  g_variant_dict_insert (&dict, "began", "x", self->began_at);
  g_variant_dict_insert (&dict, "told", "b", self->told);
  g_variant_dict_insert (&dict, "held", "b", self->held);
  if (self->heir != NULL)
    g_variant_dict_insert (&dict, "heir", "s", self->heir);
  g_variant_dict_insert (&dict, "heir-opened", "b", self->heir_opened);
  variant = g_variant_ref_sink (g_variant_dict_end (&dict));
  return g_variant_print (variant, TRUE);
}

/**
 * hr_reload_note_parse:
 * @text: a note
 *
 * Returns: (transfer full) (nullable): what it says; %NULL: it is none
 */
HrReloadNote *
hr_reload_note_parse (const char *text)
{
  g_autoptr (GVariant) variant = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
  g_autoptr (HrReloadNote) self = g_new0 (HrReloadNote, 1);

  if (variant == NULL || !g_variant_lookup (variant, "phase", "s", &self->phase)
      || !g_variant_lookup (variant, "trigger", "s", &self->trigger))
    return NULL;
  g_variant_lookup (variant, "release", "t", &self->release);
  g_variant_lookup (variant, "previous", "t", &self->previous);
  g_variant_lookup (variant, "caller", "s", &self->caller);
  g_variant_lookup (variant, "began", "x", &self->began_at);
  g_variant_lookup (variant, "told", "b", &self->told);
  g_variant_lookup (variant, "held", "b", &self->held);
  g_variant_lookup (variant, "heir", "s", &self->heir);
  g_variant_lookup (variant, "heir-opened", "b", &self->heir_opened);
  return g_steal_pointer (&self);
}

/**
 * hr_reload_note_free:
 * @self: (transfer full) (nullable): a note
 */
void
hr_reload_note_free (HrReloadNote *self)
{
  if (self == NULL)
    return;
  g_free (self->phase);
  g_free (self->trigger);
  g_free (self->caller);
  g_free (self->heir);
  g_free (self);
}
