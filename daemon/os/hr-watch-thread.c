/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watch-thread.h"

struct _HrWatchThread {
  guint users;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
};

/* Used by one thread only, that of the daemon's loop. */
static HrWatchThread *the_thread;

typedef struct {
  GFunc func;
  gpointer data;
  gpointer user_data;
  GMutex mutex;
  GCond cond;
  gboolean done;
} Call;

static gpointer
run (gpointer data)
{
  HrWatchThread *self = data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/**
 * hr_watch_thread_get:
 *
 * Returns: (transfer full): the thread, started if it was not, to be given back with hr_watch_thread_release()
 */
HrWatchThread *
hr_watch_thread_get (void)
{
  if (the_thread == NULL)
    {
      the_thread = g_new0 (HrWatchThread, 1);
      the_thread->context = g_main_context_new ();
      the_thread->loop = g_main_loop_new (the_thread->context, FALSE);
      the_thread->thread = g_thread_new ("hr-watch", run, the_thread);
    }
  the_thread->users++;
  return the_thread;
}

static void
quit (gpointer data, gpointer user_data)
{
  g_main_loop_quit (((HrWatchThread *)data)->loop);
}

/**
 * hr_watch_thread_release:
 * @self: (transfer full): the thread
 *
 * Ends the thread when nobody else uses it.
 */
void
hr_watch_thread_release (HrWatchThread *self)
{
  g_return_if_fail (self != NULL && self == the_thread);

  if (--self->users > 0)
    return;
  hr_watch_thread_call (self, quit, self, NULL);
  g_thread_join (self->thread);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_clear_pointer (&the_thread, g_free);
}

static gboolean
dispatch_call (gpointer data)
{
  Call *call = data;

  call->func (call->data, call->user_data);
  g_mutex_lock (&call->mutex);
  call->done = TRUE;
  g_cond_signal (&call->cond);
  g_mutex_unlock (&call->mutex);
  return G_SOURCE_REMOVE;
}

/**
 * hr_watch_thread_call:
 * @self: the thread
 * @func: what to call in it
 * @data: for @func
 * @user_data: for @func
 *
 * Returns when @func has. What the thread does is bounded by the sizes of trees; it never waits for the caller.
 */
void
hr_watch_thread_call (HrWatchThread *self, GFunc func, gpointer data, gpointer user_data)
{
  Call call = { .func = func, .data = data, .user_data = user_data };
  g_autoptr (GSource) source = g_idle_source_new ();

  g_return_if_fail (self != NULL);

  g_mutex_init (&call.mutex);
  g_cond_init (&call.cond);
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, dispatch_call, &call, NULL);
  g_source_attach (source, self->context);
  g_mutex_lock (&call.mutex);
  while (!call.done)
    g_cond_wait (&call.cond, &call.mutex);
  g_mutex_unlock (&call.mutex);
  g_mutex_clear (&call.mutex);
  g_cond_clear (&call.cond);
}
