/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-state-exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-exchange-note.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-lease-state-offer.h"
#include "hr-log.h"

struct _HrStateExchange {
  gatomicrefcount refs;
  char *path;
  char *service;
  guint state_version;
  HrOwner owner;
  HrSnapshotDir *snapshots;
  GMutex lock; /* held while something is taken out */
  gboolean recovered;
  char *kept; /* instance whose state could not be stored and is where it wrote it; %NULL */
  guint64 kept_release;
  guint kept_version;
  gint64 kept_time; /* wall clock, in microseconds */
};

G_DEFINE_BOXED_TYPE (HrStateExchange, hr_state_exchange, hr_state_exchange_ref, hr_state_exchange_unref)

/* Directories of the instances that this process offered files to and has not collected, of all services: another
 * object of the same service, made when its service file changed, must not recover what is in use. */
static GMutex offered_lock;
static GHashTable *offered;

static void
set_offered (const char *dir, gboolean is_offered)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&offered_lock);

  if (offered == NULL)
    offered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (is_offered)
    g_hash_table_add (offered, g_strdup (dir));
  else
    g_hash_table_remove (offered, dir);
}

static gboolean
is_offered (const char *dir)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&offered_lock);

  return offered != NULL && g_hash_table_contains (offered, dir);
}

/**
 * hr_state_exchange_new:
 * @path: the directory; made when the first instance gets its files
 * @service: whose
 * @state_version: State.Version now
 * @snapshots: where state is stored
 *
 * Returns: (transfer full): the exchange
 */
HrStateExchange *
hr_state_exchange_new (const char *path, const char *service, guint state_version, HrSnapshotDir *snapshots)
{
  HrStateExchange *self = g_new0 (HrStateExchange, 1);

  g_atomic_ref_count_init (&self->refs);
  self->path = g_strdup (path);
  self->service = g_strdup (service);
  self->state_version = state_version;
  self->snapshots = hr_snapshot_dir_ref (snapshots);
  g_mutex_init (&self->lock);
  return self;
}

/**
 * hr_state_exchange_set_owner:
 * @self: a new exchange
 * @owner: whose the directories of instances are
 */
void
hr_state_exchange_set_owner (HrStateExchange *self, const HrOwner *owner)
{
  self->owner = *owner;
}

/**
 * hr_state_exchange_ref:
 * @self: the exchange
 *
 * Returns: (transfer full): @self
 */
HrStateExchange *
hr_state_exchange_ref (HrStateExchange *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * hr_state_exchange_unref:
 * @self: (transfer full): the exchange
 */
void
hr_state_exchange_unref (HrStateExchange *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->path);
  g_free (self->service);
  g_free (self->kept);
  hr_snapshot_dir_unref (self->snapshots);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
is_instance_name (const char *instance)
{
  return *instance != '\0' && *instance != '.' && strchr (instance, '/') == NULL;
}

/**
 * hr_state_exchange_open:
 * @self: the exchange
 * @instance: id of a new instance
 * @release: what it runs
 * @error: return location
 *
 * Makes the directory for the instance's two files, which only its user may enter.
 *
 * Returns: (transfer full): its path; %NULL with %HR_ERROR_STATE_FAILED that names it
 */
char *
hr_state_exchange_open (HrStateExchange *self, const char *instance, guint64 release, GError **error)
{
  g_autofree char *above = g_path_get_dirname (self->path);
  g_autofree char *dir = g_build_filename (self->path, instance, NULL);
  g_autofree char *out = g_build_filename (dir, HR_STATE_OUT_NAME, NULL);
  g_autoptr (GError) local = NULL;

  if (!is_instance_name (instance))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "'%s' cannot be the id of an instance", instance);
      return NULL;
    }
  if (!hr_fs_make_dir (dir, 0700, &local) || !hr_exchange_note_write (dir, release, self->state_version, &local)
      || !hr_owner_give (&self->owner, dir, &local))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "while making the directory for the state files of '%s': %s",
                   instance, local->message);
      return NULL;
    }
  if (g_file_test (out, G_FILE_TEST_EXISTS))
    {
      g_autofree char *aside = hr_fs_set_aside (out, &local);
      hr_log_warning (self->service, "'%s' is of an earlier instance of this id: %s", out,
                      aside != NULL ? "set aside" : local->message);
    }
  hr_owner_let_through (&self->owner, self->path);
  hr_owner_let_through (&self->owner, above);
  set_offered (dir, TRUE);
  return g_steal_pointer (&dir);
}

/**
 * hr_state_exchange_resume:
 * @self: the exchange
 * @instance: id of an instance that another process made a directory for, and that runs
 *
 * What it has written is not recovered: it is collected when it has ended.
 *
 * Returns: (transfer full): the directory
 */
char *
hr_state_exchange_resume (HrStateExchange *self, const char *instance)
{
  char *dir = g_build_filename (self->path, instance, NULL);

  g_return_val_if_fail (is_instance_name (instance), dir);
  set_offered (dir, TRUE);
  return dir;
}

