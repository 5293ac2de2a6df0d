/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-canary.h"

#include <gio/gio.h>
#include <string.h>

#include "hr-canary-plan.h"
#include "hr-duration.h"
#include "hr-error.h"
#include "hr-words.h"

static gboolean
refuse (GError **error, const char *value, const char *why)
{
  g_autofree char *quoted = hr_words_quote (value);

  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s %s", quoted, why);
  return FALSE;
}

/* In percent, like 20, 0.5 or 20%, to hundredths of a percent. */
static gboolean
parse_share (const char *value, guint *share, GError **error)
{
  gsize whole = strspn (value, G_CSET_DIGITS);
  gsize part = 0;
  const char *rest = value + whole;
  guint number;

  if (*rest == '.')
    {
      part = strspn (rest + 1, G_CSET_DIGITS);
      rest += 1 + part;
    }
  rest += strspn (rest, " ");
  rest += *rest == '%';
  /* Three digits are the most that can be right, so that nothing can overflow. */
  if (whole == 0 || whole > 3 || part > 2 || *rest != '\0' || (value[whole] == '.' && part == 0))
    return refuse (error, value, "is not a share in percent: write it like 20, 0.5 or 20%");
  number = (guint)g_ascii_strtoull (value, NULL, 10) * 100;
  for (gsize i = 0; i < part; i++)
    number += (guint)(value[whole + 1 + i] - '0') * (i == 0 ? 10 : 1);
  if (number == 0 || number > HR_CANARY_SHARE_MAX)
    return refuse (error, value, "is not a share from 0.01 to 100 percent");
  *share = number;
  return TRUE;
}

gboolean
hr_spec_set_canary_share (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  guint share = 0;

  if ((*value != '\0' || key->least > 0) && !parse_share (value, &share, error))
    return FALSE;
  G_STRUCT_MEMBER (guint, spec, key->offset) = share;
  return TRUE;
}

gboolean
hr_spec_set_canary_duration (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  gint64 duration = 0;

  if (*value != '\0' && !hr_duration_parse (value, &duration, error))
    return FALSE;
  if (*value != '\0' && duration == 0)
    return refuse (error, value, "is no time at all: write more than that");
  spec->canary_duration = duration;
  return TRUE;
}

gboolean
hr_spec_set_canary_steps (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  guint steps = HR_SPEC_CANARY_STEPS_DEFAULT;

  if (*value != '\0' && !hr_spec_value_number (value, 1, HR_CANARY_STEPS_MAX, &steps, error))
    return FALSE;
  spec->canary_steps = steps;
  return TRUE;
}

static const HrSpecEntry *
get (const HrSpecTable *table, const char *key)
{
  return hr_spec_table_get (table, "Canary", key);
}

/* Keys that say how, where there is no canary or no ramp. */
static gboolean
check_use (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  static const char *const of_canary[] = { "RampTo", "RampDuration", "Steps", "Sticky" };
  static const char *const of_ramp[] = { "RampTo", "Steps" };

  /* A Percentage that a drop-in or profile took back leaves what belongs to it. */
  if (spec->canary_from == 0)
    {
      for (guint i = 0; i < G_N_ELEMENTS (of_canary) && get (table, "Percentage") == NULL; i++)
        if (get (table, of_canary[i]) != NULL)
          return hr_spec_entry_fail (get (table, of_canary[i]), error,
                                     "it says how a canary goes, and there is none: write Percentage, the share of the "
                                     "new connections that it begins with, for example Percentage=10");
      return TRUE;
    }
  if (spec->canary_duration > 0 || get (table, "RampDuration") != NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (of_ramp); i++)
    if (get (table, of_ramp[i]) != NULL)
      return hr_spec_entry_fail (get (table, of_ramp[i]), error,
                                 "it says how the share of a canary rises, and without RampDuration it does not: write "
                                 "how long that takes, for example RampDuration=5min");
  return TRUE;
}

static gboolean
check_ramp (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  g_autofree char *from = hr_canary_share_to_string (spec->canary_from);
  g_autofree char *to = hr_canary_share_to_string (spec->canary_to);

  if (spec->canary_to < spec->canary_from)
    return hr_spec_entry_fail (get (table, "RampTo"), error,
                               "the share rises from Percentage (%s), and %s is less: write at least that", from, to);
  if (spec->canary_duration > 0 && spec->canary_duration / spec->canary_steps < HR_CANARY_STEP_MIN_USEC)
    return hr_spec_entry_fail (get (table, "Steps") != NULL ? get (table, "Steps") : get (table, "RampDuration"), error,
                               "each of %u steps would be shorter than %d ms: write fewer Steps or a longer "
                               "RampDuration",
                               spec->canary_steps, (int)(HR_CANARY_STEP_MIN_USEC / G_TIME_SPAN_MILLISECOND));
  return TRUE;
}

