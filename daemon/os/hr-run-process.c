/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-process.h"

#include <string.h>

#include "hr-json-member.h"

static const char *const roles[] = {
  [HR_RUN_OTHER] = "other",
  [HR_RUN_RETIRING] = "retiring",
  [HR_RUN_CANDIDATE] = "candidate",
  [HR_RUN_HEIR] = "heir",
};

/* A view with more mounts is not believed. */
#define SHARES_MAX 4096

/**
 * hr_run_process_new:
 * @pid: main process of an instance
 * @start: its start time
 * @instance: its id
 *
 * Returns: (transfer full): what the next daemon must know of it, if it is only to be ended
 */
HrRunProcess *
hr_run_process_new (GPid pid, guint64 start, const char *instance)
{
  HrRunProcess *self = g_new0 (HrRunProcess, 1);

  self->pid = pid;
  self->start = start;
  self->instance = g_strdup (instance);
  self->slot = -1;
  return self;
}

/**
 * hr_run_process_copy:
 * @self: (nullable): a process
 *
 * Returns: (transfer full) (nullable): a copy
 */
HrRunProcess *
hr_run_process_copy (const HrRunProcess *self)
{
  HrRunProcess *copy;

  if (self == NULL)
    return NULL;
  copy = g_memdup2 (self, sizeof *self);
  copy->instance = g_strdup (self->instance);
  copy->spec = g_strdup (self->spec);
  copy->log_file = g_strdup (self->log_file);
  copy->view = self->view != NULL ? hr_view_ref (self->view) : NULL;
  return copy;
}

/**
 * hr_run_process_free:
 * @self: (transfer full) (nullable): a process
 */
void
hr_run_process_free (HrRunProcess *self)
{
  if (self == NULL)
    return;
  g_free (self->instance);
  g_free (self->spec);
  g_free (self->log_file);
  g_clear_pointer (&self->view, hr_view_unref);
  g_free (self);
}

static gboolean
view_equal (const HrView *a, const HrView *b)
{
  if (a == b)
    return TRUE;
  return a != NULL && b != NULL && a->mounted == b->mounted && g_strcmp0 (a->source, b->source) == 0
         && g_strcmp0 (a->dir, b->dir) == 0 && g_strcmp0 (a->real_source, b->real_source) == 0
         && g_strv_equal ((const char *const *)a->shares, (const char *const *)b->shares)
         && g_strv_equal ((const char *const *)a->read_only_shares, (const char *const *)b->read_only_shares);
}

/**
 * hr_run_process_equal:
 * @a: (nullable): a process
 * @b: (nullable): another
 *
 * Returns: whether there is nothing to write anew
 */
gboolean
hr_run_process_equal (const HrRunProcess *a, const HrRunProcess *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return a->pid == b->pid && a->start == b->start && g_strcmp0 (a->instance, b->instance) == 0 && a->role == b->role
         && a->release == b->release && a->slot == b->slot && a->index == b->index && a->ready == b->ready
         && a->stopping == b->stopping && a->signalled == b->signalled && a->opened_state == b->opened_state
         && a->kill_at == b->kill_at && a->notified == b->notified && a->started_at == b->started_at
         && g_strcmp0 (a->spec, b->spec) == 0 && g_strcmp0 (a->log_file, b->log_file) == 0
         && view_equal (a->view, b->view);
}

/* A path is any bytes, JSON is UTF-8: what is not is written as escapes, which are read back. */
static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  g_autofree char *escaped = value != NULL ? g_strescape (value, NULL) : NULL;

  if (name != NULL)
    json_builder_set_member_name (builder, name);
  if (escaped != NULL)
    json_builder_add_string_value (builder, escaped);
  else
    json_builder_add_null_value (builder);
}

static void
add_list (JsonBuilder *builder, const char *name, char **list)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; list != NULL && list[i] != NULL; i++)
    add_string (builder, NULL, list[i]);
  json_builder_end_array (builder);
}

static void
add_view (JsonBuilder *builder, const HrView *view)
{
  json_builder_set_member_name (builder, "view");
  if (view == NULL)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  add_string (builder, "source", view->source);
  add_string (builder, "dir", view->dir);
  add_string (builder, "realSource", view->real_source);
  add_list (builder, "shares", view->shares);
  add_list (builder, "readOnlyShares", view->read_only_shares);
  json_builder_end_object (builder);
}

/**
 * hr_run_process_write:
 * @self: (nullable): a process
 * @builder: where a value is to come
 */
