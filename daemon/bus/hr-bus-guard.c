/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-guard.h"

static G_DEFINE_QUARK (hr - bus - guard - auth, auth);

/* What the generated code does. */
static GDBusInterfaceVTable *
get_generated (GDBusInterfaceSkeleton *skeleton)
{
  GDBusInterfaceSkeletonClass *parent = g_type_class_peek_parent (G_OBJECT_GET_CLASS (skeleton));

  return parent->get_vtable (skeleton);
}

static void
pass (gpointer owner, GDBusMethodInvocation *invocation)
{
  get_generated (owner)->method_call (
      g_dbus_method_invocation_get_connection (invocation), g_dbus_method_invocation_get_sender (invocation),
      g_dbus_method_invocation_get_object_path (invocation), g_dbus_method_invocation_get_interface_name (invocation),
      g_dbus_method_invocation_get_method_name (invocation), g_dbus_method_invocation_get_parameters (invocation),
      invocation, owner);
}

static void
method_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface_name,
             const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  hr_bus_auth_pass (g_object_get_qdata (user_data, auth_quark ()), invocation, pass, user_data);
}

static GVariant *
get_property (GDBusConnection *connection, const char *sender, const char *path, const char *interface_name,
              const char *property, GError **error, gpointer user_data)
{
  return get_generated (user_data)->get_property (connection, sender, path, interface_name, property, error, user_data);
}

/* No set_property: there is nothing to be set from the bus, and GDBus refuses it by what the XML says. */
static GDBusInterfaceVTable guarded = { method_call, get_property, NULL, { NULL } };

static GDBusInterfaceVTable *
get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  return &guarded;
}

static void
class_init (gpointer klass, gpointer data)
{
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = get_vtable;
}

/* A subclass of the generated class, made once. */
static GType
guarded_type (GType skeleton)
{
  g_autofree char *name = g_strconcat ("Guarded", g_type_name (skeleton), NULL);
  GType type = g_type_from_name (name);
  GTypeQuery query;

  if (type != G_TYPE_INVALID)
    return type;
  g_type_query (skeleton, &query);
  return g_type_register_static_simple (skeleton, name, query.class_size, class_init, query.instance_size, NULL, 0);
}

/**
 * hr_bus_guard_new:
 * @auth: the table, and who is who
 * @skeleton: a generated class of skeletons, without properties that can be set from the bus
 *
 * Returns: (transfer full): one of these, of which every method goes through the table first
 */
gpointer
hr_bus_guard_new (HrBusAuth *auth, GType skeleton)
{
  GObject *object = g_object_new (guarded_type (skeleton), NULL);

  g_object_set_qdata_full (object, auth_quark (), g_object_ref (auth), g_object_unref);
  return object;
}
