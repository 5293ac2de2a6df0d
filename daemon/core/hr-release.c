/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-release.h"

G_DEFINE_BOXED_TYPE (HrRelease, hr_release, hr_release_copy, hr_release_free)

static const char *const fates[] = {
  [HR_FATE_CANDIDATE] = "candidate", [HR_FATE_UNPROVEN] = "unproven", [HR_FATE_GOOD] = "good",
  [HR_FATE_REJECTED] = "rejected",   [HR_FATE_RETIRED] = "retired",
};

/**
 * hr_release_new:
 * @number: 1 or above
 *
 * Returns: (transfer full): a candidate without anything else
 */
HrRelease *
hr_release_new (guint64 number)
{
  HrRelease *self = g_new0 (HrRelease, 1);

  self->number = number;
  return self;
}

/**
 * hr_release_copy:
 * @self: a release
 *
 * Returns: (transfer full): a deep copy
 */
HrRelease *
hr_release_copy (const HrRelease *self)
{
  HrRelease *copy;

  g_return_val_if_fail (self != NULL, NULL);

  copy = hr_release_new (self->number);
  copy->commit = g_strdup (self->commit);
  copy->tree = g_strdup (self->tree);
  copy->time_usec = self->time_usec;
  copy->trigger = g_strdup (self->trigger);
  copy->caller = g_strdup (self->caller);
  copy->files = g_strdupv (self->files);
  copy->fate = self->fate;
  copy->phase = g_strdup (self->phase);
  copy->error = g_strdup (self->error);
  return copy;
}

/**
 * hr_release_free:
 * @self: (transfer full) (nullable): a release
 */
void
hr_release_free (HrRelease *self)
{
  if (self == NULL)
    return;
  g_free (self->commit);
  g_free (self->tree);
  g_free (self->trigger);
  g_free (self->caller);
  g_strfreev (self->files);
  g_free (self->phase);
  g_free (self->error);
  g_free (self);
}

/**
 * hr_fate_to_string:
 * @fate: a fate
 *
 * Returns: (transfer none): its word
 */
const char *
hr_fate_to_string (HrFate fate)
{
  g_return_val_if_fail (fate >= 0 && fate < G_N_ELEMENTS (fates), NULL);
  return fates[fate];
}

/**
 * hr_fate_from_string:
 * @text: a word of hr_fate_to_string()
 * @fate: (out): return location
 *
 * Returns: whether @text is one
 */
gboolean
hr_fate_from_string (const char *text, HrFate *fate)
{
  g_return_val_if_fail (text != NULL && fate != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (fates); i++)
    if (g_str_equal (fates[i], text))
      {
        *fate = (HrFate)i;
        return TRUE;
      }
  return FALSE;
}
