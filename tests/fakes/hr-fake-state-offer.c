/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-state-offer.h"

#include "hr-error.h"

struct _HrFakeStateOffer {
  HrStateOffer parent_instance;

  char *instance;
  char *in_path;
  char *out_path;
  char *data;
  gboolean barrier;
  gboolean given;
  gboolean fail_give;
  GHashTable *written; /* instance id to text; the state files' */
  guint opened_id;
  HrFakeOpened waiting;
  gpointer waiting_data;
};

/* Paths are of this process: in_path to HrFakeStateOffer, not referenced. */
static GHashTable *offers;

G_DEFINE_FINAL_TYPE (HrFakeStateOffer, hr_fake_state_offer, HR_TYPE_STATE_OFFER)

static void
set_data (HrFakeStateOffer *self, GBytes *data)
{
  gsize size = 0;
  const char *text = data != NULL ? g_bytes_get_data (data, &size) : NULL;

  g_free (self->data);
  self->data = data != NULL ? g_strndup (text, size) : g_strdup ("{}");
}

static void
answer (HrFakeStateOffer *self, const char *data)
{
  HrFakeOpened func = g_steal_pointer (&self->waiting);

  if (func != NULL)
    func (data, self->waiting_data);
}

static const char *
fake_get_in_path (HrStateOffer *offer)
{
  return HR_FAKE_STATE_OFFER (offer)->in_path;
}

static const char *
fake_get_out_path (HrStateOffer *offer)
{
  return HR_FAKE_STATE_OFFER (offer)->out_path;
}

static gboolean
fake_is_barrier (HrStateOffer *offer)
{
  return HR_FAKE_STATE_OFFER (offer)->barrier;
}

static gboolean
fake_write (HrStateOffer *offer, GBytes *data, GError **error)
{
  HrFakeStateOffer *self = HR_FAKE_STATE_OFFER (offer);

  if (self->fail_give)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_STATE_FAILED, "no space left for the state");
      return FALSE;
    }
  set_data (self, data);
  return TRUE;
}

static gboolean
fake_give (HrStateOffer *offer, GBytes *data, GError **error)
{
  HrFakeStateOffer *self = HR_FAKE_STATE_OFFER (offer);

  if (data != NULL && !fake_write (offer, data, error))
    return FALSE;
  self->given = TRUE;
  answer (self, self->data);
  return TRUE;
}

static void
hr_fake_state_offer_finalize (GObject *object)
{
  HrFakeStateOffer *self = HR_FAKE_STATE_OFFER (object);

  g_clear_handle_id (&self->opened_id, g_source_remove);
  answer (self, self->data);
  g_hash_table_remove (offers, self->in_path);
  g_hash_table_unref (self->written);
  g_free (self->instance);
  g_free (self->in_path);
  g_free (self->out_path);
  g_free (self->data);
  G_OBJECT_CLASS (hr_fake_state_offer_parent_class)->finalize (object);
}

static void
hr_fake_state_offer_class_init (HrFakeStateOfferClass *klass)
{
  HrStateOfferClass *offer_class = HR_STATE_OFFER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = hr_fake_state_offer_finalize;
  offer_class->get_in_path = fake_get_in_path;
  offer_class->get_out_path = fake_get_out_path;
  offer_class->is_barrier = fake_is_barrier;
  offer_class->write = fake_write;
  offer_class->give = fake_give;
}

static void
hr_fake_state_offer_init (HrFakeStateOffer *self)
{
  if (offers == NULL)
    offers = g_hash_table_new (g_str_hash, g_str_equal);
}

/**
 * hr_fake_state_offer_new:
 * @instance: whose
 * @data: (nullable): what HOTRELOAD_STATE_IN holds at first
 * @barrier: whether an open of it waits
 * @written: where what the program writes goes
 *
 * Returns: (transfer full): an offer
 */
HrFakeStateOffer *
hr_fake_state_offer_new (const char *instance, GBytes *data, gboolean barrier, GHashTable *written)
{
  HrFakeStateOffer *self = g_object_new (HR_TYPE_FAKE_STATE_OFFER, NULL);

  self->instance = g_strdup (instance);
  self->in_path = g_strdup_printf ("/fake/%s/state-in", instance);
  self->out_path = g_strdup_printf ("/fake/%s/state-out", instance);
  self->barrier = barrier;
  self->written = g_hash_table_ref (written);
  set_data (self, data);
  g_hash_table_insert (offers, self->in_path, self);
  return self;
}

/**
 * hr_fake_state_offer_find:
 * @in_path: HOTRELOAD_STATE_IN
 *
 * Returns: (transfer none) (nullable): the offer, while there is one
 */
HrFakeStateOffer *
hr_fake_state_offer_find (const char *in_path)
{
  return offers != NULL && in_path != NULL ? g_hash_table_lookup (offers, in_path) : NULL;
}

static gboolean
tell_opened (gpointer data)
{
  HrFakeStateOffer *self = data;

  self->opened_id = 0;
  hr_state_offer_emit_opened (HR_STATE_OFFER (self));
  return G_SOURCE_REMOVE;
}

/**
 * hr_fake_state_offer_open:
 * @self: an offer
 * @func: called when the open returns; at once when it does not wait
 * @user_data: for @func
 */
void
hr_fake_state_offer_open (HrFakeStateOffer *self, HrFakeOpened func, gpointer user_data)
{
  g_assert_null (self->waiting);
  if (!self->barrier || self->given)
    {
      func (self->data, user_data);
      return;
    }
  self->waiting = func;
  self->waiting_data = user_data;
  self->opened_id = g_idle_add_full (G_PRIORITY_DEFAULT, tell_opened, self, NULL);
}

/**
 * hr_fake_state_offer_write:
 * @self: an offer
 * @text: (nullable): what the program leaves in HOTRELOAD_STATE_OUT; %NULL: nothing
 */
void
hr_fake_state_offer_write (HrFakeStateOffer *self, const char *text)
{
  if (text != NULL)
    g_hash_table_insert (self->written, g_strdup (self->instance), g_strdup (text));
}

/**
 * hr_fake_state_offer_fail_give:
 * @self: an offer; state cannot be written into it from now on
 */
void
hr_fake_state_offer_fail_give (HrFakeStateOffer *self)
{
  self->fail_give = TRUE;
}
