/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How many services there may be.
 */
#include "hr-error.h"
#include "hr-manager-private.h"

typedef struct {
  guint uid;
  guint of_user;
  guint all;
} Transients;

static void
count (Transients *self, HrService *service)
{
  const HrCallerContext *caller = hr_service_get_caller (service);

  if (caller == NULL)
    return;
  self->all++;
  self->of_user += caller->uid == self->uid;
}

/* What was removed has its processes until it has stopped: who adds and goes away again and again has all of them. */
static Transients
count_transients (HrManager *self, guint uid)
{
  Transients transients = { .uid = uid };
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, self->services);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    count (&transients, value);
  g_hash_table_iter_init (&iter, self->removing);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    count (&transients, key);
  return transients;
}

/**
 * hr_manager_has_room:
 * @self: a manager
 * @caller: (nullable): of a transient service that is to be added
 * @error: return location
 *
 * Returns: whether one more service may be added; else %HR_ERROR_LIMIT_EXCEEDED
 */
gboolean
hr_manager_has_room (HrManager *self, const HrCallerContext *caller, GError **error)
{
  Transients transients = { 0 };

  if (g_hash_table_size (self->services) >= HR_MANAGER_SERVICES_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "there are %d services already, no more are taken",
                   HR_MANAGER_SERVICES_MAX);
      return FALSE;
    }
  if (caller == NULL)
    return TRUE;
  transients = count_transients (self, caller->uid);
  if (transients.of_user >= HR_MANAGER_TRANSIENTS_OF_USER_MAX)
    g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                 "user %u has %u transient services already, and a user may have %d: stop one first, or add one with a "
                 "file ('hrctl add')",
                 caller->uid, transients.of_user, HR_MANAGER_TRANSIENTS_OF_USER_MAX);
  else if (transients.all >= HR_MANAGER_TRANSIENTS_MAX)
    g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                 "there are %u transient services of all users already, and %d may be: stop one first, or add one with "
                 "a file ('hrctl add')",
                 transients.all, HR_MANAGER_TRANSIENTS_MAX);
  else
    return TRUE;
  return FALSE;
}
