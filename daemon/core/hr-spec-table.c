/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-table.h"

#include <string.h>

struct _HrSpecTable {
  GPtrArray *entries;  /* HrSpecEntry, not owned */
  GHashTable *indices; /* group and key → position in entries */
};

/**
 * hr_spec_table_new:
 *
 * Returns: (transfer full): an empty table; the entries put into it must outlive it
 */
HrSpecTable *
hr_spec_table_new (void)
{
  HrSpecTable *self = g_new0 (HrSpecTable, 1);

  self->entries = g_ptr_array_new ();
  self->indices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

/**
 * hr_spec_table_free:
 * @self: (transfer full) (nullable): a table
 */
void
hr_spec_table_free (HrSpecTable *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->entries);
  g_hash_table_unref (self->indices);
  g_free (self);
}

/**
 * hr_spec_table_put:
 * @self: a table
 * @entry: with a key
 *
 * Puts @entry in force.
 */
void
hr_spec_table_put (HrSpecTable *self, const HrSpecEntry *entry)
{
  g_autofree char *place = NULL;
  gpointer index;

  g_return_if_fail (self != NULL && entry != NULL && entry->key != NULL);

  place = g_strconcat (entry->group, "\n", entry->key, NULL);
  if (g_hash_table_lookup_extended (self->indices, place, NULL, &index))
    {
      self->entries->pdata[GPOINTER_TO_UINT (index)] = (gpointer)entry;
      return;
    }
  g_hash_table_insert (self->indices, g_steal_pointer (&place), GUINT_TO_POINTER (self->entries->len));
  g_ptr_array_add (self->entries, (gpointer)entry);
}

/**
 * hr_spec_table_get:
 * @self: a table
 * @group: name of a group
 * @key: name of a key
 *
 * Returns: (transfer none) (nullable): the entry in force, or %NULL where the default is
 */
const HrSpecEntry *
hr_spec_table_get (const HrSpecTable *self, const char *group, const char *key)
{
  g_autofree char *place = NULL;
  gpointer index;

  g_return_val_if_fail (self != NULL && group != NULL && key != NULL, NULL);

  place = g_strconcat (group, "\n", key, NULL);
  if (!g_hash_table_lookup_extended (self->indices, place, NULL, &index))
    return NULL;
  return g_ptr_array_index (self->entries, GPOINTER_TO_UINT (index));
}

/**
 * hr_spec_table_first:
 * @self: a table
 * @group: name of a group
 *
 * Returns: (transfer none) (nullable): the first entry of that group
 */
const HrSpecEntry *
hr_spec_table_first (const HrSpecTable *self, const char *group)
{
  g_return_val_if_fail (self != NULL && group != NULL, NULL);

  for (guint i = 0; i < self->entries->len; i++)
    {
      const HrSpecEntry *entry = g_ptr_array_index (self->entries, i);

      if (g_str_equal (entry->group, group))
        return entry;
    }
  return NULL;
}

/**
 * hr_spec_table_entries:
 * @self: a table
 *
 * Returns: (transfer none) (element-type HrSpecEntry): what is in force, in order
 */
const GPtrArray *
hr_spec_table_entries (const HrSpecTable *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->entries;
}

static void
write_group (const HrSpecTable *self, const char *group, GString *text)
{
  g_string_append_printf (text, "[%s]\n", group);
  for (guint i = 0; i < self->entries->len; i++)
    {
      const HrSpecEntry *entry = g_ptr_array_index (self->entries, i);

      if (g_str_equal (entry->group, group))
        g_string_append_printf (text, "%s=%s\n", entry->key, entry->value);
    }
}

/**
 * hr_spec_table_write:
 * @self: a table
 *
 * Returns: (transfer full): what is in force, as a service file that needs no drop-in and no profile's overrides
 */
char *
hr_spec_table_write (const HrSpecTable *self)
{
  g_autoptr (GHashTable) written = g_hash_table_new (g_str_hash, g_str_equal);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->entries->len; i++)
    {
      const HrSpecEntry *entry = g_ptr_array_index (self->entries, i);

      if (g_hash_table_add (written, (gpointer)entry->group))
        write_group (self, entry->group, text);
    }
  return g_string_free (text, FALSE);
}

/* Order counts in [Actions] and nowhere else: those keep theirs, behind the others. */
static gint
compare (gconstpointer a, gconstpointer b)
{
  const HrSpecEntry *x = *(const HrSpecEntry *const *)a;
  const HrSpecEntry *y = *(const HrSpecEntry *const *)b;
  gboolean x_action = g_str_equal (x->group, HR_SPEC_GROUP_ACTIONS);
  gboolean y_action = g_str_equal (y->group, HR_SPEC_GROUP_ACTIONS);
  int order;

  if (x_action || y_action)
    return x_action - y_action;
  order = strcmp (x->group, y->group);
  return order != 0 ? order : strcmp (x->key, y->key);
}

/**
 * hr_spec_table_checksum:
 * @self: a table
 * @profile: name of the profile, whose defaults fill the gaps
 *
 * A comment, a blank line or another order of the keys does not change it.
 *
 * Returns: (transfer full): hexadecimal SHA-256 over what is in force
 */
char *
hr_spec_table_checksum (const HrSpecTable *self, const char *profile)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GPtrArray) sorted = NULL;

  g_return_val_if_fail (self != NULL && profile != NULL, NULL);

  sorted = g_ptr_array_copy (self->entries, NULL, NULL);
  /* Stable, as the documentation of GLib promises for this one. */
  g_ptr_array_sort (sorted, compare);
  g_checksum_update (checksum, (const guchar *)profile, -1);
  for (guint i = 0; i < sorted->len; i++)
    {
      const HrSpecEntry *entry = g_ptr_array_index (sorted, i);
      g_autofree char *line = g_strconcat ("\n", entry->group, "\n", entry->key, "\n", entry->value, NULL);

      g_checksum_update (checksum, (const guchar *)line, -1);
    }
  return g_strdup (g_checksum_get_string (checksum));
}
