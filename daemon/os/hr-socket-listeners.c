/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-listeners-private.h"

#include <sys/socket.h>

#include "hr-closer.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-log.h"
#include "hr-socket-bind.h"

static void hr_socket_listeners_listeners_init (HrListenersInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrSocketListeners, hr_socket_listeners, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_LISTENERS, hr_socket_listeners_listeners_init))

static HrHeldListener *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

/* Makes the socket for @spec. */
static HrHeldListener *
make_one (const HrListenSpec *spec, const HrSocketAddress *address, GError **error)
{
  const char *path = hr_socket_address_get_path (address);
  g_autofree char *text = hr_socket_address_to_string (address);
  g_autoptr (HrSocketFile) file = NULL;
  g_auto (HrFd) fd = hr_socket_bind (address, error);
  HrSocketAddress bound;

  if (fd >= 0 && path != NULL)
    file = hr_socket_file_new (path, error);
  if (fd < 0 || (path != NULL && file == NULL) || !hr_socket_address_of (fd, &bound))
    {
      g_prefix_error (error, "while binding listener '%s' to %s: ", spec->name, text);
      return NULL;
    }
  return hr_held_listener_new (hr_fd_steal (&fd), &bound, g_steal_pointer (&file));
}

/* Takes what was passed to the daemon for @spec; NULL where there is none that is of use. */
static HrHeldListener *
take_inherited (HrSocketListeners *self, const HrServiceSpec *service, const HrListenSpec *spec)
{
  HrInheritedSocket *inherited =
      self->inherited != NULL ? hr_inherited_sockets_take (self->inherited, self, spec) : NULL;
  g_autofree char *text =
      inherited != NULL ? hr_socket_address_to_string (hr_inherited_socket_get_address (inherited)) : NULL;
  g_autoptr (GError) error = NULL;
  HrHeldListener *held = inherited != NULL ? hr_held_listener_new_inherited (inherited, &error) : NULL;

  if (error != NULL)
    hr_log_warning (service->name, "listener '%s': socket %s that the daemon was passed: %s, ignoring", spec->name,
                    text, error->message);
  return held;
}

/* Finds or makes the socket for @spec, none of @wanted; a new one belongs to @made. */
static HrHeldListener *
open_one (HrSocketListeners *self, const HrServiceSpec *service, const HrListenSpec *spec, GPtrArray *wanted,
          GPtrArray *made, GError **error)
{
  HrSocketAddress address;
  HrHeldListener *held;

  if (!hr_socket_address_from_spec (spec, &address, error))
    {
      g_prefix_error (error, "listener '%s': ", spec->name);
      return NULL;
    }
  for (guint i = 0; i < self->held->len; i++)
    if (hr_held_listener_serves (get (self, i), spec, &address) && !g_ptr_array_find (wanted, get (self, i), NULL))
      return get (self, i);
  held = take_inherited (self, service, spec);
  if (held == NULL)
    held = make_one (spec, &address, error);
  if (held != NULL)
    g_ptr_array_add (made, held);
  return held;
}

/* The new list: what the service file names, then what is discovered. The rest of the old one closes. */
static void
commit (HrSocketListeners *self, HrServiceSpec *spec, GPtrArray *wanted, GPtrArray *made)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (hr_held_listener_free);

  for (guint i = 0; i < wanted->len; i++)
    {
      HrHeldListener *held = g_ptr_array_index (wanted, i);

      hr_held_listener_assign (held, g_ptr_array_index (spec->listen, i));
      hr_socket_listeners_follow (self, held);
      g_ptr_array_add (list, held);
    }
  /* Where bind() is not answered, a discovered one would be in the program's way. */
  for (guint i = 0; (spec->sockets == HR_SOCKETS_AUTO || spec->sockets == HR_SOCKETS_ADOPT) && i < self->held->len; i++)
    if (get (self, i)->shown.discovered)
      g_ptr_array_add (list, get (self, i));
  for (guint i = 0; i < list->len; i++)
    {
      guint index;

      if (g_ptr_array_find (self->held, g_ptr_array_index (list, i), &index))
        self->held->pdata[index] = NULL;
    }
  /* What a program listens on goes on to be found, when it is let go of. */
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i) != NULL && get (self, i)->shown.discovered)
      g_clear_pointer (&get (self, i)->file, hr_socket_file_free);
  g_ptr_array_unref (self->held);
  self->held = list;
  /* They are in the list now. */
  g_ptr_array_set_free_func (made, NULL);
  hr_socket_listeners_keep (self);
}

