/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hr-config-change.h"
#include "hr-config-dir.h"
#include "hr-error.h"
#include "hr-fs.h"

/* The service of tests that have one. */
#define NAME "web"

/* Warnings of the engine are no faults of a test; they are kept where there is an engine. */
static Engine *listening;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields && (level & G_LOG_LEVEL_WARNING) != 0 && listening != NULL; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_ptr_array_add (listening->warnings, g_strdup (fields[i].value));
  return G_LOG_WRITER_HANDLED;
}

/**
 * engine_init:
 *
 * Once, after g_test_init().
 */
void
engine_init (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

static char *
describe (const HrEvent *event)
{
  g_autofree char *files = event->files != NULL ? g_strjoinv (",", (char **)event->files) : NULL;

  switch (event->kind)
    {
    case HR_EVENT_FILE_CHANGED:
      return g_strdup_printf ("FileChanged %s", files);
    case HR_EVENT_RELOAD_STARTED:
      return g_strdup_printf ("ReloadStarted %" G_GUINT64_FORMAT, event->release);
    case HR_EVENT_RELOAD_COMPLETED:
      return g_strdup_printf ("ReloadCompleted %" G_GUINT64_FORMAT, event->release);
    case HR_EVENT_RELOAD_FAILED:
      return g_strdup_printf ("ReloadFailed %s", event->phase);
    case HR_EVENT_STATE_PRESERVED:
      return g_strdup ("StatePreserved");
    case HR_EVENT_STATE_RESTORED:
      return g_strdup ("StateRestored");
    case HR_EVENT_ROLLED_BACK:
      return g_strdup_printf ("RolledBack %" G_GUINT64_FORMAT ">%" G_GUINT64_FORMAT, event->from, event->to);
    case HR_EVENT_CANARY_PROGRESS:
      return g_strdup_printf ("CanaryProgress %u%s", event->canary->share, event->canary->held ? " held" : "");
    case HR_EVENT_STATE_CHANGED:
    default:
      return g_strdup (event->new_state);
    }
}

static void
record_event (HrManager *manager, HrEvent *event, Engine *self)
{
  g_ptr_array_add (event->kind == HR_EVENT_STATE_CHANGED ? self->states : self->events, describe (event));
  if (event->kind == HR_EVENT_RELOAD_COMPLETED)
    {
      self->completed_pid = hr_service_get_pid (hr_manager_get (manager, event->service, NULL));
      self->completed_job = hr_job_get_result (event->job);
    }
}

static void
make_manager (Engine *self)
{
  self->manager = hr_manager_new (HR_PLATFORM (self->platform), "development");
  g_signal_connect (self->manager, "event", G_CALLBACK (record_event), self);
}

/**
 * engine_new:
 *
 * Returns: (transfer full): a manager without services
 */
Engine *
engine_new (void)
{
  Engine *self = g_new0 (Engine, 1);

  self->directory = g_dir_make_tmp ("hr-engine-XXXXXX", NULL);
  self->platform = hr_fake_platform_new (self->directory);
  self->clock = self->platform->clock;
  self->launcher = self->platform->launcher;
  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->events = g_ptr_array_new_with_free_func (g_free);
  self->states = g_ptr_array_new_with_free_func (g_free);
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  listening = self;
  make_manager (self);
  return self;
}

static void
drop_manager (Engine *self)
{
  g_signal_handlers_disconnect_by_data (self->manager, self);
  hr_fake_platform_release (self->platform);
  engine_run (self, 0);
  g_assert_finalize_object (g_steal_pointer (&self->manager));
  engine_run (self, 0);
}

/**
 * engine_free:
 * @self: (transfer full): an engine; nothing of it may be left behind: no object, no timer, no process
 */
void
engine_free (Engine *self)
{
  drop_manager (self);
  g_assert_cmpuint (hr_fake_clock_n_timers (self->clock), ==, 0);
  g_assert_cmpuint (hr_fake_launcher_n_alive (self->launcher, NULL), ==, 0);
  g_assert_finalize_object (self->platform);
  hr_fs_remove_tree (self->directory, NULL);
  g_hash_table_unref (self->texts);
  g_ptr_array_unref (self->events);
  g_ptr_array_unref (self->states);
  g_ptr_array_unref (self->warnings);
  g_free (self->directory);
  listening = NULL;
  g_free (self);
}

/**
 * engine_new_daemon:
 * @self: an engine
 *
 * The daemon is gone, its instances with it; another one with the same directories is there, not configured yet.
 */
void
engine_new_daemon (Engine *self)
{
  g_autofree char *run_state = g_build_filename (self->directory, "run-state.json", NULL);

  drop_manager (self);
  g_set_object (&self->platform->run_state, NULL);
  self->platform->run_state = hr_run_state_new (run_state, NULL);
  make_manager (self);
  engine_forget (self);
}

static void
set_survives (Engine *self, gboolean survives)
{
  for (guint i = 0; i < self->launcher->instances->len; i++)
    ((HrFakeInstance *)g_ptr_array_index (self->launcher->instances, i))->survives = survives;
}

/**
 * engine_crash:
 * @self: an engine
 *
 * The daemon has died in this moment, its instances run on; another one with the same directories is there, not
 * configured yet.
 */
void
engine_crash (Engine *self)
{
  set_survives (self, TRUE);
  engine_new_daemon (self);
  set_survives (self, FALSE);
}

/**
 * engine_spec:
 * @name: a service
 * @text: its file, behind Exec and Source; "-" in front: without Source
 *
 * Returns: (transfer full): the spec
 */
HrServiceSpec *
engine_spec (const char *name, const char *text)
{
  gboolean without = text[0] == '-';
  g_autofree char *whole = g_strconcat ("[Service]\nExec=program --release %r\n",
                                        without ? "" : "Source=/fake/source\n", text + (without ? 1 : 0), NULL);
  const HrSpecSource source = { "/fake/web.conf", whole, strlen (whole) };
  g_autoptr (GError) error = NULL;
  HrServiceSpec *spec = hr_service_spec_parse (name, &source, 1, "development", &error);

  g_assert_no_error (error);
  return spec;
}

/**
 * engine_set:
 * @self: an engine
 * @name: a service
 * @text: (nullable): its file as of engine_spec(); %NULL removes it
 *
 * For the next engine_apply().
 */
void
engine_set (Engine *self, const char *name, const char *text)
{
  if (text != NULL)
    g_hash_table_insert (self->texts, g_strdup (name), g_strdup (text));
  else
    g_hash_table_remove (self->texts, name);
}

/**
 * engine_set_broken:
 * @self: an engine
 * @name: a service whose file does not load
 */
void
engine_set_broken (Engine *self, const char *name)
{
  g_hash_table_insert (self->texts, g_strdup (name), NULL);
}

/**
 * engine_apply:
 * @self: an engine
 * @name: (nullable): a service
 *
 * The daemon reads its configuration.
 *
 * Returns: (transfer none) (nullable): @name's
 */
HrService *
engine_apply (Engine *self, const char *name)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_config_entry_free);
  g_autoptr (HrConfigChange) change = NULL;
  GHashTableIter iter;
  gpointer key, text;

  g_hash_table_iter_init (&iter, self->texts);
  while (g_hash_table_iter_next (&iter, &key, &text))
    {
      HrConfigEntry *entry = g_new0 (HrConfigEntry, 1);

      entry->name = g_strdup (key);
      entry->file = g_strdup_printf ("/fake/%s.conf", (const char *)key);
      if (text != NULL)
        entry->spec = engine_spec (key, text);
      else
        entry->error = g_error_new_literal (HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "the file is garbage");
      g_ptr_array_add (entries, entry);
    }
  change = hr_config_change_apply (self->manager, entries);
  return name != NULL ? hr_manager_get (self->manager, name, NULL) : NULL;
}

