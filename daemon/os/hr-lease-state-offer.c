/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-lease-state-offer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-lease.h"

struct _HrLeaseStateOffer {
  HrStateOffer parent_instance;

  char *in_path;
  char *out_path;
  HrFd fd;         /* of in_path, until the state is given */
  gboolean linked; /* in_path is another name of a file that must stay as it is */
  HrLease *lease;
  HrKeeper *keeper; /* NULL: the lease ends with the daemon */
  char *key;
};

G_DEFINE_FINAL_TYPE (HrLeaseStateOffer, hr_lease_state_offer, HR_TYPE_STATE_OFFER)

static const char *
get_in_path (HrStateOffer *offer)
{
  return HR_LEASE_STATE_OFFER (offer)->in_path;
}

static const char *
get_out_path (HrStateOffer *offer)
{
  return HR_LEASE_STATE_OFFER (offer)->out_path;
}

static gboolean
is_barrier (HrStateOffer *offer)
{
  return HR_LEASE_STATE_OFFER (offer)->lease != NULL;
}

static gboolean
fail (HrLeaseStateOffer *self, const char *why, GError **error)
{
  g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "while writing state to '%s': %s", self->in_path, why);
  return FALSE;
}

static void
drop_lease (HrLeaseStateOffer *self)
{
  if (self->keeper != NULL)
    hr_keeper_forget (self->keeper, self->key);
  g_clear_object (&self->keeper);
  g_clear_pointer (&self->lease, hr_lease_free);
}

/* The file keeps its inode: it is the one that the program's open waits for. */
static gboolean
rewrite (HrLeaseStateOffer *self, GBytes *data, GError **error)
{
  g_autoptr (GError) local = NULL;
  gsize size;
  const char *content = g_bytes_get_data (data, &size);

  /* With the room made first a full disk leaves the old content whole. */
  if (size > 0 && fallocate (self->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) != 0 && errno != EOPNOTSUPP)
    return fail (self, hr_fs_strerror (errno), error);
  if (ftruncate (self->fd, 0) != 0 || lseek (self->fd, 0, SEEK_SET) != 0)
    return fail (self, hr_fs_strerror (errno), error);
  if (hr_fd_write_all (self->fd, content, size, &local))
    return TRUE;

  /* Nothing at all is no JSON; half a state might be taken for one. */
  if (ftruncate (self->fd, 0) != 0)
    g_debug ("while emptying '%s': %s", self->in_path, g_strerror (errno));
  return fail (self, local->message, error);
}

static gboolean
write_state (HrStateOffer *offer, GBytes *data, GError **error)
{
  HrLeaseStateOffer *self = HR_LEASE_STATE_OFFER (offer);

  if (self->lease != NULL && hr_lease_expired (self->lease))
    return fail (self, "the program waited for it longer than the kernel lets it wait", error);
  if (self->fd < 0 || self->linked)
    return fail (self, "it has been given already", error);
  /* On failure the program goes on waiting: whoever asked ends it before it can see what it must not. */
  return rewrite (self, data, error);
}

static gboolean
give (HrStateOffer *offer, GBytes *data, GError **error)
{
  HrLeaseStateOffer *self = HR_LEASE_STATE_OFFER (offer);

  if (data != NULL && !write_state (offer, data, error))
    return FALSE;
  drop_lease (self);
  hr_fd_clear (&self->fd);
  return TRUE;
}

static void
on_opened (gpointer user_data)
{
  g_autoptr (HrStateOffer) self = g_object_ref (user_data);

  hr_state_offer_emit_opened (self);
}

static void
hr_lease_state_offer_dispose (GObject *object)
{
  HrLeaseStateOffer *self = HR_LEASE_STATE_OFFER (object);

  drop_lease (self);
  hr_fd_clear (&self->fd);
  if (self->in_path != NULL)
    g_unlink (self->in_path);
  G_OBJECT_CLASS (hr_lease_state_offer_parent_class)->dispose (object);
}

static void
hr_lease_state_offer_finalize (GObject *object)
{
  HrLeaseStateOffer *self = HR_LEASE_STATE_OFFER (object);

  g_free (self->key);
  g_free (self->in_path);
  g_free (self->out_path);
  G_OBJECT_CLASS (hr_lease_state_offer_parent_class)->finalize (object);
}

static void
hr_lease_state_offer_class_init (HrLeaseStateOfferClass *klass)
{
  HrStateOfferClass *offer_class = HR_STATE_OFFER_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = hr_lease_state_offer_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_lease_state_offer_finalize;
  offer_class->get_in_path = get_in_path;
  offer_class->get_out_path = get_out_path;
  offer_class->is_barrier = is_barrier;
  offer_class->write = write_state;
  offer_class->give = give;
}

