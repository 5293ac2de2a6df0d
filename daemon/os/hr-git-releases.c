/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-releases.h"

#include <git2/sys/commit.h>
#include <string.h>

#include "hr-error.h"
#include "hr-git-private.h"
#include "hr-git-tree-private.h"
#include "hr-log.h"
#include "hr-manifest.h"

/* The first line of a tag's message. */
#define FATE_KEY "fate"

/* Dots are where names of services and names of refs differ: "a..b" and "a.lock" are no names of refs. */
static char *
refs_of (const char *service)
{
  g_autofree char *plain = g_strdup_printf ("refs/hotreload/%s", service);
  g_auto (GStrv) parts = NULL;
  g_autofree char *escaped = NULL;
  int valid = 0;

  if (git_reference_name_is_valid (&valid, plain) == 0 && valid)
    return g_steal_pointer (&plain);
  parts = g_strsplit (service, ".", -1);
  escaped = g_strjoinv ("%2e", parts);
  return g_strconcat ("refs/hotreload/", escaped, NULL);
}

static char *
ref_of (const char *service, guint64 number)
{
  g_autofree char *refs = refs_of (service);

  return g_strdup_printf ("%s/%" G_GUINT64_FORMAT, refs, number);
}

static void
append_value (GString *text, const char *key, const char *value)
{
  g_autofree char *cut = NULL, *escaped = NULL;

  if (value == NULL)
    return;
  cut = g_strndup (value, HR_GIT_FATE_TEXT_MAX);
  escaped = hr_manifest_escape (cut);
  g_string_append_printf (text, "%s: %s\n", key, escaped);
}

static void
append_time (GString *text, const char *key, gint64 usec)
{
  g_string_append_printf (text, "%s: %" G_GINT64_FORMAT "\n", key, usec);
}

/* Calls for each "key: value" line of @text, with the value unescaped. */
static void
parse_values (const char *text, void (*func) (const char *key, char *value, HrRelease *release), HrRelease *release)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      char *colon = strstr (*line, ": ");
      g_autofree char *value = NULL;

      if (colon == NULL)
        continue;
      *colon = 0;
      value = hr_manifest_unescape (colon + 2);
      func (*line, g_steal_pointer (&value), release);
    }
}

static void
take_fate (const char *key, char *value, HrRelease *release)
{
  g_autofree char *owned = value;

  if (g_str_equal (key, "phase"))
    release->phase = g_steal_pointer (&owned);
  else if (g_str_equal (key, "error"))
    release->error = g_steal_pointer (&owned);
}

static void
add_file (HrRelease *release, const char *file)
{
  guint n = release->files != NULL ? g_strv_length (release->files) : 0;

  release->files = g_renew (char *, release->files, n + 2);
  release->files[n] = g_strdup (file);
  release->files[n + 1] = NULL;
}

static void
take_commit (const char *key, char *value, HrRelease *release)
{
  g_autofree char *owned = value;

  if (g_str_equal (key, "Trigger"))
    release->trigger = g_steal_pointer (&owned);
  else if (g_str_equal (key, "Caller"))
    release->caller = g_steal_pointer (&owned);
  else if (g_str_equal (key, "Time"))
    release->time_usec = g_ascii_strtoll (value, NULL, 10);
  else if (g_str_equal (key, "Changed"))
    add_file (release, value);
}

static gboolean
damaged (GError **error, const char *what)
{
  g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, what);
  return FALSE;
}

static gboolean
parse_fate (const char *text, HrRelease *release)
{
  g_autofree char *word = NULL;
  const char *end = text != NULL ? strchr (text, '\n') : NULL;

  if (end == NULL || !g_str_has_prefix (text, FATE_KEY ": "))
    return FALSE;
  word = g_strndup (text + strlen (FATE_KEY ": "), (gsize)(end - text) - strlen (FATE_KEY ": "));
  parse_values (end, take_fate, release);
  return hr_fate_from_string (word, &release->fate);
}

