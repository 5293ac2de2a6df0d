/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-jobs.h: jobs asked for by one verb, followed until they end.
 *
 * Follows before it asks, so that no change is missed. Knows nothing of printing but the line of progress.
 */
#pragma once

#include "hr-client.h"
#include "hr-output.h"

G_BEGIN_DECLS

/**
 * HrJobView:
 * @service: name, "" for all
 * @kind: the contract's word, "" as long as it is not known
 * @path: of its object, %NULL if the request was refused
 * @refused: (nullable): why
 * @phase: that it is in
 * @result: the contract's word
 * @error: why it failed, or ""
 * @details: (nullable): a{sv} of org.hotreload.Job:Details
 * @children: (nullable): paths of the jobs it stands for
 * @ended: whether nothing will change any more
 * @began_at: when we heard of it, on the monotonic clock
 *
 * What is known of one job.
 */
typedef struct {
  char *service;
  char *kind;
  char *path;
  GError *refused;
  char *phase;
  char *result;
  char *error;
  GVariant *details;
  GStrv children;
  gboolean ended;
  gint64 began_at;
} HrJobView;

typedef struct _HrJobs HrJobs;

HrJobs *hr_jobs_new (HrClient *client);
void hr_jobs_free (HrJobs *self);
void hr_jobs_request (HrJobs *self, const char *service, const char *method, GVariant *arguments);
void hr_jobs_follow (HrJobs *self, const char *path);
gboolean hr_jobs_wait (HrJobs *self, HrOutput *output, gint64 timeout_usec, GError **error);
gboolean hr_jobs_take_children (HrJobs *self, GError **error);
GPtrArray *hr_jobs_list (HrJobs *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrJobs, hr_jobs_free)

G_END_DECLS
