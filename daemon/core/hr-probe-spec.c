/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-probe-spec.h"

#include <gio/gio.h>
#include <string.h>

#include "hr-error.h"
#include "hr-spec-value.h"
#include "hr-words.h"

#define DEFAULT_STATUS "200-399"
#define STATUS_MIN 100
#define KINDS "write http://HOST:PORT/PATH, https://HOST:PORT/PATH, tcp:HOST:PORT, exec:COMMAND, dbus:NAME or watchdog"

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, message);
  return FALSE;
}

/**
 * hr_probe_spec_split_address:
 * @text: HOST:PORT, an IPv6 address in brackets
 * @host: (out) (transfer full): without brackets
 * @port: (out): never 0
 * @error: return location
 *
 * Returns: whether @text is an address that can be connected to; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_probe_spec_split_address (const char *text, char **host, guint16 *port, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);
  const char *colon = strrchr (text, ':');
  g_autofree char *name = NULL;
  gsize length;
  guint64 number;

  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 1, G_MAXUINT16, &number, NULL))
    return fail (error, "%s does not end with ':' and a port from 1 to 65535: write tcp:HOST:PORT", quoted);
  length = (gsize)(colon - text);
  if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
    {
      name = g_strndup (text + 1, length - 2);
      if (strchr (name, ':') == NULL || !g_hostname_is_ip_address (name))
        return fail (error, "%s holds no IPv6 address in its brackets", quoted);
    }
  else
    {
      name = g_strndup (text, length);
      if (strchr (name, ':') != NULL)
        return fail (error, "%s is not HOST:PORT: an IPv6 address stands in brackets, as in tcp:[::1]:8080", quoted);
      if (*name == '\0' || name[strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._")] != '\0')
        return fail (error, "%s names no host to connect to: write an address or a name, as in tcp:127.0.0.1:8080",
                     quoted);
    }
  *host = g_steal_pointer (&name);
  *port = (guint16)number;
  return TRUE;
}

static gboolean
check_uri (const char *text, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);
  g_autoptr (GError) local = NULL;
  g_autoptr (GUri) uri = g_uri_parse (text, G_URI_FLAGS_ENCODED | G_URI_FLAGS_SCHEME_NORMALIZE, &local);

  if (uri == NULL)
    {
      g_autofree char *why = hr_words_quote (local->message);
      return fail (error, "%s is not an address: %s: write http://HOST:PORT/PATH", quoted, why);
    }
  if (g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0' || g_uri_get_port (uri) == 0)
    return fail (error, "%s names no host or port to connect to: write http://HOST:PORT/PATH", quoted);
  if (g_uri_get_userinfo (uri) != NULL)
    return fail (error, "%s holds a name or password, which no probe sends: write exec:curl with them instead", quoted);
  if (g_uri_get_fragment (uri) != NULL)
    return fail (error, "%s has a part after '#', which no server is sent: remove it", quoted);
  return TRUE;
}

static gboolean
check_words (HrProbeKind kind, char **words, GError **error)
{
  g_autofree char *quoted = NULL;
  g_autofree char *host = NULL;
  guint16 port;

  switch (kind)
    {
    case HR_PROBE_HTTP:
      return check_uri (words[0], error);
    case HR_PROBE_TCP:
      return hr_probe_spec_split_address (words[0], &host, &port, error);
    case HR_PROBE_DBUS:
      if (g_dbus_is_name (words[0]) && !g_dbus_is_unique_name (words[0]))
        return TRUE;
      quoted = hr_words_quote (words[0]);
      return fail (error,
                   "%s is not a name that a program can own on the bus: write dbus:NAME as in dbus:org.example.App",
                   quoted);
    case HR_PROBE_EXEC:
    case HR_PROBE_WATCHDOG:
    default:
      return TRUE;
    }
}

static HrProbeSpec *
new_spec (HrProbeKind kind, const char *text, char **words)
{
  HrProbeSpec *self = g_new0 (HrProbeSpec, 1);

  self->kind = kind;
  self->text = g_strdup (text);
  self->words = words;
  return self;
}

static gboolean
find_kind (const char *text, HrProbeKind *kind, const char **rest)
{
  static const struct {
    const char *prefix;
    HrProbeKind kind;
    gboolean keeps_prefix;
  } kinds[] = {
    { "http://", HR_PROBE_HTTP, TRUE }, { "https://", HR_PROBE_HTTP, TRUE }, { "tcp:", HR_PROBE_TCP, FALSE },
    { "exec:", HR_PROBE_EXEC, FALSE },  { "dbus:", HR_PROBE_DBUS, FALSE },
  };

  *rest = "";
  *kind = HR_PROBE_WATCHDOG;
  if (g_str_equal (text, "watchdog"))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_has_prefix (text, kinds[i].prefix))
      {
        *kind = kinds[i].kind;
        *rest = kinds[i].keeps_prefix ? text : text + strlen (kinds[i].prefix);
        return TRUE;
      }
  return FALSE;
}

/**
 * hr_probe_spec_parse:
 * @text: raw value
 * @error: return location
 *
 * Whether there is what a specifier stands for is not looked at.
 *
 * Returns: (transfer full): the probe, or %NULL with %HR_ERROR_INVALID_CONFIGURATION that says what to write
 */
