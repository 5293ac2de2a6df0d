/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-syntax-check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-syntax-tool.h"

typedef struct {
  const HrCheckRequest *request;
  gint64 deadline;
  GPtrArray *done;
  GPtrArray *unavailable;
  GCancellable *cancellable;
  HrSyntax syntax;
  HrSyntaxTool *tool;
} Check;

/* A search for files of one kind in a directory of the running release. */
typedef struct {
  HrView *view;
  HrSyntax syntax;
  GPtrArray *files;
  guint n_seen;
} Walk;

static HrSyntax
syntax_of_file (const char *dir, const char *file)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  char head[HR_SYNTAX_HEAD];
  struct stat info;
  ssize_t size;

  /* An empty file is fine for everybody. */
  if (fd < 0 || fstat (fd, &info) != 0 || !S_ISREG (info.st_mode) || info.st_size == 0)
    return HR_SYNTAX_NONE;
  size = read (fd, head, sizeof head);
  return size > 0 ? hr_syntax_of (file, head, (gsize)size) : HR_SYNTAX_NONE;
}

static gboolean
is_shared (HrView *view, const char *file)
{
  return g_strv_contains ((const char *const *)view->shares, file)
         || g_strv_contains ((const char *const *)view->read_only_shares, file);
}

static void
walk (Walk *self, const char *dir)
{
  g_autofree char *path = g_build_filename (self->view->dir, dir, NULL);
  g_autoptr (GDir) entries = g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *file = *dir == '\0' ? g_strdup (name) : g_build_filename (dir, name, NULL);
      g_autofree char *full = g_build_filename (self->view->dir, file, NULL);
      struct stat info;

      if (self->n_seen++ >= HR_SYNTAX_WALK_MAX || self->files->len >= HR_SYNTAX_SAMPLE_MAX)
        return;
      if (lstat (full, &info) != 0)
        continue;
      if (S_ISREG (info.st_mode) && syntax_of_file (self->view->dir, file) == self->syntax)
        g_ptr_array_add (self->files, g_steal_pointer (&file));
      else if (S_ISDIR (info.st_mode) && *name != '.' && !g_str_equal (name, "node_modules")
               && !is_shared (self->view, file))
        walk (self, file);
    }
}

/* The running release, if there is one to judge by: with Slots=no its files are the candidate's. */
static HrView *
usable_baseline (const HrCheckRequest *request)
{
  HrView *baseline = request->baseline;

  if (baseline == NULL || baseline->dir == NULL || g_str_equal (baseline->dir, request->view->dir))
    return NULL;
  return baseline;
}

/* What of @files the tool does not accept in the running release; NULL is an error. */
static GPtrArray *
rejected_there (const Check *self, HrView *baseline, GPtrArray *files, GError **error)
{
  if (files->len == 0)
    return g_ptr_array_new ();
  return hr_syntax_tool_check (self->tool, baseline, files, self->deadline, self->cancellable, error);
}

static gboolean
is_rejected (GPtrArray *failures, const char *file)
{
  for (guint i = 0; i < failures->len; i++)
    if (g_str_equal (((HrSyntaxFailure *)g_ptr_array_index (failures, i))->file, file))
      return TRUE;
  return FALSE;
}

static void
remove_unfit (GPtrArray *failures)
{
  for (guint i = failures->len; i-- > 0;)
    if (((HrSyntaxFailure *)g_ptr_array_index (failures, i))->unfit)
      g_ptr_array_remove_index (failures, i);
}

/* Drops from @failures what the tool also rejects in the running release; @witness is one such file of it. */
static gboolean
drop_excused (const Check *self, GPtrArray *failures, char **witness, GError **error)
{
  HrView *baseline = usable_baseline (self->request);
  g_autoptr (GPtrArray) same = g_ptr_array_new ();
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) there = NULL;
  Walk search = { .view = baseline, .syntax = self->syntax, .files = others };

  if (baseline == NULL)
    return TRUE;
  for (guint i = 0; i < failures->len; i++)
    {
      HrSyntaxFailure *failure = g_ptr_array_index (failures, i);
      if (syntax_of_file (baseline->dir, failure->file) == self->syntax)
        g_ptr_array_add (same, failure->file);
    }
  there = rejected_there (self, baseline, same, error);
  if (there == NULL)
    return FALSE;
  if (there->len == 0 && same->len < failures->len)
    {
      walk (&search, "");
      g_ptr_array_unref (there);
      there = rejected_there (self, baseline, others, error);
      if (there == NULL)
        return FALSE;
      /* What is no fault there says nothing about another file. */
      remove_unfit (there);
    }
  if (there->len == 0)
    return TRUE;
  *witness = g_strdup (((HrSyntaxFailure *)g_ptr_array_index (there, 0))->file);
  for (guint i = failures->len; i-- > 0;)
    {
      HrSyntaxFailure *failure = g_ptr_array_index (failures, i);
      if (is_rejected (there, failure->file) || !g_ptr_array_find (same, failure->file, NULL))
        g_ptr_array_remove_index (failures, i);
    }
  return TRUE;
}

static char *
count_files (guint n)
{
  return g_strdup_printf (n == 1 ? "%u file" : "%u files", n);
}

