/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whose sockets new connections go to: those of the service, or those of the one instance that is separate, and of those
 * that joined it.
 */
#include <netinet/in.h>

#include "hr-error.h"
#include "hr-log.h"
#include "hr-socket-group-keep.h"
#include "hr-socket-listeners-private.h"

/* Sources are addresses of this machine's loopback network that nobody else has reason to use: 127.64.0.0/10. */
#define SOURCE_NETWORK 0x7f400000u
#define SOURCE_HOSTS 0x003fffffu

static HrHeldListener *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

static int
hr_socket_listeners_get_fd (HrListeners *listeners, const HrListener *listener, const char *instance)
{
  return hr_held_listener_get_fd ((const HrHeldListener *)listener, instance);
}

/* The same number gives the same one. */
static guint32
choose_source (guint32 seed)
{
  return SOURCE_NETWORK | (seed * 2654435761u & SOURCE_HOSTS);
}

static void
rejoin (HrSocketListeners *self)
{
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      hr_socket_group_rejoin (get (self, i)->group);
  g_clear_pointer (&self->separate, g_free);
}

static gboolean
hr_socket_listeners_separate (HrListeners *listeners, const char *instance, GError **error)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  guint n_made = 0;

  if (self->separate != NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_BUSY, "instance %s has sockets of its own already", self->separate);
      return FALSE;
    }
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->shown.kind == HR_LISTEN_TCP && get (self, i)->inherited != NULL)
      {
        g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                     "listener '%s' was passed to the daemon, and whoever did that has it open too",
                     get (self, i)->shown.name);
        return FALSE;
      }
  self->sources.own = choose_source (g_str_hash (instance));
  for (guint i = 0; i < self->held->len; i++)
    {
      if (get (self, i)->group == NULL)
        continue;
      if (!hr_socket_group_separate (get (self, i)->group, instance, &self->sources, error))
        {
          rejoin (self);
          return FALSE;
        }
      n_made++;
    }
  if (n_made == 0)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "there is no TCP listener");
      return FALSE;
    }
  self->separate = g_strdup (instance);
  self->share = 0;
  self->sticky = FALSE;
  return TRUE;
}

static gboolean
hr_socket_listeners_is_separate (HrListeners *listeners, const char *instance)
{
  return g_strcmp0 (HR_SOCKET_LISTENERS (listeners)->separate, instance) == 0;
}

/* After a re-execution each socket goes where its rule says until all of them are gone on with. */
static void
direct_to_service (HrSocketListeners *self)
{
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      hr_socket_group_direct (get (self, i)->group);
}

static gboolean
hr_socket_listeners_separate_again (HrListeners *listeners, const char *instance, guint permyriad, gboolean sticky,
                                    GError **error)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  guint n_apart = 0;

  if (self->separate != NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_BUSY, "instance %s has sockets of its own already", self->separate);
      return FALSE;
    }
  self->sources.own = choose_source (g_str_hash (instance));
  for (guint i = 0; i < self->held->len; i++)
    {
      if (get (self, i)->group == NULL)
        continue;
      if (!hr_socket_group_separate_again (get (self, i)->group, instance, &self->sources, permyriad, sticky, error))
        {
          rejoin (self);
          direct_to_service (self);
          return FALSE;
        }
      n_apart += hr_socket_group_is_apart (get (self, i)->group, instance) ? 1 : 0;
    }
  if (n_apart == 0)
    {
      direct_to_service (self);
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "instance %s has no sockets of its own any more", instance);
      return FALSE;
    }
  self->separate = g_strdup (instance);
  self->share = permyriad;
  self->sticky = sticky;
  return TRUE;
}

static void
hr_socket_listeners_join (HrListeners *listeners, const char *instance, const char *with)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  if (!hr_socket_listeners_is_separate (listeners, with))
    return;
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      hr_socket_group_join (get (self, i)->group, instance);
}

/* Of the first so many, as it was. */
static void
put_share_back (HrSocketListeners *self, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      if (get (self, i)->group != NULL
          && !hr_socket_group_set_share (get (self, i)->group, self->share, self->sticky, &error))
        hr_log_warning (NULL, "listener '%s': %s, ignoring", get (self, i)->shown.name, error->message);
    }
}

