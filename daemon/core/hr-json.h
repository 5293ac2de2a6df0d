/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-json.h: a pull scanner over JSON text (RFC 8259) that checks everything and changes nothing.
 *
 * It gives byte ranges, not values: whoever must keep a program's JSON byte for byte cuts it out of the text. It needs
 * no stack but one bit a level, so depth is a limit of the caller's choice. Strict: no comments, no trailing commas,
 * no NaN, no byte order mark, valid UTF-8 only. A lone surrogate written as an escape passes, as in the RFC.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  HR_JSON_ERROR,
  HR_JSON_END, /* of the text */
  HR_JSON_OBJECT,
  HR_JSON_OBJECT_END,
  HR_JSON_ARRAY,
  HR_JSON_ARRAY_END,
  HR_JSON_NAME, /* of a member, with its colon */
  HR_JSON_STRING,
  HR_JSON_NUMBER,
  HR_JSON_TRUE,
  HR_JSON_FALSE,
  HR_JSON_NULL,
} HrJsonToken;

/**
 * HrJsonScan:
 * @text: (array length=size): what is scanned; stays the caller's
 * @size: in bytes
 * @start: where the last token begins
 * @end: where it ends; of a name: its closing quote, not the colon
 * @next: where scanning goes on; after a name: behind the colon
 *
 * The other members are private.
 */
typedef struct {
  const char *text;
  gsize size;
  gsize start;
  gsize end;
  gsize next;

  guint depth;
  guint depth_max;
  guint8 *stack; /* a bit a level: set for an object */
  gsize stack_size;
  int expect;
} HrJsonScan;

void hr_json_scan_init (HrJsonScan *self, const char *text, gsize size, guint depth_max);
void hr_json_scan_clear (HrJsonScan *self);
HrJsonToken hr_json_scan_next (HrJsonScan *self, GError **error);
HrJsonToken hr_json_scan_value (HrJsonScan *self, gsize *begin, gsize *end, GError **error);
gboolean hr_json_is_space (char c);

gboolean hr_json_check (const char *text, gsize size, guint depth_max, GError **error);
char *hr_json_unquote (const char *text, gsize size);
char *hr_json_quote (const char *text);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HrJsonScan, hr_json_scan_clear)

G_END_DECLS
