/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-isolation.h"

#include "hr-duration.h"
#include "hr-error.h"
#include "hr-size.h"
#include "hr-words.h"

#define INFINITY_WORD "infinity"
/* LimitNICE as the kernel has it: 20 minus the nice level. */
#define NICE_ZERO 20
#define NICE_MOST 40

/* What the number of a limit counts. */
typedef enum { UNIT_COUNT, UNIT_BYTES, UNIT_SECONDS, UNIT_USEC, UNIT_NICE } Unit;

static const struct {
  const char *name;
  Unit unit;
} kinds[HR_N_LIMITS] = {
  [HR_LIMIT_CPU] = { "LimitCPU", UNIT_SECONDS },         [HR_LIMIT_FSIZE] = { "LimitFSIZE", UNIT_BYTES },
  [HR_LIMIT_DATA] = { "LimitDATA", UNIT_BYTES },         [HR_LIMIT_STACK] = { "LimitSTACK", UNIT_BYTES },
  [HR_LIMIT_CORE] = { "LimitCORE", UNIT_BYTES },         [HR_LIMIT_RSS] = { "LimitRSS", UNIT_BYTES },
  [HR_LIMIT_NOFILE] = { "LimitNOFILE", UNIT_COUNT },     [HR_LIMIT_AS] = { "LimitAS", UNIT_BYTES },
  [HR_LIMIT_NPROC] = { "LimitNPROC", UNIT_COUNT },       [HR_LIMIT_MEMLOCK] = { "LimitMEMLOCK", UNIT_BYTES },
  [HR_LIMIT_LOCKS] = { "LimitLOCKS", UNIT_COUNT },       [HR_LIMIT_SIGPENDING] = { "LimitSIGPENDING", UNIT_COUNT },
  [HR_LIMIT_MSGQUEUE] = { "LimitMSGQUEUE", UNIT_BYTES }, [HR_LIMIT_NICE] = { "LimitNICE", UNIT_NICE },
  [HR_LIMIT_RTPRIO] = { "LimitRTPRIO", UNIT_COUNT },     [HR_LIMIT_RTTIME] = { "LimitRTTIME", UNIT_USEC },
};

static gboolean
fail_number (const char *text, const char *what, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);

  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s is not %s, or infinity", quoted, what);
  return FALSE;
}

static gboolean
parse_count (const char *text, guint64 *value, GError **error)
{
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, value, NULL)
         || fail_number (text, "a number from 0 on", error);
}

/* A level with a sign, or what the kernel counts. */
static gboolean
parse_nice (const char *text, guint64 *value, GError **error)
{
  gint64 level;

  if (*text != '-' && *text != '+')
    return g_ascii_string_to_unsigned (text, 10, 0, NICE_MOST, value, NULL)
           || fail_number (text, "a nice level with its sign (-20 to +19), a number from 0 to 40", error);
  if (!g_ascii_string_to_signed (*text == '+' ? text + 1 : text, 10, -20, 19, &level, NULL))
    return fail_number (text, "a nice level with its sign (-20 to +19), a number from 0 to 40", error);
  *value = (guint64)(NICE_ZERO - level);
  return TRUE;
}

static gboolean
parse_one (Unit unit, const char *text, guint64 *value, GError **error)
{
  gint64 usec;

  if (g_str_equal (text, INFINITY_WORD))
    {
      *value = HR_LIMIT_INFINITY;
      return TRUE;
    }
  switch (unit)
    {
    case UNIT_BYTES:
      return hr_size_parse (text, value, error);
    case UNIT_SECONDS:
    case UNIT_USEC:
      if (!hr_duration_parse (text, &usec, error))
        return FALSE;
      /* Less than the whole second that was written would be a stricter limit. */
      *value = (guint64)(unit == UNIT_USEC ? usec : (usec + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
      return TRUE;
    case UNIT_NICE:
      return parse_nice (text, value, error);
    case UNIT_COUNT:
    default:
      return parse_count (text, value, error);
    }
}

/**
 * hr_protect_system_name:
 * @how: what is protected
 *
 * Returns: (transfer none): its word in a service file
 */
const char *
hr_protect_system_name (HrProtectSystem how)
{
  static const char *const names[] = { "no", "yes", "full", "strict" };

  g_return_val_if_fail ((guint)how < G_N_ELEMENTS (names), NULL);
  return names[how];
}

/**
 * hr_limit_name:
 * @kind: a limit
 *
 * Returns: (transfer none): its key in a service file
 */
const char *
hr_limit_name (HrLimitKind kind)
{
  g_return_val_if_fail ((guint)kind < HR_N_LIMITS, NULL);
  return kinds[kind].name;
}

/**
 * hr_limit_parse:
 * @kind: a limit
 * @text: SOFT:HARD or one value for both; a size, duration or number by @kind, or "infinity"
 * @limit: (out): what it says
 * @error: return location
 *
 * Returns: whether @text is a limit; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_limit_parse (HrLimitKind kind, const char *text, HrLimit *limit, GError **error)
{
  g_auto (GStrv) parts = NULL;
  HrLimit parsed = { .set = TRUE };

  g_return_val_if_fail ((guint)kind < HR_N_LIMITS && text != NULL && limit != NULL, FALSE);

  parts = g_strsplit (text, ":", 2);
  if (!parse_one (kinds[kind].unit, parts[0] != NULL ? parts[0] : "", &parsed.soft, error))
    return FALSE;
  parsed.hard = parsed.soft;
  if (parts[0] != NULL && parts[1] != NULL && !parse_one (kinds[kind].unit, parts[1], &parsed.hard, error))
    return FALSE;
  if (parsed.soft > parsed.hard)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "the soft limit '%s' is above the hard one, '%s': write SOFT:HARD", parts[0], parts[1]);
      return FALSE;
    }
  *limit = parsed;
  return TRUE;
}

static void
append (GString *text, guint64 value)
{
  if (value == HR_LIMIT_INFINITY)
    g_string_append (text, INFINITY_WORD);
  else
    g_string_append_printf (text, "%" G_GUINT64_FORMAT, value);
}

/**
 * hr_limit_to_string:
 * @limit: one that is set
 *
 * Returns: (transfer full): SOFT:HARD in the kernel's unit
 */
char *
hr_limit_to_string (const HrLimit *limit)
{
  GString *text = g_string_new (NULL);

  append (text, limit->soft);
  g_string_append_c (text, ':');
  append (text, limit->hard);
  return g_string_free (text, FALSE);
}
