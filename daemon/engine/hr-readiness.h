/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-readiness.h: the rule by which one instance becomes ready: READY=1, listening, or being alive for a time.
 *
 * Being alive says something only where nothing else can be seen: the service has no listener, or the adopt library is
 * in no process of the instance. Neither is settled at the start: a predecessor may bind late, a shell may become
 * another program. So both are looked at when the time has passed, and again, until one of the signs has come.
 */
#pragma once

#include "hr-generation-plan.h"

G_BEGIN_DECLS

/* Where neither READY=1 nor a listener can be seen, alive for this long is ready. */
#define HR_READY_ALIVE_USEC (1 * G_USEC_PER_SEC)

typedef enum { HR_SIGN_NOTIFIED, HR_SIGN_LISTENING } HrSign;

/**
 * HrReadinessFunc:
 * @error: (nullable): why it can never become ready; %NULL: it is
 * @user_data: what was given to hr_readiness_new()
 */
typedef void (*HrReadinessFunc) (const GError *error, gpointer user_data);

typedef struct _HrReadiness HrReadiness;

HrReadiness *hr_readiness_new (HrClock *clock, const HrGenerationPlan *plan, HrReadinessFunc func, gpointer user_data);
void hr_readiness_free (HrReadiness *self);
void hr_readiness_watch (HrReadiness *self, HrInstance *instance);
void hr_readiness_suspend (HrReadiness *self);
char *hr_readiness_describe (HrReadiness *self);
gboolean hr_readiness_accepts (HrReadiness *self, HrSign sign);

G_END_DECLS
