/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-launcher.h"

#include "hr-error.h"
#include "hr-names.h"

static void hr_fake_launcher_iface_init (HrLauncherInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeLauncher, hr_fake_launcher, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_LAUNCHER, hr_fake_launcher_iface_init))

static HrUnseen
fake_look (HrLauncher *launcher, const HrLaunch *launch)
{
  HrFakeLauncher *self = HR_FAKE_LAUNCHER (launcher);
  const HrFakeProgram *next = g_queue_peek_head (&self->next);

  return next != NULL ? next->unseen : self->program.unseen;
}

static char *
fake_get_cgroup (HrLauncher *launcher, char **why)
{
  HrFakeLauncher *self = HR_FAKE_LAUNCHER (launcher);

  if (self->cgroup == NULL && why != NULL)
    *why = g_strdup ("this is a test");
  return g_strdup (self->cgroup);
}

static gboolean
fake_can_limit (HrLauncher *launcher, const HrIsolation *isolation, GError **error)
{
  HrFakeLauncher *self = HR_FAKE_LAUNCHER (launcher);

  if (self->no_limits == NULL || !isolation->resources[HR_RESOURCE_MEMORY].set)
    return TRUE;
  g_set_error_literal (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, self->no_limits);
  return FALSE;
}

static char *
join_names (HrFdStore *store)
{
  GPtrArray *list = store != NULL ? hr_fd_store_list (store) : NULL;
  GString *names = g_string_new (NULL);

  for (guint i = 0; list != NULL && i < list->len; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ":" : "", ((const HrStoredFd *)g_ptr_array_index (list, i))->name);
  return g_string_free (names, FALSE);
}

static HrInstance *
fake_launch (HrLauncher *launcher, const HrLaunch *launch, GError **error)
{
  HrFakeLauncher *self = HR_FAKE_LAUNCHER (launcher);
  g_autofree HrFakeProgram *program = g_queue_pop_head (&self->next);
  HrFakeInstance *instance;

  if (self->failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, self->failure);
      return NULL;
    }
  if (!fake_can_limit (launcher, launch->isolation, error))
    return NULL;
  if (hr_fake_launcher_n_alive (self, launch->service) >= self->most)
    g_error ("one instance of '%s' too many is started: %u run", launch->service, self->most);
  instance = hr_fake_instance_new (self->clock, program != NULL ? program : &self->program, launch,
                                   HR_FAKE_FIRST_PID + (GPid)self->instances->len);
  instance->given = join_names (launch->stored);
  g_ptr_array_add (self->instances, g_object_ref (instance));
  return HR_INSTANCE (instance);
}

static HrFakeInstance *
find (HrLauncher *launcher, const HrRunProcess *process)
{
  HrFakeLauncher *self = HR_FAKE_LAUNCHER (launcher);

  for (guint i = 0; i < self->instances->len; i++)
    {
      HrFakeInstance *each = g_ptr_array_index (self->instances, i);

      if (each->alive && each->pid == process->pid
          && g_strcmp0 (hr_fake_instance_getenv (each, HR_ENV_INSTANCE), process->instance) == 0)
        return each;
    }
  return NULL;
}

static gboolean
fake_finds (HrLauncher *launcher, const HrRunProcess *process)
{
  return find (launcher, process) != NULL;
}

static HrInstance *
fake_take_over (HrLauncher *launcher, const HrLaunch *launch, const HrRunProcess *process, GError **error)
{
  HrFakeInstance *found = find (launcher, process);

  if (found != NULL && process->role == HR_RUN_HEIR && !process->ready && found->connections <= 0)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "it was not ready yet");
      return NULL;
    }
  if (found != NULL)
    return HR_INSTANCE (g_object_ref (found));
  g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "while taking over PID %d of '%s': it has ended", (int)process->pid,
               launch->service);
  return NULL;
}

static void
hr_fake_launcher_iface_init (HrLauncherInterface *iface)
{
  iface->look = fake_look;
  iface->get_cgroup = fake_get_cgroup;
  iface->can_limit = fake_can_limit;
  iface->launch = fake_launch;
  iface->finds = fake_finds;
  iface->take_over = fake_take_over;
}

static void
hr_fake_launcher_finalize (GObject *object)
{
  HrFakeLauncher *self = HR_FAKE_LAUNCHER (object);

  g_queue_clear_full (&self->next, g_free);
  g_ptr_array_unref (self->instances);
  g_object_unref (self->clock);
  G_OBJECT_CLASS (hr_fake_launcher_parent_class)->finalize (object);
}

static void
hr_fake_launcher_class_init (HrFakeLauncherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_launcher_finalize;
}

static void
hr_fake_launcher_init (HrFakeLauncher *self)
{
  self->most = HR_FAKE_GENERATIONS_MAX;
  self->instances = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * hr_fake_launcher_new:
 * @clock: time
 *
 * Returns: (transfer full): a launcher of programs that say READY=1 at once and end when told to
 */
HrFakeLauncher *
hr_fake_launcher_new (HrClock *clock)
{
  HrFakeLauncher *self = g_object_new (HR_TYPE_FAKE_LAUNCHER, NULL);

  self->clock = g_object_ref (clock);
  return self;
}

/**
 * hr_fake_launcher_next:
 * @self: the launcher
 * @program: what the next start that has no program yet starts
 */
void
hr_fake_launcher_next (HrFakeLauncher *self, const HrFakeProgram *program)
{
  g_queue_push_tail (&self->next, g_memdup2 (program, sizeof *program));
}

/**
 * hr_fake_launcher_n_alive:
 * @self: the launcher
 * @service: (nullable): a service; %NULL: any
 *
 * Returns: how many instances run
 */
guint
hr_fake_launcher_n_alive (HrFakeLauncher *self, const char *service)
{
  guint n = 0;

  for (guint i = 0; i < self->instances->len; i++)
    {
      HrFakeInstance *each = g_ptr_array_index (self->instances, i);

      if (each->alive && !each->abandoned && (service == NULL || g_str_equal (each->service, service)))
        n++;
    }
  return n;
}

/**
 * hr_fake_launcher_last:
 * @self: the launcher
 *
 * Returns: (transfer none): the instance that was started last; there must be one
 */
HrFakeInstance *
hr_fake_launcher_last (HrFakeLauncher *self)
{
  g_assert_cmpuint (self->instances->len, >, 0);
  return g_ptr_array_index (self->instances, self->instances->len - 1);
}

/**
 * hr_fake_launcher_uses:
 * @self: the launcher
 * @service: a service
 * @slot: "a" or "b"
 *
 * Returns: whether an instance of it runs in that slot
 */
gboolean
hr_fake_launcher_uses (HrFakeLauncher *self, const char *service, const char *slot)
{
  for (guint i = 0; i < self->instances->len; i++)
    {
      HrFakeInstance *each = g_ptr_array_index (self->instances, i);

      if (each->alive && !each->abandoned && g_str_equal (each->service, service)
          && g_strcmp0 (hr_fake_instance_getenv (each, HR_ENV_SLOT), slot) == 0)
        return TRUE;
    }
  return FALSE;
}