static void
hr_lease_state_offer_init (HrLeaseStateOffer *self)
{
  self->fd = -1;
}

/* On a full disk, a file that holds @data already needs no room for a second name. */
static gboolean
link_same (HrLeaseStateOffer *self, const char *same, GBytes *data)
{
  g_auto (HrFd) fd = open (same, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  g_autoptr (GBytes) content = fd >= 0 ? hr_fd_read_all (fd, g_bytes_get_size (data), NULL) : NULL;

  if (content == NULL || !g_bytes_equal (content, data) || g_unlink (self->in_path) != 0
      || link (same, self->in_path) != 0)
    return FALSE;
  hr_fd_clear (&self->fd);
  self->fd = hr_fd_dup (fd, NULL);
  self->linked = TRUE;
  return self->fd >= 0;
}

/**
 * hr_lease_state_offer_keep:
 * @offer: an offer
 * @keeper: what outlives the daemon
 * @instance: id of the instance
 *
 * A lease is one of the open file, whoever has it open: with a copy at the keeper the program's open goes on waiting
 * when the daemon dies, for as long as the kernel lets it, and does not return without the state.
 */
void
hr_lease_state_offer_keep (HrStateOffer *offer, HrKeeper *keeper, const char *instance)
{
  HrLeaseStateOffer *self = HR_LEASE_STATE_OFFER (offer);

  if (self->lease == NULL || keeper == NULL)
    return;
  self->keeper = g_object_ref (keeper);
  self->key = g_strconcat (HR_STATE_KEEP_PREFIX, instance, NULL);
  hr_keeper_store (keeper, self->key, "", self->fd);
}

/**
 * hr_lease_state_offer_resume:
 * @dir: directory of an instance that runs
 *
 * Returns: (transfer full): its files, which it has had since it was started
 */
HrStateOffer *
hr_lease_state_offer_resume (const char *dir)
{
  HrLeaseStateOffer *self = g_object_new (HR_TYPE_LEASE_STATE_OFFER, NULL);

  self->in_path = g_build_filename (dir, HR_STATE_IN_NAME, NULL);
  self->out_path = g_build_filename (dir, HR_STATE_OUT_NAME, NULL);
  return HR_STATE_OFFER (self);
}

/**
 * hr_lease_state_offer_new:
 * @dir: the instance's directory; must exist
 * @data: (nullable): what HOTRELOAD_STATE_IN holds at first; %NULL: {}
 * @same: (nullable): a file that may hold just that, for want of room
 * @lease: whether to try for a lease
 * @owner: whose the file is
 * @error: return location
 *
 * Returns: (transfer full): the offer; %NULL with %HR_ERROR_STATE_FAILED that names the path
 */
HrStateOffer *
hr_lease_state_offer_new (const char *dir, GBytes *data, const char *same, gboolean lease, const HrOwner *owner,
                          GError **error)
{
  g_autoptr (HrLeaseStateOffer) self = g_object_new (HR_TYPE_LEASE_STATE_OFFER, NULL);
  g_autoptr (GBytes) empty = g_bytes_new_static ("{}", 2);
  g_autoptr (GError) local = NULL;
  g_autoptr (GError) why = NULL;
  g_auto (HrFd) fd = -1;

  self->in_path = g_build_filename (dir, HR_STATE_IN_NAME, NULL);
  self->out_path = g_build_filename (dir, HR_STATE_OUT_NAME, NULL);
  g_unlink (self->in_path);
  fd = open (self->in_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    {
      fail (self, hr_fs_strerror (errno), error);
      return NULL;
    }
  self->fd = hr_fd_dup (fd, &local);
  if (self->fd < 0)
    {
      fail (self, local->message, error);
      return NULL;
    }
  /* The other file is the daemon's and stays so. */
  if (owner->set)
    same = NULL;
  if (!hr_owner_give (owner, self->in_path, &local))
    {
      fail (self, local->message, error);
      return NULL;
    }
  if (!rewrite (self, data != NULL ? data : empty, &why)
      && (data == NULL || same == NULL || !link_same (self, same, data)))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }

  if (lease)
    self->lease = hr_lease_new (self->fd, on_opened, self, &local);
  if (lease && self->lease == NULL)
    g_debug ("'%s' can be no barrier: %s", self->in_path, local->message);
  return HR_STATE_OFFER (g_steal_pointer (&self));
}
