/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-strays.h"

#include <string.h>

#include "hr-names.h"
#include "hr-process-tree.h"

/**
 * hr_stray_free:
 * @self: (transfer full) (nullable): a stray
 */
void
hr_stray_free (HrStray *self)
{
  if (self == NULL)
    return;
  g_free (self->service);
  hr_run_process_free (self->process);
  g_free (self);
}

/* Of DIR/SERVICE/INSTANCE/FILE. */
static gboolean
split (const char *path, const char *dir, char **service, char **instance)
{
  gsize length = strlen (dir);
  g_auto (GStrv) parts = NULL;

  if (strncmp (path, dir, length) != 0 || path[length] != '/')
    return FALSE;
  parts = g_strsplit (path + length + 1, "/", -1);
  if (g_strv_length (parts) != 3)
    return FALSE;
  *service = g_strdup (parts[0]);
  *instance = g_strdup (parts[1]);
  return TRUE;
}

/* The leader of its session is what the helper became; without it the oldest. */
static gboolean
is_better (const HrProcess *process, const HrRunProcess *than, gboolean than_leads)
{
  if ((process->pid == process->session) != than_leads)
    return process->pid == process->session;
  return process->start < than->start;
}

static void
add (GPtrArray *strays, GHashTable *leaders, const HrProcess *process, const char *service, const char *instance)
{
  HrStray *stray;

  for (guint i = 0; i < strays->len; i++)
    {
      stray = g_ptr_array_index (strays, i);
      if (!g_str_equal (stray->process->instance, instance))
        continue;
      if (!is_better (process, stray->process, g_hash_table_contains (leaders, stray)))
        return;
      stray->process->pid = process->pid;
      stray->process->start = process->start;
      if (process->pid == process->session)
        g_hash_table_add (leaders, stray);
      return;
    }
  stray = g_new0 (HrStray, 1);
  stray->service = g_strdup (service);
  stray->process = hr_run_process_new (process->pid, process->start, instance);
  if (process->pid == process->session)
    g_hash_table_add (leaders, stray);
  g_ptr_array_add (strays, stray);
}

/**
 * hr_strays_find:
 * @exchange_dir: where the instances of this daemon have their state files
 *
 * Looks at all processes there are, which takes some milliseconds.
 *
 * Returns: (transfer full) (element-type HrStray): one for each instance of which something runs
 */
GPtrArray *
hr_strays_find (const char *exchange_dir)
{
  GPtrArray *strays = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_stray_free);
  g_autoptr (GHashTable) leaders = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) list = hr_process_list ();

  for (guint i = 0; i < list->len; i++)
    {
      const HrProcess *process = &g_array_index (list, HrProcess, i);
      g_autofree char *path = process->state != 'Z' ? hr_process_get_variable (process->pid, HR_ENV_STATE_OUT) : NULL;
      g_autofree char *service = NULL;
      g_autofree char *instance = NULL;

      if (path != NULL && split (path, exchange_dir, &service, &instance))
        add (strays, leaders, process, service, instance);
    }
  return strays;
}
