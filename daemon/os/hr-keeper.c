/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-keeper-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-keep-message.h"
#include "hr-log.h"

/* A keeper answers at once; one that does not is left alone. */
#define LIST_DEADLINE_SEC 5
#define END_DEADLINE_MSEC 1000
/* Descriptors that are under way are counted by the kernel: more can be sent when some have arrived. */
#define SEND_AGAIN_MSEC 5

G_DEFINE_FINAL_TYPE (HrKeeper, hr_keeper, G_TYPE_OBJECT)

/**
 * hr_kept_free:
 * @self: (transfer full) (nullable): a descriptor that was kept; closed, unless it has been taken out
 */
void
hr_kept_free (HrKept *self)
{
  if (self == NULL)
    return;
  hr_fd_clear (&self->fd);
  g_free (self->key);
  g_free (self->data);
  g_free (self);
}

static void
entry_free (gpointer data)
{
  HrKeeperEntry *entry = data;

  g_free (entry->data);
  g_free (entry);
}

static gboolean
on_writable (gint fd, GIOCondition condition, gpointer user_data)
{
  HrKeeper *self = user_data;

  self->send_source = 0;
  hr_keeper_send_unsent (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_send_again (gpointer user_data)
{
  HrKeeper *self = user_data;

  self->send_source = 0;
  hr_keeper_send_unsent (self);
  return G_SOURCE_REMOVE;
}

/* What is sent is what there is now: of a key that was forgotten since, that. */
static gboolean
send_key (HrKeeper *self, const char *key)
{
  const HrKeeperEntry *entry = g_hash_table_lookup (self->entries, key);

  return entry != NULL ? hr_keep_message_send (self->fd, HR_KEEP_STORE, key, entry->data, entry->fd)
                       : hr_keep_message_send (self->fd, HR_KEEP_FORGET, key, "", -1);
}

/**
 * hr_keeper_send_unsent:
 * @self: the keeper
 *
 * Tells its process what that does not know yet, as far as it takes it.
 */
void
hr_keeper_send_unsent (HrKeeper *self)
{
  GHashTableIter iter;
  gpointer key;

  if (self->fd < 0 || self->send_source != 0)
    return;
  g_hash_table_iter_init (&iter, self->unsent);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      if (send_key (self, key))
        g_hash_table_iter_remove (&iter);
      else if (errno == EAGAIN)
        self->send_source = g_unix_fd_add (self->fd, G_IO_OUT, on_writable, self);
      else if (errno == ETOOMANYREFS)
        self->send_source = g_timeout_add (SEND_AGAIN_MSEC, on_send_again, self);
      else
        {
          /* Of a keeper that has ended we hear in a moment. */
          hr_log_debug (NULL, "the keeper takes '%s' not: %s", (char *)key, g_strerror (errno));
          return;
        }
      if (self->send_source != 0)
        return;
    }
}

/**
 * hr_keeper_store:
 * @self: the keeper
 * @key: a key, at most %HR_KEEP_KEY_MAX bytes
 * @data: what the next daemon is to know of it, at most %HR_KEEP_DATA_MAX bytes
 * @fd: a descriptor; stays the caller's, who must not close it before hr_keeper_forget()
 *
 * Takes the place of what has this key. Nothing is waited for: when this returns it will be kept, whatever becomes of
 * this process.
 */
void
hr_keeper_store (HrKeeper *self, const char *key, const char *data, int fd)
{
  HrKeeperEntry *entry;

  g_return_if_fail (HR_IS_KEEPER (self));
  g_return_if_fail (key != NULL && data != NULL && fd >= 0);

  if (self->closed)
    return;
  if (strlen (key) > HR_KEEP_KEY_MAX || strlen (data) > HR_KEEP_DATA_MAX
      || (g_hash_table_size (self->entries) >= HR_KEEP_ENTRIES_MAX && !g_hash_table_contains (self->entries, key)))
    {
      hr_log_warning (NULL,
                      "'%s' is not kept for the next daemon: there are too many descriptors, or its name is too "
                      "long",
                      key);
      return;
    }
  entry = g_new (HrKeeperEntry, 1);
  entry->data = g_strdup (data);
  entry->fd = fd;
  g_hash_table_insert (self->entries, g_strdup (key), entry);
  g_hash_table_add (self->unsent, g_strdup (key));
  if (self->fd < 0)
    hr_keeper_start (self);
  else
    hr_keeper_send_unsent (self);
}

/**
 * hr_keeper_forget:
 * @self: the keeper
 * @key: a key; one that is not known is no error
 */
void
hr_keeper_forget (HrKeeper *self, const char *key)
{
  g_return_if_fail (HR_IS_KEEPER (self));

  if (self->closed || !g_hash_table_remove (self->entries, key))
    return;
  g_hash_table_add (self->unsent, g_strdup (key));
  hr_keeper_send_unsent (self);
}

/**
 * hr_keeper_take:
 * @self: the keeper
 * @prefix: begin of keys
 *
 * Returns: (transfer full) (element-type HrKept): what an earlier daemon stored so and nobody has taken. It must be
 *   stored again by who wants it kept on
 */
GPtrArray *
hr_keeper_take (HrKeeper *self, const char *prefix)
{
  GPtrArray *taken = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_kept_free);
  GHashTableIter iter;
  gpointer key, kept;

  g_return_val_if_fail (HR_IS_KEEPER (self), taken);

  g_hash_table_iter_init (&iter, self->kept);
  while (g_hash_table_iter_next (&iter, &key, &kept))
    if (g_str_has_prefix (key, prefix))
      {
        g_ptr_array_add (taken, kept);
        g_hash_table_iter_steal (&iter);
        g_hash_table_add (self->taken, g_strdup (((HrKept *)kept)->key));
      }
  return taken;
}

