/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-listeners-keep.c: the part of HrSocketListeners by which listeners outlive the daemon: the keeper has a copy
 * of each, and the next daemon goes on with those.
 */
#include <asm/socket.h>
#include <sys/socket.h>

#include "hr-fd.h"
#include "hr-log.h"
#include "hr-service-spec.h"
#include "hr-socket-group-keep.h"
#include "hr-socket-listeners-private.h"
#include "hr-socket-salvage.h"

/* Before the name of the service. */
#define KEY_PREFIX "socket/"
/* Before the id of an instance. */
#define GATE_PREFIX "gate/"

static HrHeldListener *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

/* A socket of which the keeper has a copy: its key is the cookie. */
typedef struct {
  char *data;
  int fd;
} Copy;

static void
copy_free (gpointer data)
{
  Copy *self = data;

  g_free (self->data);
  g_free (self);
}

static void
add_copy (HrSocketListeners *self, GHashTable *copies, guint64 cookie, int fd, GVariantDict *dict)
{
  g_autoptr (GVariant) data = g_variant_ref_sink (g_variant_dict_end (dict));
  Copy *copy = g_new0 (Copy, 1);

  copy->data = g_variant_print (data, TRUE);
  copy->fd = fd;
  g_hash_table_insert (copies, g_strdup_printf (KEY_PREFIX "%s/%" G_GINT64_MODIFIER "x", self->service, cookie), copy);
}

/* What cannot be seen of the socket itself; its path as its file is found by, which may be another than it was bound
 * with. */
static void
describe (const HrHeldListener *held, GVariantDict *dict)
{
  const char *path = hr_socket_address_get_path (&held->address);

  g_variant_dict_insert (dict, "name", "s", held->shown.name);
  g_variant_dict_insert (dict, "discovered", "b", held->shown.discovered);
  g_variant_dict_insert (dict, "ephemeral", "b", held->shown.ephemeral);
  if (path != NULL)
    g_variant_dict_insert (dict, "path", "^ay", path);
  if (held->file != NULL)
    {
      guint64 device, inode;

      hr_socket_file_identify (held->file, &device, &inode);
      g_variant_dict_insert (dict, "device", "t", device);
      g_variant_dict_insert (dict, "inode", "t", inode);
    }
}

/* The socket of a listener, and those of its group that instances have for themselves or have left. */
static void
add_copies (HrSocketListeners *self, GHashTable *copies, const HrHeldListener *held)
{
  g_autoptr (GPtrArray) parts = held->group != NULL ? hr_socket_group_describe (held->group) : NULL;
  guint64 cookie = held->cookie;
  GVariantDict dict;

  if (parts == NULL)
    {
      g_variant_dict_init (&dict, NULL);
      describe (held, &dict);
      add_copy (self, copies, held->cookie, held->shown.fd, &dict);
    }
  for (guint i = 0; parts != NULL && i < parts->len; i++)
    if (((HrSocketGroupPart *)g_ptr_array_index (parts, i))->main)
      cookie = ((HrSocketGroupPart *)g_ptr_array_index (parts, i))->cookie;
  for (guint i = 0; parts != NULL && i < parts->len; i++)
    {
      const HrSocketGroupPart *part = g_ptr_array_index (parts, i);

      g_variant_dict_init (&dict, NULL);
      g_variant_dict_insert (&dict, "index", "u", part->index);
      if (part->main)
        describe (held, &dict);
      else
        {
          g_variant_dict_insert (&dict, "beside", "t", cookie);
          g_variant_dict_insert (&dict, "instances", "^as", part->instances);
        }
      add_copy (self, copies, part->cookie, part->fd, &dict);
    }
}

/**
 * hr_socket_listeners_keep:
 * @self: listeners that have changed
 *
 * Has the keeper hold those that there are now. What was passed to the daemon is not for it: whoever did that has it.
 */
void
hr_socket_listeners_keep (HrSocketListeners *self)
{
  g_autoptr (GHashTable) copies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, copy_free);
  g_autoptr (GHashTable) now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer key, value;

  if (self->keeper == NULL)
    return;
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->inherited == NULL && get (self, i)->shown.fd >= 0)
      add_copies (self, copies, get (self, i));
  /* First: their descriptors are closed already. */
  g_hash_table_iter_init (&iter, self->kept);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (!g_hash_table_contains (copies, key))
      hr_keeper_forget (self->keeper, key);
  g_hash_table_iter_init (&iter, copies);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const Copy *copy = value;

      if (g_strcmp0 (copy->data, g_hash_table_lookup (self->kept, key)) != 0)
        hr_keeper_store (self->keeper, key, copy->data, copy->fd);
      g_hash_table_insert (now, g_strdup (key), g_strdup (copy->data));
    }
  g_hash_table_unref (self->kept);
  self->kept = g_steal_pointer (&now);
}

static void
on_changed (gpointer user_data)
{
  hr_socket_listeners_keep (user_data);
}

/**
 * hr_socket_listeners_follow:
 * @self: the listeners
 * @held: one of them, or about to be
 *
 * Keeps what it has become whenever it changes.
 */
