/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-canary.c: verbs that decide about a canary: promote, abort, hold.
 */
#include <glib/gi18n.h>

#include "hr-json.h"
#include "hr-names.h"
#include "hr-verb.h"

enum { PROMOTE, ABORT, HOLD, N_DECISIONS };

static const struct {
  const char *verb;
  const char *method;
  const char *word; /* in JSON */
} decisions[N_DECISIONS] = {
  [PROMOTE] = { "promote", "Promote", "promoted" },
  [ABORT] = { "abort", "Abort", "aborted" },
  [HOLD] = { "hold", "Hold", "held" },
};

static void
print_decision (HrOutput *output, guint chosen, const char *service)
{
  if (chosen == PROMOTE)
    hr_output_print (output, _ ("%s: the canary is promoted; all new connections go to it\n"), service);
  else if (chosen == ABORT)
    hr_output_print (output, _ ("%s: the canary is aborted; no new connection goes to it\n"), service);
  else
    hr_output_print (output, _ ("%s: the canary keeps its share until it is promoted, aborted or resumed\n"), service);
}

/**
 * hr_verb_canary:
 *
 * promote, abort, hold: what follows is the reload's, which is a job of its own.
 */
int
hr_verb_canary (HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;
  guint chosen = 0;

  if (client == NULL)
    return HR_EXIT_FAILED;

  while (chosen < N_DECISIONS - 1 && !g_str_equal (decisions[chosen].verb, ctl->args->verb->name))
    chosen++;
  reply = hr_client_call (client, decisions[chosen].method, g_variant_new ("(s)", service), "()",
                          HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  if (hr_output_is_json (ctl->output))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "service", service);
      json_object_set_string_member (object, "canary", decisions[chosen].word);
      hr_output_json (ctl->output, hr_json_take_object (object));
    }
  else
    print_decision (ctl->output, chosen, service);

  return HR_EXIT_OK;
}