/**
 * hr_keeper_take_one:
 * @self: the keeper
 * @key: a key
 *
 * Returns: the descriptor that an earlier daemon stored so, for the caller to close; -1 when there is none
 */
int
hr_keeper_take_one (HrKeeper *self, const char *key)
{
  g_autoptr (GPtrArray) taken = hr_keeper_take (self, key);

  for (guint i = 0; i < taken->len; i++)
    {
      HrKept *kept = g_ptr_array_index (taken, i);

      if (g_str_equal (kept->key, key))
        return hr_fd_steal (&kept->fd);
    }
  return -1;
}

/**
 * hr_keeper_settle:
 * @self: the keeper
 *
 * Everybody has taken what he wants, and stored again what is to be kept on: the rest is let go of.
 */
void
hr_keeper_settle (HrKeeper *self)
{
  GHashTableIter iter;
  gpointer key;

  g_return_if_fail (HR_IS_KEEPER (self));

  g_ptr_array_unref (hr_keeper_take (self, ""));
  g_hash_table_iter_init (&iter, self->taken);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      g_hash_table_iter_steal (&iter);
      g_hash_table_add (self->unsent, key);
    }
  hr_keeper_send_unsent (self);
}

/**
 * hr_keeper_get_pid:
 * @self: the keeper
 *
 * Returns: the PID of its process, 0 when there is none
 */
GPid
hr_keeper_get_pid (HrKeeper *self)
{
  g_return_val_if_fail (HR_IS_KEEPER (self), 0);
  return self->fd >= 0 ? self->pid : 0;
}

/**
 * hr_keeper_is_idle:
 * @self: the keeper
 *
 * Returns: whether it has been told of all that there is
 */
gboolean
hr_keeper_is_idle (HrKeeper *self)
{
  g_return_val_if_fail (HR_IS_KEEPER (self), TRUE);
  return g_hash_table_size (self->unsent) == 0;
}

/**
 * hr_keeper_is_new:
 * @self: the keeper
 *
 * Returns: whether there was none of an earlier daemon: what such a one may have had is lost
 */
gboolean
hr_keeper_is_new (HrKeeper *self)
{
  g_return_val_if_fail (HR_IS_KEEPER (self), TRUE);
  return !self->found;
}

