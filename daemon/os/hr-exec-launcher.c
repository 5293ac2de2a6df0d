/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-exec-launcher.h"

#include <errno.h>
#include <sys/prctl.h>

#include "hr-child-signal.h"
#include "hr-exec-instance.h"
#include "hr-fs.h"
#include "hr-keep-protocol.h"
#include "hr-leftover.h"
#include "hr-process-tree.h"
#include "hr-program-sight.h"

/* A zombie that was there at two looks is nobody's but ours; GLib takes its own within milliseconds. */
#define STRAYS_INTERVAL_SEC 15

struct _HrExecLauncher {
  GObject parent_instance;

  char *runtime_dir;
  HrKeeper *keeper;    /* NULL: nothing is kept for the next daemon */
  GHashTable *running; /* HrInstance, owned */
  GHashTable *zombies; /* PID to start time, see hr_process_reap_strays() */
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
on_notify (HrInstance *instance, char **assignments, gpointer user_data)
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

static HrInstance *
hr_exec_launcher_launch (HrLauncher *launcher, const HrLaunch *launch, GError **error)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (launcher);
  g_autoptr (HrExecInstance) instance = hr_exec_instance_new (self->runtime_dir, launch, error);

  if (instance == NULL || !hr_exec_instance_start (instance, launch, error))
    return NULL;
  return follow (self, g_steal_pointer (&instance));
}

static gboolean
hr_exec_launcher_finds (HrLauncher *launcher, const HrRunProcess *process)
{
  return hr_leftover_exists (process->pid, process->start, process->instance);
}

static HrInstance *
hr_exec_launcher_take_over (HrLauncher *launcher, const HrLaunch *launch, const HrRunProcess *process, GError **error)
{
  HrExecLauncher *self = HR_EXEC_LAUNCHER (launcher);
  g_autoptr (HrExecInstance) instance = hr_exec_instance_take_over (self->runtime_dir, launch, process, error);

  return instance != NULL ? follow (self, g_steal_pointer (&instance)) : NULL;
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
  iface->launch = hr_exec_launcher_launch;
  iface->finds = hr_exec_launcher_finds;
  iface->take_over = hr_exec_launcher_take_over;
}

static void
hr_exec_launcher_init (HrExecLauncher *self)
{
  self->running = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  self->zombies = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}