static gboolean
hr_socket_listeners_open (HrListeners *listeners, HrServiceSpec *spec, GError **error)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  guint n_wanted = spec->sockets == HR_SOCKETS_NONE ? 0 : spec->listen->len;
  g_autoptr (GPtrArray) wanted = g_ptr_array_new ();
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (hr_held_listener_free);

  for (guint i = 0; i < n_wanted; i++)
    {
      HrHeldListener *held = open_one (self, spec, g_ptr_array_index (spec->listen, i), wanted, made, error);

      if (held == NULL)
        {
          g_prefix_error (error, "service '%s': ", spec->name);
          return FALSE;
        }
      g_ptr_array_add (wanted, held);
    }
  commit (self, spec, wanted, made);
  return TRUE;
}

static void
hr_socket_listeners_close (HrListeners *listeners)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  g_ptr_array_set_size (self->held, 0);
  g_clear_pointer (&self->separate, g_free);
  hr_rescue_clear (self->rescue);
  hr_socket_listeners_keep (self);
}

static GPtrArray *
hr_socket_listeners_list (HrListeners *listeners)
{
  return HR_SOCKET_LISTENERS (listeners)->held;
}

static void
hr_socket_listeners_revive (HrListeners *listeners)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  for (guint i = 0; i < self->held->len; i++)
    hr_held_listener_revive (get (self, i));
  hr_socket_listeners_keep (self);
}

static gboolean
matches (const HrHeldListener *held, const HrSocketAddress *address, HrListenerMatch match, const char *instance)
{
  switch (match)
    {
    case HR_LISTENER_MATCH_MADE_FOR:
      return !held->shown.discovered && hr_socket_address_overlaps (&held->address, address);
    case HR_LISTENER_MATCH_IN_THE_WAY:
      return hr_socket_address_overlaps (&held->address, address);
    case HR_LISTENER_MATCH_FREE_PORT:
      return held->shown.discovered && held->shown.ephemeral && !g_hash_table_contains (held->users, instance)
             && hr_socket_address_equal_host (&held->address, address);
    default:
      return FALSE;
    }
}

/**
 * hr_socket_listeners_take:
 * @self: the listeners
 * @address: what a program of the service binds
 * @match: which listener it may be given for that
 * @instance: id of the instance
 *
 * Returns: a descriptor that stays the listeners', -1 when there is none that fits
 */
int
hr_socket_listeners_take (HrSocketListeners *self, const HrSocketAddress *address, HrListenerMatch match,
                          const char *instance)
{
  HrHeldListener *found = NULL;

  /* The very address first: a program may have several listeners on one port. */
  for (guint i = 0; match != HR_LISTENER_MATCH_FREE_PORT && found == NULL && i < self->held->len; i++)
    if (hr_socket_address_equal (&get (self, i)->address, address))
      found = get (self, i);
  for (guint i = 0; found == NULL && i < self->held->len; i++)
    if (matches (get (self, i), address, match, instance))
      found = get (self, i);
  if (found == NULL)
    return -1;
  g_hash_table_add (found->users, g_strdup (instance));
  return hr_held_listener_get_fd (found, instance);
}

/* Where it listens; %FALSE when it is no stream socket or does not. */
static gboolean
is_listener (int fd, HrSocketAddress *address)
{
  int listening = 0;
  socklen_t length = sizeof listening;

  return hr_socket_address_of (fd, address) && address->kind != HR_LISTEN_UDP
         && getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

static guint
count_discovered (HrSocketListeners *self)
{
  guint n = 0;

  for (guint i = 0; i < self->held->len; i++)
    n += get (self, i)->shown.discovered;
  return n;
}

/**
 * hr_socket_listeners_discover:
 * @self: the listeners
 * @fd: (transfer full): a socket on which a program of the service listens
 * @where: (nullable): its address, if that is another than the kernel says: a relative path made an absolute one
 * @file: (transfer full) (nullable): of a Unix socket with a path
 * @free_port: whether the kernel chose its port
 * @instance: id of the instance
 * @error: return location
 *
 * Keeps the socket for the next instance. One that is held already is not held twice.
 *
 * Returns: success; else %HR_ERROR_INVALID_ARGUMENT for what is no listener, %HR_ERROR_LIMIT_EXCEEDED for too many
 */
gboolean
hr_socket_listeners_discover (HrSocketListeners *self, int fd, const HrSocketAddress *where, HrSocketFile *file,
                              gboolean free_port, const char *instance, GError **error)
{
  g_auto (HrSharedListener) given = fd;
  g_auto (HrFd) kept = -1;
  g_autoptr (HrSocketFile) file_of_socket = file;
  HrSocketAddress address;
  HrHeldListener *held;

  if (!is_listener (given, &address))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "what instance %s gave is no listener", instance);
      return FALSE;
    }
  if (hr_socket_listeners_find (self, given, instance) >= 0)
    return TRUE;
  if (count_discovered (self) >= HR_DISCOVERED_LISTENERS_MAX)
    {
      g_autofree char *text = hr_socket_address_to_string (where != NULL ? where : &address);

      g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                   "%s is not kept: there are %d discovered listeners already", text, HR_DISCOVERED_LISTENERS_MAX);
      return FALSE;
    }
  kept = hr_fd_dup (given, error);
  if (kept < 0)
    return FALSE;
  held =
      hr_held_listener_new (hr_fd_steal (&kept), where != NULL ? where : &address, g_steal_pointer (&file_of_socket));
  /* What waits while one instance replaces another may be more than the program cared for. */
  listen (held->shown.fd, SOMAXCONN);
  held->shown.name = g_strdup (held->shown.address);
  held->shown.discovered = TRUE;
  held->shown.ephemeral = free_port;
  g_hash_table_add (held->users, g_strdup (instance));
  hr_socket_listeners_follow (self, held);
  if (held->group != NULL)
    hr_socket_group_enter (held->group, instance);
  g_ptr_array_add (self->held, held);
  hr_socket_listeners_keep (self);
  g_signal_emit_by_name (self, "changed");
  return TRUE;
}

