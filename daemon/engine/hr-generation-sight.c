/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is seen of an instance that runs.
 */
#include "hr-generation-private.h"
#include "hr-log.h"

static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HrGeneration *self = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;

  if (!hr_instance_look_finish (HR_INSTANCE (source), result, &self->sight, &error) && self->alive)
    hr_log_debug (self->plan->spec->name, "what is known of instance %s stays as it was: %s", self->id, error->message);
  g_task_return_boolean (task, TRUE);
}

/**
 * hr_generation_look_async:
 * @self: a generation
 * @callback: (nullable): called when it was looked at, within a second, with @self
 * @user_data: for @callback
 *
 * Looks at its processes anew. Where they hold that up, or it has ended, what was seen before stays.
 */
void
hr_generation_look_async (HrGeneration *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (HR_IS_GENERATION (self));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, hr_generation_look_async);
  if (self->alive)
    hr_instance_look_async (self->instance, looked, g_steal_pointer (&task));
  else
    g_task_return_boolean (task, TRUE);
}

/**
 * hr_generation_is_watched:
 * @self: a generation
 *
 * Returns: whether the adopt library saw its program when it was last looked at
 */
gboolean
hr_generation_is_watched (HrGeneration *self)
{
  return self->alive && self->sight.is_watched;
}

/**
 * hr_generation_misses_listener:
 * @self: a generation
 *
 * Returns: whether it listened on sockets that the daemon does not have when it was last looked at
 */
gboolean
hr_generation_misses_listener (HrGeneration *self)
{
  return self->alive && self->sight.misses_listener;
}

/**
 * hr_generation_get_unseen:
 * @self: a started generation
 *
 * Returns: whether and why the adopt library does not see what it binds: what its file tells, else what was seen when
 *   it was last looked at
 */
HrUnseen
hr_generation_get_unseen (HrGeneration *self)
{
  if (self->unseen == HR_UNSEEN_NOT && self->sight.misses_listener)
    return HR_UNSEEN_RUNNING;
  return self->unseen;
}