/**
 * engine_start_with:
 * @self: an engine
 * @text: the file of service "web", as of engine_spec()
 * @program: (nullable): what every start starts, unless hr_fake_launcher_next() says otherwise
 *
 * Returns: (transfer none): the service, which runs its good release 1
 */
HrService *
engine_start_with (Engine *self, const char *text, const HrFakeProgram *program)
{
  HrService *service;

  if (program != NULL)
    self->launcher->program = *program;
  engine_set (self, NAME, text);
  service = engine_apply (self, NAME);
  engine_run (self, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  if (text[0] != '-')
    engine_expect_fate (self, 1, HR_FATE_GOOD);
  engine_forget (self);
  return service;
}

/**
 * engine_start:
 * @self: an engine
 * @text: the file of service "web", as of engine_spec()
 *
 * Returns: (transfer none): as of engine_start_with()
 */
HrService *
engine_start (Engine *self, const char *text)
{
  return engine_start_with (self, text, NULL);
}

/**
 * engine_parts:
 * @self: an engine
 *
 * Returns: (transfer none): the parts of "web"
 */
HrFakeService *
engine_parts (Engine *self)
{
  return hr_fake_platform_service (self->platform, NAME);
}

/**
 * engine_save:
 * @self: an engine
 * @path: in the source of "web"
 * @content: (nullable): what the developer saves; %NULL: removes
 */
void
engine_save (Engine *self, const char *path, const char *content)
{
  hr_fake_store_write (engine_parts (self)->store, path, content);
  hr_fake_watcher_hint (engine_parts (self)->watcher, path);
}

/**
 * engine_run:
 * @self: an engine
 * @usec: how much time passes
 */
void
engine_run (Engine *self, gint64 usec)
{
  hr_fake_clock_advance (self->clock, usec);
}

static void
expect_lines (GPtrArray *lines, const char *expected)
{
  g_autofree char *text = NULL;

  g_ptr_array_add (lines, NULL);
  text = g_strjoinv (" | ", (char **)lines->pdata);
  g_ptr_array_set_size (lines, 0);
  g_assert_cmpstr (text, ==, expected);
}

/**
 * engine_expect:
 * @self: an engine
 * @events: what it said since the last time, with " | " between
 */
void
engine_expect (Engine *self, const char *events)
{
  expect_lines (self->events, events);
}

/**
 * engine_expect_states:
 * @self: an engine
 * @states: what services became since the last time, with " | " between
 */
void
engine_expect_states (Engine *self, const char *states)
{
  expect_lines (self->states, states);
}

/**
 * engine_forget:
 * @self: an engine; what it said until now does not matter
 */
void
engine_forget (Engine *self)
{
  g_ptr_array_set_size (self->events, 0);
  g_ptr_array_set_size (self->states, 0);
  g_ptr_array_set_size (self->warnings, 0);
}

/**
 * engine_instance:
 * @self: an engine
 * @index: from 0, in the order of their start
 *
 * Returns: (transfer none): the instance; there must be one
 */
HrFakeInstance *
engine_instance (Engine *self, guint index)
{
  g_assert_cmpuint (index, <, self->launcher->instances->len);
  return g_ptr_array_index (self->launcher->instances, index);
}

/**
 * engine_release:
 * @self: an engine
 * @number: of a release of "web"
 *
 * Returns: (transfer none): the release; there must be one
 */
const HrRelease *
engine_release (Engine *self, guint64 number)
{
  const HrRelease *release = hr_release_store_get (HR_RELEASE_STORE (engine_parts (self)->store), number);

  g_assert_nonnull (release);
  return release;
}

/**
 * engine_expect_fate:
 * @self: an engine
 * @number: of a release of "web"
 * @fate: what must have become of it
 */
void
engine_expect_fate (Engine *self, guint64 number, HrFate fate)
{
  g_assert_cmpstr (hr_fate_to_string (engine_release (self, number)->fate), ==, hr_fate_to_string (fate));
}

/**
 * engine_history:
 * @self: an engine
 *
 * Returns: (transfer full): the newest entry of the history; there must be one
 */
HrHistoryEntry *
engine_history (Engine *self)
{
  g_autoptr (GPtrArray) entries = hr_history_query (self->platform->history, NAME, 1);

  g_assert_cmpuint (entries->len, ==, 1);
  return g_ptr_array_steal_index (entries, 0);
}

/**
 * engine_expect_kept:
 * @self: an engine
 * @service: "web", of which release 1 ran and the next one has failed
 * @phase: in which it must have
 * @words: that its error must contain
 *
 * Release 1 must serve on, without having been told to stop.
 */
void
engine_expect_kept (Engine *self, HrService *service, const char *phase, const char *words)
{
  g_autoptr (HrHistoryEntry) entry = engine_history (self);

  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpint (engine_instance (self, 0)->signalled, ==, 0);
  g_assert_true (engine_instance (self, 0)->alive);
  g_assert_cmpuint (hr_fake_launcher_n_alive (self->launcher, "web"), ==, 1);
  g_assert_cmpstr (entry->phase, ==, phase);
  g_assert_cmpint (entry->downtime_usec, ==, 0);
  g_test_message ("%s", entry->error);
  g_assert_nonnull (strstr (entry->error, words));
  g_assert_nonnull (strstr (hr_service_get_error (service), words));
}

/**
 * engine_n_history:
 * @self: an engine
 *
 * Returns: how many entries the history has
 */
guint
engine_n_history (Engine *self)
{
  g_autoptr (GPtrArray) entries = hr_history_query (self->platform->history, NULL, HR_HISTORY_LIMIT_MAX);

  return entries->len;
}

/**
 * engine_n_warnings:
 * @self: an engine
 * @pattern: of g_pattern_match_simple()
 *
 * Returns: how many warnings there were like this
 */
guint
engine_n_warnings (Engine *self, const char *pattern)
{
  guint n = 0;

  for (guint i = 0; i < self->warnings->len; i++)
    n += g_pattern_match_simple (pattern, self->warnings->pdata[i]) ? 1 : 0;
  return n;
}

static void
run_test (gconstpointer data)
{
  void (*test) (Engine *) = data;
  g_autoptr (Engine) engine = engine_new ();

  test (engine);
}

/**
 * engine_find_job:
 * @self: an engine
 * @id: of a job, of this daemon or carried from one before
 *
 * Returns: (transfer none) (nullable): the job; %NULL: there is none any more
 */
HrJob *
engine_find_job (Engine *self, guint64 id)
{
  g_autoptr (GPtrArray) jobs = hr_manager_list_jobs (self->manager);

  for (guint i = 0; i < jobs->len; i++)
    if (hr_job_get_id (g_ptr_array_index (jobs, i)) == id)
      return g_ptr_array_index (jobs, i);
  return NULL;
}

/**
 * engine_reexec:
 * @self: an engine
 * @name: a service
 *
 * The daemon is re-executed, when nothing is under way any more; what can be put back is so at once. The new one reads
 * its configuration.
 *
 * Returns: (transfer none): the service
 */
HrService *
engine_reexec (Engine *self, const char *name)
{
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GVariant) carried = NULL;
  char *activity;
  HrService *service;

  hr_manager_hold (self->manager);
  hr_manager_put_back (self->manager);
  for (guint i = 0; (activity = hr_manager_find_activity (self->manager)) != NULL; i++)
    {
      g_test_message ("%s", activity);
      g_free (activity);
      g_assert_cmpuint (i, <, 60000);
      engine_run (self, MSEC);
    }
  carried = g_variant_ref_sink (hr_manager_carry (self->manager, fds));
  set_survives (self, TRUE);
  engine_new_daemon (self);
  set_survives (self, FALSE);
  hr_manager_take_carried (self->manager, carried);
  service = engine_apply (self, name);
  hr_manager_release (self->manager);
  return service;
}

/**
 * engine_add:
 * @path: of a test case
 * @test: what it does with an engine of its own
 */
void
engine_add (const char *path, void (*test) (Engine *))
{
  g_test_add_data_func (path, test, run_test);
}
