/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-metric-spec.h"

#include <math.h>
#include <string.h>

#include "hr-command-line.h"
#include "hr-error.h"
#include "hr-json-number.h"
#include "hr-openmetrics.h"
#include "hr-words.h"

#define HTTP "http://"
#define EXEC "exec:"
/* At the end of the authority. */
#define PORT ":%p"

G_GNUC_PRINTF (3, 4)
static gboolean
refuse (GError **error, const char *text, const char *format, ...)
{
  g_autofree char *quoted = hr_words_quote (text);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s %s", quoted, message);
  return FALSE;
}

/* Where %p stands in @url; NULL: nowhere. */
static const char *
find_port (const char *url)
{
  const char *authority = url + strlen (HTTP);
  const char *end = authority + strcspn (authority, "/?#");

  return end - authority >= (gssize)strlen (PORT) && g_str_has_prefix (end - strlen (PORT), PORT) ? end - strlen (PORT)
                                                                                                  : NULL;
}

static gboolean
check_url (const HrMetricSpec *self, GError **error)
{
  g_autofree char *url = hr_metric_spec_get_url (self, 1);
  g_autoptr (GError) local = NULL;
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED | G_URI_FLAGS_HAS_PASSWORD, &local);

  if (uri == NULL)
    return refuse (error, self->text, "is no URL: %s", local->message);
  if (g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0')
    return refuse (error, self->text, "names no host: write http://127.0.0.1:%%p/metrics#name");
  if (g_uri_get_userinfo (uri) != NULL)
    return refuse (error, self->text, "names a user, and none is told to a service: leave it out");
  return TRUE;
}

static gboolean
parse_http (HrMetricSpec *self, GError **error)
{
  const char *mark = strchr (self->text, '#');

  if (mark == NULL || mark[1] == '\0')
    return refuse (error, self->text,
                   "does not say which number of the answer: write it behind '#', as a path in JSON "
                   "(#requests.failed) or as a metric (#http_requests_total{status=\"500\"})");
  self->kind = HR_METRIC_HTTP;
  self->url = g_strndup (self->text, (gsize)(mark - self->text));
  self->selector = g_strdup (mark + 1);
  if (!check_url (self, error))
    return FALSE;
  return strchr (self->selector, '{') != NULL ? hr_openmetrics_check_selector (self->selector, error)
                                              : hr_json_number_check_path (self->selector, error);
}

/**
 * hr_metric_spec_parse:
 * @text: value of a key, not empty
 * @error: return location
 *
 * Returns: (transfer full): where the number comes from; %NULL with %HR_ERROR_INVALID_CONFIGURATION, which says what
 *   would be right
 */
HrMetricSpec *
hr_metric_spec_parse (const char *text, GError **error)
{
  g_autoptr (HrMetricSpec) self = g_new0 (HrMetricSpec, 1);

  g_return_val_if_fail (text != NULL, NULL);

  self->text = g_strdup (text);
  if (g_str_has_prefix (text, HTTP))
    return parse_http (self, error) ? g_steal_pointer (&self) : NULL;
  if (!g_str_has_prefix (text, EXEC))
    {
      refuse (error, text, "is no place of a number: write http://127.0.0.1:%%p/metrics#name or exec:COMMAND");
      return NULL;
    }
  self->kind = HR_METRIC_EXEC;
  self->argv = hr_command_line_split (text + strlen (EXEC), error);
  return self->argv != NULL ? g_steal_pointer (&self) : NULL;
}

/**
 * hr_metric_spec_free:
 * @self: (transfer full) (nullable): a metric
 */
void
hr_metric_spec_free (HrMetricSpec *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_free (self->url);
  g_free (self->selector);
  g_strfreev (self->argv);
  g_free (self);
}

/**
 * hr_metric_spec_needs_port:
 * @self: a metric
 *
 * Returns: whether its URL has %p
 */
gboolean
hr_metric_spec_needs_port (const HrMetricSpec *self)
{
  g_return_val_if_fail (self != NULL, FALSE);
  return self->kind == HR_METRIC_HTTP && find_port (self->url) != NULL;
}

/**
 * hr_metric_spec_get_url:
 * @self: a metric of HTTP
 * @port: what %p stands for
 *
 * Returns: (transfer full): its URL
 */
char *
hr_metric_spec_get_url (const HrMetricSpec *self, guint16 port)
{
  const char *at;

  g_return_val_if_fail (self != NULL && self->url != NULL, NULL);
  at = find_port (self->url);
  if (at == NULL)
    return g_strdup (self->url);
  return g_strdup_printf ("%.*s:%u%s", (int)(at - self->url), self->url, port, at + strlen (PORT));
}

static gboolean
read_number (const char *text, double *value, GError **error)
{
  g_autofree char *word = g_strstrip (g_strdup (text));
  double number;

  if (hr_openmetrics_number (word, &number) && isfinite (number))
    {
      *value = number;
      return TRUE;
    }
  return refuse (error, word, "is not a number");
}

/**
 * hr_metric_spec_read_text:
 * @self: a metric
 * @text: (array length=size): what was answered or printed
 * @size: in bytes
 * @add_up: whether several samples of a metric are added up and none at all of one that is known count as 0, as fits
 *   what is counted; else there must be exactly one
 * @value: (out): the number, finite
 * @error: return location
 *
 * Returns: whether the number is there; else %HR_ERROR_FAILED, which says what is there instead
 */
gboolean
hr_metric_spec_read_text (const HrMetricSpec *self, const char *text, gsize size, gboolean add_up, double *value,
                          GError **error)
{
  g_autofree char *whole = NULL;
  g_autoptr (GError) local = NULL;
  const char *begin;
  gboolean ok;

  g_return_val_if_fail (self != NULL && (text != NULL || size == 0) && value != NULL, FALSE);

  whole = g_strndup (text != NULL ? text : "", size);
  if (strlen (whole) != size)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, "the answer is no text: it holds a zero byte");
      return FALSE;
    }
  begin = whole + strspn (whole, " \t\r\n");
  if (self->kind == HR_METRIC_EXEC)
    ok = read_number (whole, value, &local);
  else if (*begin == '{' || *begin == '[')
    ok = hr_json_number_find (whole, size, self->selector, value, &local);
  else
    ok = hr_openmetrics_find (whole, self->selector, add_up, value, &local);
  if (!ok)
    g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, local->message);
  return ok;
}
