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
 * @usage: (nullable): of GetUsage
 * @service: a name
 *
 * Returns: (transfer full) (nullable): what the processes of this service use together; %NULL where nothing runs
 */
GVariant *
hr_usage_find (GVariant *usage, const char *service)
{
  for (gsize i = 0; usage != NULL && i < g_variant_n_children (usage); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (usage, i);

      if (g_str_equal (hr_dict_string (entry, "service"), service))
        return hr_dict_number (entry, "processes") > 0 ? g_steal_pointer (&entry) : NULL;
    }

  return NULL;
}
