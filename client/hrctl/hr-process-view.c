/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-view.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-fields.h"
#include "hr-text.h"
#include "hr-usage.h"

/* A tree that is deeper is shown flat from there on. */
#define DEPTH_MAX 32
/* Columns to the left of a tree. */
#define MARGIN 14

typedef struct {
  GPtrArray *processes; /* GVariant */
  gboolean several;
  guint width; /* columns for a line, 0: any number */
  HrOutput *output;
  gboolean begun;
} View;

static gboolean
is_main (GVariant *process)
{
  return hr_dict_number (process, "pid") == hr_dict_number (process, "main");
}

/* Below which process it is shown: what has lost its parents hangs below the main process. */
static guint64
shown_below (GVariant *process)
{
  guint64 parent = hr_dict_number (process, "parent");

  if (is_main (process))
    return 0;
  return parent != 0 ? parent : hr_dict_number (process, "main");
}

/* " (release 7, instance 2, retiring)" */
static char *
describe_instance (View *self, GVariant *process)
{
  const char *role = hr_dict_string (process, "role");
  guint64 release = hr_dict_number (process, "release");
  g_autoptr (GString) text = g_string_new ("");

  if (!self->several && g_str_equal (role, "serving"))
    return g_strdup ("");
  if (release > 0)
    g_string_append_printf (text, _ ("release %" PRIu64 ", "), release);
  g_string_append_printf (text, _ ("instance %" PRIu64), hr_dict_number (process, "instance"));
  if (!g_str_equal (role, "serving"))
    g_string_append_printf (text, ", %s", hr_text_word (role));
  return g_strdup_printf (" (%s)", text->str);
}

static void
print_line (View *self, GVariant *process, const char *branch)
{
  const char *command = hr_dict_string (process, "command");
  g_autofree char *shown =
      *command != '\0' ? g_strdup (command) : g_strdup_printf ("[%s]", hr_dict_string (process, "name"));
  g_autofree char *instance = is_main (process) ? describe_instance (self, process) : g_strdup ("");
  g_autofree char *begin = g_strdup_printf ("%s%" PRIu64, branch, hr_dict_number (process, "pid"));
  const char *orphan = !is_main (process) && !hr_dict_has (process, "parent") ? _ (" (its parent has ended)") : "";
  g_autofree char *end = g_strconcat (instance, orphan, NULL);
  g_autofree char *line = hr_text_first_line (shown);
  guint taken = MARGIN + hr_text_width (begin) + 1 + hr_text_width (end);
  g_autofree char *clean = hr_text_clean (line);
  g_autofree char *cut = self->width > taken ? hr_text_cut (clean, self->width - taken) : g_strdup (clean);
  g_autofree char *text = g_strdup_printf ("%s %s%s", begin, cut, end);

  hr_fields_print_tinted (self->output, self->begun ? "" : _ ("Processes"), text);
  self->begun = TRUE;
}

static GPtrArray *
list_below (View *self, guint64 pid)
{
  GPtrArray *list = g_ptr_array_new ();

  for (guint i = 0; i < self->processes->len; i++)
    if (shown_below (g_ptr_array_index (self->processes, i)) == pid)
      g_ptr_array_add (list, g_ptr_array_index (self->processes, i));
  return list;
}

static void
print_below (View *self, guint64 pid, const char *indent, guint depth)
{
  g_autoptr (GPtrArray) list = list_below (self, pid);

  for (guint i = 0; i < list->len; i++)
    {
      GVariant *process = g_ptr_array_index (list, i);
      gboolean last = i + 1 == list->len;
      g_autofree char *branch = g_strconcat (indent, last ? "└─" : "├─", NULL);
      g_autofree char *next = depth < DEPTH_MAX ? g_strconcat (indent, last ? "  " : "│ ", NULL) : g_strdup (indent);

      print_line (self, process, branch);
      print_below (self, hr_dict_number (process, "pid"), next, depth + 1);
    }
}

static void
print_sums (View *self, GVariant *usage)
{
  gboolean known = FALSE;
  guint64 memory = 0, cpu = 0, tasks = 0;
  g_autofree char *tasks_text = NULL;
  g_autofree char *memory_text = NULL;
  g_autofree char *cpu_text = NULL;

  for (guint i = 0; i < self->processes->len; i++)
    {
      GVariant *process = g_ptr_array_index (self->processes, i);

      known |= hr_dict_has (process, "memoryBytes");
      memory += hr_dict_number (process, "memoryBytes");
      cpu += hr_dict_number (process, "cpuUsec");
      tasks += hr_dict_number (process, "threads");
    }
  if (usage != NULL)
    {
      known = hr_dict_has (usage, "memoryBytes");
      memory = hr_dict_number (usage, "memoryBytes");
      cpu = hr_dict_number (usage, "cpuUsec");
      tasks = hr_dict_number (usage, "tasks");
    }
  tasks_text = g_strdup_printf ("%" PRIu64, tasks);
  memory_text = known ? hr_text_size (memory) : g_strdup ("");
  cpu_text = hr_text_duration ((gint64)cpu);
  hr_fields_print (self->output, _ ("Tasks"), tasks_text);
  hr_fields_print (self->output, _ ("Memory"), memory_text);
  hr_fields_print (self->output, _ ("CPU"), cpu_text);
}

/**
 * hr_process_view_print:
 * @processes: of GetProcesses
 * @usage: (nullable): what all of them use together, where that is known better than their sum
 * @output: where
 *
 * Prints the tree of each instance, a line a process, on a terminal no longer than its lines; then tasks, memory and
 * processor time of all.
 */
void
hr_process_view_print (GVariant *processes, GVariant *usage, HrOutput *output)
{
  View self = { .output = output, .width = hr_output_get_width (output) };
  g_autoptr (GPtrArray) mains = NULL;

  self.processes = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    g_ptr_array_add (self.processes, g_variant_get_child_value (processes, i));
  mains = list_below (&self, 0);
  self.several = mains->len > 1;
  for (guint i = 0; i < mains->len; i++)
    {
      GVariant *process = g_ptr_array_index (mains, i);

      print_line (&self, process, "");
      print_below (&self, hr_dict_number (process, "pid"), "", 0);
    }
  if (self.processes->len >= HR_PROCESSES_MAX)
    hr_fields_print (output, "", _ ("there are more, which are neither shown nor counted here"));
  print_sums (&self, usage);
  g_ptr_array_unref (self.processes);
}
