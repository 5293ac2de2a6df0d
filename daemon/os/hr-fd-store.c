/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fd-store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "hr-closer.h"
#include "hr-fd-watch.h"
#include "hr-fd.h"
#include "hr-keep-protocol.h"
#include "hr-log.h"
#include "hr-socket-bind.h"
#include "hr-store-words.h"

/* Behind the name, in what the keeper knows of it: it stays whatever becomes of it. No name has it. */
#define STAYS ":stays"

typedef struct {
  HrStoredFd shown; /* first */
  HrFdStore *store;
  guint64 number; /* of its key; counts up */
  gboolean polls;
  guint source;
} Entry;

struct _HrFdStore {
  GObject parent_instance;

  char *service;
  HrKeeper *keeper; /* NULL: they end with the daemon */
  HrCloser *closer;
  GPtrArray *entries; /* Entry, in the order in which they came */
  guint64 next;
  guint max;
};

G_DEFINE_FINAL_TYPE (HrFdStore, hr_fd_store, G_TYPE_OBJECT)

enum { SIGNAL_CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* An address is to be free at once; nobody waits for what listens. */
static void
close_soon (HrCloser *closer, int *fd)
{
  if (*fd >= 0 && hr_socket_get_option (*fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
    hr_fd_clear (fd);
  else
    hr_closer_clear (closer, fd);
}

static char *
make_prefix (const char *service)
{
  return g_strdup_printf (HR_KEEP_STORED_PREFIX "%s/", service);
}

static char *
make_key (const Entry *entry)
{
  g_autofree char *prefix = make_prefix (entry->store->service);

  return g_strdup_printf ("%s%" G_GUINT64_FORMAT, prefix, entry->number);
}

static void
keep (const Entry *entry)
{
  g_autofree char *key = make_key (entry);
  g_autofree char *data = g_strconcat (entry->shown.name, entry->polls ? "" : STAYS, NULL);

  if (entry->store->keeper != NULL)
    hr_keeper_store (entry->store->keeper, key, data, entry->shown.fd);
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_clear_handle_id (&entry->source, hr_fd_watch_remove);
  close_soon (entry->store->closer, &entry->shown.fd);
  g_free (entry->shown.name);
  g_free (entry);
}

/* The keeper first: what it is told of must be open. */
static void
drop (HrFdStore *self, guint index)
{
  const Entry *entry = g_ptr_array_index (self->entries, index);
  g_autofree char *key = make_key (entry);

  if (self->keeper != NULL)
    hr_keeper_forget (self->keeper, key);
  g_ptr_array_remove_index (self->entries, index);
}

static gboolean
on_unusable (gint fd, GIOCondition condition, gpointer user_data)
{
  Entry *entry = user_data;
  HrFdStore *self = entry->store;
  guint index;

  hr_log_debug (self->service, "stored descriptor '%s' is of no use any more", entry->shown.name);
  if (g_ptr_array_find (self->entries, entry, &index))
    drop (self, index);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
  return G_SOURCE_REMOVE;
}

/* Of others poll() knows nothing, or asks whoever serves their file system. */
static gboolean
can_be_polled (int fd)
{
  return hr_socket_get_option (fd, SOL_SOCKET, SO_TYPE) >= 0 || fcntl (fd, F_GETPIPE_SZ) >= 0;
}

static void
add (HrFdStore *self, int fd, char *name, gboolean polls, guint64 number)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->shown.fd = fd;
  entry->shown.name = name;
  entry->store = self;
  entry->number = number;
  entry->polls = polls;
  if (polls && can_be_polled (fd))
    entry->source = hr_fd_watch_add (fd, G_IO_HUP | G_IO_ERR, on_unusable, entry);
  self->next = MAX (self->next, number + 1);
  g_ptr_array_add (self->entries, entry);
  keep (entry);
}

/**
 * hr_fd_store_add:
 * @self: a store
 * @fd: (inout): a descriptor; -1 when it was taken, else it stays the caller's
 * @name: a valid name
 * @polls: whether it is to go when it is a socket or pipe of which nothing can come any more
 *
 * Returns: what became of it
 */
HrFdStoreResult
hr_fd_store_add (HrFdStore *self, int *fd, const char *name, gboolean polls)
{
  g_return_val_if_fail (HR_IS_FD_STORE (self), HR_FD_STORE_FULL);
  g_return_val_if_fail (*fd >= 0 && hr_fd_name_is_valid (name), HR_FD_STORE_FULL);

  for (guint i = 0; i < self->entries->len; i++)
    if (hr_fd_is_same (((const Entry *)g_ptr_array_index (self->entries, i))->shown.fd, *fd))
      return HR_FD_STORE_KNOWN;
  if (self->entries->len >= self->max)
    return HR_FD_STORE_FULL;
  if (hr_closer_is_full (self->closer))
    return HR_FD_STORE_BUSY;
  add (self, hr_fd_steal (fd), g_strdup (name), polls, self->next);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
  return HR_FD_STORE_TAKEN;
}

/**
 * hr_fd_store_remove:
 * @self: a store
 * @name: a name
 *
 * Lets go of all that have it.
 */
void
hr_fd_store_remove (HrFdStore *self, const char *name)
{
  guint before;

  g_return_if_fail (HR_IS_FD_STORE (self));

  before = self->entries->len;
  for (guint i = before; i > 0; i--)
    if (g_str_equal (((const Entry *)g_ptr_array_index (self->entries, i - 1))->shown.name, name))
      drop (self, i - 1);
  if (self->entries->len != before)
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/* Those that came last go. */
static void
shrink (HrFdStore *self, guint most)
{
  if (self->entries->len <= most)
    return;
  while (self->entries->len > most)
    drop (self, self->entries->len - 1);
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/**
 * hr_fd_store_empty:
 * @self: a store
 *
 * Lets go of all.
 */
void
hr_fd_store_empty (HrFdStore *self)
{
  g_return_if_fail (HR_IS_FD_STORE (self));
  shrink (self, 0);
}

/**
 * hr_fd_store_set_max:
 * @self: a store
 * @max: how many it may hold, 0: none is stored
 *
 * Of those that are too many now the last ones go.
 */
void
hr_fd_store_set_max (HrFdStore *self, guint max)
{
  g_return_if_fail (HR_IS_FD_STORE (self));

  self->max = max;
  if (self->entries->len > max)
    hr_log_warning (self->service,
                    "%u descriptors are stored, and FileDescriptorStoreMax is %u now: closing the others",
                    self->entries->len, max);
  shrink (self, max);
}

/**
 * hr_fd_store_get_max:
 * @self: a store
 *
 * Returns: how many it may hold
 */
guint
hr_fd_store_get_max (HrFdStore *self)
{
  g_return_val_if_fail (HR_IS_FD_STORE (self), 0);
  return self->max;
}

/**
 * hr_fd_store_list:
 * @self: a store
 *
 * Returns: (transfer none) (element-type HrStoredFd): what it holds now, in the order in which it came
 */
GPtrArray *
hr_fd_store_list (HrFdStore *self)
{
  g_return_val_if_fail (HR_IS_FD_STORE (self), NULL);
  return self->entries;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const Entry *one = *(Entry *const *)a, *other = *(Entry *const *)b;

  return one->number < other->number ? -1 : one->number > other->number ? 1 : 0;
}

static void
take_kept (HrFdStore *self)
{
  g_autofree char *prefix = make_prefix (self->service);
  g_autoptr (GPtrArray) taken = hr_keeper_take (self->keeper, prefix);

  for (guint i = 0; i < taken->len; i++)
    {
      HrKept *kept = g_ptr_array_index (taken, i);
      g_autofree char *name = g_strdup (kept->data);
      gboolean polls = !g_str_has_suffix (name, STAYS);
      guint64 number = 0;

      if (!polls)
        name[strlen (name) - strlen (STAYS)] = '\0';
      if (hr_fd_name_is_valid (name)
          && g_ascii_string_to_unsigned (kept->key + strlen (prefix), 10, 0, G_MAXINT64, &number, NULL))
        add (self, hr_fd_steal (&kept->fd), g_steal_pointer (&name), polls, number);
      else
        hr_closer_clear (self->closer, &kept->fd);
    }
  g_ptr_array_sort (self->entries, compare);
}

/**
 * hr_fd_store_new:
 * @service: its name
 * @keeper: (nullable): where they are to be kept for the next daemon; what an earlier one had is taken out of it
 *
 * Returns: (transfer full): a store that takes nothing before hr_fd_store_set_max()
 */
HrFdStore *
hr_fd_store_new (const char *service, HrKeeper *keeper)
{
  HrFdStore *self = g_object_new (HR_TYPE_FD_STORE, NULL);

  self->service = g_strdup (service);
  if (keeper != NULL)
    {
      self->keeper = g_object_ref (keeper);
      take_kept (self);
    }
  return self;
}

/**
 * hr_fd_store_settle:
 * @keeper: of the daemon, in which all services have looked
 *
 * Lets go of what services had stored that are no more.
 */
void
hr_fd_store_settle (HrKeeper *keeper)
{
  g_autoptr (GPtrArray) left = hr_keeper_take (keeper, HR_KEEP_STORED_PREFIX);
  g_autoptr (HrCloser) closer = hr_closer_new ();

  for (guint i = 0; i < left->len; i++)
    close_soon (closer, &((HrKept *)g_ptr_array_index (left, i))->fd);
}

static void
hr_fd_store_finalize (GObject *object)
{
  HrFdStore *self = HR_FD_STORE (object);

  /* What the keeper has of them is the next daemon's. */
  g_ptr_array_unref (self->entries);
  hr_closer_free (self->closer);
  g_clear_object (&self->keeper);
  g_free (self->service);
  G_OBJECT_CLASS (hr_fd_store_parent_class)->finalize (object);
}

static void
hr_fd_store_class_init (HrFdStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fd_store_finalize;
  signals[SIGNAL_CHANGED] =
      g_signal_new ("changed", HR_TYPE_FD_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_fd_store_init (HrFdStore *self)
{
  self->closer = hr_closer_new ();
  self->entries = g_ptr_array_new_with_free_func (entry_free);
}
