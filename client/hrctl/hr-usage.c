/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-usage.h"

#include "hr-dict.h"

static GVariant *
get (HrClient *client, const char *method, GVariant *arguments)
{
  g_autoptr (GVariant) reply = hr_client_call (client, method, arguments, "(aa{sv})", HR_CLIENT_TIMEOUT_MSEC, NULL);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * hr_usage_get:
 * @client: the daemon
 *
 * Returns: (transfer full) (nullable): aa{sv} of GetUsage; %NULL from a daemon that does not tell
 */
GVariant *
hr_usage_get (HrClient *client)
{
  return get (client, "GetUsage", NULL);
}

/**
 * hr_processes_get:
 * @client: the daemon
 * @service: a name
 *
 * Returns: (transfer full) (nullable): aa{sv} of GetProcesses; %NULL from a daemon that does not tell
 */
GVariant *
hr_processes_get (HrClient *client, const char *service)
{
  return get (client, "GetProcesses", g_variant_new ("(s)", service));
}

/**
 * hr_usage_find:
 * @usage: (nullable): of GetUsage, which is sorted by name
 * @service: a name
 *
 * Returns: (transfer full) (nullable): what the processes of this service use together; %NULL where nothing runs
 */
GVariant *
hr_usage_find (GVariant *usage, const char *service)
{
  gsize first = 0;
  gsize end = usage != NULL ? g_variant_n_children (usage) : 0;

  while (first < end)
    {
      gsize middle = first + (end - first) / 2;
      g_autoptr (GVariant) entry = g_variant_get_child_value (usage, middle);
      int order = g_strcmp0 (service, hr_dict_string (entry, "service"));

      if (order == 0)
        return hr_dict_number (entry, "processes") > 0 ? g_steal_pointer (&entry) : NULL;
      if (order < 0)
        end = middle;
      else
        first = middle + 1;
    }

  return NULL;
}