void
hr_run_process_write (const HrRunProcess *self, JsonBuilder *builder)
{
  if (self == NULL)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  hr_json_member_int (builder, "pid", self->pid);
  hr_json_member_int (builder, "pidStart", (gint64)self->start);
  /* Never any bytes: an id is ours. */
  json_builder_set_member_name (builder, "instance");
  json_builder_add_string_value (builder, self->instance);
  add_string (builder, "role", roles[self->role]);
  hr_json_member_int (builder, "release", (gint64)self->release);
  hr_json_member_int (builder, "slot", self->slot);
  hr_json_member_int (builder, "index", self->index);
  hr_json_member_bool (builder, "ready", self->ready);
  hr_json_member_bool (builder, "stopping", self->stopping);
  hr_json_member_bool (builder, "signalled", self->signalled);
  hr_json_member_int (builder, "killAt", self->kill_at);
  hr_json_member_bool (builder, "openedState", self->opened_state);
  hr_json_member_bool (builder, "notified", self->notified);
  hr_json_member_int (builder, "startedAt", self->started_at);
  add_string (builder, "spec", self->spec);
  add_string (builder, "logFile", self->log_file);
  add_view (builder, self->view);
  json_builder_end_object (builder);
}

static char *
unescape (JsonNode *node)
{
  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? g_strcompress (json_node_get_string (node))
                                                                          : NULL;
}

static char **
get_list (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = array != NULL ? MIN (json_array_get_length (array), SHARES_MAX) : 0;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = unescape (json_array_get_element (array, i));

      if (text != NULL)
        g_strv_builder_add (builder, text);
    }
  return g_strv_builder_end (builder);
}

static HrView *
get_view (JsonObject *process)
{
  JsonNode *node = json_object_get_member (process, "view");
  JsonObject *object = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  g_autofree char *source = NULL, *dir = NULL, *real_source = NULL;
  g_auto (GStrv) shares = NULL;
  g_auto (GStrv) read_only_shares = NULL;

  if (object == NULL)
    return NULL;
  source = unescape (json_object_get_member (object, "source"));
  dir = unescape (json_object_get_member (object, "dir"));
  real_source = unescape (json_object_get_member (object, "realSource"));
  shares = get_list (object, "shares");
  read_only_shares = get_list (object, "readOnlyShares");
  return hr_view_new (source, dir, real_source, (const char *const *)shares, (const char *const *)read_only_shares);
}

/**
 * hr_run_process_read:
 * @node: (nullable): what hr_run_process_write() wrote, or an earlier version of it
 *
 * Returns: (transfer full) (nullable): the process; %NULL for what is none: nothing is ended that is not known for sure
 */
HrRunProcess *
hr_run_process_read (JsonNode *node)
{
  JsonObject *object = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *instance = object != NULL ? json_object_get_member (object, "instance") : NULL;
  g_autofree char *role = NULL;
  HrRunProcess *self;

  if (instance == NULL || json_node_get_value_type (instance) != G_TYPE_STRING)
    return NULL;
  self = hr_run_process_new ((GPid)hr_json_member_get_int (object, "pid", 0, G_MAXINT, 0),
                             (guint64)hr_json_member_get_int (object, "pidStart", 0, G_MAXINT64, 0),
                             json_node_get_string (instance));
  role = unescape (json_object_get_member (object, "role"));
  for (guint i = 0; i < G_N_ELEMENTS (roles); i++)
    if (g_strcmp0 (role, roles[i]) == 0)
      self->role = (HrRunRole)i;
  self->release = (guint64)hr_json_member_get_int (object, "release", 0, G_MAXINT64, 0);
  self->slot = (int)hr_json_member_get_int (object, "slot", -1, 1, -1);
  self->index = (guint)hr_json_member_get_int (object, "index", 0, G_MAXINT16, 0);
  self->ready = hr_json_member_get_bool (object, "ready");
  self->stopping = hr_json_member_get_bool (object, "stopping");
  self->signalled = hr_json_member_get_bool (object, "signalled");
  self->kill_at = hr_json_member_get_int (object, "killAt", 0, G_MAXINT64, 0);
  self->opened_state = hr_json_member_get_bool (object, "openedState");
  self->notified = hr_json_member_get_bool (object, "notified");
  self->started_at = hr_json_member_get_int (object, "startedAt", 0, G_MAXINT64, 0);
  self->spec = unescape (json_object_get_member (object, "spec"));
  self->log_file = unescape (json_object_get_member (object, "logFile"));
  self->view = get_view (object);
  return self;
}

/**
 * hr_run_process_to_string:
 * @self: a process
 *
 * Returns: (transfer full): as hr_run_process_from_string() reads it
 */
char *
hr_run_process_to_string (const HrRunProcess *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  hr_run_process_write (self, builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/**
 * hr_run_process_from_string:
 * @text: of hr_run_process_to_string()
 *
 * Returns: (transfer full) (nullable): the process; %NULL for what is none
 */
HrRunProcess *
hr_run_process_from_string (const char *text)
{
  g_autoptr (JsonNode) root = json_from_string (text, NULL);

  return hr_run_process_read (root);
}
