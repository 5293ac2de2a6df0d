/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-listeners.h"

#include <asm/socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-socket-holder.h"
#include "hr-tcp-address.h"

/* What others see of it comes first. */
typedef struct {
  HrListener shown;
  struct sockaddr_storage address; /* with the real port */
  guint64 cookie;                  /* the kernel's name for the socket */
  GHashTable *users;               /* ids of instances that were given it or gave it to us */
} Held;

struct _HrSocketListeners {
  GObject parent_instance;

  GPtrArray *held; /* Held, the discovered ones last */
};

static void hr_socket_listeners_listeners_init (HrListenersInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrSocketListeners, hr_socket_listeners, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_LISTENERS, hr_socket_listeners_listeners_init))

static void
held_free (gpointer data)
{
  Held *held = data;

  if (held == NULL)
    return;
  hr_fd_clear (&held->shown.fd);
  g_free (held->shown.name);
  g_free (held->shown.address);
  g_hash_table_unref (held->users);
  g_free (held);
}

/* Takes the descriptor of a TCP socket that listens. */
static Held *
held_new (int fd)
{
  Held *self = g_new0 (Held, 1);
  socklen_t length = sizeof self->address;

  getsockname (fd, (struct sockaddr *)&self->address, &length);
  length = sizeof self->cookie;
  getsockopt (fd, SOL_SOCKET, SO_COOKIE, &self->cookie, &length);
  self->users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->shown.fd = fd;
  self->shown.kind = HR_LISTEN_TCP;
  self->shown.port = hr_tcp_address_port (&self->address);
  self->shown.address = hr_tcp_address_to_string (&self->address);
  return self;
}

static Held *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

static gboolean
set_bind_error (const HrListenSpec *spec, const struct sockaddr_storage *address, int errnum, GError **error)
{
  g_autofree char *text = hr_tcp_address_to_string (address);
  g_autofree char *holder = errnum == EADDRINUSE ? hr_socket_holder (spec->port) : NULL;

  g_set_error (error, HR_ERROR, HR_ERROR_START_FAILED, "while binding listener '%s' to %s: %s%s%s", spec->name, text,
               g_strerror (errnum), holder != NULL ? ", by " : "", holder != NULL ? holder : "");
  return FALSE;
}

/* Returns a descriptor that listens, -1 with errno set. */
static int
bind_address (const struct sockaddr_storage *address)
{
  g_auto (HrFd) fd = -1;
  g_auto (HrFd) low = socket (address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1, off = 0;

  fd = low < 0 ? -1 : hr_fd_dup (low, NULL);
  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
      || (address->ss_family == AF_INET6 && setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
      || bind (fd, (const struct sockaddr *)address, hr_tcp_address_size (address)) < 0 || listen (fd, SOMAXCONN) < 0)
    return -1;
  return hr_fd_steal (&fd);
}

/* Whether the socket is what @spec asks for; a discovered one too, when the service file names it now. */
static gboolean
serves (const Held *held, const HrListenSpec *spec, const struct sockaddr_storage *address)
{
  if (spec->port == 0)
    return held->shown.ephemeral && !held->shown.discovered && g_str_equal (held->shown.name, spec->name)
           && hr_tcp_address_equal_host (&held->address, address);
  return (held->shown.discovered || !held->shown.ephemeral) && hr_tcp_address_equal (&held->address, address);
}

/* Finds or makes the socket for @spec, none of @wanted; a new one belongs to @made. */
static Held *
open_one (HrSocketListeners *self, const HrListenSpec *spec, GPtrArray *wanted, GPtrArray *made, GError **error)
{
  struct sockaddr_storage address;
  int fd;

  if (spec->kind != HR_LISTEN_TCP)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "listener '%s': %s sockets are not supported yet",
                   spec->name, spec->kind == HR_LISTEN_UDP ? "UDP" : "Unix");
      return NULL;
    }
  if (!hr_tcp_address_parse (spec->host != NULL ? spec->host : "", spec->port, &address, error))
    {
      g_prefix_error (error, "listener '%s': ", spec->name);
      return NULL;
    }
  for (guint i = 0; i < self->held->len; i++)
    if (serves (get (self, i), spec, &address) && !g_ptr_array_find (wanted, get (self, i), NULL))
      return get (self, i);
  fd = bind_address (&address);
  if (fd < 0)
    {
      set_bind_error (spec, &address, errno, error);
      return NULL;
    }
  g_ptr_array_add (made, held_new (fd));
  return g_ptr_array_index (made, made->len - 1);
}

static void
assign (Held *held, const HrListenSpec *spec)
{
  g_free (held->shown.name);
  held->shown.name = g_strdup (spec->name);
  held->shown.discovered = FALSE;
  held->shown.ephemeral = spec->port == 0;
}

/* The new list: what the service file names, then what is discovered. The rest of the old one closes. */
static void
commit (HrSocketListeners *self, HrServiceSpec *spec, GPtrArray *wanted, GPtrArray *made)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (held_free);

  for (guint i = 0; i < wanted->len; i++)
    {
      Held *held = g_ptr_array_index (wanted, i);

      assign (held, g_ptr_array_index (spec->listen, i));
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
  g_ptr_array_unref (self->held);
  self->held = list;
  /* They are in the list now. */
  g_ptr_array_set_free_func (made, NULL);
}

