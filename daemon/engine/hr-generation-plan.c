/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-generation-plan.h"

#include <string.h>

#include "hr-command-line.h"
#include "hr-names.h"

/**
 * hr_generation_plan_copy:
 * @self: a plan
 *
 * Returns: (transfer full): a copy, which holds what it names; for hr_generation_plan_free()
 */
HrGenerationPlan *
hr_generation_plan_copy (const HrGenerationPlan *self)
{
  HrGenerationPlan *copy = g_memdup2 (self, sizeof *self);

  hr_service_spec_ref (copy->spec);
  copy->commit = g_strdup (self->commit);
  if (copy->view != NULL)
    hr_view_ref (copy->view);
  g_object_ref (copy->listeners);
  g_object_ref (copy->state_files);
  if (copy->stored != NULL)
    g_object_ref (copy->stored);
  if (copy->tally != NULL)
    g_rc_box_acquire (copy->tally);
  return copy;
}

/**
 * hr_generation_plan_free:
 * @self: (transfer full) (nullable): a copy
 */
void
hr_generation_plan_free (HrGenerationPlan *self)
{
  if (self == NULL)
    return;
  hr_service_spec_unref (self->spec);
  g_free ((char *)self->commit);
  g_clear_pointer (&self->view, hr_view_unref);
  g_object_unref (self->listeners);
  g_object_unref (self->state_files);
  g_clear_object (&self->stored);
  g_clear_pointer (&self->tally, g_rc_box_release);
  g_free (self);
}

/* The caller's and the service file's, without what tells the program who it is. */
static GPtrArray *
begin_environment (const HrGenerationPlan *self, HrPlatform *platform, GError **error)
{
  g_auto (GStrv) base = hr_platform_base_environment (platform, self->spec, error);
  GPtrArray *all;

  if (base == NULL)
    return NULL;
  all = g_ptr_array_new_with_free_func (g_free);
  if (hr_caller_context_lends (self->caller))
    for (guint i = 0; self->caller->environment[i] != NULL; i++)
      g_ptr_array_add (all, g_strdup (self->caller->environment[i]));
  for (guint i = 0; base[i] != NULL; i++)
    g_ptr_array_add (all, g_strdup (base[i]));
  return all;
}

/* The last assignment of a key wins. */
static char **
merge (GPtrArray *all)
{
  char **merged = g_new0 (char *, 1);

  for (guint i = 0; i < all->len; i++)
    {
      const char *line = g_ptr_array_index (all, i);
      const char *equals = strchr (line, '=');
      g_autofree char *key = equals != NULL ? g_strndup (line, (gsize)(equals - line)) : NULL;

      if (key != NULL)
        merged = g_environ_setenv (merged, key, equals + 1, TRUE);
    }
  return merged;
}

static void
take (GPtrArray *list, const char *key, char *value)
{
  g_ptr_array_add (list, g_strconcat (key, "=", value, NULL));
  g_free (value);
}

static gboolean
is_watchdog (const HrProbeSpec *probe)
{
  return probe != NULL && probe->kind == HR_PROBE_WATCHDOG;
}

/* Of whoever called, nothing of his own watchdog. WATCHDOG_PID is known by hotreload-exec. */
static char **
set_watchdog (char **environment, const HrServiceSpec *spec)
{
  g_autofree char *interval = g_strdup_printf ("%" G_GINT64_FORMAT, spec->probe_interval);

  environment = g_environ_unsetenv (environment, "WATCHDOG_PID");
  if (is_watchdog (spec->probe) || is_watchdog (spec->start_probe))
    return g_environ_setenv (environment, "WATCHDOG_USEC", interval, TRUE);
  return g_environ_unsetenv (environment, "WATCHDOG_USEC");
}

/**
 * hr_generation_plan_environment:
 * @self: a plan
 * @platform: the operating system
 * @offer: the state files of the instance
 * @error: return location
 *
 * What tells the program who it is comes last, and wins.
 *
 * Returns: (transfer full): KEY=VALUE, all that the launcher does not add; %NULL with an error
 */
char **
hr_generation_plan_environment (const HrGenerationPlan *self, HrPlatform *platform, HrStateOffer *offer, GError **error)
{
  g_autoptr (GPtrArray) all = begin_environment (self, platform, error);

  if (all == NULL)
    return NULL;
  take (all, HR_ENV_SERVICE, g_strdup (self->spec->name));
  take (all, HR_ENV_RELEASE, g_strdup_printf ("%" G_GUINT64_FORMAT, self->release));
  take (all, HR_ENV_COMMIT, g_strdup (self->commit != NULL ? self->commit : ""));
  take (all, HR_ENV_SLOT, g_strdup (hr_slot_to_string (self->slot)));
  take (all, HR_ENV_INSTANCE_INDEX, g_strdup_printf ("%u", self->index));
  take (all, HR_ENV_STATE_IN, g_strdup (hr_state_offer_get_in_path (offer)));
  take (all, HR_ENV_STATE_OUT, g_strdup (hr_state_offer_get_out_path (offer)));
  return set_watchdog (merge (all), self->spec);
}

/**
 * hr_generation_plan_get_port:
 * @self: a plan
 *
 * Returns: the port of the service's first TCP listener, also of one that its program binds; 0 without one
 */
