/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-platform.h"

#include "hr-error.h"

G_DEFINE_FINAL_TYPE (HrFakePlatform, hr_fake_platform, HR_TYPE_PLATFORM)

static void
service_free (gpointer data)
{
  HrFakeService *service = data;

  g_free (service->name);
  g_object_unref (service->launcher);
  g_object_unref (service->store);
  g_object_unref (service->slots);
  g_object_unref (service->watcher);
  g_object_unref (service->listeners);
  g_object_unref (service->state);
  g_object_unref (service->stored);
  g_free (service);
}

static HrClock *
fake_get_clock (HrPlatform *platform)
{
  return HR_CLOCK (HR_FAKE_PLATFORM (platform)->clock);
}

static HrLauncher *
fake_get_launcher (HrPlatform *platform)
{
  return HR_LAUNCHER (HR_FAKE_PLATFORM (platform)->launcher);
}

static HrChecker *
fake_get_checker (HrPlatform *platform)
{
  return HR_CHECKER (HR_FAKE_PLATFORM (platform)->checker);
}

static HrMetricReader *
fake_get_metric_reader (HrPlatform *platform)
{
  return HR_METRIC_READER (HR_FAKE_PLATFORM (platform)->metric_reader);
}

static HrProber *
fake_get_prober (HrPlatform *platform)
{
  return HR_PROBER (HR_FAKE_PLATFORM (platform)->prober);
}

static HrHistory *
fake_get_history (HrPlatform *platform)
{
  return HR_FAKE_PLATFORM (platform)->history;
}

static HrRunState *
fake_get_run_state (HrPlatform *platform)
{
  return HR_FAKE_PLATFORM (platform)->run_state;
}

static gboolean
fake_open_parts (HrPlatform *platform, HrServiceSpec *spec, const HrParts *old, HrParts *parts, GError **error)
{
  HrFakePlatform *self = HR_FAKE_PLATFORM (platform);
  HrFakeService *service = hr_fake_platform_service (self, spec->name);

  if (self->parts_failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, self->parts_failure);
      return FALSE;
    }
  if (spec->source != NULL)
    {
      parts->store = HR_RELEASE_STORE (g_object_ref (service->store));
      parts->slots = HR_SLOTS (g_object_ref (service->slots));
      if (spec->watch_enabled)
        parts->watcher = HR_WATCHER (g_object_ref (service->watcher));
    }
  parts->listeners = HR_LISTENERS (g_object_ref (service->listeners));
  parts->state = HR_STATE_FILES (g_object_ref (service->state));
  parts->stored = g_object_ref (service->stored);
  hr_fd_store_set_max (parts->stored, spec->fd_store_max);
  return TRUE;
}

static GPtrArray *
fake_take_strays (HrPlatform *platform, const char *service)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
}

static void
fake_keep_note (HrPlatform *platform, const char *service, const char *note)
{
  HrFakePlatform *self = HR_FAKE_PLATFORM (platform);

  if (note != NULL)
    g_hash_table_insert (self->notes, g_strdup (service), g_strdup (note));
  else
    g_hash_table_remove (self->notes, service);
}

static char *
fake_take_note (HrPlatform *platform, const char *service)
{
  HrFakePlatform *self = HR_FAKE_PLATFORM (platform);
  char *note = g_strdup (g_hash_table_lookup (self->notes, service));

  g_hash_table_remove (self->notes, service);
  return note;
}

static char *
fake_log_file (HrPlatform *platform, const char *service, const char *instance)
{
  return g_strdup_printf ("/fake/logs/%s.%s.log", service, instance);
}

static char **
fake_base_environment (HrPlatform *platform, HrServiceSpec *spec, GError **error)
{
  HrFakePlatform *self = HR_FAKE_PLATFORM (platform);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (self->environment_failure != NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, self->environment_failure);
      return NULL;
    }
  g_strv_builder_add (builder, "PATH=/usr/bin");
  g_strv_builder_addv (builder, (const char **)spec->environment);
  return g_strv_builder_end (builder);
}

static void
hr_fake_platform_finalize (GObject *object)
{
  HrFakePlatform *self = HR_FAKE_PLATFORM (object);

  g_hash_table_unref (self->services);
  g_hash_table_unref (self->notes);
  g_object_unref (self->checker);
  g_object_unref (self->metric_reader);
  g_object_unref (self->prober);
  g_object_unref (self->launcher);
  g_object_unref (self->history);
  g_object_unref (self->run_state);
  g_object_unref (self->clock);
  G_OBJECT_CLASS (hr_fake_platform_parent_class)->finalize (object);
}

