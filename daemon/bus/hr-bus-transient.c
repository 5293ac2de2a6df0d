/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-transient.h"

#include "hr-bus-auth.h"
#include "hr-bus-calls.h"
#include "hr-bus-configuration.h"
#include "hr-bus-watch.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-log.h"

struct _HrBusTransient {
  GObject parent_instance;

  HrConfiguration *configuration;
  GDBusConnection *connection;
  GHashTable *watches; /* service name -> HrBusWatch of the caller's bus name */
};

G_DEFINE_FINAL_TYPE (HrBusTransient, hr_bus_transient, G_TYPE_OBJECT)

static void
hr_bus_transient_finalize (GObject *object)
{
  HrBusTransient *self = HR_BUS_TRANSIENT (object);

  g_signal_handlers_disconnect_by_data (hr_configuration_get_manager (self->configuration), self);
  g_hash_table_unref (self->watches);
  g_clear_object (&self->connection);
  g_clear_object (&self->configuration);
  G_OBJECT_CLASS (hr_bus_transient_parent_class)->finalize (object);
}

static void
hr_bus_transient_class_init (HrBusTransientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_bus_transient_finalize;
}

static void
hr_bus_transient_init (HrBusTransient *self)
{
  self->watches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hr_bus_watch_free);
}

static void
remove_service (HrBusTransient *self, const char *name)
{
  g_autofree char *kept = g_strdup (name);
  g_autoptr (GError) error = NULL;

  g_hash_table_remove (self->watches, kept);
  if (hr_manager_remove (hr_configuration_get_manager (self->configuration), kept, NULL, &error) == NULL)
    hr_log_debug (kept, "%s", error->message);
}

typedef struct {
  HrBusTransient *self; /* not owned: the watch ends before it does */
  char *name;
} Owner;

static void
owner_free (gpointer data)
{
  Owner *owner = data;

  g_free (owner->name);
  g_free (owner);
}

static void
caller_vanished (gpointer user_data)
{
  Owner *owner = user_data;

  remove_service (owner->self, owner->name);
}

static void
watch (HrBusTransient *self, const char *name, const char *bus_name, gboolean matched)
{
  Owner *owner = g_new0 (Owner, 1);

  owner->self = self;
  owner->name = g_strdup (name);
  g_hash_table_insert (self->watches, g_strdup (name),
                       hr_bus_watch_new (self->connection, bus_name, matched, caller_vanished, owner, owner_free));
}

/* One that was there before the daemon was re-executed: the bus still tells of its caller. */
static void
service_added (HrManager *manager, HrService *service, HrBusTransient *self)
{
  const HrCallerContext *caller = hr_service_is_carried (service) ? hr_service_get_caller (service) : NULL;

  if (caller != NULL && caller->owner != NULL)
    watch (self, hr_service_get_name (service), caller->owner, TRUE);
}

/* It was stopped, or has ended as it should: nothing is left that could be watched or started again. */
static void
manager_event (HrManager *manager, HrEvent *event, HrBusTransient *self)
{
  if (event->kind != HR_EVENT_STATE_CHANGED || !g_hash_table_contains (self->watches, event->service)
      || !g_str_equal (event->new_state, "stopped"))
    return;
  remove_service (self, event->service);
}

static void
service_removed (HrManager *manager, HrService *service, HrBusTransient *self)
{
  g_hash_table_remove (self->watches, hr_service_get_name (service));
}

/**
 * hr_bus_transient_new:
 * @configuration: where such services are added
 * @connection: where their callers are
 *
 * Returns: (transfer full): no transient services yet
 */
HrBusTransient *
hr_bus_transient_new (HrConfiguration *configuration, GDBusConnection *connection)
{
  HrBusTransient *self = g_object_new (HR_TYPE_BUS_TRANSIENT, NULL);
  HrManager *manager = hr_configuration_get_manager (configuration);

  self->configuration = g_object_ref (configuration);
  self->connection = g_object_ref (connection);
  g_signal_connect (manager, "service-added", G_CALLBACK (service_added), self);
  g_signal_connect (manager, "event", G_CALLBACK (manager_event), self);
  g_signal_connect (manager, "service-removed", G_CALLBACK (service_removed), self);
  return self;
}