/* From a socket that both instances have, either takes what it comes to first: no share of it could be kept. */
static gboolean
check_listeners (const HrServiceSpec *spec, const HrSpecEntry *percentage, GError **error)
{
  for (guint i = 0; i < spec->listen->len; i++)
    {
      const HrListenSpec *listener = g_ptr_array_index (spec->listen, i);

      if (listener->kind != HR_LISTEN_TCP)
        return hr_spec_entry_fail (
            percentage, error,
            "a canary shares TCP connections, and of what comes to listener '%s' in Listen (%s) it "
            "could take any part: take that out of Listen, or remove this",
            listener->name, listener->kind == HR_LISTEN_UDP ? "UDP" : "a Unix socket");
    }
  return TRUE;
}

/* "::" is every address, those of IPv4 too. What a name stands for is not known here. */
static gboolean
is_of_ipv6_only (const HrListenSpec *listener)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (listener->host);

  return address != NULL && g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6
         && !g_inet_address_get_is_any (address);
}

/* What asks by the network is told apart by its address, and IPv6 has but one on the loopback. */
static gboolean
check_probe (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const char *name = NULL;

  if (!hr_spec_canary_asks_by_network (spec))
    return TRUE;
  for (guint i = 0; i < spec->listen->len; i++)
    {
      const HrListenSpec *listener = g_ptr_array_index (spec->listen, i);

      if (listener->kind == HR_LISTEN_TCP && !is_of_ipv6_only (listener))
        return TRUE;
      if (listener->kind == HR_LISTEN_TCP && name == NULL)
        name = listener->name;
    }
  if (name == NULL)
    return TRUE;
  return hr_spec_entry_fail (get (table, "Percentage"), error,
                             "listener '%s' in Listen takes IPv6 only, as does any other, and IPv6 has one loopback "
                             "address, so that what is asked of the new release by the network, by a probe or for a "
                             "metric, could be answered by the old one: listen on an IPv4 address too, or remove this",
                             name);
}

/**
 * hr_spec_canary_asks_by_network:
 * @spec: a service
 *
 * Returns: whether its canary is judged by what is asked over a connection: by a probe, or by a metric over HTTP
 */
gboolean
hr_spec_canary_asks_by_network (const HrServiceSpec *spec)
{
  const HrMetricSpec *metrics[] = { spec->error_metric, spec->success_metric, spec->total_metric };

  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    if (metrics[i] != NULL && metrics[i]->kind == HR_METRIC_HTTP)
      return TRUE;
  return hr_probe_spec_is_by_network (spec->probe) || hr_probe_spec_is_by_network (spec->start_probe);
}

/* A canary is two instances of two releases that both accept TCP connections from sockets of the daemon. */
static gboolean
check_service (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  const HrSpecEntry *percentage = get (table, "Percentage");

  if (spec->source == NULL)
    return hr_spec_entry_fail (
        percentage, error,
        "a canary is of a new release, and there is no Source in group 'Service' that could have "
        "one: name it, or remove this");
  if (spec->sockets == HR_SOCKETS_NONE)
    return hr_spec_entry_fail (percentage, error,
                               "a canary shares the connections of the daemon's listeners, and with Sockets=none there "
                               "are none: write Sockets=auto, or remove this");
  if (spec->handover == HR_HANDOVER_SEQUENTIAL)
    return hr_spec_entry_fail (percentage, error,
                               "a canary runs beside the old instance, and with Handover=sequential that has ended by "
                               "then: write Handover=overlap, or remove this");
  if (spec->instances > 1)
    return hr_spec_entry_fail (
        percentage, error,
        "a canary is one instance beside one other, and several are replaced one at a time: write "
        "Instances=1, or remove this");
  if (spec->listen->len == 0 && spec->sockets == HR_SOCKETS_PASS)
    return hr_spec_entry_fail (percentage, error,
                               "a canary shares the connections of what Sockets=pass passes, and that is nothing: name "
                               "a TCP listener in Listen, or remove this");
  return check_listeners (spec, percentage, error);
}

/**
 * hr_spec_check_canary:
 * @spec: with each key set
 * @table: the keys in force, for their places
 * @error: return location
 *
 * Returns: whether there is no canary, or it can be had; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_check_canary (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  g_return_val_if_fail (spec != NULL && table != NULL, FALSE);

  if (!check_use (spec, table, error))
    return FALSE;
  return spec->canary_from == 0
         || (check_ramp (spec, table, error) && check_service (spec, table, error) && check_probe (spec, table, error));
}
