/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-inherited-sockets.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-log.h"
#include "hr-socket-bind.h"

/* What systemd calls a socket that nobody gave a name. */
#define NO_NAME "unknown"

struct _HrInheritedSocket {
  HrInheritedSockets *pool;
  gboolean used; /* by a listener, which holds a reference to the pool */
  int fd;
  char *name;
  HrSocketAddress address;
  char *meant; /* the listener that has it for its name; NULL: for its address */
};

/* A service that may use some. */
typedef struct {
  gconstpointer owner;
  HrServiceSpec *spec;
} Claim;

struct _HrInheritedSockets {
  GObject parent_instance;

  GPtrArray *sockets; /* HrInheritedSocket */
  GPtrArray *claims;  /* Claim */
};

G_DEFINE_FINAL_TYPE (HrInheritedSockets, hr_inherited_sockets, G_TYPE_OBJECT)

static void
socket_free (gpointer data)
{
  HrInheritedSocket *self = data;

  hr_fd_clear (&self->fd);
  g_free (self->name);
  g_free (self->meant);
  g_free (self);
}

static void
claim_free (gpointer data)
{
  Claim *self = data;

  hr_service_spec_unref (self->spec);
  g_free (self);
}

static gboolean
is_bound (const HrSocketAddress *address)
{
  const sa_family_t *family = &address->storage.ss_family;

  return address->kind == HR_LISTEN_UNIX ? address->length > sizeof *family : hr_socket_address_port (address) != 0;
}