static gboolean
hr_socket_listeners_open (HrListeners *listeners, HrServiceSpec *spec, GError **error)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  guint n_wanted = spec->sockets == HR_SOCKETS_NONE ? 0 : spec->listen->len;
  g_autoptr (GPtrArray) wanted = g_ptr_array_new ();
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (held_free);

  for (guint i = 0; i < n_wanted; i++)
    {
      Held *held = open_one (self, g_ptr_array_index (spec->listen, i), wanted, made, error);

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
  g_ptr_array_set_size (HR_SOCKET_LISTENERS (listeners)->held, 0);
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
    {
      Held *held = get (self, i);
      int listening = 0;
      socklen_t length = sizeof listening;

      getsockopt (held->shown.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
      if (listening)
        continue;
      /* The kernel takes back a port that it chose: ask for the same. Else bind fails, being bound. */
      bind (held->shown.fd, (struct sockaddr *)&held->address, hr_tcp_address_size (&held->address));
      listen (held->shown.fd, SOMAXCONN);
    }
}

static gboolean
matches (const Held *held, const struct sockaddr_storage *address, HrListenerMatch match, const char *instance)
{
  switch (match)
    {
    case HR_LISTENER_MATCH_MADE_FOR:
      return !held->shown.discovered && hr_tcp_address_overlaps (&held->address, address);
    case HR_LISTENER_MATCH_IN_THE_WAY:
      return hr_tcp_address_overlaps (&held->address, address);
    case HR_LISTENER_MATCH_FREE_PORT:
      return held->shown.discovered && held->shown.ephemeral && !g_hash_table_contains (held->users, instance)
             && hr_tcp_address_equal_host (&held->address, address);
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
hr_socket_listeners_take (HrSocketListeners *self, const struct sockaddr_storage *address, HrListenerMatch match,
                          const char *instance)
{
  Held *found = NULL;

  /* The very address first: a program may have several listeners on one port. */
  for (guint i = 0; match != HR_LISTENER_MATCH_FREE_PORT && found == NULL && i < self->held->len; i++)
    if (hr_tcp_address_equal (&get (self, i)->address, address))
      found = get (self, i);
  for (guint i = 0; found == NULL && i < self->held->len; i++)
    if (matches (get (self, i), address, match, instance))
      found = get (self, i);
  if (found == NULL)
    return -1;
  g_hash_table_add (found->users, g_strdup (instance));
  return found->shown.fd;
}

static gboolean
is_tcp_listener (int fd)
{
  int domain = 0, protocol = 0, listening = 0;
  socklen_t length = sizeof (int);

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0
         && getsockopt (fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0
         && getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0
         && (domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_TCP && listening;
}

/**
 * hr_socket_listeners_discover:
 * @self: the listeners
 * @fd: (transfer full): a socket on which a program of the service listens
 * @free_port: whether the kernel chose its port
 * @instance: id of the instance
 * @error: return location
 *
 * Keeps the socket for the next instance. One that is held already is not held twice.
 *
 * Returns: success; else %HR_ERROR_INVALID_ARGUMENT for what is no TCP listener, %HR_ERROR_LIMIT_EXCEEDED for too many
 */
gboolean
hr_socket_listeners_discover (HrSocketListeners *self, int fd, gboolean free_port, const char *instance, GError **error)
{
  g_auto (HrFd) given = fd;
  g_auto (HrFd) kept = -1;
  Held *held;
  guint n_discovered = 0;

  if (!is_tcp_listener (given))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "what instance %s gave is no TCP listener", instance);
      return FALSE;
    }
  kept = hr_fd_dup (given, error);
  if (kept < 0)
    return FALSE;
  held = held_new (hr_fd_steal (&kept));
  for (guint i = 0; i < self->held->len; i++)
    {
      n_discovered += get (self, i)->shown.discovered;
      if (get (self, i)->cookie == held->cookie)
        {
          g_hash_table_add (get (self, i)->users, g_strdup (instance));
          held_free (held);
          return TRUE;
        }
    }
  if (n_discovered >= HR_DISCOVERED_LISTENERS_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                   "%s is not kept: there are %d discovered listeners already", held->shown.address,
                   HR_DISCOVERED_LISTENERS_MAX);
      held_free (held);
      return FALSE;
    }
  /* What waits while one instance replaces another may be more than the program cared for. */
  listen (held->shown.fd, SOMAXCONN);
  held->shown.name = g_strdup (held->shown.address);
  held->shown.discovered = TRUE;
  held->shown.ephemeral = free_port;
  g_hash_table_add (held->users, g_strdup (instance));
  g_ptr_array_add (self->held, held);
  g_signal_emit_by_name (self, "changed");
  return TRUE;
}

/**
 * hr_socket_listeners_leave:
 * @self: the listeners
 * @instance: id of an instance that has ended
 *
 * Closes the discovered listeners that nobody uses any more: those which another instance, that runs and has listeners
 * of its own, did not ask for. After the last instance all stay for the next one.
 */
void
hr_socket_listeners_leave (HrSocketListeners *self, const char *instance)
{
  gboolean others = FALSE, closed = FALSE;

  for (guint i = 0; i < self->held->len; i++)
    {
      g_hash_table_remove (get (self, i)->users, instance);
      others = others || g_hash_table_size (get (self, i)->users) > 0;
    }
  for (guint i = self->held->len; others && i > 0; i--)
    if (get (self, i - 1)->shown.discovered && g_hash_table_size (get (self, i - 1)->users) == 0)
      {
        g_ptr_array_remove_index (self->held, i - 1);
        closed = TRUE;
      }
  if (closed)
    g_signal_emit_by_name (self, "changed");
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

static void
hr_socket_listeners_finalize (GObject *object)
{
  g_ptr_array_unref (HR_SOCKET_LISTENERS (object)->held);
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
}

static void
hr_socket_listeners_init (HrSocketListeners *self)
{
  self->held = g_ptr_array_new_with_free_func (held_free);
}
