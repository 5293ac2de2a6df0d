/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is known of the sockets of a service.
 */
#include "hr-service-private.h"

/**
 * hr_service_get_listen:
 * @self: a service
 *
 * Returns: (transfer full): its listeners' addresses, with real ports
 */
char **
hr_service_get_listen (HrService *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  if (self->parts.listeners != NULL)
    {
      GPtrArray *list = hr_listeners_list (self->parts.listeners);

      for (guint i = 0; i < list->len; i++)
        g_strv_builder_add (builder, ((const HrListener *)g_ptr_array_index (list, i))->address);
    }
  return g_strv_builder_end (builder);
}

/**
 * hr_service_get_stored:
 * @self: a service
 *
 * Returns: (transfer full): the names of the descriptors that it has stored, one for each
 */
char **
hr_service_get_stored (HrService *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GPtrArray *list;

  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);

  list = self->parts.stored != NULL ? hr_fd_store_list (self->parts.stored) : NULL;
  for (guint i = 0; list != NULL && i < list->len; i++)
    g_strv_builder_add (builder, ((const HrStoredFd *)g_ptr_array_index (list, i))->name);
  return g_strv_builder_end (builder);
}

/**
 * hr_service_get_sockets_advice:
 * @self: a service
 *
 * Returns: (transfer full) (nullable): what cannot be done for the sockets of the program that runs, and what to do
 *   instead
 */
char *
hr_service_get_sockets_advice (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  if (self->spec == NULL || self->current == NULL || !hr_generation_is_alive (self->current))
    return NULL;
  return hr_unseen_advise (self->spec, hr_generation_get_unseen (self->current));
}

/**
 * hr_service_get_tally:
 * @self: a service
 *
 * Returns: (transfer none): how often an instance that was retired had to go while connections to it were open
 */
const HrDrainTally *
hr_service_get_tally (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), NULL);
  return self->tally;
}

/**
 * hr_service_count_waiting:
 * @self: a service
 *
 * Returns: how many connections to its TCP listeners wait to be accepted, at this moment: many, or for long, where its
 *   program has not taken a listener or hangs
 */
guint
hr_service_count_waiting (HrService *self)
{
  g_return_val_if_fail (HR_IS_SERVICE (self), 0);
  return self->parts.listeners != NULL ? hr_listeners_count_queued (self->parts.listeners, FALSE) : 0;
}
