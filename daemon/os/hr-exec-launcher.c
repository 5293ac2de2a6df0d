/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-exec-launcher.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "hr-cgroup-limits.h"
#include "hr-cgroup.h"
#include "hr-child-signal.h"
#include "hr-error.h"
#include "hr-exec-instance.h"
#include "hr-fs.h"
#include "hr-keep-protocol.h"
#include "hr-leftover.h"
#include "hr-log.h"
#include "hr-process-tree.h"
#include "hr-program-sight.h"

/* A zombie that was there at two looks is nobody's but ours; GLib takes its own within milliseconds. Zombies count against
   the limits of a container, where we may be the only one to whom orphans come. */
#define STRAYS_INTERVAL_SEC 2

struct _HrExecLauncher {
  GObject parent_instance;

  char *runtime_dir;
  HrCgroupBase *cgroups; /* NULL: none can be made */
  char *no_cgroups;      /* why */
  HrKeeper *keeper;      /* NULL: nothing is kept for the next daemon */
  GHashTable *running;   /* HrInstance, owned */
  GHashTable *zombies;   /* PID to start time, see hr_process_reap_strays() */
  guint child_source;
  guint strays_source; /* while children that ended may be strays */
};

static void hr_exec_launcher_launcher_init (HrLauncherInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrExecLauncher, hr_exec_launcher, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_LAUNCHER, hr_exec_launcher_launcher_init))

static gboolean
on_strays (gpointer user_data)
{
  HrExecLauncher *self = user_data;
  g_autoptr (GHashTable) keep = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer instance;

  g_hash_table_iter_init (&iter, self->running);
  while (g_hash_table_iter_next (&iter, &instance, NULL))
    {
      g_hash_table_add (keep, GINT_TO_POINTER (hr_instance_get_pid (instance)));
      g_hash_table_add (keep, GINT_TO_POINTER (hr_exec_instance_get_leader (instance)));
    }
  hr_process_reap_strays (keep, self->zombies);
  if (g_hash_table_size (self->zombies) > 0)
    return G_SOURCE_CONTINUE;
  self->strays_source = 0;
  return G_SOURCE_REMOVE;
}

static gboolean
on_child (gpointer user_data)
{
  HrExecLauncher *self = user_data;

  if (self->strays_source == 0)
    self->strays_source = g_timeout_add_seconds (STRAYS_INTERVAL_SEC, on_strays, self);
  return G_SOURCE_CONTINUE;
}

static char *
process_key (const char *instance)
{
  return g_strconcat (HR_KEEP_PROCESS_PREFIX, instance, NULL);
}

static void
on_exited (HrInstance *instance, int wait_status, gboolean known, gpointer user_data)
{
  HrExecLauncher *self = user_data;

  g_autofree char *key = process_key (hr_exec_instance_get_id (HR_EXEC_INSTANCE (instance)));

  g_signal_handlers_disconnect_by_data (instance, self);
  if (self->keeper != NULL)
    hr_keeper_forget (self->keeper, key);
  g_hash_table_remove (self->running, instance);
}

/* The keeper stays for as long as the main process runs. */
static void
keep_process (HrExecLauncher *self, HrExecInstance *instance)
{
  g_autofree char *key = process_key (hr_exec_instance_get_id (instance));

  if (self->keeper != NULL)
    hr_keeper_store (self->keeper, key, "", hr_exec_instance_get_pidfd (instance));
}

static void
on_notify (HrInstance *instance, char **assignments, HrSentFds *sent, gpointer user_data)
{
  for (guint i = 0; assignments[i] != NULL; i++)
    if (g_str_has_prefix (assignments[i], "MAINPID="))
      {
        keep_process (user_data, HR_EXEC_INSTANCE (instance));
        break;
      }
}

/* Follows it to its end. */
static HrInstance *
follow (HrExecLauncher *self, HrExecInstance *instance)
{
  g_hash_table_add (self->running, g_object_ref (instance));
  g_signal_connect (instance, "exited", G_CALLBACK (on_exited), self);
  g_signal_connect (instance, "notify-socket", G_CALLBACK (on_notify), self);
  keep_process (self, instance);
  return HR_INSTANCE (instance);
}

static HrUnseen
hr_exec_launcher_look (HrLauncher *launcher, const HrLaunch *launch)
{
  HrUnseen unseen = hr_program_sight_look (launch->argv, launch->environment, launch->directory, launch->view).unseen;

  /* Its bits mean nothing then, so that nothing is dropped either. Of capabilities the linker is told all the same. */
  if (unseen == HR_UNSEEN_SETID && launch->isolation != NULL && launch->isolation->no_new_privileges)
    return HR_UNSEEN_NOT;
  return unseen;
}