static int
take_fd (GUnixFDList *fds, GVariant *handle, GError **error)
{
  if (fds == NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "no descriptors came with the call");
      return -1;
    }
  return g_unix_fd_list_get (fds, g_variant_get_handle (handle), error);
}

static HrCallerContext *
make_context (GUnixFDList *fds, GVariant *options, GVariant *stdout_handle, GVariant *stderr_handle, GError **error)
{
  g_autofree const char **environment = NULL;
  const char *directory = "/";
  g_auto (HrFd) out = take_fd (fds, stdout_handle, error);
  g_auto (HrFd) err = out >= 0 ? take_fd (fds, stderr_handle, error) : -1;

  if (err < 0)
    return NULL;
  if (!g_variant_lookup (options, "environment", "^a&s", &environment))
    environment = g_new0 (const char *, 1);
  g_variant_lookup (options, "working-directory", "&s", &directory);
  if (!g_path_is_absolute (directory))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "option 'working-directory': '%s' is not absolute",
                   directory);
      return NULL;
    }
  return hr_caller_context_new (environment, directory, hr_fd_steal (&out), hr_fd_steal (&err));
}

/* @context is taken. */
static HrJob *
add (HrBusTransient *self, GDBusMethodInvocation *invocation, HrServiceSpec *spec, const char *text,
     HrCallerContext *context, GError **error)
{
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  HrJob *job;

  context->uid = hr_bus_auth_uid (invocation);
  context->owner = g_strdup (sender);
  context->text = g_strdup (text);
  job = hr_manager_add (hr_configuration_get_manager (self->configuration), spec, context,
                        hr_bus_auth_caller (invocation), error);
  if (job != NULL && sender != NULL)
    watch (self, spec->name, sender, FALSE);
  return job;
}

/**
 * hr_bus_transient_call:
 * @self: the transient services
 * @invocation: (transfer full): RunTransient
 * @fds: (nullable): what came with it
 * @name: of the service
 * @text: of its service file
 * @options: a{sv}
 * @stdout_handle: index into @fds
 * @stderr_handle: index into @fds
 */
void
hr_bus_transient_call (HrBusTransient *self, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *name,
                       const char *text, GVariant *options, GVariant *stdout_handle, GVariant *stderr_handle)
{
  static const char *const known[] = { "environment:as", "working-directory:s", NULL };
  g_autoptr (HrServiceSpec) spec = NULL;
  HrCallerContext *context;
  GError *error = NULL;
  HrJob *job;

  if (!hr_bus_check_options (invocation, options, known))
    return;
  spec = hr_configuration_parse (self->configuration, name, text, &error);
  context = spec != NULL ? make_context (fds, options, stdout_handle, stderr_handle, &error) : NULL;
  job = context != NULL ? add (self, invocation, spec, text, context, &error) : NULL;
  hr_bus_return_job (invocation, job, error);
}

/**
 * hr_bus_transient_add:
 * @self: the transient services
 * @bus: the manager's interface
 * @invocation: (transfer full): AddServiceWithOptions of a service that goes with its caller
 * @name: of the service
 * @text: of its service file
 */
void
hr_bus_transient_add (HrBusTransient *self, HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name,
                      const char *text)
{
  GError *error = NULL;
  g_autoptr (HrServiceSpec) spec = hr_configuration_parse (self->configuration, name, text, &error);
  HrJob *job = spec != NULL ? add (self, invocation, spec, text, hr_caller_context_new_bound (), &error) : NULL;

  if (job == NULL)
    {
      hr_bus_return_job (invocation, NULL, error);
      return;
    }
  hr_bus_configuration_announce_one (bus, invocation, name, job);
  g_dbus_method_invocation_return_value (invocation, NULL);
}
