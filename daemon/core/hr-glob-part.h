/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-glob-part.h: what stands between two slashes of a pattern: ?, *, [ab], [!ab], or '**' by itself. No braces.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrGlobPartKind:
 * @HR_GLOB_PART_ANY_DEPTH: '**': any number of parts
 * @HR_GLOB_PART_LITERAL: no wildcard in it
 * @HR_GLOB_PART_SUFFIX: '*' and no other wildcard behind it
 * @HR_GLOB_PART_PATTERN: any other
 *
 * The commonest shapes are matched without looking at the pattern again.
 */
typedef enum { HR_GLOB_PART_ANY_DEPTH, HR_GLOB_PART_LITERAL, HR_GLOB_PART_SUFFIX, HR_GLOB_PART_PATTERN } HrGlobPartKind;

/**
 * HrGlobPart:
 * @kind: its shape
 * @text: (nullable): literal or suffix without escapes; the raw pattern otherwise
 * @length: of @text, in bytes
 */
typedef struct {
  HrGlobPartKind kind;
  char *text;
  gsize length;
} HrGlobPart;

void hr_glob_part_init (HrGlobPart *self, const char *text, gsize length);
void hr_glob_part_clear (HrGlobPart *self);
gboolean hr_glob_part_matches (const HrGlobPart *self, const char *s, const char *s_end);
const char *hr_glob_part_skip (const char *p);

G_END_DECLS
