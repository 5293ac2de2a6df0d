/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-open.c: opening the rollback store's repository, and making it.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-git-private.h"

/* What libgit2 may keep in memory besides what is in use, in bytes. Of objects it counts the content alone, and a commit of
 * 200 bytes takes two thousand: each release leaves one. */
#define GIT_CACHE_BYTES_MAX ((ssize_t)64 * 1024)
#define GIT_WINDOW_BYTES ((size_t)1024 * 1024)
#define GIT_MAPPED_BYTES_MAX ((size_t)32 * 1024 * 1024)

static const int config_levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                     GIT_CONFIG_LEVEL_GLOBAL };

/* libgit2 reads the system's certificates for connections that the store never makes, some 400 KB of them. They go when
 * others take their place: those of a directory in which there are none. */
static void
drop_certificates (void)
{
  g_autofree char *empty = g_dir_make_tmp ("hotreload-XXXXXX", NULL);

  if (empty == NULL)
    return;
  git_libgit2_opts (GIT_OPT_SET_SSL_CERT_LOCATIONS, NULL, empty);
  g_rmdir (empty);
}

static gpointer
start_libgit2 (gpointer data)
{
  git_libgit2_init ();
  drop_certificates ();
  /* The store behaves the same whatever the user has configured for git. */
  for (gsize i = 0; i < G_N_ELEMENTS (config_levels); i++)
    git_libgit2_opts (GIT_OPT_SET_SEARCH_PATH, config_levels[i], "");
  /* Owners are checked here, with a message that says what to do. */
  git_libgit2_opts (GIT_OPT_SET_OWNER_VALIDATION, 0);
  /* What is written was written or looked up just before. */
  git_libgit2_opts (GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
  git_libgit2_opts (GIT_OPT_SET_CACHE_MAX_SIZE, GIT_CACHE_BYTES_MAX);
  git_libgit2_opts (GIT_OPT_SET_MWINDOW_SIZE, GIT_WINDOW_BYTES);
  git_libgit2_opts (GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, GIT_MAPPED_BYTES_MAX);
  return NULL;
}

/* Has libgit2 sync refs before it puts them in place. The key is in a file of its own because git itself has another one
 * for this and complains about it. Objects are synced by hr_git_repo_sync(). */
static gboolean
configure (git_repository *repository, const char *path, GError **error)
{
  g_autofree char *dir = g_build_filename (path, "hotreload", NULL);
  g_autofree char *file = g_build_filename (dir, "libgit2.conf", NULL);
  g_autoptr (git_config) config = NULL;
  int sync = 0;
  int code;

  if (!hr_fs_make_dir (dir, 0700, error))
    return FALSE;
  code = git_repository_config (&config, repository);
  if (code == 0)
    code = git_config_add_file_ondisk (config, file, GIT_CONFIG_LEVEL_APP, repository, TRUE);
  if (code == 0 && (git_config_get_bool (&sync, config, "core.fsyncObjectFiles") != 0 || !sync))
    code = git_config_set_bool (config, "core.fsyncObjectFiles", TRUE);
  return code == 0 || hr_git_set_error (error, code, "while configuring the rollback store '%s'", path);
}

/* Made beside its place and renamed: whoever sees a store sees a whole one. */
static gboolean
create (const char *path, GError **error)
{
  git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  g_autoptr (git_repository) repository = NULL;
  gboolean ok;
  int code;

  if (!hr_fs_make_dir (parent, 0700, error))
    return FALSE;
  if (g_mkdtemp_full (temporary, 0700) == NULL)
    return hr_fs_set_error (error, errno, "while creating the rollback store '%s'", path);

  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT;
  options.initial_head = "main";
  code = git_repository_init_ext (&repository, temporary, &options);
  ok = code == 0 || hr_git_set_error (error, code, "while creating the rollback store '%s'", path);
  /* When another store of this daemon was faster, its repository is as good. */
  if (ok && g_rename (temporary, path) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    ok = hr_fs_set_error (error, errno, "while creating the rollback store '%s'", path);
  hr_fs_remove_tree (temporary, NULL);
  return ok && hr_fs_sync_dir (parent, error);
}

static gboolean
is_missing_or_empty (const char *path)
{
  struct stat info;

  if (lstat (path, &info) != 0)
    return errno == ENOENT;
  if (S_ISDIR (info.st_mode) && g_rmdir (path) == 0)
    return TRUE;
  return FALSE;
}

/**
 * hr_git_repo_check_access:
 * @path: directory of a repository
 * @error: return location
 *
 * Returns: whether it is there, ours and can be written; else an error that says what to do
 */
gboolean
hr_git_repo_check_access (const char *path, GError **error)
{
  g_autofree char *objects = g_build_filename (path, "objects", NULL);
  g_autofree char *refs = g_build_filename (path, "refs", NULL);
  struct stat info;

  if (stat (path, &info) != 0)
    return hr_fs_set_error (error, errno, "while opening the rollback store '%s'", path);
  if (info.st_uid != geteuid ())
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
                   "the rollback store '%s' belongs to user %u and the daemon runs as user %u: change its owner, or "
                   "move it away and a new one is created",
                   path, (guint)info.st_uid, (guint)geteuid ());
      return FALSE;
    }
  if (access (objects, W_OK | X_OK) != 0 || access (refs, W_OK | X_OK) != 0)
    {
      if (errno == ENOENT || errno == ENOTDIR)
        return TRUE;
      return hr_fs_set_error (error, errno, "the rollback store '%s' cannot be written", path);
    }
  return TRUE;
}

/**
 * hr_git_repo_open:
 * @path: directory of the bare repository; created when there is none
 * @error: return location
 *
 * Nothing in @path is deleted or repaired: what is no repository is refused with %HR_ERROR_FAILED and a message that
 * says what to do.
 *
 * Returns: (transfer full): the repository, or %NULL with an error set
 */
HrGitRepo *
hr_git_repo_open (const char *path, GError **error)
{
  static GOnce once = G_ONCE_INIT;
  git_repository *repository = NULL;
  int code;

  g_return_val_if_fail (path != NULL, NULL);

  g_once (&once, start_libgit2, NULL);
  if (is_missing_or_empty (path) && !create (path, error))
    return NULL;
  if (!hr_git_repo_check_access (path, error))
    return NULL;
  code = git_repository_open_bare (&repository, path);
  if (code != 0)
    {
      const git_error *last = git_error_last ();

      g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
                   "'%s' is not a usable rollback store (%s): move it away and start again; a new one is created", path,
                   last != NULL ? last->message : "it is no repository");
      return NULL;
    }
  if (!configure (repository, path, error))
    {
      git_repository_free (repository);
      return NULL;
    }
  return hr_git_repo_new (path, repository, error);
}