/* Takes out of @failures what is none, and says so. */
static void
drop_unfit (const Check *self, GPtrArray *failures)
{
  g_autofree char *first = NULL;
  guint n = 0;

  for (guint i = failures->len; i-- > 0;)
    {
      HrSyntaxFailure *failure = g_ptr_array_index (failures, i);

      if (!failure->unfit)
        continue;
      g_free (first);
      first = g_strdup_printf ("'%s' was not checked: %s", failure->file, failure->words);
      n++;
      g_ptr_array_remove_index (failures, i);
    }
  if (n == 1)
    g_ptr_array_add (self->unavailable, g_strdup_printf ("%s: %s", hr_syntax_name (self->syntax), first));
  else if (n > 1)
    g_ptr_array_add (self->unavailable,
                     g_strdup_printf ("%s: %s (and %u more)", hr_syntax_name (self->syntax), first, n - 1));
}

static void
set_failed (const Check *self, GPtrArray *failures, GError **error)
{
  HrSyntaxFailure *first = g_ptr_array_index (failures, 0);
  g_autoptr (GString) words = g_string_new (NULL);
  g_autofree char *more = failures->len > 1 ? g_strdup_printf (" and %u more", failures->len - 1) : g_strdup ("");
  g_autofree char *valid = NULL;

  for (guint i = 0; i < failures->len && words->len < HR_CHECK_OUTPUT_MAX; i++)
    g_string_append_printf (words, "\n%s", ((HrSyntaxFailure *)g_ptr_array_index (failures, i))->words);
  if (words->len > HR_CHECK_OUTPUT_MAX)
    g_string_truncate (words, HR_CHECK_OUTPUT_MAX);
  valid = g_utf8_make_valid (words->str, (gssize)words->len);
  g_set_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED, "%s rejects '%s'%s:%s", hr_syntax_tool_name (self->tool),
               first->file, more, valid);
}

static gboolean
is_of_the_tool (const GError *error)
{
  return g_error_matches (error, HR_ERROR, HR_ERROR_CHECK_UNAVAILABLE)
         || g_error_matches (error, HR_ERROR, HR_ERROR_START_FAILED);
}

static gboolean
judge (const Check *self, GPtrArray *files, GPtrArray *failures, GError **error)
{
  g_autofree char *witness = NULL;
  g_autofree char *count = NULL;
  guint n_failures;

  drop_unfit (self, failures);
  n_failures = failures->len;
  if (n_failures > 0 && !drop_excused (self, failures, &witness, error))
    return FALSE;
  if (failures->len > 0)
    {
      set_failed (self, failures, error);
      return FALSE;
    }
  if (witness != NULL)
    g_ptr_array_add (self->unavailable, g_strdup_printf ("%s: switched off: it also rejects the running release's '%s'",
                                                         hr_syntax_tool_name (self->tool), witness));
  if (files->len > n_failures)
    {
      count = count_files (files->len - n_failures);
      g_ptr_array_add (self->done, g_strdup_printf ("%s: %s", hr_syntax_tool_name (self->tool), count));
    }
  return TRUE;
}

static gboolean
check_files (Check *self, GPtrArray *files, GError **error)
{
  g_autofree char *count = count_files (files->len);
  g_autofree char *why = NULL;
  g_autoptr (GError) local = NULL;
  g_autoptr (HrSyntaxTool) tool =
      hr_syntax_tool_find (self->syntax, self->request->spec, self->request->view, self->request->environment, &why);
  g_autoptr (GPtrArray) failures = NULL;

  if (tool == NULL)
    {
      g_ptr_array_add (self->unavailable, g_strdup_printf ("%s: %s (%s)", hr_syntax_name (self->syntax), why, count));
      return TRUE;
    }
  self->tool = tool;
  failures = hr_syntax_tool_check (tool, self->request->view, files, self->deadline, self->cancellable, &local);
  if (failures != NULL && judge (self, files, failures, &local))
    return TRUE;
  if (is_of_the_tool (local))
    {
      g_ptr_array_add (self->unavailable,
                       g_strdup_printf ("%s: %s (%s)", hr_syntax_name (self->syntax), local->message, count));
      return TRUE;
    }
  if (g_error_matches (local, HR_ERROR, HR_ERROR_TIMED_OUT))
    g_prefix_error (&local, "while checking the syntax of %s (%s): ", count, hr_syntax_name (self->syntax));
  g_ptr_array_add (self->done, g_strdup_printf ("%s: %s (failed)", hr_syntax_tool_name (tool), count));
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/**
 * hr_syntax_check:
 * @request: what to check
 * @deadline: when it is stopped, g_get_monotonic_time()
 * @done: (element-type utf8): gets what was checked, and what of it failed
 * @unavailable: (element-type utf8): gets what was not, and why
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Returns: whether there is no fault; else %HR_ERROR_CHECK_FAILED that ends with the tool's own words,
 *   %HR_ERROR_TIMED_OUT, %G_IO_ERROR_CANCELLED
 */
gboolean
hr_syntax_check (const HrCheckRequest *request, gint64 deadline, GPtrArray *done, GPtrArray *unavailable,
                 GCancellable *cancellable, GError **error)
{
  GPtrArray *files[HR_SYNTAX_LAST + 1];
  Check check = {
    .request = request, .deadline = deadline, .done = done, .unavailable = unavailable, .cancellable = cancellable
  };
  gboolean ok = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    files[i] = g_ptr_array_new ();
  for (const char *const *file = request->files; *file != NULL && !g_cancellable_is_cancelled (cancellable); file++)
    g_ptr_array_add (files[syntax_of_file (request->view->dir, *file)], (char *)*file);
  for (guint i = HR_SYNTAX_NONE + 1; i < G_N_ELEMENTS (files) && ok; i++)
    {
      check.syntax = (HrSyntax)i;
      ok = files[i]->len == 0 || check_files (&check, files[i], error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    g_ptr_array_unref (files[i]);
  return ok && !g_cancellable_set_error_if_cancelled (cancellable, error);
}