/* Reads what became of @release, which is all that its tag says. Returns the ID of its commit. */
static gboolean
load_fate (HrGitRepo *repo, const char *ref, HrRelease *release, git_oid *commit, GError **error)
{
  git_repository *repository = hr_git_repo_repository (repo);
  g_autoptr (git_tag) tag = NULL;
  git_oid oid;
  int code;

  code = git_reference_name_to_id (&oid, repository, ref);
  if (code == 0)
    code = git_tag_lookup (&tag, repository, &oid);
  if (code != 0)
    return hr_git_set_error (error, code, "while reading '%s'", ref);
  git_oid_cpy (commit, git_tag_target_id (tag));
  return parse_fate (git_tag_message (tag), release) || damaged (error, "its tag names no fate");
}

/* Reads what the ref of @release names into it. */
static gboolean
load_release (HrGitRepo *repo, const char *ref, HrRelease *release, GError **error)
{
  g_autoptr (git_commit) commit = NULL;
  char hex[HR_OID_HEX];
  git_oid oid;
  int code;

  if (!load_fate (repo, ref, release, &oid, error))
    return FALSE;
  code = git_commit_lookup (&commit, hr_git_repo_repository (repo), &oid);
  if (code != 0)
    return hr_git_set_error (error, code, "while reading '%s'", ref);
  parse_values (git_commit_message (commit), take_commit, release);
  if (release->trigger == NULL || release->time_usec == 0)
    return damaged (error, "its commit does not say when and why it was made");

  if (!hr_git_tree_check (repo, (const HrOid *)git_commit_tree_id (commit), error))
    return FALSE;
  hr_oid_to_hex ((const HrOid *)git_commit_tree_id (commit), hex);
  release->tree = g_strdup (hex);
  hr_oid_to_hex ((const HrOid *)git_commit_id (commit), hex);
  release->commit = g_strdup (hex);
  if (release->files == NULL)
    release->files = g_new0 (char *, 1);
  return TRUE;
}

static void
note_number (GTree *numbers, const char *name)
{
  guint64 number;

  if (g_ascii_string_to_unsigned (name, 10, 1, G_MAXUINT64 - 1, &number, NULL))
    {
      guint64 *key = g_memdup2 (&number, sizeof number);

      g_tree_insert (numbers, key, NULL);
    }
}

static int
compare_numbers (gconstpointer a, gconstpointer b, gpointer user_data)
{
  guint64 first = *(const guint64 *)a, second = *(const guint64 *)b;

  return first < second ? -1 : first > second;
}

/* All numbers that were ever given: also those of refs that cannot be read, which libgit2 passes over. */
static GTree *
list_numbers (HrGitRepo *repo, const char *service, GError **error)
{
  g_autoptr (GTree) numbers = g_tree_new_full (compare_numbers, NULL, g_free, NULL);
  g_autofree char *refs = refs_of (service);
  g_autofree char *pattern = g_strconcat (refs, "/*", NULL);
  g_autofree char *path = g_build_filename (hr_git_repo_path (repo), refs, NULL);
  g_autoptr (git_reference_iterator) iterator = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  int code = git_reference_iterator_glob_new (&iterator, hr_git_repo_repository (repo), pattern);

  while (code == 0 && (code = git_reference_next_name (&name, iterator)) == 0)
    note_number (numbers, name + strlen (refs) + 1);
  if (code != GIT_ITEROVER)
    {
      hr_git_set_error (error, code, "while listing the releases of '%s' in '%s'", service, hr_git_repo_path (repo));
      return NULL;
    }
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    note_number (numbers, name);
  return g_steal_pointer (&numbers);
}

/* Why a release is not one. */
static void
set_damaged_error (HrGitRepo *repo, guint64 number, const GError *why, GError **error)
{
  g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE,
               "release %" G_GUINT64_FORMAT " in the rollback store '%s' is damaged and cannot be used: %s", number,
               hr_git_repo_path (repo), why->message);
}

/**
 * hr_git_releases_load:
 * @repo: the repository
 * @service: name of the service
 * @number: of a release
 * @error: return location
 *
 * Returns: (transfer full): the release; %NULL with %HR_ERROR_NO_SUCH_RELEASE, or what is damaged
 */
HrRelease *
hr_git_releases_load (HrGitRepo *repo, const char *service, guint64 number, GError **error)
{
  g_autoptr (HrRelease) release = hr_release_new (number);
  g_autofree char *ref = ref_of (service, number);
  g_autoptr (GError) local = NULL;

  if (load_release (repo, ref, release, &local))
    return g_steal_pointer (&release);
  set_damaged_error (repo, number, local, error);
  return NULL;
}