/* All that the keeper of an earlier daemon has. Blocks, for a moment. */
static gboolean
fetch (HrKeeper *self)
{
  const struct timeval patience = { .tv_sec = LIST_DEADLINE_SEC };
  HrKeepMessage message;
  int fd;

  if (setsockopt (self->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0
      || !hr_keep_message_send (self->fd, HR_KEEP_LIST, "", "", -1))
    return FALSE;
  while (hr_keep_message_receive (self->fd, &message, &fd))
    {
      HrKept *kept;

      if (message.what != HR_KEEP_ENTRY || fd < 0)
        {
          hr_fd_clear (&fd);
          self->pid = (GPid)g_ascii_strtoll (message.data, NULL, 10);
          return message.what == HR_KEEP_END;
        }
      kept = g_new (HrKept, 1);
      kept->key = g_strdup (message.key);
      kept->data = g_strdup (message.data);
      kept->fd = fd;
      g_hash_table_insert (self->kept, kept->key, kept);
    }
  return FALSE;
}

/* Nobody needs it: not even the next daemon. Who waits for the end of this process expects that of all it started. */
static void
end (HrKeeper *self)
{
  g_auto (HrFd) pidfd = self->pid > 0 ? pidfd_open (self->pid, 0) : -1;
  struct pollfd ended = { .fd = pidfd, .events = POLLIN };

  if (!hr_keep_message_send (self->fd, HR_KEEP_QUIT, "", "", -1))
    return;
  if (self->address != NULL && self->address[0] != '@')
    g_unlink (self->address);
  if (pidfd >= 0)
    poll (&ended, 1, END_DEADLINE_MSEC);
}

/**
 * hr_keeper_close:
 * @self: the keeper
 *
 * This daemon ends. The keeper stays for the next one with what it has, whatever becomes of that here now; where it has
 * nothing it ends, which is waited for, for a second at most.
 */
void
hr_keeper_close (HrKeeper *self)
{
  g_return_if_fail (HR_IS_KEEPER (self));

  self->closed = TRUE;
  if (self->fd >= 0 && g_hash_table_size (self->entries) == 0)
    end (self);
  hr_keeper_disconnect (self);
  g_clear_handle_id (&self->start_timer, g_source_remove);
}

static void
hr_keeper_finalize (GObject *object)
{
  HrKeeper *self = HR_KEEPER (object);

  hr_keeper_close (self);
  g_clear_handle_id (&self->pidfd_source, g_source_remove);
  hr_fd_clear (&self->pidfd);
  g_hash_table_unref (self->entries);
  g_hash_table_unref (self->unsent);
  g_hash_table_unref (self->kept);
  g_hash_table_unref (self->taken);
  g_free (self->address);
  g_free (self->runtime_dir);
  G_OBJECT_CLASS (hr_keeper_parent_class)->finalize (object);
}

static void
hr_keeper_class_init (HrKeeperClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_keeper_finalize;
}

static void
hr_keeper_init (HrKeeper *self)
{
  self->fd = -1;
  self->pidfd = -1;
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, entry_free);
  self->unsent = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->kept = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hr_kept_free);
}

/**
 * hr_keeper_new:
 * @runtime_dir: the daemon's runtime directory; there is one keeper for it
 *
 * Finds the keeper of an earlier daemon and gets what it has. Blocks for that, at most some seconds; for the start of a
 * daemon, which must be the only one for this directory.
 *
 * Returns: (transfer full): the keeper; its process is started when something is to be kept
 */
HrKeeper *
hr_keeper_new (const char *runtime_dir)
{
  HrKeeper *self = g_object_new (HR_TYPE_KEEPER, NULL);

  self->runtime_dir = g_strdup (runtime_dir);
  if (!hr_keeper_connect (self))
    return self;
  self->found = fetch (self);
  if (self->found)
    hr_keeper_watch (self);
  else
    {
      hr_log_warning (NULL, "the keeper of an earlier daemon does not answer, ignoring");
      g_hash_table_remove_all (self->kept);
      hr_keeper_disconnect (self);
    }
  return self;
}