/**
 * hr_socket_listeners_find:
 * @self: the listeners
 * @fd: a socket of a program of the service; stays the caller's
 * @instance: id of the instance
 *
 * Returns: a descriptor of the same socket that stays the listeners', -1 when it is none of theirs
 */
int
hr_socket_listeners_find (HrSocketListeners *self, int fd, const char *instance)
{
  guint64 cookie = 0;
  socklen_t length = sizeof cookie;

  if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0)
    return -1;
  for (guint i = 0; i < self->held->len; i++)
    if (hr_held_listener_is (get (self, i), cookie))
      {
        g_hash_table_add (get (self, i)->users, g_strdup (instance));
        return hr_held_listener_get_fd (get (self, i), instance);
      }
  return -1;
}

/**
 * hr_socket_listeners_find_twin:
 * @self: the listeners
 * @fd: a bound socket of a program of the service; stays the caller's
 * @instance: id of the instance
 *
 * Several processes may bind one address with SO_REUSEPORT; then one socket is enough for all of them.
 *
 * Returns: a descriptor of another socket of the very address, which stays the listeners'; -1 when there is none
 */
int
hr_socket_listeners_find_twin (HrSocketListeners *self, int fd, const char *instance)
{
  HrSocketAddress address;

  if (fd < 0 || hr_socket_listeners_find (self, fd, instance) >= 0 || !hr_socket_address_of (fd, &address)
      || address.kind != HR_LISTEN_TCP || hr_socket_address_port (&address) == 0)
    return -1;
  return hr_socket_listeners_take (self, &address, HR_LISTENER_MATCH_EQUAL, instance);
}

/**
 * hr_socket_listeners_new:
 *
 * Returns: (transfer full): listeners of a service, none bound
 */
HrListeners *
hr_socket_listeners_new (void)
{
  return g_object_new (HR_TYPE_SOCKET_LISTENERS, NULL);
}

/**
 * hr_socket_listeners_claim:
 * @self: the listeners
 * @inherited: what the daemon was passed
 * @spec: of their service, which they may be opened with from now on
 *
 * What was passed for them is used in place of a socket that they would bind.
 */
void
hr_socket_listeners_claim (HrSocketListeners *self, HrInheritedSockets *inherited, HrServiceSpec *spec)
{
  g_set_object (&self->inherited, inherited);
  hr_inherited_sockets_claim (inherited, self, spec);
}

static void
hr_socket_listeners_finalize (GObject *object)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (object);

  if (self->inherited != NULL)
    hr_inherited_sockets_unclaim (self->inherited, self);
  g_clear_object (&self->inherited);
  g_clear_handle_id (&self->unclaimed, g_source_remove);
  g_ptr_array_set_size (self->held, 0);
  hr_socket_listeners_keep (self);
  g_clear_object (&self->keeper);
  g_hash_table_unref (self->kept);
  g_free (self->service);
  g_ptr_array_unref (self->held);
  hr_rescue_free (self->rescue);
  g_free (self->separate);
  G_OBJECT_CLASS (hr_socket_listeners_parent_class)->finalize (object);
}

static void
hr_socket_listeners_class_init (HrSocketListenersClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_socket_listeners_finalize;
}

static void
hr_socket_listeners_listeners_init (HrListenersInterface *iface)
{
  iface->open = hr_socket_listeners_open;
  iface->close = hr_socket_listeners_close;
  iface->list = hr_socket_listeners_list;
  iface->revive = hr_socket_listeners_revive;
  hr_socket_listeners_init_traffic (iface);
  hr_socket_listeners_init_queue (iface);
}

static void
hr_socket_listeners_init (HrSocketListeners *self)
{
  self->held = g_ptr_array_new_with_free_func (hr_held_listener_free);
  self->kept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  hr_socket_listeners_begin_traffic (self);
}
