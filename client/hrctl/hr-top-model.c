/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-top-model.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-json.h"
#include "hr-text.h"
#include "hr-usage.h"

typedef struct {
  char *name;
  char *state;
  char *health;
  guint64 release;
  guint64 restarts;
  gboolean known; /* what it uses */
  guint64 cpu_usec;
  double cpu; /* percent of one processor, -1: not known */
  guint64 memory;
  guint64 tasks;
} Row;

struct _HrTopModel {
  GPtrArray *rows;   /* Row */
  GHashTable *times; /* name -> guint64, the processor time at the last answer */
  gint64 taken_at;   /* 0: never */
  HrTopKey key;
  gboolean reversed;
};

static const char *const key_names[HR_TOP_N_KEYS] = { "name", "cpu", "memory", "restarts", "release", "state" };

static void
row_free (gpointer data)
{
  Row *self = data;

  g_free (self->name);
  g_free (self->state);
  g_free (self->health);
  g_free (self);
}

/**
 * hr_top_model_new:
 *
 * Returns: (transfer full): a model without rows, by processor time
 */
HrTopModel *
hr_top_model_new (void)
{
  HrTopModel *self = g_new0 (HrTopModel, 1);

  self->rows = g_ptr_array_new_with_free_func (row_free);
  self->times = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->key = HR_TOP_CPU;
  return self;
}

/**
 * hr_top_model_free:
 * @self: (nullable): a model
 */
void
hr_top_model_free (HrTopModel *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->rows);
  g_hash_table_unref (self->times);
  g_free (self);
}

/**
 * hr_top_key_parse:
 * @name: what was written
 * @key: (out): what it means
 *
 * Returns: whether it means something
 */
gboolean
hr_top_key_parse (const char *name, HrTopKey *key)
{
  for (guint i = 0; i < HR_TOP_N_KEYS; i++)
    if (g_str_equal (key_names[i], name))
      {
        *key = i;
        return TRUE;
      }
  return FALSE;
}

/**
 * hr_top_key_name:
 * @key: what rows are sorted by
 *
 * Returns: (transfer none): its name
 */
const char *
hr_top_key_name (HrTopKey key)
{
  return key_names[key];
}

static int
compare_numbers (double a, double b)
{
  return a < b ? 1 : a > b ? -1 : 0;
}

/* The largest first, names and states by the alphabet. */
static int
compare_rows (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const HrTopModel *self = user_data;
  const Row *x = *(Row *const *)a;
  const Row *y = *(Row *const *)b;
  int order = 0;

  if (self->key == HR_TOP_CPU)
    order = compare_numbers (x->cpu, y->cpu);
  else if (self->key == HR_TOP_MEMORY)
    order = compare_numbers ((double)x->memory, (double)y->memory);
  else if (self->key == HR_TOP_RESTARTS)
    order = compare_numbers ((double)x->restarts, (double)y->restarts);
  else if (self->key == HR_TOP_RELEASE)
    order = compare_numbers ((double)x->release, (double)y->release);
  else if (self->key == HR_TOP_STATE)
    order = g_strcmp0 (x->state, y->state);
  if (order == 0)
    order = g_strcmp0 (x->name, y->name);
  return self->reversed ? -order : order;
}

static void
sort (HrTopModel *self)
{
  g_ptr_array_sort_with_data (self->rows, compare_rows, self);
}

/**
 * hr_top_model_sort_by:
 * @self: a model
 * @key: by what
 */
void
hr_top_model_sort_by (HrTopModel *self, HrTopKey key)
{
  self->key = key;
  self->reversed = FALSE;
  sort (self);
}

/**
 * hr_top_model_reverse:
 * @self: a model
 *
 * Turns the order round.
 */
void
hr_top_model_reverse (HrTopModel *self)
{
  self->reversed = !self->reversed;
  sort (self);
}

/**
 * hr_top_model_get_key:
 * @self: a model
 *
 * Returns: by what it is sorted
 */
HrTopKey
hr_top_model_get_key (HrTopModel *self)
{
  return self->key;
}

static void
take_usage (HrTopModel *self, Row *row, GVariant *used, gint64 now)
{
  const guint64 *last = g_hash_table_lookup (self->times, row->name);

  row->known = TRUE;
  row->memory = hr_dict_number (used, "memoryBytes");
  row->tasks = hr_dict_number (used, "tasks");
  row->cpu_usec = hr_dict_number (used, "cpuUsec");
  /* It falls when a process goes that nobody waited for. */
  if (last != NULL && self->taken_at != 0 && now > self->taken_at)
    row->cpu = 100.0 * (double)(row->cpu_usec > *last ? row->cpu_usec - *last : 0) / (double)(now - self->taken_at);
}