static char *
hr_exec_launcher_get_cgroup (HrLauncher *launcher, char **why)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (launcher);

  if (self->cgroups != NULL)
    return g_strdup (hr_cgroup_base_get_dir (self->cgroups));
  if (why != NULL)
    *why = g_strdup (self->no_cgroups);
  return NULL;
}

static gboolean
hr_exec_launcher_can_limit (HrLauncher *launcher, const HrIsolation *isolation, GError **error)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (launcher);

  return hr_cgroup_limits_check (self->cgroups, self->no_cgroups, isolation, error);
}

/* Gives the instance a group of its own, if it can have one; with limits it must. */
static gboolean
prepare_cgroup (HrExecLauncher *self, HrExecInstance *instance, const HrLaunch *launch, GError **error)
{
  g_auto (GStrv) limits = hr_cgroup_limits_prepare (self->cgroups, self->no_cgroups, launch->isolation, error);

  if (limits == NULL)
    return FALSE;
  if (self->cgroups != NULL)
    hr_exec_instance_set_cgroup (instance, hr_cgroup_base_name (self->cgroups, launch->service, launch->id),
                                 g_steal_pointer (&limits));
  return TRUE;
}

static HrInstance *
hr_exec_launcher_launch (HrLauncher *launcher, const HrLaunch *launch, GError **error)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (launcher);
  g_autoptr (HrExecInstance) instance = hr_exec_instance_new (self->runtime_dir, launch, error);

  if (instance == NULL || !prepare_cgroup (self, instance, launch, error)
      || !hr_exec_instance_start (instance, launch, error))
    return NULL;
  return follow (self, g_steal_pointer (&instance));
}

static gboolean
hr_exec_launcher_finds (HrLauncher *launcher, const HrRunProcess *process)
{
  return hr_leftover_exists (process->pid, process->start, process->instance)
         || hr_exec_instance_has_ended_meanwhile (process);
}

/* Whoever started the daemon again may have had to take the controllers away from its group: see the units. */
static void
restore_limits (HrExecLauncher *self, HrExecInstance *instance, const HrLaunch *launch)
{
  const char *dir = hr_instance_get_cgroup (HR_INSTANCE (instance));
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) limits = NULL;

  if (dir == NULL || self->cgroups == NULL || !hr_cgroup_limits_are_wanted (launch->isolation))
    return;
  limits = hr_cgroup_limits_prepare (self->cgroups, self->no_cgroups, launch->isolation, &error);
  for (guint i = 0; limits != NULL && limits[i] != NULL && error == NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (limits[i], ":", 2);

      hr_cgroup_write (dir, words[0], words[1], &error);
    }
  if (error != NULL)
    hr_log_warning (launch->service, "the limits of what was taken over may not hold: %s", error->message);
}

static HrInstance *
hr_exec_launcher_take_over (HrLauncher *launcher, const HrLaunch *launch, const HrRunProcess *process, GError **error)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (launcher);
  g_autoptr (HrExecInstance) instance = hr_exec_instance_take_over (self->runtime_dir, launch, process, error);

  if (instance == NULL)
    return NULL;
  restore_limits (self, instance, launch);
  return follow (self, g_steal_pointer (&instance));
}

/**
 * hr_exec_launcher_set_keeper:
 * @self: a launcher that has started nothing
 * @keeper: what is to know the processes that run
 */
void
hr_exec_launcher_set_keeper (HrExecLauncher *self, HrKeeper *keeper)
{
  g_return_if_fail (HR_IS_EXEC_LAUNCHER (self));
  g_set_object (&self->keeper, keeper);
}

/**
 * hr_exec_launcher_set_cgroups:
 * @self: a launcher that has started nothing
 * @cgroups: (transfer full) (nullable): where each instance is to have a control group
 * @why: (nullable): why not, where there is none
 */
void
hr_exec_launcher_set_cgroups (HrExecLauncher *self, HrCgroupBase *cgroups, const char *why)
{
  g_return_if_fail (HR_IS_EXEC_LAUNCHER (self) && self->cgroups == NULL);

  self->cgroups = cgroups;
  g_free (self->no_cgroups);
  self->no_cgroups = g_strdup (why);
}