HrProbeSpec *
hr_probe_spec_parse (const char *text, GError **error)
{
  /* Any would do: what is written around the specifiers is looked at. */
  const HrSpecifierValues sample = { .port = 1, .directory = "/", .release = 1, .name = "name" };
  g_auto (GStrv) words = NULL;
  g_auto (GStrv) expanded = NULL;
  const char *rest;
  HrProbeKind kind;

  g_return_val_if_fail (text != NULL, NULL);

  if (!find_kind (text, &kind, &rest))
    {
      g_autofree char *quoted = hr_words_quote (text);
      fail (error, "%s is not a probe: " KINDS, quoted);
      return NULL;
    }
  if (kind == HR_PROBE_EXEC)
    words = hr_command_line_split (rest, error);
  else
    {
      const char *const one[] = { kind != HR_PROBE_WATCHDOG ? rest : NULL, NULL };
      words = g_strdupv ((char **)one);
    }
  if (words == NULL)
    return NULL;
  expanded = hr_command_line_expand ((const char *const *)words, &sample, error);
  if (expanded == NULL || !check_words (kind, expanded, error))
    return NULL;
  return new_spec (kind, text, g_steal_pointer (&words));
}

/**
 * hr_probe_spec_expand:
 * @self: a probe as it is written
 * @values: what the specifiers stand for
 * @error: return location
 *
 * Returns: (transfer full): the probe of one instance, or %NULL with %HR_ERROR_INVALID_CONFIGURATION where a specifier
 *   has no value
 */
HrProbeSpec *
hr_probe_spec_expand (const HrProbeSpec *self, const HrSpecifierValues *values, GError **error)
{
  static const char *const prefixes[] = { [HR_PROBE_HTTP] = "",
                                          [HR_PROBE_TCP] = "tcp:",
                                          [HR_PROBE_EXEC] = "exec:",
                                          [HR_PROBE_DBUS] = "dbus:",
                                          [HR_PROBE_WATCHDOG] = "watchdog" };
  g_auto (GStrv) words = NULL;
  g_autofree char *line = NULL;
  g_autofree char *text = NULL;

  g_return_val_if_fail (self != NULL && values != NULL, NULL);

  words = hr_command_line_expand ((const char *const *)self->words, values, error);
  if (words == NULL)
    return NULL;
  line = g_strjoinv (" ", words);
  text = g_strconcat (prefixes[self->kind], line, NULL);
  return new_spec (self->kind, text, g_steal_pointer (&words));
}

/**
 * hr_probe_spec_is_by_network:
 * @self: (nullable): a probe
 *
 * Returns: whether it asks whoever accepts a connection, or may do so, and not one process
 */
gboolean
hr_probe_spec_is_by_network (const HrProbeSpec *self)
{
  return self != NULL && (self->kind == HR_PROBE_HTTP || self->kind == HR_PROBE_TCP || self->kind == HR_PROBE_EXEC);
}

/**
 * hr_probe_spec_free:
 * @self: (transfer full) (nullable): a probe
 */
void
hr_probe_spec_free (HrProbeSpec *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_strfreev (self->words);
  g_free (self);
}

static gboolean
parse_range (const char *text, HrProbeStatus *range, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);
  g_auto (GStrv) ends = g_strsplit (text, "-", 2);
  const char *last = ends[0] != NULL && ends[1] != NULL ? ends[1] : ends[0];
  guint64 from, to;

  if (last == NULL || !g_ascii_string_to_unsigned (ends[0], 10, STATUS_MIN, HR_PROBE_STATUS_MAX, &from, NULL)
      || !g_ascii_string_to_unsigned (last, 10, from, HR_PROBE_STATUS_MAX, &to, NULL))
    return fail (error,
                 "%s is neither a status of HTTP nor a range of them, from %d to %d: write it as in 200;204;300-399",
                 quoted, STATUS_MIN, HR_PROBE_STATUS_MAX);
  range->least = (guint)from;
  range->most = (guint)to;
  return TRUE;
}

/**
 * hr_probe_status_parse:
 * @text: raw value, a list of statuses and ranges; "" stands for the default
 * @error: return location
 *
 * Returns: (transfer full) (element-type HrProbeStatus): which statuses mean that the service is well; %NULL with
 *   %HR_ERROR_INVALID_CONFIGURATION
 */
GArray *
hr_probe_status_parse (const char *text, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (*text != '\0' ? text : DEFAULT_STATUS, error);
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (HrProbeStatus));

  for (guint i = 0; items != NULL && items[i] != NULL; i++)
    {
      HrProbeStatus range;

      if (!parse_range (items[i], &range, error))
        return NULL;
      g_array_append_val (ranges, range);
    }
  return items != NULL ? g_steal_pointer (&ranges) : NULL;
}

/**
 * hr_probe_status_accepts:
 * @self: (element-type HrProbeStatus): of hr_probe_status_parse()
 * @status: of an answer
 *
 * Returns: whether it is one of @self
 */
gboolean
hr_probe_status_accepts (const GArray *self, guint status)
{
  for (guint i = 0; i < self->len; i++)
    if (status >= g_array_index (self, HrProbeStatus, i).least && status <= g_array_index (self, HrProbeStatus, i).most)
      return TRUE;
  return FALSE;
}
