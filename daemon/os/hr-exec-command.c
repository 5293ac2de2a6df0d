/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-exec-command.h"

#include <string.h>

#include "hr-exec-args.h"
#include "hr-names.h"
#include "hr-program-sight.h"

/* Whether the runtime of the address sanitizer insists on being the first library. */
#define ASAN_OPTIONS "ASAN_OPTIONS"
#define ASAN_LINK_ORDER "verify_asan_link_order"

/* The sockets of the service file that the program gets as LISTEN_FDS. What it bound by itself it binds again. */
static GPtrArray *
passed_listeners (const HrLaunch *launch)
{
  GPtrArray *passed = g_ptr_array_new ();
  GPtrArray *all = launch->pass && launch->listeners != NULL ? hr_listeners_list (launch->listeners) : NULL;

  for (guint i = 0; all != NULL && i < all->len; i++)
    {
      HrListener *listener = g_ptr_array_index (all, i);

      if (!listener->discovered)
        g_ptr_array_add (passed, listener);
    }
  return passed;
}

static void add (GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add (GPtrArray *argv, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (argv, g_strdup_vprintf (format, args));
  va_end (args);
}

/* The listeners, then what is stored. */
static void
add_listeners (GPtrArray *argv, GPtrArray *passed, GPtrArray *stored)
{
  g_autoptr (GString) names = g_string_new (NULL);

  if (passed->len + stored->len == 0)
    return;
  for (guint i = 0; i < passed->len + stored->len; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ":" : "",
                            i < passed->len ? ((const HrListener *)g_ptr_array_index (passed, i))->name
                                            : ((const HrStoredFd *)g_ptr_array_index (stored, i - passed->len))->name);
  add (argv, "--listen-fds=%u", passed->len + stored->len);
  add (argv, "--stored-fds=%u", stored->len);
  add (argv, "--listen-names=%s", names->str);
}

static char **
make_argv (const HrLaunch *launch, const char *cgroup, const char *const *limits, GPtrArray *passed, GPtrArray *stored,
           const char *const *environment)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, hr_exec_helper_path ());
  add (argv, "--status-fd=%u", HR_LISTEN_FDS_START + passed->len + stored->len);
  if (cgroup != NULL)
    add (argv, "--cgroup=%s", cgroup);
  for (guint i = 0; limits != NULL && limits[i] != NULL; i++)
    add (argv, "--cgroup-limit=%s", limits[i]);
  add (argv, "--session");
  add (argv, "--reset-signals");
  hr_exec_args_add_view (argv, launch->view, FALSE);
  hr_exec_args_add_isolation (argv, launch->isolation, launch->view, environment);
  if (launch->directory != NULL)
    add (argv, "--directory=%s", launch->directory);
  if (launch->log_file != NULL && launch->stdout_fd < 0 && launch->stderr_fd < 0)
    add (argv, "--log=%s", launch->log_file);
  add_listeners (argv, passed, stored);
  add (argv, "--");
  for (const char *const *word = launch->argv; *word != NULL; word++)
    g_ptr_array_add (argv, g_strdup (*word));
  g_ptr_array_add (argv, NULL);
  return (char **)g_ptr_array_steal (argv, NULL);
}

/* The port of the first TCP listener of the service file, 0 when there is none. */
static guint
first_port (const HrLaunch *launch)
{
  GPtrArray *all = launch->listeners != NULL ? hr_listeners_list (launch->listeners) : NULL;

  for (guint i = 0; all != NULL && i < all->len; i++)
    {
      HrListener *listener = g_ptr_array_index (all, i);

      if (listener->kind == HR_LISTEN_TCP && !listener->discovered)
        return listener->port;
    }
  return 0;
}

/* A program of the address sanitizer ends at once when anything is preloaded, unless it is told not to look. What the
 * service file says of that stands; its other options come first, so that they are read as they are. */
