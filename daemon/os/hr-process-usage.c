/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-cgroup.h"
#include "hr-names.h"
#include "hr-process-tree.h"

/* Lines of smaps_rollup are short, and Pss is the third. */
#define ROLLUP_MAX 512
/* An environment that is longer is not searched. */
#define ENVIRONMENT_MAX (256 * 1024)

/* What is known of a process while it is decided whose it is. */
typedef struct {
  HrProcess process;
  int root; /* -1: of none, as far as is known */
  gboolean looked;
} Found;

/**
 * hr_process_root_new:
 * @pid: main process of an instance
 * @instance: its id
 * @cgroup: (nullable): its control group
 *
 * Returns: (transfer full): where a tree begins
 */
HrProcessRoot *
hr_process_root_new (GPid pid, const char *instance, const char *cgroup)
{
  HrProcessRoot *self = g_new0 (HrProcessRoot, 1);

  self->pid = pid;
  self->instance = g_strdup (instance);
  self->cgroup = g_strdup (cgroup);
  return self;
}

/**
 * hr_process_root_free:
 * @self: (nullable): where a tree begins
 */
void
hr_process_root_free (HrProcessRoot *self)
{
  if (self == NULL)
    return;
  g_free (self->instance);
  g_free (self->cgroup);
  g_free (self);
}

/**
 * hr_process_usage_free:
 * @self: (nullable): what a process uses
 */
void
hr_process_usage_free (HrProcessUsage *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->command);
  g_free (self);
}

/* The first @size bytes, with a zero behind them; NULL where nobody may look. */
static char *
read_start (GPid pid, const char *name, gsize size, gsize *length)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", (int)pid, name);
  g_autofree char *text = g_malloc (size + 1);
  FILE *file = fopen (path, "re");

  if (file == NULL)
    return NULL;
  *length = fread (text, 1, size, file);
  fclose (file);
  text[*length] = '\0';
  return g_steal_pointer (&text);
}

static gint64
read_memory (GPid pid)
{
  gsize length = 0;
  g_autofree char *text = read_start (pid, "smaps_rollup", ROLLUP_MAX, &length);
  const char *line = text != NULL ? strstr (text, "\nPss:") : NULL;

  if (line == NULL)
    return hr_process_memory (pid);
  return (gint64)g_ascii_strtoull (line + strlen ("\nPss:"), NULL, 10) * 1024;
}

/* The words apart by blanks, as ps(1) shows them. */
static char *
read_command (GPid pid)
{
  gsize length = 0;
  g_autofree char *text = read_start (pid, "cmdline", HR_PROCESS_COMMAND_MAX, &length);

  if (text == NULL)
    return g_strdup ("");
  for (gsize i = 0; i < length; i++)
    if (text[i] == '\0')
      text[i] = ' ';
  return g_strchomp (g_steal_pointer (&text));
}

static char *
read_name (GPid pid)
{
  gsize length = 0;
  char *text = read_start (pid, "comm", 64, &length);

  return text != NULL ? g_strchomp (text) : g_strdup ("");
}

/* Of which instance its environment says it is, -1: of none. */
static int
root_by_environment (GPid pid, GHashTable *by_instance)
{
  gsize length = 0;
  g_autofree char *text = read_start (pid, "environ", ENVIRONMENT_MAX, &length);
  const char *prefix = HR_ENV_INSTANCE "=";
  gpointer root;

  for (const char *entry = text; entry != NULL && entry < text + length; entry += strlen (entry) + 1)
    if (g_str_has_prefix (entry, prefix))
      return g_hash_table_lookup_extended (by_instance, entry + strlen (prefix), NULL, &root) ? GPOINTER_TO_INT (root)
                                                                                              : -1;
  return -1;
}

/* Asks those above it first; the parent of a process started before it, so that this ends. */
static int
find_root (GHashTable *found, Found *self, GHashTable *by_pid, GHashTable *by_instance, guint64 oldest)
{
  Found *parent;
  gpointer root;

  if (self->looked)
    return self->root;
  self->looked = TRUE;
  self->root = -1;
  if (self->process.pid == getpid () || self->process.start < oldest)
    return -1;
  parent = g_hash_table_lookup (found, GINT_TO_POINTER (self->process.parent));
  if (g_hash_table_lookup_extended (by_pid, GINT_TO_POINTER (self->process.pid), NULL, &root)
      || g_hash_table_lookup_extended (by_pid, GINT_TO_POINTER (self->process.session), NULL, &root))
    self->root = GPOINTER_TO_INT (root);
  else if (parent != NULL)
    self->root = find_root (found, parent, by_pid, by_instance, oldest);
  if (self->root < 0)
    self->root = root_by_environment (self->process.pid, by_instance);
  return self->root;
}