/**
 * hr_top_model_take:
 * @self: a model
 * @status: a{sv} of GetStatus
 * @usage: (nullable): aa{sv} of GetUsage
 * @now: when it was answered, in microseconds of the monotonic clock
 *
 * Makes the rows anew.
 */
void
hr_top_model_take (HrTopModel *self, GVariant *status, GVariant *usage, gint64 now)
{
  g_autoptr (GVariant) services = g_variant_lookup_value (status, "services", G_VARIANT_TYPE ("aa{sv}"));

  g_ptr_array_set_size (self->rows, 0);
  for (gsize i = 0; services != NULL && i < g_variant_n_children (services); i++)
    {
      g_autoptr (GVariant) service = g_variant_get_child_value (services, i);
      g_autoptr (GVariant) used = hr_usage_find (usage, hr_dict_string (service, "name"));
      Row *row = g_new0 (Row, 1);

      row->name = g_strdup (hr_dict_string (service, "name"));
      row->state = g_strdup (hr_dict_string (service, "state"));
      row->health = g_strdup (hr_dict_string (service, "health"));
      row->release = hr_dict_number (service, "release");
      row->restarts = hr_dict_number (service, "restarts");
      row->cpu = -1;
      if (used != NULL)
        take_usage (self, row, used, now);
      g_ptr_array_add (self->rows, row);
    }
  self->taken_at = now;
  g_hash_table_remove_all (self->times);
  for (guint i = 0; i < self->rows->len; i++)
    {
      const Row *row = g_ptr_array_index (self->rows, i);

      if (row->known)
        g_hash_table_insert (self->times, g_strdup (row->name), g_memdup2 (&row->cpu_usec, sizeof (guint64)));
    }
  sort (self);
}

/**
 * hr_top_model_count:
 * @self: a model
 *
 * Returns: how many rows there are
 */
guint
hr_top_model_count (HrTopModel *self)
{
  return self->rows->len;
}

/**
 * hr_top_model_to_table:
 * @self: a model
 *
 * Returns: (transfer full): the rows in their order
 */
HrTable *
hr_top_model_to_table (HrTopModel *self)
{
  HrTable *table = hr_table_new (_ ("SERVICE"), _ ("STATE"), _ ("HEALTH"), _ ("RELEASE"), _ ("RESTARTS"), _ ("CPU%"),
                                 _ ("MEMORY"), _ ("TASKS"), NULL);

  for (guint i = 0; i < self->rows->len; i++)
    {
      const Row *row = g_ptr_array_index (self->rows, i);
      g_autofree char *release = hr_text_number (row->release);
      g_autofree char *restarts = g_strdup_printf ("%" PRIu64, row->restarts);
      g_autofree char *cpu = row->cpu >= 0 ? g_strdup_printf ("%.1f", row->cpu) : g_strdup ("");
      g_autofree char *memory = row->known ? hr_text_size (row->memory) : g_strdup ("");
      g_autofree char *tasks = hr_text_number (row->tasks);

      hr_table_add (table, row->name, hr_text_word (row->state), hr_text_word (row->health), release, restarts, cpu,
                    memory, tasks, NULL);
      hr_table_tint (table, 1, hr_tint_for_state (row->state));
      hr_table_tint (table, 2, hr_tint_for_health (row->health));
    }
  return table;
}

static void
set_number_or_null (JsonObject *object, const char *key, gboolean known, guint64 number)
{
  if (known)
    json_object_set_int_member (object, key, (gint64)number);
  else
    json_object_set_null_member (object, key);
}

/**
 * hr_top_model_to_json:
 * @self: a model
 *
 * Returns: (transfer full): an array of the rows in their order
 */
JsonNode *
hr_top_model_to_json (HrTopModel *self)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < self->rows->len; i++)
    {
      const Row *row = g_ptr_array_index (self->rows, i);
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "name", row->name);
      json_object_set_string_member (object, "state", row->state);
      json_object_set_string_member (object, "health", row->health);
      set_number_or_null (object, "release", row->release > 0, row->release);
      json_object_set_int_member (object, "restarts", (gint64)row->restarts);
      if (row->cpu >= 0)
        json_object_set_double_member (object, "cpuPercent", row->cpu);
      else
        json_object_set_null_member (object, "cpuPercent");
      set_number_or_null (object, "memoryBytes", row->known, row->memory);
      set_number_or_null (object, "tasks", row->known, row->tasks);
      json_array_add_object_element (array, object);
    }
  return hr_json_take_array (array);
}