static char **
calm_asan (char **environment, const HrLaunch *launch)
{
  const char *options = g_environ_getenv (environment, ASAN_OPTIONS);
  g_autofree char *more = NULL;

  if ((options != NULL && strstr (options, ASAN_LINK_ORDER) != NULL)
      || !hr_program_sight_look (launch->argv, launch->environment, launch->directory, launch->view).needs_asan)
    return environment;
  more = g_strconcat (options != NULL ? options : "", options != NULL && *options != '\0' ? ":" : "",
                      ASAN_LINK_ORDER "=0", NULL);
  return g_environ_setenv (environment, ASAN_OPTIONS, more, TRUE);
}

static char **
make_environment (const HrLaunch *launch, const char *notify_address, const char *adopt_address)
{
  char **environment = g_strdupv ((char **)launch->environment);
  g_autofree char *library = NULL;
  guint port = first_port (launch);

  if (environment == NULL)
    environment = g_new0 (char *, 1);
  environment = g_environ_setenv (environment, HR_ENV_INSTANCE, launch->id, TRUE);
  environment = g_environ_setenv (environment, "NOTIFY_SOCKET", notify_address, TRUE);
  if (port != 0)
    {
      g_autofree char *text = g_strdup_printf ("%u", port);
      environment = g_environ_setenv (environment, "PORT", text, TRUE);
    }
  if (adopt_address == NULL)
    return g_environ_unsetenv (environment, HR_ENV_ADOPT);
  environment = g_environ_setenv (environment, HR_ENV_ADOPT, adopt_address, TRUE);
  library = hr_exec_adopt_library_path ();
  return calm_asan (hr_exec_preload (environment, library), launch);
}

/**
 * hr_exec_command_new:
 * @launch: what to start
 * @notify_address: value for NOTIFY_SOCKET
 * @adopt_address: (nullable): value for HOTRELOAD_ADOPT; %NULL: the adopt library is not preloaded
 * @cgroup: (nullable): the control group for the instance
 * @limits: (nullable): "FILE:VALUE" of it
 * @status_fd: where the helper is to say what failed; stays the caller's
 *
 * Returns: (transfer full): the command
 */
HrExecCommand *
hr_exec_command_new (const HrLaunch *launch, const char *notify_address, const char *adopt_address, const char *cgroup,
                     const char *const *limits, int status_fd)
{
  HrExecCommand *self = g_new0 (HrExecCommand, 1);
  g_autoptr (GPtrArray) passed = passed_listeners (launch);
  g_autoptr (GPtrArray) stored =
      launch->stored != NULL ? g_ptr_array_ref (hr_fd_store_list (launch->stored)) : g_ptr_array_new ();
  guint n = passed->len + stored->len;

  self->environment = make_environment (launch, notify_address, adopt_address);
  self->argv = make_argv (launch, cgroup, limits, passed, stored, (const char *const *)self->environment);
  self->n_fds = n + 1;
  self->source_fds = g_new (int, self->n_fds);
  self->target_fds = g_new (int, self->n_fds);
  for (guint i = 0; i < passed->len; i++)
    {
      HrListener *listener = g_ptr_array_index (passed, i);

      self->source_fds[i] = hr_listeners_get_fd (launch->listeners, listener, launch->id);
    }
  for (guint i = 0; i < stored->len; i++)
    self->source_fds[passed->len + i] = ((const HrStoredFd *)g_ptr_array_index (stored, i))->fd;
  self->source_fds[n] = status_fd;
  for (guint i = 0; i <= n; i++)
    self->target_fds[i] = HR_LISTEN_FDS_START + (int)i;
  return self;
}

/**
 * hr_exec_command_free:
 * @self: (transfer full) (nullable): a command
 */
void
hr_exec_command_free (HrExecCommand *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->argv);
  g_strfreev (self->environment);
  g_free (self->source_fds);
  g_free (self->target_fds);
  g_free (self);
}
