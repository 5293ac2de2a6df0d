/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fields.h: everything about one thing, as "Title: text" lines with the titles right-aligned.
 */
#pragma once

#include "hr-output.h"

G_BEGIN_DECLS

void hr_fields_append (GString *lines, const char *title, const char *text);
void hr_fields_print (HrOutput *output, const char *title, const char *text);
void hr_fields_print_tinted (HrOutput *output, const char *title, const char *text);

G_END_DECLS
