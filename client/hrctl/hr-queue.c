/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-queue.h"

#include <glib/gi18n.h>
#include <string.h>

#include "hr-dict.h"
#include "hr-names.h"
#include "hr-text.h"

/* %s is the service, %j the job, by the kind of that. The last row is for what nobody sees, as a look at the source. */
static const struct {
  const char *kind;
  const char *text;
} texts[] = {
  { "reload", N_ ("%s: this waits for the end of a reload (%j); 'hrctl rollback %s' cancels it and keeps what runs") },
  { "start", N_ ("%s: this waits for the end of a start (%j); 'hrctl stop %s' cancels it") },
  { "restart", N_ ("%s: this waits for the end of a restart (%j); 'hrctl stop %s' cancels it and stops the service") },
  { "rollback",
    N_ ("%s: this waits for the end of a rollback (%j); 'hrctl stop %s' cancels it and stops the service") },
  { "restore-snapshot",
    N_ ("%s: this waits for a snapshot to be restored (%j); 'hrctl stop %s' cancels that and stops the service") },
  { "stop", N_ ("%s: this waits for the service to stop (%j), which takes StopTimeout at most") },
  { NULL, N_ ("%s: this waits for another job of the service to end") },
};

/* Who waits is heard of too, but does not run; what has ended is there for a while. */
static GVariant *
find_running (HrClient *client, const char *service, char **path)
{
  g_autoptr (GVariant) objects = hr_client_get_objects (client, NULL);
  GVariant *interfaces;
  const char *object;
  GVariantIter iter;

  if (objects == NULL)
    return NULL;
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &object, &interfaces))
    {
      g_autoptr (GVariant) job = g_variant_lookup_value (interfaces, HR_JOB_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (job == NULL || !g_str_equal (hr_dict_string (job, "Service"), service)
          || !g_str_equal (hr_dict_string (job, "Result"), "running"))
        continue;
      *path = g_strdup (object);
      g_variant_unref (interfaces);
      return g_steal_pointer (&job);
    }
  return NULL;
}

/* "job 7 of root (hrctl), phase ready" */
static char *
describe_job (GVariant *job, const char *path)
{
  const char *caller = hr_dict_string (job, "Caller"), *phase = hr_dict_string (job, "Phase");
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, _ ("job %s"), strrchr (path, '/') + 1);
  if (*caller != '\0')
    g_string_append_printf (text, _ (" of %s"), caller);
  if (*phase != '\0')
    g_string_append_printf (text, _ (", phase %s"), hr_text_word (phase));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
describe_canary (GVariant *canary, const char *service)
{
  return g_strdup_printf (
      _ ("%s: this waits for the end of the canary (%s); 'hrctl promote %s' or 'hrctl abort %s' ends it"), service,
      hr_dict_string (canary, "text"), service, service);
}

/**
 * hr_queue_describe:
 * @client: the daemon
 * @service: one of which a job waits
 *
 * Returns: (transfer full): what it waits for, and what ends that before its time
 */
char *
hr_queue_describe (HrClient *client, const char *service)
{
  g_autoptr (GVariant) properties = hr_client_get_service (client, service, NULL);
  g_autoptr (GVariant) canary = NULL, job = NULL;
  g_autofree char *path = NULL, *shown = NULL;
  g_autoptr (GString) text = NULL;
  guint row = 0;

  if (properties != NULL)
    canary = g_variant_lookup_value (properties, "Canary", G_VARIANT_TYPE_VARDICT);
  if (canary != NULL && g_variant_n_children (canary) > 0)
    return describe_canary (canary, service);

  job = find_running (client, service, &path);
  shown = job != NULL ? describe_job (job, path) : g_strdup ("");
  while (texts[row].kind != NULL && (job == NULL || !g_str_equal (texts[row].kind, hr_dict_string (job, "Kind"))))
    row++;
  text = g_string_new (_ (texts[row].text));
  g_string_replace (text, "%s", service, 0);
  g_string_replace (text, "%j", shown, 0);
  return g_string_free (g_steal_pointer (&text), FALSE);
}