static void
note_old (HrGitRepo *repo, const char *service, guint64 number, HrReleaseBook *book)
{
  g_autoptr (HrRelease) release = hr_release_new (number);
  g_autofree char *ref = ref_of (service, number);
  g_autoptr (GError) local = NULL, error = NULL;
  git_oid commit;

  if (load_fate (repo, ref, release, &commit, &local))
    {
      hr_release_book_note (book, release);
      return;
    }
  set_damaged_error (repo, number, local, &error);
  hr_log_warning (service, "%s", error->message);
}

/**
 * hr_git_releases_open:
 * @repo: the repository
 * @service: name of the service
 * @last: (out): the highest number that was ever given, 0 for none
 * @error: return location
 *
 * What is damaged is left out, with a warning that names store and release. Of old releases only what became of them is
 * read: that their files are damaged is found when they are used.
 *
 * Returns: (transfer full): the releases, of which the newest are held; %NULL with an error set
 */
HrReleaseBook *
hr_git_releases_open (HrGitRepo *repo, const char *service, guint64 *last, GError **error)
{
  g_autoptr (HrReleaseBook) book = hr_release_book_new ();
  g_autoptr (GPtrArray) newest = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_release_free);
  g_autoptr (GTree) numbers = list_numbers (repo, service, error);
  GTreeNode *oldest;

  if (numbers == NULL)
    return NULL;
  oldest = g_tree_node_last (numbers);
  *last = oldest != NULL ? *(guint64 *)g_tree_node_key (oldest) : 0;
  for (; oldest != NULL && newest->len < HR_RELEASES_HELD; oldest = g_tree_node_previous (oldest))
    {
      g_autoptr (GError) local = NULL;
      HrRelease *release = hr_git_releases_load (repo, service, *(guint64 *)g_tree_node_key (oldest), &local);

      if (release != NULL)
        g_ptr_array_add (newest, release);
      else
        hr_log_warning (service, "%s", local->message);
    }
  for (GTreeNode *node = oldest != NULL ? g_tree_node_first (numbers) : NULL; node != NULL;
       node = g_tree_node_next (node))
    {
      note_old (repo, service, *(guint64 *)g_tree_node_key (node), book);
      if (node == oldest)
        break;
    }
  while (newest->len > 0)
    hr_release_book_add (book, g_ptr_array_steal_index (newest, newest->len - 1));
  return g_steal_pointer (&book);
}

/**
 * hr_git_releases_list:
 * @repo: the repository
 * @service: name of the service
 * @cancellable: (nullable): a #GCancellable
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrRelease): those that are not damaged, oldest first; %NULL with an error set
 */
GPtrArray *
hr_git_releases_list (HrGitRepo *repo, const char *service, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) releases = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_release_free);
  g_autoptr (GTree) numbers = list_numbers (repo, service, error);

  if (numbers == NULL)
    return NULL;
  for (GTreeNode *node = g_tree_node_first (numbers); node != NULL; node = g_tree_node_next (node))
    {
      HrRelease *release = hr_git_releases_load (repo, service, *(guint64 *)g_tree_node_key (node), NULL);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        {
          hr_release_free (release);
          return NULL;
        }
      if (release != NULL)
        g_ptr_array_add (releases, release);
    }
  return g_steal_pointer (&releases);
}

static git_signature *
signature_at (gint64 usec)
{
  git_signature *signature = NULL;

  git_signature_new (&signature, "hotreload", "hotreload@localhost", usec / G_USEC_PER_SEC, 0);
  return signature;
}

