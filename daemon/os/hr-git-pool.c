/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-pool.h"

struct _HrGitPool {
  char *path;
  guint ref_count; /* under the lock of all pools */

  GMutex mutex;
  GCond given;
  GQueue idle; /* HrGitRepo, that given back last in front */
  guint n_open;
  guint n_packs; /* written by handles that were given back */
};

/* All pools: path -> HrGitPool. */
G_LOCK_DEFINE_STATIC (pools);
static GHashTable *pools;

/**
 * hr_git_pool_take:
 * @self: a pool
 * @unsynced: (element-type HrOid) (nullable): objects of the caller that a crash may still lose, in which more are
 *   noted; %NULL: the caller only reads
 * @error: return location
 *
 * A handle that sees what was written through all that were given back. Waits where all are in use, for as long as the
 * operations of others take.
 *
 * Returns: (transfer full): the handle, for hr_git_pool_give(); %NULL with an error when not even one can be opened
 */
HrGitRepo *
hr_git_pool_take (HrGitPool *self, GArray *unsynced, GError **error)
{
  HrGitRepo *repo;
  guint n_packs;

  g_mutex_lock (&self->mutex);
  while ((repo = g_queue_pop_head (&self->idle)) == NULL)
    {
      g_autoptr (GError) local = NULL;

      if (self->n_open < HR_GIT_HANDLES_MAX && (repo = hr_git_repo_open (self->path, &local)) != NULL)
        {
          self->n_open++;
          break;
        }
      if (self->n_open == 0)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          g_mutex_unlock (&self->mutex);
          return NULL;
        }
      g_cond_wait (&self->given, &self->mutex);
    }
  n_packs = self->n_packs;
  g_mutex_unlock (&self->mutex);
  hr_git_repo_begin_use (repo, unsynced, n_packs);
  return repo;
}

/**
 * hr_git_pool_give:
 * @self: a pool
 * @repo: (transfer full): a handle of it
 */
void
hr_git_pool_give (HrGitPool *self, HrGitRepo *repo)
{
  g_mutex_lock (&self->mutex);
  self->n_packs = hr_git_repo_end_use (repo, self->n_packs);
  if (self->idle.length < HR_GIT_IDLE_MAX)
    g_queue_push_head (&self->idle, g_steal_pointer (&repo));
  else
    self->n_open--;
  g_cond_signal (&self->given);
  g_mutex_unlock (&self->mutex);
  hr_git_repo_free (repo);
}

/**
 * hr_git_pool_unref:
 * @self: (transfer full) (nullable): a pool of which all handles of the caller were given back
 */
void
hr_git_pool_unref (HrGitPool *self)
{
  gboolean last;

  if (self == NULL)
    return;
  G_LOCK (pools);
  last = --self->ref_count == 0;
  if (last)
    g_hash_table_remove (pools, self->path);
  if (last && g_hash_table_size (pools) == 0)
    g_clear_pointer (&pools, g_hash_table_unref);
  G_UNLOCK (pools);
  if (!last)
    return;
  g_queue_clear_full (&self->idle, (GDestroyNotify)hr_git_repo_free);
  g_cond_clear (&self->given);
  g_mutex_clear (&self->mutex);
  g_free (self->path);
  g_free (self);
}

static HrGitPool *
find_or_make (const char *path)
{
  HrGitPool *self;

  G_LOCK (pools);
  if (pools == NULL)
    pools = g_hash_table_new (g_str_hash, g_str_equal);
  self = g_hash_table_lookup (pools, path);
  if (self == NULL)
    {
      self = g_new0 (HrGitPool, 1);
      self->path = g_strdup (path);
      g_queue_init (&self->idle);
      g_mutex_init (&self->mutex);
      g_cond_init (&self->given);
      g_hash_table_insert (pools, self->path, self);
    }
  self->ref_count++;
  G_UNLOCK (pools);
  return self;
}

/**
 * hr_git_pool_open:
 * @path: directory of the bare repository; created when there is none
 * @error: return location
 *
 * Returns: (transfer full): the one pool of this path, with which the repository could be opened at least once; %NULL
 *   with an error as by hr_git_repo_open()
 */
HrGitPool *
hr_git_pool_open (const char *path, GError **error)
{
  g_autoptr (HrGitPool) self = find_or_make (path);
  HrGitRepo *repo = hr_git_pool_take (self, NULL, error);

  if (repo == NULL)
    return NULL;
  hr_git_pool_give (self, repo);
  /* A handle that was open already knows nothing of what became of the directory since. */
  return hr_git_repo_check_access (path, error) ? g_steal_pointer (&self) : NULL;
}