/* Those in its control group are of the instance, whatever else is to be seen of them. */
static void
add_group (GHashTable *by_pid, const HrProcessRoot *root, guint index)
{
  g_autoptr (GArray) pids = hr_cgroup_list (root->cgroup);

  for (guint i = 0; i < pids->len; i++)
    g_hash_table_insert (by_pid, GINT_TO_POINTER (g_array_index (pids, GPid, i)), GUINT_TO_POINTER (index));
}

static HrProcessUsage *
describe (GHashTable *found, const Found *self, const HrProcessRoot *root, gboolean commands)
{
  HrProcessUsage *usage = g_new0 (HrProcessUsage, 1);
  const Found *parent = g_hash_table_lookup (found, GINT_TO_POINTER (self->process.parent));

  usage->root = (guint)self->root;
  usage->pid = self->process.pid;
  if (usage->pid != root->pid && parent != NULL && parent->root == self->root)
    usage->parent = self->process.parent;
  usage->memory = read_memory (usage->pid);
  usage->cpu_usec = self->process.cpu * G_USEC_PER_SEC / (guint64)sysconf (_SC_CLK_TCK);
  usage->threads = self->process.threads;
  usage->name = commands ? read_name (usage->pid) : NULL;
  usage->command = commands ? read_command (usage->pid) : NULL;
  return usage;
}

static int
compare_found (gconstpointer a, gconstpointer b)
{
  const Found *x = a;
  const Found *y = b;

  if (x->process.start != y->process.start)
    return x->process.start < y->process.start ? -1 : 1;
  return x->process.pid - y->process.pid;
}

static GArray *
list_found (void)
{
  g_autoptr (GArray) list = hr_process_list ();
  GArray *found = g_array_new (FALSE, FALSE, sizeof (Found));

  for (guint i = 0; i < list->len; i++)
    {
      Found entry = { .process = g_array_index (list, HrProcess, i), .root = -1 };

      if (strchr ("ZX", entry.process.state) == NULL)
        g_array_append_val (found, entry);
    }
  g_array_sort (found, compare_found);
  return found;
}

/**
 * hr_process_usage_read:
 * @roots: (element-type HrProcessRoot): main processes
 * @commands: whether names and command lines are asked for
 *
 * Looks at all processes of the machine once, and closer at those that are not older than the oldest of @roots. Blocks
 * for tens of microseconds for each of these; for a worker thread.
 *
 * Returns: (transfer full) (element-type HrProcessUsage): the processes that run, the oldest first: a parent comes
 *   before its children
 */
GPtrArray *
hr_process_usage_read (GPtrArray *roots, gboolean commands)
{
  g_autoptr (GArray) list = list_found ();
  g_autoptr (GHashTable) found = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) mains = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) by_pid = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) by_instance = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *result = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_process_usage_free);
  guint64 oldest = G_MAXUINT64;

  for (guint i = 0; i < roots->len; i++)
    {
      HrProcessRoot *root = g_ptr_array_index (roots, i);

      g_hash_table_insert (by_pid, GINT_TO_POINTER (root->pid), GUINT_TO_POINTER (i));
      g_hash_table_insert (by_instance, root->instance, GUINT_TO_POINTER (i));
      g_hash_table_insert (mains, GINT_TO_POINTER (root->pid), NULL);
      add_group (by_pid, root, i);
    }
  for (guint i = 0; i < list->len; i++)
    {
      Found *entry = &g_array_index (list, Found, i);

      g_hash_table_insert (found, GINT_TO_POINTER (entry->process.pid), entry);
      if (g_hash_table_contains (mains, GINT_TO_POINTER (entry->process.pid)))
        oldest = MIN (oldest, entry->process.start);
    }
  for (guint i = 0; i < list->len; i++)
    {
      Found *entry = &g_array_index (list, Found, i);

      if (find_root (found, entry, by_pid, by_instance, oldest) >= 0)
        g_ptr_array_add (result, describe (found, entry, g_ptr_array_index (roots, (guint)entry->root), commands));
    }
  return result;
}

/**
 * hr_process_count_descriptors:
 *
 * Returns: how many descriptors this process has open
 */
guint
hr_process_count_descriptors (void)
{
  struct stat info;
  DIR *dir;
  guint n = 0;

  /* Linux 6.2 and later tell. */
  if (stat ("/proc/self/fd", &info) == 0 && info.st_size > 0)
    return (guint)info.st_size;
  dir = opendir ("/proc/self/fd");
  if (dir == NULL)
    return 0;
  for (struct dirent *entry = readdir (dir); entry != NULL; entry = readdir (dir))
    n += g_ascii_isdigit (entry->d_name[0]) ? 1 : 0;
  closedir (dir);
  return n > 0 ? n - 1 : 0;
}

/**
 * hr_process_cpu_usec:
 *
 * Returns: the processor time that this process has used, in microseconds
 */
guint64
hr_process_cpu_usec (void)
{
  struct rusage usage;

  if (getrusage (RUSAGE_SELF, &usage) != 0)
    return 0;
  return (guint64)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC
         + (guint64)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
