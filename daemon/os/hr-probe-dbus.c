/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-probe-dbus.h"

#include "hr-names.h"
#include "hr-process-tree.h"

#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

/* One look at a name. */
typedef struct {
  GDBusConnection *bus;
  char *name;
  char *service;
  char *instance;
  GPid leader;
  char **owners; /* the owner, then who waits */
  guint next;
} Look;

static void
look_free (gpointer data)
{
  Look *self = data;

  g_clear_object (&self->bus);
  g_free (self->name);
  g_free (self->service);
  g_free (self->instance);
  g_strfreev (self->owners);
  g_free (self);
}

static void ask_process (GTask *task);

static void
call (GTask *task, const char *method, const char *argument, const char *answer, GAsyncReadyCallback callback)
{
  Look *self = g_task_get_task_data (task);

  g_dbus_connection_call (self->bus, BUS, BUS_PATH, BUS, method, g_variant_new ("(s)", argument),
                          G_VARIANT_TYPE (answer), G_DBUS_CALL_FLAGS_NONE, -1, g_task_get_cancellable (task), callback,
                          task);
}

static void
process_told (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Look *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  gboolean is_owner = self->next == 0;
  guint32 pid = 0;

  if (reply != NULL)
    g_variant_get (reply, "(u)", &pid);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (hr_process_belongs ((GPid)pid, self->leader, self->instance))
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  /* Behind a stranger it would wait for ever. */
  if (is_owner && !hr_process_has_variable ((GPid)pid, HR_ENV_SERVICE, self->service))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED,
                               "the name is owned by process %u, which is not of this service", pid);
      return;
    }
  self->next++;
  ask_process (g_steal_pointer (&task));
}

static void
ask_process (GTask *task)
{
  g_autoptr (GTask) owned = task;
  Look *self = g_task_get_task_data (task);

  if (self->owners[self->next] == NULL || self->next >= HR_PROBE_OWNERS_MAX)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED,
                               "another instance owns the name, and this one does not wait for it");
      return;
    }
  call (g_steal_pointer (&owned), "GetConnectionUnixProcessID", self->owners[self->next], "(u)", process_told);
}

static void
owners_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Look *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply == NULL && !g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (reply != NULL)
    g_variant_get (reply, "(^as)", &self->owners);
  if (self->owners == NULL || self->owners[0] == NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "nobody owns the name");
      return;
    }
  ask_process (g_steal_pointer (&task));
}

/**
 * hr_probe_dbus_async:
 * @bus: (nullable): where the name is
 * @request: what to ask
 * @cancellable: (nullable): ends it
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_probe_dbus_async (GDBusConnection *bus, const HrProbeRequest *request, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Look *self = g_new0 (Look, 1);

  g_task_set_source_tag (task, hr_probe_dbus_async);
  g_task_set_task_data (task, self, look_free);
  if (bus == NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "there is no bus to ask");
      return;
    }
  self->bus = g_object_ref (bus);
  self->name = g_strdup (request->probe->words[0]);
  self->service = g_strdup (request->spec->name);
  self->instance = g_strdup (request->instance);
  self->leader = request->pid;
  call (g_steal_pointer (&task), "ListQueuedOwners", self->name, "(as)", owners_listed);
}

/**
 * hr_probe_dbus_finish:
 * @result: of hr_probe_dbus_async()
 * @error: return location
 *
 * Returns: whether the instance has the name, or will have it; else an error of any domain that says who has it
 */
gboolean
hr_probe_dbus_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_probe_dbus_async), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
