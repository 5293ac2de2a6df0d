/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-resources.h"

#include <string.h>

#include "hr-error.h"
#include "hr-size.h"
#include "hr-spec-value.h"
#include "hr-words.h"

#define INFINITY_WORD "infinity"
#define WEIGHT_MAX 10000

static const char *const names[HR_N_RESOURCES] = {
  [HR_RESOURCE_MEMORY] = "MemoryMax",
  [HR_RESOURCE_CPU] = "CPUWeight",
  [HR_RESOURCE_TASKS] = "TasksMax",
};

static gboolean
fail (const char *text, const char *what, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);

  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s is not %s", quoted, what);
  return FALSE;
}

static gboolean
parse_share (const char *text, HrResource *resource, GError **error)
{
  double percent;

  if (!hr_spec_value_percent (text, &percent, error))
    return FALSE;
  if (percent * HR_RESOURCE_WHOLE / 100 < 1)
    return fail (text, "a share under which a program could run", error);
  *resource =
      (HrResource){ .set = TRUE, .is_share = TRUE, .value = (guint64)(percent * HR_RESOURCE_WHOLE / 100 + 0.5) };
  return TRUE;
}

static gboolean
parse_number (const char *text, guint64 most, const char *what, HrResource *resource, GError **error)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 1, most, &value, NULL))
    return fail (text, what, error);
  *resource = (HrResource){ .set = TRUE, .value = value };
  return TRUE;
}

static gboolean
parse_size (const char *text, HrResource *resource, GError **error)
{
  guint64 bytes;

  if (!hr_size_parse (text, &bytes, error))
    return FALSE;
  if (bytes == 0)
    return fail (text, "a limit under which a program could run", error);
  *resource = (HrResource){ .set = TRUE, .value = bytes };
  return TRUE;
}

/**
 * hr_resource_name:
 * @kind: a resource
 *
 * Returns: (transfer none): its key in a service file
 */
const char *
hr_resource_name (HrResourceKind kind)
{
  g_return_val_if_fail ((guint)kind < HR_N_RESOURCES, NULL);
  return names[kind];
}

/**
 * hr_resource_parse:
 * @kind: a resource
 * @text: a size, number or weight by @kind; a share of what the system has, in percent, of memory and tasks; "infinity"
 *   or nothing: no limit
 * @resource: (out): what it says
 * @error: return location
 *
 * Returns: whether @text is a limit; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_resource_parse (HrResourceKind kind, const char *text, HrResource *resource, GError **error)
{
  g_return_val_if_fail ((guint)kind < HR_N_RESOURCES && text != NULL && resource != NULL, FALSE);

  if (*text == '\0' || (kind != HR_RESOURCE_CPU && g_str_equal (text, INFINITY_WORD)))
    {
      *resource = (HrResource){ 0 };
      return TRUE;
    }
  if (kind == HR_RESOURCE_CPU)
    return parse_number (text, WEIGHT_MAX, "a weight from 1 to 10000; without one it is 100", resource, error);
  if (g_str_has_suffix (text, "%"))
    return parse_share (text, resource, error);
  if (kind == HR_RESOURCE_MEMORY)
    return parse_size (text, resource, error);
  return parse_number (text, G_MAXINT32, "a number from 1 on, a share like 10%, or infinity", resource, error);
}

/**
 * hr_resource_to_string:
 * @kind: a resource
 * @resource: one that is set
 *
 * Returns: (transfer full): as the service file has it: "MemoryMax=64M"
 */
char *
hr_resource_to_string (HrResourceKind kind, const HrResource *resource)
{
  g_autofree char *size = NULL;

  g_return_val_if_fail ((guint)kind < HR_N_RESOURCES && resource != NULL, NULL);

  if (resource->is_share && resource->value % 100 == 0)
    return g_strdup_printf ("%s=%" G_GUINT64_FORMAT "%%", names[kind], resource->value / 100);
  if (resource->is_share)
    return g_strdup_printf ("%s=%" G_GUINT64_FORMAT ".%02u%%", names[kind], resource->value / 100,
                            (guint)(resource->value % 100));
  if (kind == HR_RESOURCE_MEMORY)
    size = hr_size_to_string (resource->value);
  else
    size = g_strdup_printf ("%" G_GUINT64_FORMAT, resource->value);
  return g_strdup_printf ("%s=%s", names[kind], size);
}