/* Writes the tag that tells @release's fate and points its ref there. */
static gboolean
write_fate (HrGitRepo *repo, const char *service, const HrRelease *release, gboolean is_new, GError **error)
{
  git_repository *repository = hr_git_repo_repository (repo);
  g_autofree char *ref = ref_of (service, release->number);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (git_signature) who = signature_at (g_get_real_time ());
  g_autoptr (git_object) commit = NULL;
  g_autoptr (git_reference) reference = NULL;
  git_oid oid;
  int code = git_oid_fromstr (&oid, release->commit);

  append_value (text, FATE_KEY, hr_fate_to_string (release->fate));
  append_value (text, "phase", release->phase);
  append_value (text, "error", release->error);
  append_time (text, "when", g_get_real_time ());

  if (code == 0)
    code = git_object_lookup (&commit, repository, &oid, GIT_OBJECT_COMMIT);
  if (code == 0)
    code = git_tag_annotation_create (&oid, repository, ref + strlen ("refs/"), commit, who, text->str);
  if (code == 0)
    {
      /* What a ref names is durable before the ref is. */
      hr_git_repo_note_written (repo, (const HrOid *)&oid);
      if (!hr_git_repo_sync (repo, error))
        return FALSE;
    }
  if (code == 0)
    code = git_reference_create (&reference, repository, ref, &oid, !is_new, NULL);
  return code == 0
         || hr_git_repo_set_write_error (repo, code, error,
                                         "while recording release %" G_GUINT64_FORMAT " of '%s' in '%s'",
                                         release->number, service, hr_git_repo_path (repo));
}

static char *
commit_message (const char *service, const HrRelease *release)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "release %" G_GUINT64_FORMAT " of %s\n\n", release->number, service);
  append_value (text, "Trigger", release->trigger);
  append_value (text, "Caller", release->caller);
  append_time (text, "Time", release->time_usec);
  for (guint i = 0; release->files[i] != NULL; i++)
    append_value (text, "Changed", release->files[i]);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/**
 * hr_git_releases_commit:
 * @repo: the repository
 * @service: name of the service
 * @draft: tree, trigger, caller, files and time are taken
 * @number: of the new release
 * @parent: (nullable): commit of the one before it
 * @error: return location
 *
 * Returns: (transfer full): the new release, a candidate, stored durably; %NULL with an error set
 */
HrRelease *
hr_git_releases_commit (HrGitRepo *repo, const char *service, const HrRelease *draft, guint64 number,
                        const char *parent, GError **error)
{
  g_autoptr (HrRelease) release = hr_release_new (number);
  g_autofree char *message = NULL;
  g_autoptr (git_signature) who = NULL;
  git_oid tree, parent_oid, oid;
  const git_oid *parents[] = { &parent_oid };
  char hex[HR_OID_HEX];
  int code;

  release->tree = g_strdup (draft->tree);
  release->trigger = g_strdup (draft->trigger != NULL ? draft->trigger : "manual");
  release->caller = g_strdup (draft->caller);
  release->time_usec = draft->time_usec > 0 ? draft->time_usec : g_get_real_time ();
  release->files = g_new0 (char *, 1);
  for (guint i = 0; draft->files != NULL && draft->files[i] != NULL && i < HR_RELEASE_FILES_MAX; i++)
    add_file (release, draft->files[i]);
  message = commit_message (service, release);
  who = signature_at (release->time_usec);

  code = git_oid_fromstr (&tree, draft->tree);
  if (code == 0 && parent != NULL)
    code = git_oid_fromstr (&parent_oid, parent);
  if (code == 0)
    code = git_commit_create_from_ids (&oid, hr_git_repo_repository (repo), NULL, who, who, NULL, message, &tree,
                                       parent != NULL ? 1 : 0, parents);
  if (code != 0)
    {
      hr_git_repo_set_write_error (repo, code, error, "while recording release %" G_GUINT64_FORMAT " of '%s' in '%s'",
                                   number, service, hr_git_repo_path (repo));
      return NULL;
    }
  hr_git_repo_note_written (repo, (const HrOid *)&oid);
  hr_oid_to_hex ((const HrOid *)&oid, hex);
  release->commit = g_strdup (hex);
  return write_fate (repo, service, release, TRUE, error) ? g_steal_pointer (&release) : NULL;
}

/**
 * hr_git_releases_set_fate:
 * @repo: the repository
 * @service: name of the service
 * @release: with its new fate
 * @error: return location
 *
 * Returns: whether the fate is stored durably; else an error is set
 */
gboolean
hr_git_releases_set_fate (HrGitRepo *repo, const char *service, const HrRelease *release, GError **error)
{
  return write_fate (repo, service, release, FALSE, error);
}