void
hr_socket_listeners_follow (HrSocketListeners *self, HrHeldListener *held)
{
  hr_held_listener_set_rescue (held, self->rescue);
  if (held->group != NULL)
    hr_socket_group_set_changed_func (held->group, on_changed, self);
}

static gboolean
is_cookie (int fd, const char *key)
{
  guint64 cookie = 0;
  socklen_t length = sizeof cookie;
  const char *text = strrchr (key, '/');

  return text != NULL && getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0
         && g_ascii_strtoull (text + 1, NULL, 16) == cookie;
}

/* The file by which a Unix socket is found, if it is still there. */
static HrSocketFile *
restore_file (GVariantDict *dict, char *path, HrSocketAddress *address, GError **error)
{
  const HrListenSpec spec = { .kind = HR_LISTEN_UNIX, .path = path };
  g_autoptr (HrSocketFile) file = hr_socket_file_new (path, error);
  guint64 device = 0, inode = 0;

  if (file == NULL || !hr_socket_address_from_spec (&spec, address, error))
    return NULL;
  if (g_variant_dict_lookup (dict, "device", "t", &device) && g_variant_dict_lookup (dict, "inode", "t", &inode)
      && hr_socket_file_is (file, device, inode))
    return g_steal_pointer (&file);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "'%s' is another socket's now", path);
  return NULL;
}

/* Nothing of it is believed that the socket does not bear out. */
static HrHeldListener *
restore (HrKept *kept, GVariant *data, GError **error)
{
  g_auto (GVariantDict) dict = { 0 };
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  g_autoptr (HrSocketFile) file = NULL;
  g_auto (HrFd) fd = -1;
  gboolean discovered = FALSE, ephemeral = FALSE;
  HrSocketAddress address;
  HrHeldListener *held;

  g_variant_dict_init (&dict, data);
  g_variant_dict_lookup (&dict, "path", "^ay", &path);
  if (!g_variant_dict_lookup (&dict, "name", "s", &name)
      || !g_variant_dict_lookup (&dict, "discovered", "b", &discovered)
      || !g_variant_dict_lookup (&dict, "ephemeral", "b", &ephemeral) || !is_cookie (kept->fd, kept->key)
      || !hr_socket_address_of (kept->fd, &address))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "'%s' is not what it says", kept->key);
      return NULL;
    }
  if (path != NULL && !(file = restore_file (&dict, path, &address, error)))
    return NULL;
  fd = hr_fd_dup (kept->fd, error);
  if (fd < 0)
    return NULL;
  held = hr_held_listener_new (hr_fd_steal (&fd), &address, g_steal_pointer (&file));
  held->shown.name = g_steal_pointer (&name);
  held->shown.discovered = discovered;
  held->shown.ephemeral = ephemeral;
  return held;
}

static void
unref_data (gpointer data)
{
  if (data != NULL)
    g_variant_unref (data);
}

/* The order in which they were: by cookie, which the kernel counts up; discovered ones last. */
static int
compare (gconstpointer a, gconstpointer b)
{
  const HrHeldListener *one = *(HrHeldListener *const *)a, *other = *(HrHeldListener *const *)b;

  if (one->shown.discovered != other->shown.discovered)
    return one->shown.discovered ? 1 : -1;
  return one->cookie < other->cookie ? -1 : one->cookie > other->cookie ? 1 : 0;
}

/* Those of the others that are in the group of @held. */
static void
restore_group (HrHeldListener *held, guint index, GPtrArray *taken, GPtrArray *all, gboolean reexecuted)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (hr_socket_group_part_free);

  if (held->group == NULL)
    return;
  for (guint i = 0; i < taken->len; i++)
    {
      const HrKept *kept = g_ptr_array_index (taken, i);
      GVariant *data = g_ptr_array_index (all, i);
      g_autofree HrSocketGroupPart *part = g_new0 (HrSocketGroupPart, 1);
      guint64 beside = 0;

      if (data == NULL || !g_variant_lookup (data, "beside", "t", &beside) || beside != held->cookie
          || !is_cookie (kept->fd, kept->key) || !g_variant_lookup (data, "index", "u", &part->index)
          || !g_variant_lookup (data, "instances", "^as", &part->instances))
        continue;
      part->fd = kept->fd;
      g_ptr_array_add (parts, g_steal_pointer (&part));
    }
  hr_socket_group_restore (held->group, index, parts, reexecuted);
}

/**
 * hr_socket_listeners_set_keeper:
 * @self: new listeners
 * @keeper: where they are to be kept for the next daemon
 * @service: name of their service
 * @reexecuted: whether the earlier daemon was this process: new connections go on where they went
 *
 * Goes on with what an earlier daemon had, so far as it is there: hr_listeners_open() decides which of it is still
 * wanted.
 */
