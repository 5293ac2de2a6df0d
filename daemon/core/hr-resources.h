/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-resources.h: what all processes of an instance may use together: MemoryMax, CPUWeight, TasksMax.
 *
 * Pure: what a service file says. Of what a share is one, and whether it can be had, only the system knows.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A whole, in hundredths of a percent. */
#define HR_RESOURCE_WHOLE 10000

typedef enum { HR_RESOURCE_MEMORY, HR_RESOURCE_CPU, HR_RESOURCE_TASKS, HR_N_RESOURCES } HrResourceKind;

/**
 * HrResource:
 * @set: whether there is a limit
 * @is_share: whether @value is a share of what the system has, in hundredths of a percent
 * @value: bytes, a weight from 1 to 10000, or a number of processes and threads
 */
typedef struct {
  gboolean set;
  gboolean is_share;
  guint64 value;
} HrResource;

const char *hr_resource_name (HrResourceKind kind);
gboolean hr_resource_parse (HrResourceKind kind, const char *text, HrResource *resource, GError **error);
char *hr_resource_to_string (HrResourceKind kind, const HrResource *resource);

G_END_DECLS