guint16
hr_generation_plan_get_port (const HrGenerationPlan *self)
{
  GPtrArray *list = hr_listeners_list (self->listeners);

  for (guint i = 0; i < list->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (list, i);

      if (listener->kind == HR_LISTEN_TCP)
        return listener->port;
    }
  return 0;
}

static HrSpecifierValues
specifier_values (const HrGenerationPlan *self)
{
  return (HrSpecifierValues){
    .port = hr_generation_plan_get_port (self),
    .directory = self->view != NULL ? hr_view_program_dir (self->view) : NULL,
    .release = self->release,
    .name = self->spec->name,
  };
}

/**
 * hr_generation_plan_expand_probe:
 * @self: a plan
 * @probe: as the service file has it
 * @error: return location
 *
 * Returns: (transfer full): what an instance of this plan is asked; %NULL with %HR_ERROR_INVALID_CONFIGURATION
 */
HrProbeSpec *
hr_generation_plan_expand_probe (const HrGenerationPlan *self, const HrProbeSpec *probe, GError **error)
{
  const HrSpecifierValues values = specifier_values (self);

  return hr_probe_spec_expand (probe, &values, error);
}

static char *
working_directory (const HrGenerationPlan *self)
{
  const char *base = self->view != NULL ? hr_view_program_dir (self->view) : NULL;

  if (hr_caller_context_lends (self->caller) && self->spec->working_directory == NULL)
    return g_strdup (self->caller->directory);
  if (base == NULL)
    base = "/";
  if (self->spec->working_directory == NULL)
    return g_strdup (base);
  return g_canonicalize_filename (self->spec->working_directory, base);
}

static char **
expand_exec (const HrGenerationPlan *self, GError **error)
{
  const HrSpecifierValues values = specifier_values (self);

  return hr_command_line_expand ((const char *const *)self->spec->exec, &values, error);
}

/**
 * hr_generation_plan_look:
 * @self: a plan; which port its program gets need not be known yet
 * @platform: the operating system
 *
 * What stands in the way of looking stands in the way of starting, which says so.
 *
 * Returns: as hr_launcher_look()
 */
HrUnseen
hr_generation_plan_look (const HrGenerationPlan *self, HrPlatform *platform)
{
  g_autoptr (GPtrArray) all = begin_environment (self, platform, NULL);
  g_auto (GStrv) environment = all != NULL ? merge (all) : NULL;
  g_auto (GStrv) argv = expand_exec (self, NULL);
  g_autofree char *directory = working_directory (self);
  const HrLaunch request = {
    .service = self->spec->name,
    .argv = (const char *const *)argv,
    .environment = (const char *const *)environment,
    .directory = directory,
    .view = self->view,
    .isolation = &self->spec->isolation,
  };

  return argv != NULL && environment != NULL ? hr_launcher_look (hr_platform_get_launcher (platform), &request)
                                             : HR_UNSEEN_NOT;
}

static HrLaunch
make_launch (const HrGenerationPlan *self, const char *id)
{
  HrSocketsMode sockets = self->spec->sockets;

  return (HrLaunch){
    .service = self->spec->name,
    .id = id,
    .view = self->view,
    .isolation = &self->spec->isolation,
    .listeners = self->listeners,
    .pass = sockets == HR_SOCKETS_AUTO || sockets == HR_SOCKETS_PASS,
    .adopt = sockets == HR_SOCKETS_AUTO || sockets == HR_SOCKETS_ADOPT,
    .stored = self->stored,
    .stdout_fd = self->caller != NULL ? self->caller->stdout_fd : -1,
    .stderr_fd = self->caller != NULL ? self->caller->stderr_fd : -1,
  };
}

/**
 * hr_generation_plan_take_over:
 * @self: a plan
 * @platform: the operating system
 * @process: what an earlier daemon wrote of an instance that it started by this plan
 * @error: return location
 *
 * Returns: (transfer full): the instance; %NULL with an error that says why it cannot be gone on with
 */
HrInstance *
hr_generation_plan_take_over (const HrGenerationPlan *self, HrPlatform *platform, const HrRunProcess *process,
                              GError **error)
{
  const HrLaunch request = make_launch (self, process->instance);

  return hr_launcher_take_over (hr_platform_get_launcher (platform), &request, process, error);
}

/**
 * hr_generation_plan_launch:
 * @self: a plan
 * @platform: the operating system
 * @id: of the instance
 * @environment: of hr_generation_plan_environment()
 * @log_file: (nullable): for its output, unless its caller has that
 * @error: return location
 *
 * Returns: (transfer full): the instance; %NULL with an error that says what could not be done
 */
HrInstance *
hr_generation_plan_launch (const HrGenerationPlan *self, HrPlatform *platform, const char *id,
                           const char *const *environment, const char *log_file, GError **error)
{
  g_auto (GStrv) argv = expand_exec (self, error);
  g_autofree char *directory = working_directory (self);
  HrLaunch request = make_launch (self, id);

  request.argv = (const char *const *)argv;
  request.environment = environment;
  request.directory = directory;
  request.log_file = log_file;
  return argv != NULL ? hr_launcher_launch (hr_platform_get_launcher (platform), &request, error) : NULL;
}
