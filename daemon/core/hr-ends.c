/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-ends.h"

struct _HrEnds {
  GPtrArray *list; /* HrEnd, newest first */
};

/**
 * hr_end_free:
 * @self: (transfer full) (nullable): an end
 */
void
hr_end_free (HrEnd *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_free (self);
}

/**
 * hr_ends_new:
 *
 * Returns: (transfer full): no ends yet
 */
HrEnds *
hr_ends_new (void)
{
  HrEnds *self = g_new (HrEnds, 1);

  self->list = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_end_free);
  return self;
}

/**
 * hr_ends_free:
 * @self: (transfer full) (nullable): ends
 */
void
hr_ends_free (HrEnds *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->list);
  g_free (self);
}

/**
 * hr_ends_take:
 * @self: ends
 * @end: (transfer full): the newest
 */
void
hr_ends_take (HrEnds *self, HrEnd *end)
{
  g_return_if_fail (self != NULL && end != NULL && end->text != NULL);

  g_ptr_array_insert (self->list, 0, end);
  if (self->list->len > HR_ENDS_MAX)
    g_ptr_array_set_size (self->list, HR_ENDS_MAX);
}

/**
 * hr_ends_clear:
 * @self: ends; nobody needs to know them any more
 */
void
hr_ends_clear (HrEnds *self)
{
  g_return_if_fail (self != NULL);
  g_ptr_array_set_size (self->list, 0);
}

/**
 * hr_ends_count:
 * @self: ends
 *
 * Returns: how many are kept
 */
guint
hr_ends_count (const HrEnds *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->list->len;
}

/**
 * hr_ends_get:
 * @self: ends
 * @index: below hr_ends_count(); 0 is the newest
 *
 * Returns: (transfer none): the end
 */
const HrEnd *
hr_ends_get (const HrEnds *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->list->len, NULL);
  return g_ptr_array_index (self->list, index);
}

/**
 * hr_ends_describe:
 * @self: ends
 *
 * Returns: (transfer full): for a log, the oldest first: "14:30:01Z release 3: it exited with status 1 (PID 17); …"
 */
char *
hr_ends_describe (const HrEnds *self)
{
  GString *text = g_string_new (NULL);

  g_return_val_if_fail (self != NULL, g_string_free (text, FALSE));
  for (guint i = self->list->len; i > 0; i--)
    {
      const HrEnd *end = g_ptr_array_index (self->list, i - 1);
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (end->time_usec / G_USEC_PER_SEC);
      g_autofree char *when = g_date_time_format (time, "%H:%M:%SZ");

      g_string_append_printf (text, "%s%s ", text->len > 0 ? "; " : "", when);
      if (end->release != 0)
        g_string_append_printf (text, "release %" G_GUINT64_FORMAT ": ", end->release);
      g_string_append (text, end->text);
      if (end->pid != 0)
        g_string_append_printf (text, " (PID %d)", (int)end->pid);
    }
  return g_string_free (text, FALSE);
}

/**
 * hr_ends_carry:
 * @self: ends
 *
 * Returns: (transfer floating): for hr_ends_take_carried(), the oldest first
 */
GVariant *
hr_ends_carry (const HrEnds *self)
{
  GVariantBuilder builder;

  g_return_val_if_fail (self != NULL, NULL);

  g_variant_builder_init (&builder, G_VARIANT_TYPE (HR_ENDS_TYPE));
  for (guint i = self->list->len; i > 0; i--)
    {
      const HrEnd *end = g_ptr_array_index (self->list, i - 1);

      g_variant_builder_add (&builder, "(xtuiii^ay)", end->time_usec, end->release, end->index, (gint32)end->pid,
                             end->exit_status, end->signal_number, end->text);
    }
  return g_variant_builder_end (&builder);
}

/**
 * hr_ends_take_carried:
 * @self: no ends yet
 * @carried: what hr_ends_carry() made, of type %HR_ENDS_TYPE
 */
void
hr_ends_take_carried (HrEnds *self, GVariant *carried)
{
  GVariantIter iter;
  HrEnd end;
  gint32 pid;

  g_return_if_fail (self != NULL);

  g_variant_iter_init (&iter, carried);
  while (g_variant_iter_next (&iter, "(xtuiii^ay)", &end.time_usec, &end.release, &end.index, &pid, &end.exit_status,
                              &end.signal_number, &end.text))
    {
      end.pid = pid;
      hr_ends_take (self, g_memdup2 (&end, sizeof end));
    }
}
