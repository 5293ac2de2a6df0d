/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-wait.h"

#include <string.h>

/* What the kernel says where it does not tell. */
#define NOWHERE "0"

static char *
read_text (GPid pid, const char *task, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%s/%s", (int)pid, task, name);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? g_strchomp (text) : NULL;
}

/* '\0' where it is gone. */
static char
read_state (GPid pid, const char *task)
{
  g_autofree char *stat = read_text (pid, task, "stat");
  const char *name_end = stat != NULL ? strrchr (stat, ')') : NULL;

  return name_end != NULL && name_end[1] == ' ' ? name_end[2] : '\0';
}

static char *
describe (GPid pid, const char *task, char state)
{
  g_autofree char *where = read_text (pid, task, "wchan");

  if (where == NULL || *where == '\0' || g_str_equal (where, NOWHERE))
    return g_strdup_printf ("it is in state %c", state);
  return g_strdup_printf ("it is in state %c, waiting in '%s'", state, where);
}

/**
 * hr_process_describe_wait:
 * @pid: a process
 *
 * Asks for what may not be interrupted: of several threads the first that is in state D, else the first one.
 *
 * Returns: (transfer full): for people: "it is in state D, waiting in 'request_wait_answer'"
 */
char *
hr_process_describe_wait (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int)pid);
  g_autofree char *first = g_strdup_printf ("%d", (int)pid);
  g_autoptr (GDir) tasks = g_dir_open (path, 0, NULL);
  const char *task;
  char state;

  while (tasks != NULL && (task = g_dir_read_name (tasks)) != NULL)
    if (read_state (pid, task) == 'D')
      return describe (pid, task, 'D');
  state = read_state (pid, first);
  return state != '\0' ? describe (pid, first, state) : g_strdup ("nothing is known of it");
}
