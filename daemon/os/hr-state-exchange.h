/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-state-exchange.h: the directory through which the instances of one service hand their state to the daemon, and
 * how what they leave there becomes snapshots.
 *
 * All calls block and may be made from any thread; only collecting reads what may be large. An instance's files are
 * the program's: nothing in them is trusted, no link is followed.
 */
#pragma once

#include "hr-owner.h"
#include "hr-snapshot-dir.h"

G_BEGIN_DECLS

typedef struct _HrStateExchange HrStateExchange;

#define HR_TYPE_STATE_EXCHANGE (hr_state_exchange_get_type ())
GType hr_state_exchange_get_type (void);

HrStateExchange *hr_state_exchange_new (const char *path, const char *service, guint state_version,
                                        HrSnapshotDir *snapshots);
void hr_state_exchange_set_owner (HrStateExchange *self, const HrOwner *owner);
HrStateExchange *hr_state_exchange_ref (HrStateExchange *self);
void hr_state_exchange_unref (HrStateExchange *self);

char *hr_state_exchange_resume (HrStateExchange *self, const char *instance);
char *hr_state_exchange_open (HrStateExchange *self, const char *instance, guint64 release, GError **error);
HrSnapshot *hr_state_exchange_collect (HrStateExchange *self, const char *instance, guint64 release, guint version,
                                       GError **error);
HrSnapshot *hr_state_exchange_load_kept (HrStateExchange *self);
char *hr_state_exchange_dup_kept_file (HrStateExchange *self);
void hr_state_exchange_discard (HrStateExchange *self, const char *instance);
void hr_state_exchange_recover (HrStateExchange *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrStateExchange, hr_state_exchange_unref)

G_END_DECLS
