/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-oid.h: the id of an object in the store. A value.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HR_OID_SIZE 20
#define HR_OID_HEX (2 * HR_OID_SIZE + 1)

typedef struct {
  guint8 id[HR_OID_SIZE];
} HrOid;

void hr_oid_to_hex (const HrOid *self, char hex[HR_OID_HEX]);
gboolean hr_oid_from_hex (HrOid *self, const char *hex);
gboolean hr_oid_equal (const HrOid *a, const HrOid *b);

G_END_DECLS
