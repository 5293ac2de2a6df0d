/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-state-offer.h: the two state files of one instance, in memory. A fake program opens and writes them by their
 * paths, as a real one would.
 */
#pragma once

#include "hr-state-files.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_STATE_OFFER (hr_fake_state_offer_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeStateOffer, hr_fake_state_offer, HR, FAKE_STATE_OFFER, HrStateOffer)

/* Called once with what the program reads; NULL data: the offer went away. */
typedef void (*HrFakeOpened) (const char *data, gpointer user_data);

HrFakeStateOffer *hr_fake_state_offer_new (const char *instance, GBytes *data, gboolean barrier, GHashTable *written);
HrFakeStateOffer *hr_fake_state_offer_find (const char *in_path);
void hr_fake_state_offer_open (HrFakeStateOffer *self, HrFakeOpened func, gpointer user_data);
void hr_fake_state_offer_write (HrFakeStateOffer *self, const char *text);
void hr_fake_state_offer_fail_give (HrFakeStateOffer *self);

G_END_DECLS
