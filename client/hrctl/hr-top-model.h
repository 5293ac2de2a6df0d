/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-top-model.h: what "hrctl top" shows: a row a service, with the share of a processor that it took since the last
 * answer, in an order that can be chosen.
 */
#pragma once

#include "hr-table.h"

G_BEGIN_DECLS

typedef enum {
  HR_TOP_NAME,
  HR_TOP_CPU,
  HR_TOP_MEMORY,
  HR_TOP_RESTARTS,
  HR_TOP_RELEASE,
  HR_TOP_STATE,
  HR_TOP_N_KEYS
} HrTopKey;

typedef struct _HrTopModel HrTopModel;

HrTopModel *hr_top_model_new (void);
void hr_top_model_free (HrTopModel *self);
gboolean hr_top_key_parse (const char *name, HrTopKey *key);
const char *hr_top_key_name (HrTopKey key);
void hr_top_model_sort_by (HrTopModel *self, HrTopKey key);
void hr_top_model_reverse (HrTopModel *self);
HrTopKey hr_top_model_get_key (HrTopModel *self);
void hr_top_model_take (HrTopModel *self, GVariant *status, GVariant *usage, gint64 now);
guint hr_top_model_count (HrTopModel *self);
HrTable *hr_top_model_to_table (HrTopModel *self);
JsonNode *hr_top_model_to_json (HrTopModel *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrTopModel, hr_top_model_free)

G_END_DECLS