static void
hr_fake_platform_class_init (HrFakePlatformClass *klass)
{
  HrPlatformClass *platform_class = HR_PLATFORM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = hr_fake_platform_finalize;
  platform_class->get_clock = fake_get_clock;
  platform_class->get_launcher = fake_get_launcher;
  platform_class->get_checker = fake_get_checker;
  platform_class->get_metric_reader = fake_get_metric_reader;
  platform_class->get_prober = fake_get_prober;
  platform_class->get_history = fake_get_history;
  platform_class->get_run_state = fake_get_run_state;
  platform_class->open_parts = fake_open_parts;
  platform_class->log_file = fake_log_file;
  platform_class->take_strays = fake_take_strays;
  platform_class->keep_note = fake_keep_note;
  platform_class->take_note = fake_take_note;
  platform_class->base_environment = fake_base_environment;
}

static void
hr_fake_platform_init (HrFakePlatform *self)
{
  self->clock = hr_fake_clock_new ();
  self->launcher = hr_fake_launcher_new (HR_CLOCK (self->clock));
  self->checker = hr_fake_checker_new ();
  self->metric_reader = hr_fake_metric_reader_new ();
  self->prober = hr_fake_prober_new ();
  self->services = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, service_free);
  self->notes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/**
 * hr_fake_platform_new:
 * @directory: for history and run state; what is there already is read, as by a daemon that starts
 *
 * Returns: (transfer full): a platform
 */
HrFakePlatform *
hr_fake_platform_new (const char *directory)
{
  HrFakePlatform *self = g_object_new (HR_TYPE_FAKE_PLATFORM, NULL);
  g_autofree char *history = g_build_filename (directory, "history.jsonl", NULL);
  g_autofree char *run_state = g_build_filename (directory, "run-state.json", NULL);

  self->history = hr_history_new (history);
  self->run_state = hr_run_state_new (run_state, NULL);
  return self;
}

static gboolean
slot_is_used (HrSlot slot, gpointer user_data)
{
  HrFakeService *service = user_data;

  return hr_fake_launcher_uses (service->launcher, service->name, hr_slot_to_string (slot));
}

/**
 * hr_fake_platform_service:
 * @self: the platform
 * @name: a service
 *
 * Returns: (transfer none): its parts, made now if need be
 */
HrFakeService *
hr_fake_platform_service (HrFakePlatform *self, const char *name)
{
  HrFakeService *service = g_hash_table_lookup (self->services, name);

  if (service != NULL)
    return service;
  service = g_new0 (HrFakeService, 1);
  service->name = g_strdup (name);
  service->launcher = g_object_ref (self->launcher);
  service->store = hr_fake_store_new ();
  service->slots = hr_fake_slots_new (slot_is_used, service);
  service->watcher = hr_fake_watcher_new ();
  service->listeners = hr_fake_listeners_new ();
  service->state = hr_fake_state_files_new (name, HR_CLOCK (self->clock));
  service->stored = hr_fd_store_new (name, NULL);
  g_hash_table_insert (self->services, service->name, service);
  return service;
}

/**
 * hr_fake_platform_release:
 * @self: the platform
 *
 * Answers everything that is held back.
 */
void
hr_fake_platform_release (HrFakePlatform *self)
{
  GHashTableIter iter;
  gpointer value;

  hr_fake_gate_release (&self->checker->check);
  hr_fake_gate_release (&self->prober->probe);
  hr_fake_gate_release (&self->metric_reader->read);
  hr_fake_gate_release (&self->metric_reader->run);
  hr_fake_gate_release (&self->prober->probe);
  g_hash_table_iter_init (&iter, self->services);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      HrFakeService *service = value;

      hr_fake_gate_release (&service->store->scan);
      hr_fake_gate_release (&service->store->commit);
      hr_fake_gate_release (&service->store->diff);
      hr_fake_gate_release (&service->listeners->look);
      hr_fake_gate_release (&service->slots->place);
      hr_fake_gate_release (&service->slots->carry);
      hr_fake_gate_release (&service->state->collect);
      hr_fake_gate_release (&service->state->load);
    }
  hr_fake_settle ();
}