void
hr_socket_listeners_set_keeper (HrSocketListeners *self, HrKeeper *keeper, const char *service, gboolean reexecuted)
{
  g_autofree char *prefix = g_strdup_printf (KEY_PREFIX "%s/", service);
  g_autoptr (GPtrArray) taken = hr_keeper_take (keeper, prefix);
  g_autoptr (GPtrArray) all = g_ptr_array_new_full (taken->len, (GDestroyNotify)unref_data);

  g_return_if_fail (self->keeper == NULL);
  self->keeper = g_object_ref (keeper);
  self->service = g_strdup (service);
  for (guint i = 0; i < taken->len; i++)
    g_ptr_array_add (all, g_variant_parse (G_VARIANT_TYPE_VARDICT, ((HrKept *)g_ptr_array_index (taken, i))->data, NULL,
                                           NULL, NULL));
  for (guint i = 0; i < taken->len; i++)
    {
      g_autoptr (GError) error = NULL;
      GVariant *data = g_ptr_array_index (all, i);
      guint64 beside;
      guint index = 0;
      HrHeldListener *held;

      if (data == NULL || g_variant_lookup (data, "beside", "t", &beside))
        continue;
      held = restore (g_ptr_array_index (taken, i), data, &error);
      if (held == NULL)
        {
          hr_log_warning (service, "a listener of an earlier daemon cannot be used: %s, ignoring", error->message);
          continue;
        }
      g_variant_lookup (data, "index", "u", &index);
      restore_group (held, index, taken, all, reexecuted);
      hr_socket_listeners_follow (self, held);
      g_ptr_array_add (self->held, held);
    }
  g_ptr_array_sort (self->held, compare);
  hr_socket_listeners_keep (self);
}

static char *
gate_key (const char *instance)
{
  return g_strconcat (GATE_PREFIX, instance, NULL);
}

/**
 * hr_socket_listeners_keep_gate:
 * @self: the listeners
 * @instance: id of an instance
 * @gate: (nullable): its gate; %NULL: the instance has ended
 *
 * The next daemon needs the same memory.
 */
void
hr_socket_listeners_keep_gate (HrSocketListeners *self, const char *instance, HrAdoptGate *gate)
{
  g_autofree char *key = gate_key (instance);

  if (self->keeper == NULL)
    return;
  if (gate != NULL)
    hr_keeper_store (self->keeper, key, "", hr_adopt_gate_get_fd (gate));
  else
    hr_keeper_forget (self->keeper, key);
}

/**
 * hr_socket_listeners_resume:
 * @self: the listeners
 * @instance: id of an instance that an earlier daemon started, and that has entered
 *
 * It may use any of the discovered listeners.
 *
 * Returns: (transfer full) (nullable): its gate, as it was; %NULL: the memory of it is lost, or there never was any
 */
HrAdoptGate *
hr_socket_listeners_resume (HrSocketListeners *self, const char *instance)
{
  g_autofree char *key = gate_key (instance);
  g_autoptr (GError) error = NULL;
  HrAdoptGate *gate;
  int fd;

  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->shown.discovered)
      g_hash_table_add (get (self, i)->users, g_strdup (instance));
  fd = self->keeper != NULL ? hr_keeper_take_one (self->keeper, key) : -1;
  if (fd < 0)
    return NULL;
  gate = hr_adopt_gate_resume (fd, &error);
  if (gate == NULL)
    hr_log_warning (self->service, "instance %s: %s, ignoring", instance, error->message);
  else
    hr_socket_listeners_add_gate (self, instance, gate);
  return gate;
}

typedef struct {
  HrSocketListeners *listeners;
  const char *instance;
} Salvage;

static void
take_salvaged (int fd, gpointer user_data)
{
  const Salvage *salvage = user_data;
  g_auto (HrFd) low = fd;
  g_autoptr (HrSocketFile) file = NULL;
  g_auto (HrFd) kept = -1;
  const char *path;
  HrSocketAddress address;
  HrHeldListener *held;

  if (hr_socket_listeners_find (salvage->listeners, low, salvage->instance) >= 0
      || salvage->listeners->held->len >= HR_SPEC_LISTENERS_MAX + HR_DISCOVERED_LISTENERS_MAX
      || !hr_socket_address_of (low, &address))
    return;
  path = hr_socket_address_get_path (&address);
  if (path != NULL && (!g_path_is_absolute (path) || (file = hr_socket_file_new (path, NULL)) == NULL))
    return;
  kept = hr_fd_dup (low, NULL);
  if (kept < 0)
    return;
  held = hr_held_listener_new (hr_fd_steal (&kept), &address, g_steal_pointer (&file));
  /* Which of them the service file names is found out when they are opened. */
  held->shown.name = g_strdup (held->shown.address);
  held->shown.discovered = TRUE;
  hr_socket_listeners_follow (salvage->listeners, held);
  g_ptr_array_add (salvage->listeners->held, held);
}

/**
 * hr_socket_listeners_salvage:
 * @self: the listeners
 * @leader: main process of an instance that an earlier daemon started
 * @instance: its id
 *
 * Where the keeper is lost with that daemon, takes copies of the listeners from who uses them.
 */
void
hr_socket_listeners_salvage (HrSocketListeners *self, GPid leader, const char *instance)
{
  Salvage salvage = { self, instance };

  if (self->keeper == NULL || !hr_keeper_is_new (self->keeper))
    return;
  hr_socket_salvage (leader, instance, take_salvaged, &salvage);
  hr_socket_listeners_keep (self);
}
