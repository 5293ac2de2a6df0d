/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hotreloadd: parses, runs, returns.
 */
#include <malloc.h>

#include "hr-check.h"
#include "hr-config.h"
#include "hr-daemon.h"
#include "hr-log.h"
#include "hr-names.h"

/* Worker threads come and go with the jobs: an arena for each of them would keep for good what one job needed. */
#define MALLOC_ARENAS 2

int
main (int argc, char **argv)
{
  g_auto (HrOptions) options = { 0 };
  g_autoptr (GError) error = NULL;

  if (!hr_options_parse (&options, &argc, &argv, &error))
    {
      g_printerr ("hotreloadd: %s\nTry 'hotreloadd --help'.\n", error->message);
      return HR_EXIT_USAGE;
    }
  if (options.version)
    {
      g_print ("hotreload %s\n", HR_VERSION);
      return HR_EXIT_OK;
    }
  mallopt (M_ARENA_MAX, MALLOC_ARENAS);
  hr_log_set_verbose (options.verbose);
  if (options.check_state)
    return hr_daemon_check_state (&options);
  return options.check ? hr_daemon_check (&options) : hr_daemon_run (&options);
}