/* Returns what is wrong with it, %NULL if nothing is. */
static const char *
examine (int fd, HrSocketAddress *address)
{
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  struct stat info;

  if (fstat (fd, &info) < 0)
    return "it is not open";
  if (!S_ISSOCK (info.st_mode))
    return "it is no socket";
  if (!hr_socket_address_of (fd, address))
    return "it is neither TCP, UDP nor a Unix stream";
  if (address->kind != HR_LISTEN_UDP && hr_socket_get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
    return "it does not listen";
  if (!is_bound (address))
    return "it has no address";
  if (address->kind == HR_LISTEN_UDP && getpeername (fd, (struct sockaddr *)&peer, &length) == 0)
    return "it is connected";
  return NULL;
}

/* Makes it ours: never a service's by accident, and blocking as those that are bound here. */
static void
inherit (HrInheritedSockets *self, int passed, const char *name)
{
  g_autoptr (GError) error = NULL;
  HrInheritedSocket *made;
  HrSocketAddress address;
  const char *wrong = examine (passed, &address);
  g_auto (HrFd) given = passed;
  g_auto (HrFd) fd = -1;

  if (wrong != NULL)
    {
      hr_log_warning (NULL, "descriptor %d '%s' that the daemon was passed: %s, ignoring", passed, name, wrong);
      return;
    }
  fd = hr_fd_dup (given, &error);
  if (fd < 0 || !g_unix_set_fd_nonblocking (fd, FALSE, &error))
    {
      hr_log_warning (NULL, "descriptor %d '%s' that the daemon was passed: %s, ignoring", passed, name,
                      error->message);
      return;
    }
  made = g_new0 (HrInheritedSocket, 1);
  made->pool = self;
  made->fd = hr_fd_steal (&fd);
  made->name = g_strdup (name);
  made->address = address;
  g_ptr_array_add (self->sockets, made);
}

static void
inherit_all (HrInheritedSockets *self, int first, guint n, const char *names_text)
{
  g_auto (GStrv) names = names_text != NULL ? g_strsplit (names_text, ":", -1) : NULL;
  g_autofree gboolean *open = g_new0 (gboolean, n);

  if (names != NULL && g_strv_length (names) != n)
    {
      hr_log_warning (NULL, "LISTEN_FDNAMES has %u names for %u sockets, ignoring", g_strv_length (names), n);
      g_clear_pointer (&names, g_strfreev);
    }
  /* Before the first copy: it could take the place of one that is missing. */
  for (guint i = 0; i < n; i++)
    open[i] = fcntl (first + (int)i, F_SETFD, FD_CLOEXEC) == 0;
  for (guint i = 0; i < n; i++)
    {
      const char *name = names != NULL && *names[i] != '\0' ? names[i] : NO_NAME;

      if (open[i])
        inherit (self, first + (int)i, name);
      else
        hr_log_warning (NULL, "descriptor %d '%s' that the daemon was passed: it is not open, ignoring", first + (int)i,
                        name);
    }
}

/**
 * hr_inherited_sockets_new:
 * @first: number of the first one, %HR_LISTEN_FDS_START
 *
 * Takes what LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID promise, and these out of the environment, whomever they are
 * for. What is no socket at which a service can be reached is closed with a warning. To be called before there are
 * threads, and before anything else was opened.
 *
 * Returns: (transfer full): the sockets, maybe none
 */
HrInheritedSockets *
hr_inherited_sockets_new (int first)
{
  HrInheritedSockets *self = g_object_new (HR_TYPE_INHERITED_SOCKETS, NULL);
  g_autofree char *pid_text = g_strdup (g_getenv ("LISTEN_PID"));
  g_autofree char *n_text = g_strdup (g_getenv ("LISTEN_FDS"));
  g_autofree char *names = g_strdup (g_getenv ("LISTEN_FDNAMES"));
  guint64 pid = 0, n = 0;

  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_PIDFDID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  /* Whoever started us may have got them, and have left them in the environment. */
  if (pid_text == NULL || n_text == NULL || !g_ascii_string_to_unsigned (pid_text, 10, 1, G_MAXINT, &pid, NULL)
      || pid != (guint64)getpid ())
    return self;
  if (g_ascii_string_to_unsigned (n_text, 10, 0, HR_INHERITED_SOCKETS_MAX, &n, NULL))
    inherit_all (self, first, (guint)n, names);
  else
    hr_log_warning (NULL, "LISTEN_FDS is '%s', which is no number up to %d, ignoring", n_text,
                    HR_INHERITED_SOCKETS_MAX);
  return self;
}

/**
 * hr_inherited_sockets_carry:
 * @self: the sockets
 * @fds: (element-type int): where descriptors are added that must stay open
 *
 * Returns: (transfer floating): an a(iay) for hr_inherited_sockets_new_carried() of the program that this process becomes
 */
GVariant *
hr_inherited_sockets_carry (HrInheritedSockets *self, GArray *fds)
{
  GVariantBuilder builder;

  g_return_val_if_fail (HR_IS_INHERITED_SOCKETS (self), NULL);

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(iay)"));
  for (guint i = 0; i < self->sockets->len; i++)
    {
      const HrInheritedSocket *socket = g_ptr_array_index (self->sockets, i);

      g_variant_builder_add (&builder, "(i^ay)", socket->fd, socket->name);
      g_array_append_val (fds, socket->fd);
    }
  return g_variant_builder_end (&builder);
}

/**
 * hr_inherited_sockets_new_carried:
 * @carried: what hr_inherited_sockets_carry() made
 *
 * Returns: (transfer full): the same sockets
 */
HrInheritedSockets *
hr_inherited_sockets_new_carried (GVariant *carried)
{
  HrInheritedSockets *self = g_object_new (HR_TYPE_INHERITED_SOCKETS, NULL);
  GVariantIter iter;
  const char *name;
  gint32 fd;

  g_variant_iter_init (&iter, carried);
  while (g_variant_iter_next (&iter, "(i^&ay)", &fd, &name))
    if (fcntl (fd, F_SETFD, FD_CLOEXEC) == 0)
      inherit (self, fd, name);
  return self;
}

/**
 * hr_inherited_sockets_unclaim:
 * @self: the sockets
 * @owner: of whom hr_inherited_sockets_claim() may have been told
 *
 * It uses none any more.
 */
void
hr_inherited_sockets_unclaim (HrInheritedSockets *self, gconstpointer owner)
{
  for (guint i = self->claims->len; i > 0; i--)
    if (((Claim *)g_ptr_array_index (self->claims, i - 1))->owner == owner)
      g_ptr_array_remove_index (self->claims, i - 1);
}

/**
 * hr_inherited_sockets_claim:
 * @self: the sockets
 * @owner: the listeners of a service, by which it is known
 * @spec: what that service wants now
 */
void
hr_inherited_sockets_claim (HrInheritedSockets *self, gconstpointer owner, HrServiceSpec *spec)
{
  Claim *claim;

  hr_inherited_sockets_unclaim (self, owner);
  if (spec->sockets == HR_SOCKETS_NONE || spec->listen->len == 0)
    return;
  claim = g_new (Claim, 1);
  claim->owner = owner;
  claim->spec = hr_service_spec_ref (spec);
  g_ptr_array_add (self->claims, claim);
}

/* Whether @name is "SERVICE.LISTENER" of these. */
static gboolean
is_full_name (const char *name, const char *service, const char *listener)
{
  gsize length = strlen (service);

  return strncmp (name, service, length) == 0 && name[length] == '.' && g_str_equal (name + length + 1, listener);
}

/* Counts the listeners that the name of @socket means; one full name counts more than any number of short ones. */
static guint
find_by_name (HrInheritedSockets *self, const HrInheritedSocket *socket, gconstpointer *owner,
              const HrListenSpec **found)
{
  guint n = 0;

  for (guint i = 0; i < self->claims->len; i++)
    {
      const Claim *claim = g_ptr_array_index (self->claims, i);

      for (guint j = 0; j < claim->spec->listen->len; j++)
        {
          const HrListenSpec *spec = g_ptr_array_index (claim->spec->listen, j);
          gboolean full = is_full_name (socket->name, claim->spec->name, spec->name);

          if (spec->kind != socket->address.kind || (!full && !g_str_equal (socket->name, spec->name)))
            continue;
          *owner = claim->owner;
          *found = spec;
          if (full)
            return 1;
          n++;
        }
    }
  return n;
}

static gboolean
has_address (const HrInheritedSocket *socket, const HrListenSpec *spec)
{
  HrSocketAddress address;

  return hr_socket_address_from_spec (spec, &address, NULL) && hr_socket_address_equal (&socket->address, &address);
}

static gboolean
is_wanted (HrInheritedSockets *self, const HrInheritedSocket *socket)
{
  for (guint i = 0; i < self->claims->len; i++)
    {
      const Claim *claim = g_ptr_array_index (self->claims, i);

      for (guint j = 0; j < claim->spec->listen->len; j++)
        if (has_address (socket, g_ptr_array_index (claim->spec->listen, j)))
          return TRUE;
    }
  return FALSE;
}

/**
 * hr_inherited_sockets_warn_unused:
 * @self: the sockets
 *
 * Tells of those that are for no listener of any service that has claimed, run or not.
 */
void
hr_inherited_sockets_warn_unused (HrInheritedSockets *self)
{
  for (guint i = 0; i < self->sockets->len; i++)
    {
      const HrInheritedSocket *socket = g_ptr_array_index (self->sockets, i);
      g_autofree char *text = hr_socket_address_to_string (&socket->address);
      gconstpointer owner;
      const HrListenSpec *spec;
      guint n = find_by_name (self, socket, &owner, &spec);

      if (n == 1 || is_wanted (self, socket))
        continue;
      if (n > 1)
        hr_log_warning (NULL,
                        "socket '%s' (%s) that the daemon was passed: %u services have a listener of that name, and "
                        "it needs the name SERVICE.%s, ignoring",
                        socket->name, text, n, socket->name);
      else
        hr_log_warning (NULL, "socket '%s' (%s) that the daemon was passed is for no listener of a service, ignoring",
                        socket->name, text);
    }
}

/**
 * hr_inherited_sockets_take:
 * @self: the sockets
 * @owner: that has claimed
 * @spec: one of its listeners
 *
 * Returns: (nullable): a socket that is for that and not in use; for hr_inherited_socket_release(). It listens,
 *   whatever its last user did to it
 */
HrInheritedSocket *
hr_inherited_sockets_take (HrInheritedSockets *self, gconstpointer owner, const HrListenSpec *spec)
{
  for (guint i = 0; i < self->sockets->len; i++)
    {
      HrInheritedSocket *socket = g_ptr_array_index (self->sockets, i);
      gconstpointer named_owner = NULL;
      const HrListenSpec *named = NULL;
      guint n;

      if (socket->used)
        continue;
      n = find_by_name (self, socket, &named_owner, &named);
      if (n == 1 ? named_owner != owner || !g_str_equal (named->name, spec->name) : !has_address (socket, spec))
        continue;
      hr_socket_revive (socket->fd, &socket->address);
      socket->meant = n == 1 ? g_strdup (spec->name) : NULL;
      socket->used = TRUE;
      g_object_ref (self);
      return socket;
    }
  return NULL;
}

/**
 * hr_inherited_socket_get_fd:
 * @self: a socket
 *
 * Returns: its descriptor, which stays open
 */
int
hr_inherited_socket_get_fd (const HrInheritedSocket *self)
{
  return self->fd;
}

/**
 * hr_inherited_socket_get_address:
 * @self: a socket
 *
 * Returns: (transfer none): where it is really bound
 */
const HrSocketAddress *
hr_inherited_socket_get_address (const HrInheritedSocket *self)
{
  return &self->address;
}

/**
 * hr_inherited_socket_is_named:
 * @self: a socket that was taken
 * @listener: name of a listener
 *
 * Returns: whether it was taken for that listener by its name, whatever its address is
 */
gboolean
hr_inherited_socket_is_named (const HrInheritedSocket *self, const char *listener)
{
  return g_strcmp0 (self->meant, listener) == 0;
}

/**
 * hr_inherited_socket_release:
 * @self: a socket that was taken
 *
 * It can be taken again.
 */
void
hr_inherited_socket_release (HrInheritedSocket *self)
{
  self->used = FALSE;
  g_clear_pointer (&self->meant, g_free);
  g_object_unref (self->pool);
}

static void
hr_inherited_sockets_finalize (GObject *object)
{
  HrInheritedSockets *self = HR_INHERITED_SOCKETS (object);

  g_ptr_array_unref (self->sockets);
  g_ptr_array_unref (self->claims);
  G_OBJECT_CLASS (hr_inherited_sockets_parent_class)->finalize (object);
}

static void
hr_inherited_sockets_class_init (HrInheritedSocketsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_inherited_sockets_finalize;
}

static void
hr_inherited_sockets_init (HrInheritedSockets *self)
{
  self->sockets = g_ptr_array_new_with_free_func (socket_free);
  self->claims = g_ptr_array_new_with_free_func (claim_free);
}
