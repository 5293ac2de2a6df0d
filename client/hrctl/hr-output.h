/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-output.h: the one place that prints: text, tables and JSON on standard output, errors and progress on standard
 * error. Colour only on a terminal. Text goes out as UTF-8, whatever the locale.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum { HR_TINT_NONE, HR_TINT_GOOD, HR_TINT_BAD, HR_TINT_MIDDLING, HR_TINT_DIM, HR_TINT_BOLD } HrTint;

typedef struct _HrOutput HrOutput;

HrOutput *hr_output_new (gboolean json, gboolean color);
void hr_output_free (HrOutput *self);
gboolean hr_output_is_json (HrOutput *self);
gboolean hr_output_is_terminal (HrOutput *self);
gboolean hr_output_is_colored (HrOutput *self);
guint hr_output_get_width (HrOutput *self);
void hr_output_print (HrOutput *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void hr_output_write (HrOutput *self, const char *text);
char *hr_output_tint (HrOutput *self, HrTint tint, const char *text);
void hr_output_json (HrOutput *self, JsonNode *document);
void hr_output_json_line (HrOutput *self, JsonNode *document);
void hr_output_error (HrOutput *self, const char *message);
void hr_output_failure (HrOutput *self, const GError *error);
void hr_output_remark (HrOutput *self, HrTint tint, const char *format, ...) G_GNUC_PRINTF (3, 4);
gboolean hr_output_shows_progress (HrOutput *self);
void hr_output_progress (HrOutput *self, const char *text);
gboolean hr_output_flush (HrOutput *self, GError **error);

HrTint hr_tint_for_state (const char *state);
HrTint hr_tint_for_health (const char *health);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrOutput, hr_output_free)

G_END_DECLS