/* Makes what is in @out no longer the instance's. */
static void
refuse (HrStateExchange *self, const char *instance, const char *out, const char *why, GError **error)
{
  g_autofree char *name = g_strconcat (instance, ".json", NULL);
  g_autoptr (GError) local = NULL;
  g_autofree char *aside = hr_snapshot_dir_take_aside (self->snapshots, out, name, &local);

  if (aside != NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED,
                 "the state that '%s' wrote cannot be kept: %s; set aside as '%s'", instance, why, aside);
  else
    g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "the state that '%s' wrote to '%s' cannot be kept: %s; %s",
                 instance, out, why, local->message);
}

/* In a directory of its own a user can give a name to a file that it may not read. The directory says who it is: by now
 * the service file may name another. */
static gboolean
is_foreign (const char *out, const struct stat *info)
{
  g_autofree char *dir = g_path_get_dirname (out);
  struct stat above;

  return lstat (dir, &above) != 0 || (above.st_uid != geteuid () && above.st_uid != info->st_uid);
}

/* What @fd holds; %NULL without @error when that is nothing. Sets aside what can be no state. */
static GBytes *
read_out (HrStateExchange *self, const char *instance, const char *out, int fd, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) data = NULL;
  const char *why = NULL;
  struct stat info;

  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode))
    why = "it is not a regular file";
  else if (is_foreign (out, &info))
    why = "it belongs to somebody else";
  if (why != NULL)
    {
      refuse (self, instance, out, why, error);
      return NULL;
    }
  data = hr_fd_read_all (fd, HR_STATE_SIZE_MAX, &local);
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE))
    refuse (self, instance, out, local->message, error);
  else if (data == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "while reading '%s': %s", out, local->message);
  else if (g_bytes_get_size (data) > 0)
    return g_steal_pointer (&data);
  return NULL;
}

/* Takes @out, opened as @fd, as a snapshot; @time_usec as in hr_snapshot_dir_store(). */
static HrSnapshot *
take (HrStateExchange *self, const char *instance, const char *out, int fd, guint64 release, guint version,
      gint64 time_usec, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) data = read_out (self, instance, out, fd, error);
  g_autoptr (HrSnapshot) snapshot = NULL;
  gint64 time = time_usec >= 0 ? time_usec : g_get_real_time ();

  if (data == NULL)
    return NULL;
  snapshot = hr_snapshot_new (self->service, time / G_USEC_PER_SEC, release, version, data, &local);
  if (snapshot == NULL)
    {
      refuse (self, instance, out, local->message, error);
      return NULL;
    }
  /* Where it cannot be stored it stays where it is: the program's file is the only copy. */
  if (!hr_snapshot_dir_store (self->snapshots, snapshot, time_usec, error))
    {
      g_prefix_error (error, "the state in '%s' is kept there: ", out);
      return NULL;
    }
  if (g_unlink (out) != 0)
    hr_log_warning (self->service, "while removing '%s': %s, ignoring", out, g_strerror (errno));
  return g_steal_pointer (&snapshot);
}