static gboolean
hr_socket_listeners_set_share (HrListeners *listeners, const char *instance, guint permyriad, gboolean sticky,
                               GError **error)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  if (!hr_socket_listeners_is_separate (listeners, instance))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "instance %s has no sockets of its own", instance);
      return FALSE;
    }
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL && !hr_socket_group_set_share (get (self, i)->group, permyriad, sticky, error))
      {
        put_share_back (self, i);
        return FALSE;
      }
  self->share = permyriad;
  self->sticky = sticky;
  return TRUE;
}

static void
hr_socket_listeners_promote (HrListeners *listeners, const char *instance)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  /* Nobody is, where an earlier daemon split them. */
  if (self->separate != NULL && !hr_socket_listeners_is_separate (listeners, instance))
    return;
  g_clear_pointer (&self->separate, g_free);
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      {
        hr_socket_group_promote (get (self, i)->group, instance);
        hr_held_listener_refresh (get (self, i));
      }
  hr_socket_listeners_keep (self);
}

static void
hr_socket_listeners_rejoin (HrListeners *listeners, const char *instance)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);

  if (hr_socket_listeners_is_separate (listeners, instance))
    rejoin (self);
}

/* Listeners that were found since the split are shared by all. */
static gboolean
is_apart (HrSocketListeners *self, const char *instance)
{
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL && hr_socket_group_is_apart (get (self, i)->group, instance))
      return TRUE;
  return FALSE;
}

static GInetAddress *
hr_socket_listeners_probe_source (HrListeners *listeners, const char *instance)
{
  HrSocketListeners *self = HR_SOCKET_LISTENERS (listeners);
  guint32 source = htonl (is_apart (self, instance) ? self->sources.own : self->sources.main);

  for (guint i = 0; self->separate != NULL && i < self->held->len; i++)
    if (hr_held_listener_takes_ipv4 (get (self, i)))
      return g_inet_address_new_from_bytes ((const guint8 *)&source, G_SOCKET_FAMILY_IPV4);
  return NULL;
}

/**
 * hr_socket_listeners_enter:
 * @self: the listeners
 * @instance: id of an instance that is about to be started
 *
 * It may accept from what it is given, until hr_socket_listeners_leave().
 */
void
hr_socket_listeners_enter (HrSocketListeners *self, const char *instance)
{
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      hr_socket_group_enter (get (self, i)->group, instance);
}

/**
 * hr_socket_listeners_retire:
 * @self: the listeners
 * @instance: id of an instance that accepts nothing any more
 *
 * What waits in sockets of its own is for others.
 */
void
hr_socket_listeners_retire (HrSocketListeners *self, const char *instance)
{
  hr_rescue_remove_gate (self->rescue, instance);
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      hr_socket_group_leave (get (self, i)->group, instance);
}

/**
 * hr_socket_listeners_add_gate:
 * @self: the listeners
 * @instance: id of an instance that begins to accept
 * @gate: its gate, which must stay until it is retired
 *
 * It can be given connections that nobody else accepts.
 */
void
hr_socket_listeners_add_gate (HrSocketListeners *self, const char *instance, HrAdoptGate *gate)
{
  /* Before the program has it. */
  hr_socket_listeners_keep_gate (self, instance, gate);
  hr_rescue_add_gate (self->rescue, instance, gate);
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->group != NULL)
      hr_socket_group_sweep (get (self, i)->group);
}

/**
 * hr_socket_listeners_get_rescue:
 * @self: the listeners
 *
 * Returns: (transfer none): connections that nobody has accepted
 */
HrRescue *
hr_socket_listeners_get_rescue (HrSocketListeners *self)
{
  return self->rescue;
}

/**
 * hr_socket_listeners_begin_traffic:
 * @self: new listeners
 */
void
hr_socket_listeners_begin_traffic (HrSocketListeners *self)
{
  self->sources.main = choose_source (g_random_int ());
  self->rescue = hr_rescue_new (self->sources.main);
}

/**
 * hr_socket_listeners_init_traffic:
 * @iface: of #HrSocketListeners
 */
void
hr_socket_listeners_init_traffic (HrListenersInterface *iface)
{
  iface->get_fd = hr_socket_listeners_get_fd;
  iface->separate = hr_socket_listeners_separate;
  iface->separate_again = hr_socket_listeners_separate_again;
  iface->join = hr_socket_listeners_join;
  iface->set_share = hr_socket_listeners_set_share;
  iface->promote = hr_socket_listeners_promote;
  iface->rejoin = hr_socket_listeners_rejoin;
  iface->is_separate = hr_socket_listeners_is_separate;
  iface->probe_source = hr_socket_listeners_probe_source;
}
