/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-help.c: help and version.
 */
#include <glib/gi18n.h>

#include "hr-config.h"
#include "hr-error.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-text.h"
#include "hr-verb.h"

/* Column in which explanations begin. */
#define HELP_COLUMN 26

static void
print_row (HrOutput *output, const char *left, const char *right)
{
  int width = (int)hr_text_width (left);

  hr_output_print (output, "  %s%*s%s\n", left, MAX (2, HELP_COLUMN - width), "", right);
}

static void
print_options (HrOutput *output, guint options)
{
  for (int i = 0; i < HR_OPTION_N; i++)
    {
      const HrOptionInfo *option = &hr_options[i];
      g_autofree char *left = NULL;
      char letter[] = { '-', option->letter, ',', ' ', '\0' };

      if ((options & HR_OPTION_BIT (i)) == 0)
        continue;
      left = g_strdup_printf ("%s--%s%s%s", option->letter != 0 ? letter : "", option->name,
                              option->value != NULL ? "=" : "", option->value != NULL ? _ (option->value) : "");
      print_row (output, left, _ (option->help));
    }
}

static void
print_overview (HrOutput *output)
{
  gsize n;
  const HrVerb *verbs = hr_verb_table (&n);

  hr_output_write (output, _ ("Usage: hrctl [OPTIONS] VERB [ARGUMENTS]\n\n"
                              "Keeps services up while their code changes: asks the hotreload daemon.\n\nVerbs:\n"));
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *left = g_strdup_printf ("%s %s", verbs[i].name, verbs[i].operands);

      if (hr_text_width (left) >= HELP_COLUMN)
        {
          hr_output_print (output, "  %s\n", left);
          g_free (left);
          left = g_strdup ("");
        }
      print_row (output, left, _ (verbs[i].summary));
    }

  hr_output_write (output, _ ("\nOptions, before or after the verb:\n"));
  print_options (output, HR_OPTIONS_OF_EVERY_VERB);
  hr_output_write (output, _ ("\n'hrctl help VERB' tells more.\n"));
}

static void
print_verb (HrOutput *output, const HrVerb *verb)
{
  hr_output_print (output, _ ("Usage: hrctl [OPTIONS] %s %s\n\n%s\n"), verb->name, verb->operands, _ (verb->summary));
  if (verb->text != NULL)
    hr_output_print (output, "\n%s\n", _ (verb->text));
  if (verb->options != 0)
    {
      hr_output_write (output, _ ("\nOptions:\n"));
      print_options (output, verb->options);
    }

  hr_output_write (output, _ ("\nOptions of every verb:\n"));
  print_options (output, HR_OPTIONS_OF_EVERY_VERB);
}

static JsonNode *
verbs_to_json (void)
{
  JsonArray *array = json_array_new ();
  gsize n;
  const HrVerb *verbs = hr_verb_table (&n);

  for (gsize i = 0; i < n; i++)
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "verb", verbs[i].name);
      json_object_set_string_member (object, "operands", verbs[i].operands);
      json_object_set_string_member (object, "summary", _ (verbs[i].summary));
      json_array_add_object_element (array, object);
    }

  return hr_json_take_array (array);
}

int
hr_verb_help (HrCtl *ctl, GError **error)
{
  const char *name = ctl->args->operands[0];
  const HrVerb *verb = name != NULL ? hr_verb_find (name) : NULL;

  if (name != NULL && verb == NULL)
    {
      hr_verb_unknown_error (error, name);
      return HR_EXIT_USAGE;
    }

  if (hr_output_is_json (ctl->output))
    hr_output_json (ctl->output, verbs_to_json ());
  else if (verb != NULL)
    print_verb (ctl->output, verb);
  else
    print_overview (ctl->output);

  return HR_EXIT_OK;
}

int
hr_verb_version (HrCtl *ctl, GError **error)
{
  if (hr_output_is_json (ctl->output))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "version", HR_VERSION);
      hr_output_json (ctl->output, hr_json_take_object (object));
    }
  else
    hr_output_write (ctl->output, "hrctl " HR_VERSION "\n");

  return HR_EXIT_OK;
}
