/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-lease-state-offer.h: the two files of one instance, the first of them under a lease.
 *
 * They live in a directory of the instance, which the program may write to: HOTRELOAD_STATE_OUT can be replaced by a
 * rename. Where a lease is refused the data simply are in the file.
 */
#pragma once

#include "hr-keeper.h"
#include "hr-owner.h"
#include "hr-state-files.h"

G_BEGIN_DECLS

/* Before the id of an instance, where the keeper has its lease. */
#define HR_STATE_KEEP_PREFIX "state/"

#define HR_STATE_IN_NAME "state-in.json"
#define HR_STATE_OUT_NAME "state-out.json"

#define HR_TYPE_LEASE_STATE_OFFER (hr_lease_state_offer_get_type ())
G_DECLARE_FINAL_TYPE (HrLeaseStateOffer, hr_lease_state_offer, HR, LEASE_STATE_OFFER, HrStateOffer)

void hr_lease_state_offer_keep (HrStateOffer *offer, HrKeeper *keeper, const char *instance);
HrStateOffer *hr_lease_state_offer_resume (const char *dir);
HrStateOffer *hr_lease_state_offer_new (const char *dir, GBytes *data, const char *same, gboolean lease,
                                        const HrOwner *owner, GError **error);

G_END_DECLS