static gboolean
is_running (HrExecLauncher *self, const char *cgroup)
{
  GHashTableIter iter;
  gpointer instance;

  g_hash_table_iter_init (&iter, self->running);
  while (g_hash_table_iter_next (&iter, &instance, NULL))
    if (g_strcmp0 (hr_instance_get_cgroup (instance), cgroup) == 0)
      return TRUE;
  return FALSE;
}

static void
end_group (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autoptr (GArray) pids = hr_cgroup_list (data);

  hr_cgroup_end (data);
  g_task_return_int (task, pids->len);
}

static void
group_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gssize n = g_task_propagate_int (G_TASK (result), NULL);

  if (n > 0)
    hr_log_warning (NULL,
                    "what an instance of an earlier daemon had left running was ended: %" G_GSSIZE_FORMAT " in '%s'", n,
                    (const char *)g_task_get_task_data (G_TASK (result)));
}

/**
 * hr_exec_launcher_sweep:
 * @self: a launcher that has taken over what it can
 *
 * Ends and removes control groups of instances that an earlier daemon had and that nobody goes on with: what is in them
 * has outlived its main process, and has left its session and thrown away its environment.
 */
void
hr_exec_launcher_sweep (HrExecLauncher *self)
{
  g_auto (GStrv) groups = self->cgroups != NULL ? hr_cgroup_base_list (self->cgroups) : NULL;

  for (guint i = 0; groups != NULL && groups[i] != NULL; i++)
    {
      const char *dot = strrchr (groups[i], '.');
      g_autoptr (GTask) task = NULL;

      if (dot == NULL || is_running (self, groups[i]) || hr_leftover_is_ending (dot + 1))
        continue;
      task = g_task_new (NULL, NULL, group_ended, NULL);
      g_task_set_source_tag (task, hr_exec_launcher_sweep);
      g_task_set_task_data (task, g_strdup (groups[i]), g_free);
      g_task_run_in_thread (task, end_group);
    }
}

/**
 * hr_exec_launcher_new:
 * @runtime_dir: where the sockets of its instances are
 * @error: return location
 *
 * Returns: (transfer full): a launcher; %NULL with a #GIOErrorEnum set
 */
HrLauncher *
hr_exec_launcher_new (const char *runtime_dir, GError **error)
{
  g_autoptr (HrExecLauncher) self = g_object_new (HR_TYPE_EXEC_LAUNCHER, NULL);

  g_return_val_if_fail (runtime_dir != NULL, NULL);
  self->runtime_dir = g_strdup (runtime_dir);
  if (!hr_fs_make_dir (runtime_dir, 0700, error))
    return NULL;
  if (prctl (PR_SET_CHILD_SUBREAPER, 1) < 0)
    {
      hr_fs_set_error (error, errno, "while becoming the reaper of orphans");
      return NULL;
    }
  self->child_source = hr_child_signal_add (on_child, self, error);
  return self->child_source != 0 ? HR_LAUNCHER (g_steal_pointer (&self)) : NULL;
}

static void
hr_exec_launcher_finalize (GObject *object)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (object);
  GHashTableIter iter;
  gpointer instance;

  g_clear_handle_id (&self->child_source, g_source_remove);
  g_clear_handle_id (&self->strays_source, g_source_remove);
  g_hash_table_iter_init (&iter, self->running);
  while (g_hash_table_iter_next (&iter, &instance, NULL))
    g_signal_handlers_disconnect_by_data (instance, self);
  g_hash_table_unref (self->running);
  g_hash_table_unref (self->zombies);
  g_clear_object (&self->keeper);
  hr_cgroup_base_free (self->cgroups);
  g_free (self->no_cgroups);
  g_free (self->runtime_dir);
  G_OBJECT_CLASS (hr_exec_launcher_parent_class)->finalize (object);
}

static void
hr_exec_launcher_class_init (HrExecLauncherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_exec_launcher_finalize;
}

static void
hr_exec_launcher_launcher_init (HrLauncherInterface *iface)
{
  iface->look = hr_exec_launcher_look;
  iface->get_cgroup = hr_exec_launcher_get_cgroup;
  iface->can_limit = hr_exec_launcher_can_limit;
  iface->launch = hr_exec_launcher_launch;
  iface->finds = hr_exec_launcher_finds;
  iface->take_over = hr_exec_launcher_take_over;
}

static void
hr_exec_launcher_init (HrExecLauncher *self)
{
  self->no_cgroups = g_strdup ("no control groups are made");
  self->running = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  self->zombies = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}
