/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include "hr-bus-auth.h"
#include "hr-bus-text.h"
#include "hr-config.h"
#include "hr-error.h"
#include "hr-figures.h"
#include "hr-process-tree.h"

/* What the processes of one service come to. */
typedef struct {
  guint processes;
  guint tasks;
  guint64 memory;
  guint64 cpu_usec;
} Sum;

static void
add_text (GVariantBuilder *dict, const char *key, const char *text)
{
  g_autofree char *clean = hr_bus_text (text);

  g_variant_builder_add (dict, "{sv}", key, g_variant_new_string (clean));
}

static void
add_number (GVariantBuilder *dict, const char *key, guint64 number)
{
  g_variant_builder_add (dict, "{sv}", key, g_variant_new_uint64 (number));
}

static void
add_count (GVariantBuilder *dict, const char *key, guint number)
{
  g_variant_builder_add (dict, "{sv}", key, g_variant_new_uint32 (number));
}

/**
 * hr_bus_format_daemon:
 * @manager: the manager
 *
 * Returns: (transfer floating): a{sv} of "daemon" in GetStatus
 */
GVariant *
hr_bus_format_daemon (HrManager *manager)
{
  gint64 memory = hr_process_memory (getpid ());
  struct rlimit limit = { 0 };
  g_autofree char *cgroup = NULL, *no_cgroup = NULL;
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_text (&dict, "version", HR_VERSION);
  add_count (&dict, "pid", (guint)getpid ());
  add_number (&dict, "uptimeUsec", (guint64)hr_manager_get_uptime (manager));
  if (memory >= 0)
    add_number (&dict, "memoryBytes", (guint64)memory);
  add_number (&dict, "cpuUsec", hr_process_cpu_usec ());
  add_count (&dict, "descriptors", hr_process_count_descriptors ());
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    add_number (&dict, "descriptorsMax", limit.rlim_cur);
  add_count (&dict, "jobs", hr_figures_get_jobs (manager));
  add_count (&dict, "watchedDirectories", hr_figures_get_watched_directories (manager));
  cgroup = hr_launcher_get_cgroup (hr_platform_get_launcher (hr_manager_get_platform (manager)), &no_cgroup);
  add_text (&dict, cgroup != NULL ? "cgroup" : "noCgroup", cgroup != NULL ? cgroup : no_cgroup);
  return g_variant_builder_end (&dict);
}

static void
answer (GDBusMethodInvocation *invocation, HrUsageReport *report, GError *error, GVariantBuilder *list)
{
  g_autofree char *message = report == NULL ? hr_bus_text (error->message) : NULL;

  if (report != NULL)
    {
      g_dbus_method_invocation_return_value (invocation, g_variant_new ("(aa{sv})", list));
      return;
    }
  g_variant_builder_clear (list);
  g_dbus_method_invocation_return_dbus_error (invocation, hr_error_name (error), message);
}

static void
add_process (GVariantBuilder *list, const HrUsageInstance *instance, const HrProcessUsage *process, gboolean in_full)
{
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  add_count (&dict, "pid", (guint)process->pid);
  if (process->parent != 0)
    add_count (&dict, "parent", (guint)process->parent);
  add_count (&dict, "main", (guint)instance->pid);
  if (instance->release != 0)
    add_number (&dict, "release", instance->release);
  add_count (&dict, "instance", instance->index);
  add_text (&dict, "role", instance->role);
  add_text (&dict, "name", process->name);
  if (in_full && process->command[0] != '\0')
    add_text (&dict, "command", process->command);
  if (process->memory >= 0)
    add_number (&dict, "memoryBytes", (guint64)process->memory);
  add_number (&dict, "cpuUsec", process->cpu_usec);
  add_count (&dict, "threads", process->threads);
  g_variant_builder_add_value (list, g_variant_builder_end (&dict));
}

static void
processes_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrUsageReport) report = hr_usage_look_finish (HR_USAGE (source), result, &error);
  gboolean in_full = hr_bus_auth_may_read (invocation);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; report != NULL && i < MIN (report->processes->len, HR_BUS_PROCESSES_MAX); i++)
    {
      const HrProcessUsage *process = g_ptr_array_index (report->processes, i);

      add_process (&list, g_ptr_array_index (report->instances, process->root), process, in_full);
    }
  answer (invocation, report, error, &list);
}

/**
 * hr_bus_call_processes:
 * @usage: who looks
 * @service: a service
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_processes (HrUsage *usage, HrService *service, GDBusMethodInvocation *invocation)
{
  g_autoptr (GPtrArray) services = g_ptr_array_new ();

  g_ptr_array_add (services, service);
  hr_usage_look_async (usage, services, TRUE, processes_looked, invocation);
}

/* Of an instance: what its control group counts, where it does, and else the sum of its processes. */
static void
add_sum (const HrUsageInstance *instance, const Sum *processes, Sum *sum)
{
  sum->processes += processes->processes;
  sum->tasks += instance->group.tasks >= 0 ? (guint)instance->group.tasks : processes->tasks;
  sum->memory += instance->group.memory >= 0 ? (guint64)instance->group.memory : processes->memory;
  sum->cpu_usec += instance->group.cpu_usec >= 0 ? (guint64)instance->group.cpu_usec : processes->cpu_usec;
}

static void
sum_up (const HrUsageReport *report, GHashTable *sums)
{
  g_autofree Sum *instances = g_new0 (Sum, report->instances->len);

  for (guint i = 0; i < report->services->len; i++)
    g_hash_table_insert (sums, g_ptr_array_index (report->services, i), g_new0 (Sum, 1));
  for (guint i = 0; i < report->processes->len; i++)
    {
      const HrProcessUsage *process = g_ptr_array_index (report->processes, i);
      Sum *sum = &instances[process->root];

      sum->processes++;
      sum->tasks += process->threads;
      sum->memory += (guint64)MAX (process->memory, 0);
      sum->cpu_usec += process->cpu_usec;
    }
  for (guint i = 0; i < report->instances->len; i++)
    {
      const HrUsageInstance *instance = g_ptr_array_index (report->instances, i);

      add_sum (instance, &instances[i], g_hash_table_lookup (sums, instance->service));
    }
}

static void
usage_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrUsageReport) report = hr_usage_look_finish (HR_USAGE (source), result, &error);
  g_autoptr (GHashTable) sums = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  if (report != NULL)
    sum_up (report, sums);
  for (guint i = 0; report != NULL && i < report->services->len; i++)
    {
      const char *service = g_ptr_array_index (report->services, i);
      const Sum *sum = g_hash_table_lookup (sums, service);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      add_text (&dict, "service", service);
      add_count (&dict, "processes", sum->processes);
      add_count (&dict, "tasks", sum->tasks);
      add_number (&dict, "memoryBytes", sum->memory);
      add_number (&dict, "cpuUsec", sum->cpu_usec);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  answer (invocation, report, error, &list);
}

/**
 * hr_bus_call_usage:
 * @usage: who looks
 * @manager: the manager
 * @invocation: (transfer full): the call
 */
void
hr_bus_call_usage (HrUsage *usage, HrManager *manager, GDBusMethodInvocation *invocation)
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);

  hr_usage_look_async (usage, services, FALSE, usage_looked, invocation);
}
