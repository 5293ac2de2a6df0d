/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hrctl: the everyday client of the hotreload daemon. Reads the command line, runs one verb, returns its exit code.
 */
#include <glib/gi18n.h>
#include <locale.h>

#include "hr-config.h"
#include "hr-error.h"
#include "hr-names.h"
#include "hr-verb.h"

static int
run (HrCtl *ctl)
{
  g_autoptr (GError) error = NULL;
  int code = ctl->args->verb->run (ctl, &error);

  if (error == NULL && !hr_output_flush (ctl->output, &error))
    code = HR_EXIT_FAILED;
  if (error != NULL)
    {
      code = hr_client_exit_code (error);
      hr_output_failure (ctl->output, error);
    }

  return code;
}

/* Of a command line that could not be taken apart. */
static gboolean
wants_json (const char *const *words)
{
  for (guint i = 0; words[i] != NULL && !g_str_equal (words[i], "--"); i++)
    {
      if (g_str_equal (words[i], "--json"))
        return TRUE;
    }

  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (HrArgs) args = NULL;
  g_autoptr (HrOutput) output = NULL;
  g_autoptr (GError) error = NULL;
  const char *const *words = (const char *const *)argv + (argc > 0 ? 1 : 0);
  const char *locale_dir = g_getenv (HR_ENV_LOCALEDIR);
  HrCtl ctl;
  int code;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_dir != NULL ? locale_dir : HR_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);

  args = hr_args_parse (words, &error);
  output = hr_output_new (args != NULL ? hr_args_has (args, HR_OPTION_JSON) : wants_json (words),
                          args == NULL || !hr_args_has (args, HR_OPTION_NO_COLOR));
  if (args == NULL)
    {
      hr_output_failure (output, error);
      return hr_client_exit_code (error);
    }

  ctl = (HrCtl){ args, output, NULL };
  code = run (&ctl);
  hr_client_free (ctl.client);
  return code;
}
