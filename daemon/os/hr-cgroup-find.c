/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-cgroup-find.h"

#include <string.h>

#include "hr-names.h"

/* Fields of /proc/PID/mountinfo before the optional ones, and behind their end, see proc(5). */
enum { MOUNT_ROOT = 3, MOUNT_POINT = 4, MOUNT_FIELDS = 6 };

/**
 * hr_cgroup_parse_path:
 * @proc_cgroup: what is in /proc/PID/cgroup
 *
 * Returns: (transfer full) (nullable): the path of its group of cgroup v2, in its hierarchy; %NULL: it is in none that can
 *   be reached from here
 */
char *
hr_cgroup_parse_path (const char *proc_cgroup)
{
  g_auto (GStrv) lines = g_strsplit (proc_cgroup, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "0::/"))
      {
        const char *path = lines[i] + strlen ("0::");

        /* Above the root of this namespace, or removed. */
        if (g_str_has_prefix (path, "/..") || g_str_has_suffix (path, " (deleted)"))
          return NULL;
        return g_strdup (path);
      }
  return NULL;
}

/* Below @root of the hierarchy; NULL: it is not. */
static const char *
below (const char *path, const char *root)
{
  gsize length = strlen (root);

  if (g_str_equal (root, "/"))
    return path;
  if (strncmp (path, root, length) != 0 || (path[length] != '\0' && path[length] != '/'))
    return NULL;
  return path + length;
}

/**
 * hr_cgroup_parse_dir:
 * @mountinfo: what is in /proc/self/mountinfo
 * @path: of a group, in its hierarchy
 *
 * Returns: (transfer full) (nullable): where it is; %NULL: no cgroup v2 file system shows it
 */
char *
hr_cgroup_parse_dir (const char *mountinfo, const char *path)
{
  g_auto (GStrv) lines = g_strsplit (mountinfo, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *type = strstr (lines[i], " - ");
      g_auto (GStrv) fields = g_strsplit (lines[i], " ", MOUNT_FIELDS);
      g_autofree char *root = NULL, *point = NULL;
      const char *rest;

      if (type == NULL || !g_str_has_prefix (type, " - cgroup2 ") || g_strv_length (fields) < MOUNT_FIELDS)
        continue;
      root = g_strcompress (fields[MOUNT_ROOT]);
      point = g_strcompress (fields[MOUNT_POINT]);
      rest = below (path, root);
      if (rest != NULL)
        return g_str_equal (rest, "/") || *rest == '\0' ? g_strdup (point) : g_build_filename (point, rest, NULL);
    }
  return NULL;
}

static char *
read_path (GPid pid)
{
  g_autofree char *file = g_strdup_printf ("/proc/%d/cgroup", (int)pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (file, &text, NULL, NULL) ? hr_cgroup_parse_path (text) : NULL;
}

/**
 * hr_cgroup_find_of:
 * @pid: a process
 *
 * Returns: (transfer full) (nullable): where its group is; %NULL: there is none, or it cannot be seen
 */
char *
hr_cgroup_find_of (GPid pid)
{
  g_autofree char *path = read_path (pid);
  g_autofree char *mountinfo = NULL;

  if (path == NULL || !g_file_get_contents ("/proc/self/mountinfo", &mountinfo, NULL, NULL))
    return NULL;
  return hr_cgroup_parse_dir (mountinfo, path);
}

static gboolean
is_of_instance (const char *dir, const char *instance)
{
  g_autofree char *parent = g_path_get_dirname (dir);
  g_autofree char *parent_name = g_path_get_basename (parent);
  g_autofree char *suffix = g_strconcat (".", instance, NULL);

  return g_str_has_prefix (parent_name, HR_CGROUP_PREFIX) && g_str_has_suffix (dir, suffix);
}

/* The program may have made groups in its own. Returns %NULL where none is the instance's. */
static char *
climb (const char *path, const char *instance)
{
  g_autofree char *dir = g_strdup (path);

  while (dir != NULL && !g_str_equal (dir, "/") && !g_str_equal (dir, "."))
    {
      char *parent;

      if (is_of_instance (dir, instance))
        return g_steal_pointer (&dir);
      parent = g_path_get_dirname (dir);
      g_free (dir);
      dir = parent;
    }
  return NULL;
}

/**
 * hr_cgroup_find_instance:
 * @pid: a process of an instance, maybe one that an earlier daemon started elsewhere
 * @instance: the instance's id
 *
 * Returns: (transfer full) (nullable): the group of the instance; %NULL: the process is in none that was made for it
 */
char *
hr_cgroup_find_instance (GPid pid, const char *instance)
{
  g_autofree char *dir = NULL;

  g_return_val_if_fail (instance != NULL && *instance != '\0', NULL);

  dir = hr_cgroup_find_of (pid);
  return dir != NULL ? climb (dir, instance) : NULL;
}

/**
 * hr_cgroup_has_process:
 * @instance: an instance's id
 * @pid: a process
 *
 * Returns: whether the process is in the group of the instance
 */
gboolean
hr_cgroup_has_process (const char *instance, GPid pid)
{
  g_autofree char *path = read_path (pid);
  g_autofree char *found = path != NULL ? climb (path, instance) : NULL;

  return found != NULL;
}
