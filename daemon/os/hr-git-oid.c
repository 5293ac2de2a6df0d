/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-oid.h"

#include <string.h>

#include "hr-git-private.h"

G_STATIC_ASSERT (sizeof (HrOid) == GIT_OID_RAWSZ);

/**
 * hr_oid_to_hex:
 * @self: an id
 * @hex: (out caller-allocates): its hex form
 */
void
hr_oid_to_hex (const HrOid *self, char hex[HR_OID_HEX])
{
  git_oid_tostr (hex, HR_OID_HEX, (const git_oid *)self);
}

/**
 * hr_oid_from_hex:
 * @self: (out): return location
 * @hex: (nullable): text
 *
 * Returns: whether @hex is a whole id
 */
gboolean
hr_oid_from_hex (HrOid *self, const char *hex)
{
  git_oid oid;

  if (hex == NULL || strlen (hex) != GIT_OID_HEXSZ || git_oid_fromstr (&oid, hex) != 0)
    return FALSE;
  memcpy (self, &oid, sizeof *self);
  return TRUE;
}

/**
 * hr_oid_equal:
 * @a: an id
 * @b: another
 *
 * Returns: whether they name the same object
 */
gboolean
hr_oid_equal (const HrOid *a, const HrOid *b)
{
  return memcmp (a, b, sizeof *a) == 0;
}