static int
open_out (const char *out)
{
  return open (out, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static void
remove_dir (HrStateExchange *self, const char *dir)
{
  g_autoptr (GError) error = NULL;

  set_offered (dir, FALSE);
  if (!hr_fs_remove_tree (dir, &error))
    hr_log_warning (self->service, "%s, ignoring", error->message);
}

static char *
kept_file (HrStateExchange *self)
{
  return self->kept != NULL ? g_build_filename (self->path, self->kept, HR_STATE_OUT_NAME, NULL) : NULL;
}

/* Stores what could not be stored before; where there still is no room, it is read from where it is. */
static HrSnapshot *
take_kept (HrStateExchange *self)
{
  g_autofree char *out = kept_file (self);
  g_autofree char *dir = out != NULL ? g_path_get_dirname (out) : NULL;
  g_auto (HrFd) fd = out != NULL ? open_out (out) : -1;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GBytes) data = NULL;

  if (fd >= 0)
    snapshot = take (self, self->kept, out, fd, self->kept_release, self->kept_version, self->kept_time, NULL);
  if (snapshot == NULL && fd >= 0 && lseek (fd, 0, SEEK_SET) == 0)
    data = read_out (self, self->kept, out, fd, NULL);
  if (data != NULL)
    {
      snapshot = hr_snapshot_new (self->service, self->kept_time / G_USEC_PER_SEC, self->kept_release,
                                  self->kept_version, data, NULL);
      if (snapshot != NULL)
        {
          g_free (snapshot->id);
          snapshot->id = hr_snapshot_make_id (self->kept_time, self->kept_release);
          return g_steal_pointer (&snapshot);
        }
    }
  if (snapshot != NULL)
    remove_dir (self, dir);
  g_clear_pointer (&self->kept, g_free);
  return g_steal_pointer (&snapshot);
}

static void
keep (HrStateExchange *self, const char *instance, guint64 release, guint version)
{
  g_free (self->kept);
  self->kept = g_strdup (instance);
  self->kept_release = release;
  self->kept_version = version;
  self->kept_time = g_get_real_time ();
}

/**
 * hr_state_exchange_load_kept:
 * @self: the exchange
 *
 * Returns: (transfer full) (nullable): the state that was collected last, if it could not be stored then; by now it may
 *   be
 */
HrSnapshot *
hr_state_exchange_load_kept (HrStateExchange *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return take_kept (self);
}

/**
 * hr_state_exchange_dup_kept_file:
 * @self: the exchange
 *
 * Returns: (transfer full) (nullable): the file with the state that could not be stored
 */
char *
hr_state_exchange_dup_kept_file (HrStateExchange *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return kept_file (self);
}

/**
 * hr_state_exchange_collect:
 * @self: the exchange
 * @instance: id of an instance that has ended
 * @release: what it ran
 * @version: State.Version
 * @error: return location
 *
 * Stores what the instance wrote and removes its directory.
 *
 * Returns: (transfer full) (nullable): the snapshot; %NULL without @error when it wrote nothing; %NULL with
 *   %HR_ERROR_STATE_FAILED when that cannot be kept (it is set aside) or not be stored (it stays, see
 *   hr_state_exchange_load_kept())
 */
HrSnapshot *
hr_state_exchange_collect (HrStateExchange *self, const char *instance, guint64 release, guint version, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autofree char *dir = g_build_filename (self->path, instance, NULL);
  g_autofree char *out = g_build_filename (dir, HR_STATE_OUT_NAME, NULL);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) local = NULL;
  g_auto (HrFd) fd = -1;

  g_return_val_if_fail (is_instance_name (instance), NULL);

  if (self->kept != NULL && !g_str_equal (self->kept, instance))
    hr_snapshot_free (take_kept (self));
  fd = open_out (out);
  if (fd >= 0)
    snapshot = take (self, instance, out, fd, release, version, -1, &local);
  else if (errno == ELOOP || errno == EACCES || errno == ENXIO)
    refuse (self, instance, out, g_strerror (errno), &local);
  else if (errno != ENOENT)
    g_set_error (&local, HR_ERROR, HR_ERROR_STATE_FAILED, "while opening '%s': %s", out, g_strerror (errno));

  if (local == NULL || !g_file_test (out, G_FILE_TEST_EXISTS))
    remove_dir (self, dir);
  else
    keep (self, instance, release, version);
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  return g_steal_pointer (&snapshot);
}

/**
 * hr_state_exchange_discard:
 * @self: the exchange
 * @instance: id of an instance that has ended
 *
 * Removes its directory with what it wrote.
 */
void
hr_state_exchange_discard (HrStateExchange *self, const char *instance)
{
  g_autofree char *dir = g_build_filename (self->path, instance, NULL);

  g_return_if_fail (is_instance_name (instance));
  remove_dir (self, dir);
}

/* A read lease is refused while somebody has the file open for writing: the program lives and is not done. */
static gboolean
is_being_written (int fd)
{
  if (fcntl (fd, F_SETLEASE, F_RDLCK) != 0)
    return errno == EAGAIN;
  fcntl (fd, F_SETLEASE, F_UNLCK);
  return FALSE;
}

static void
recover_out (HrStateExchange *self, const char *instance, const char *out, int fd, const HrExchangeNote *note)
{
  guint version = note->state_version > 0 ? note->state_version : self->state_version;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = NULL;
  struct stat info;

  if (fstat (fd, &info) != 0)
    return;
  snapshot = take (self, instance, out, fd, note->release, version,
                   (gint64)info.st_mtim.tv_sec * G_USEC_PER_SEC + info.st_mtim.tv_nsec / 1000, &error);
  if (error != NULL)
    hr_log_warning (self->service, "%s", error->message);
  else if (snapshot != NULL)
    hr_log_info (self->service, "the state that '%s' left is snapshot '%s'", instance, snapshot->id);
}

static void
recover_instance (HrStateExchange *self, const char *instance)
{
  g_autofree char *dir = g_build_filename (self->path, instance, NULL);
  g_autofree char *out = g_build_filename (dir, HR_STATE_OUT_NAME, NULL);
  HrExchangeNote note;
  g_auto (HrFd) fd = -1;

  if (is_offered (dir) || !g_file_test (dir, G_FILE_TEST_IS_DIR))
    return;
  note = hr_exchange_note_read (dir);
  fd = open_out (out);
  if (fd >= 0 && is_being_written (fd))
    return;
  if (fd >= 0)
    recover_out (self, instance, out, fd, &note);

  /* An instance of this boot may still live, and write on its way out. */
  if (!note.this_boot && !g_file_test (out, G_FILE_TEST_EXISTS))
    remove_dir (self, dir);
}

/**
 * hr_state_exchange_recover:
 * @self: the exchange
 *
 * Makes snapshots of what was left by instances that this process did not offer files to; does so once.
 */
void
hr_state_exchange_recover (HrStateExchange *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (self->recovered)
    return;
  self->recovered = TRUE;
  dir = g_dir_open (self->path, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    recover_instance (self, name);
}
