/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-args.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#include "hr-error.h"
#include "hr-verb.h"

/* --timeout takes at most a year. */
#define TIMEOUT_MAX_SEC (366.0 * 24 * 3600)

const HrOptionInfo hr_options[HR_OPTION_N] = {
  [HR_OPTION_SESSION] = { "session", 0, NULL, N_ ("use the daemon on the session bus") },
  [HR_OPTION_SYSTEM] = { "system", 0, NULL, N_ ("use the daemon on the system bus") },
  [HR_OPTION_JSON] = { "json", 0, NULL, N_ ("print one JSON document and nothing else") },
  [HR_OPTION_NO_WAIT] = { "no-wait", 0, NULL, N_ ("return when the job is accepted, not when it has ended") },
  [HR_OPTION_TIMEOUT] = { "timeout", 0, N_ ("SECONDS"), N_ ("wait at most this long; the job goes on") },
  [HR_OPTION_NO_COLOR] = { "no-color", 0, NULL, N_ ("no colours, also on a terminal") },
  [HR_OPTION_HELP] = { "help", 'h', NULL, N_ ("print help") },
  [HR_OPTION_VERSION] = { "version", 0, NULL, N_ ("print the version") },
  [HR_OPTION_ALL] = { "all", 0, NULL, N_ ("every service") },
  [HR_OPTION_BATCH] = { "batch", 0, NULL, N_ ("print tables one after the other, also on a terminal") },
  [HR_OPTION_CONFIG_DIR] = { "config-dir", 0, N_ ("DIR"), N_ ("configuration directory to look at") },
  [HR_OPTION_COUNT] = { "count", 'n', N_ ("N"), N_ ("end after this many updates") },
  [HR_OPTION_DELAY] = { "delay", 'd', N_ ("SECONDS"), N_ ("seconds between two updates (default 2)") },
  [HR_OPTION_FOLLOW] = { "follow", 'f', NULL, N_ ("go on printing what is added") },
  [HR_OPTION_LINES] = { "lines", 'n', N_ ("N"), N_ ("how many, the newest (default 10)") },
  [HR_OPTION_LISTEN] = { "listen", 0, N_ ("ADDR"), N_ ("address to listen on, such as tcp:127.0.0.1:8080") },
  [HR_OPTION_LONG] = { "long", 0, NULL, N_ ("everything about each, over several lines") },
  [HR_OPTION_NAME] = { "name", 0, N_ ("NAME"), N_ ("name of the service") },
  [HR_OPTION_NAMES] = { "names", 0, NULL, N_ ("print names only, one a line") },
  [HR_OPTION_NEWEST] = { "newest", 0, NULL, N_ ("of the newest instance, also one that failed before it served") },
  [HR_OPTION_NO_VALIDATE] = { "no-validate", 0, NULL, N_ ("do not check the syntax of its files") },
  [HR_OPTION_PLAIN] = { "plain", 0, NULL, N_ ("the lines alone, without whose they are") },
  [HR_OPTION_PROFILE] = { "profile", 0, N_ ("NAME"), N_ ("profile to use") },
  [HR_OPTION_RELEASE] = { "release", 0, N_ ("N"), N_ ("of the instances of this release") },
  [HR_OPTION_SINCE] = { "since", 0, N_ ("TIME"), N_ ("from then on, like 10min, 14:30 or 2026-01-31") },
  [HR_OPTION_SORT] = { "sort", 0, N_ ("KEY"), N_ ("sort by name, cpu, memory, restarts, release or state") },
  [HR_OPTION_TO] = { "to", 0, N_ ("N"), N_ ("number of the release to run again") },
  [HR_OPTION_WATCH] = { "watch", 0, N_ ("DIR"), N_ ("directory with the code (default: the working directory)") },
};

G_STATIC_ASSERT (HR_OPTION_N <= 32);

/**
 * hr_usage_error:
 * @error: where to put it
 * @verb: (nullable): whose help to point to
 * @format: what the mistake is
 *
 * A mistake of the person at the keyboard: names it and where help is, instead of printing all help.
 */
void
hr_usage_error (GError **error, const HrVerb *verb, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list list;

  va_start (list, format);
  message = g_strdup_vprintf (format, list);
  va_end (list);

  if (verb != NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, _ ("%s: %s (see 'hrctl help %s')"), verb->name, message,
                 verb->name);
  else
    g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, _ ("%s (see 'hrctl help')"), message);
}

static int
find_long (const char *name, gsize length)
{
  for (int i = 0; i < HR_OPTION_N; i++)
    {
      if (strncmp (hr_options[i].name, name, length) == 0 && hr_options[i].name[length] == '\0')
        return i;
    }

  return -1;
}

/* A letter can mean different things to different verbs; before the verb it is the one that most of them take. */
static int
find_short (const HrVerb *verb, char letter)
{
  int found = -1;

  for (int i = 0; i < HR_OPTION_N; i++)
    {
      if (hr_options[i].letter != letter)
        continue;
      if (found < 0 || letter != 'n'
          || (verb != NULL ? (verb->options & HR_OPTION_BIT (i)) != 0 : i == HR_OPTION_LINES))
        found = i;
    }

  return found;
}

static void
set_value (HrArgs *self, int option, const char *value)
{
  g_free (self->values[option]);
  self->values[option] = g_strdup (value);
}

/* words[*i] is "--name", "--name=value" or "--name" before its value. */
static gboolean
parse_long (HrArgs *self, const char *const *words, gsize *i, GError **error)
{
  const char *name = words[*i] + 2;
  const char *equals = strchr (name, '=');
  int option = find_long (name, equals != NULL ? (gsize)(equals - name) : strlen (name));

  if (option < 0)
    {
      hr_usage_error (error, self->verb, _ ("unknown option '%s'"), words[*i]);
      return FALSE;
    }

  if (hr_options[option].value == NULL)
    {
      if (equals != NULL)
        {
          hr_usage_error (error, self->verb, _ ("--%s takes no value"), hr_options[option].name);
          return FALSE;
        }
      set_value (self, option, "");
      return TRUE;
    }

  if (equals == NULL && words[*i + 1] == NULL)
    {
      hr_usage_error (error, self->verb, _ ("--%s needs a value"), hr_options[option].name);
      return FALSE;
    }

  set_value (self, option, equals != NULL ? equals + 1 : words[++*i]);
  return TRUE;
}

/* words[*i] is "-f", "-fn5" or "-n" before its value. */
static gboolean
parse_short (HrArgs *self, const char *const *words, gsize *i, GError **error)
{
  for (const char *letter = words[*i] + 1; *letter != '\0'; letter++)
    {
      int option = find_short (self->verb, *letter);

      if (option < 0)
        {
          hr_usage_error (error, self->verb, _ ("unknown option '-%c'"), *letter);
          return FALSE;
        }

      if (hr_options[option].value == NULL)
        {
          set_value (self, option, "");
          continue;
        }

      if (letter[1] == '\0' && words[*i + 1] == NULL)
        {
          hr_usage_error (error, self->verb, _ ("-%c needs a value"), *letter);
          return FALSE;
        }

      set_value (self, option, letter[1] != '\0' ? letter + 1 : words[++*i]);
      break;
    }

  return TRUE;
}

static gboolean
check_options (const HrArgs *self, GError **error)
{
  guint taken = HR_OPTIONS_OF_EVERY_VERB | self->verb->options;

  for (int i = 0; i < HR_OPTION_N; i++)
    {
      if (self->values[i] != NULL && (taken & HR_OPTION_BIT (i)) == 0)
        {
          hr_usage_error (error, self->verb, _ ("--%s is not an option of this verb"), hr_options[i].name);
          return FALSE;
        }
    }

  if (hr_args_has (self, HR_OPTION_SESSION) && hr_args_has (self, HR_OPTION_SYSTEM))
    {
      hr_usage_error (error, self->verb, _ ("--session and --system exclude each other"));
      return FALSE;
    }

  return TRUE;
}

static gboolean
check_timeout (const HrArgs *self, GError **error)
{
  const char *text = self->values[HR_OPTION_TIMEOUT];
  char *end = NULL;
  double seconds;

  if (text == NULL)
    return TRUE;

  seconds = g_ascii_strtod (text, &end);
  if (end != text && *end == '\0' && seconds > 0 && seconds <= TIMEOUT_MAX_SEC)
    return TRUE;

  hr_usage_error (error, self->verb, _ ("--timeout must be a number of seconds, not '%s'"), text);
  return FALSE;
}

static gboolean
check_operands (const HrArgs *self, GError **error)
{
  guint n = g_strv_length (self->operands);

  if (n < self->verb->min)
    {
      hr_usage_error (error, self->verb, _ ("something is missing: it takes %s"), self->verb->operands);
      return FALSE;
    }

  if (n > self->verb->max)
    {
      hr_usage_error (error, self->verb, _ ("'%s' is too much"), self->operands[self->verb->max]);
      return FALSE;
    }

  return TRUE;
}

/* "--help" and "--version" are other words for the verbs. */
static gboolean
settle_verb (HrArgs *self, GError **error)
{
  if (hr_args_has (self, HR_OPTION_HELP))
    {
      g_strfreev (self->operands);
      self->operands = g_new0 (char *, 2);
      if (self->verb != NULL)
        self->operands[0] = g_strdup (self->verb->name);
      self->verb = hr_verb_find ("help");
      return TRUE;
    }

  if (hr_args_has (self, HR_OPTION_VERSION))
    self->verb = hr_verb_find ("version");

  if (self->verb == NULL)
    {
      hr_usage_error (error, NULL, _ ("a verb is missing"));
      return FALSE;
    }

  return check_options (self, error) && check_timeout (self, error) && check_operands (self, error);
}

static gboolean
add_operand (HrArgs *self, const char *word, GPtrArray *operands, gboolean *options_end, GError **error)
{
  if (self->verb != NULL)
    {
      g_ptr_array_add (operands, g_strdup (word));
      *options_end |= (self->verb->flags & HR_VERB_COMMAND) != 0;
      return TRUE;
    }

  self->verb = hr_verb_find (word);
  if (self->verb == NULL)
    {
      hr_verb_unknown_error (error, word);
      return FALSE;
    }

  return TRUE;
}

/* D-Bus, JSON and service files know nothing else. */
static gboolean
check_words (const char *const *words, GError **error)
{
  for (gsize i = 0; words[i] != NULL; i++)
    {
      g_autofree char *shown = NULL;

      if (g_utf8_validate (words[i], -1, NULL))
        continue;
      shown = g_utf8_make_valid (words[i], -1);
      hr_usage_error (error, NULL, _ ("'%s' is not UTF-8"), shown);
      return FALSE;
    }

  return TRUE;
}

/**
 * hr_args_parse:
 * @words: command line without the program's name
 * @error: %HR_ERROR_INVALID_ARGUMENT, naming the mistake
 *
 * After "--" every word is an operand.
 *
 * Returns: (transfer full): the parts; the verb exists and takes these options and this number of operands
 */
HrArgs *
hr_args_parse (const char *const *words, GError **error)
{
  g_autoptr (HrArgs) self = g_new0 (HrArgs, 1);
  g_autoptr (GPtrArray) operands = g_ptr_array_new_with_free_func (g_free);
  gboolean options_end = FALSE;

  g_return_val_if_fail (words != NULL, NULL);

  if (!check_words (words, error))
    return NULL;

  for (gsize i = 0; words[i] != NULL; i++)
    {
      const char *word = words[i];
      gboolean ok;

      if (!options_end && g_str_equal (word, "--"))
        {
          options_end = TRUE;
          continue;
        }

      if (!options_end && g_str_has_prefix (word, "--"))
        ok = parse_long (self, words, &i, error);
      else if (!options_end && word[0] == '-' && word[1] != '\0')
        ok = parse_short (self, words, &i, error);
      else
        ok = add_operand (self, word, operands, &options_end, error);

      if (!ok)
        return NULL;
    }

  g_ptr_array_add (operands, NULL);
  self->operands = (GStrv)g_ptr_array_steal (operands, NULL);

  if (!settle_verb (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
hr_args_free (HrArgs *self)
{
  if (self == NULL)
    return;

  g_strfreev (self->operands);
  for (int i = 0; i < HR_OPTION_N; i++)
    g_free (self->values[i]);
  g_free (self);
}

/**
 * hr_args_has:
 * @self: the command line
 * @option: an option
 *
 * Returns: whether it was given
 */
gboolean
hr_args_has (const HrArgs *self, HrOption option)
{
  g_return_val_if_fail (self != NULL && option < HR_OPTION_N, FALSE);

  return self->values[option] != NULL;
}

/**
 * hr_args_parse_number:
 * @self: the command line
 * @text: what was written
 * @what: what it should be, for the message
 * @min: smallest
 * @max: largest
 * @value: (out): the number
 * @error: %HR_ERROR_INVALID_ARGUMENT
 *
 * Returns: whether @text is a number within the bounds
 */
gboolean
hr_args_parse_number (const HrArgs *self, const char *text, const char *what, guint64 min, guint64 max, guint64 *value,
                      GError **error)
{
  if (g_ascii_string_to_unsigned (text, 10, min, max, value, NULL))
    return TRUE;

  if (max == G_MAXUINT64)
    hr_usage_error (error, self->verb, _ ("%s must be a number from %" PRIu64 " on, not '%s'"), what, min, text);
  else
    hr_usage_error (error, NULL, _ ("%s must be a number from %" PRIu64 " to %" PRIu64 ", not '%s'"), what, min, max,
                    text);
  return FALSE;
}

/**
 * hr_args_get_number:
 * @self: the command line
 * @option: an option with a number as value
 * @min: smallest
 * @max: largest
 * @value: (inout): the number; left alone if the option was not given
 * @error: %HR_ERROR_INVALID_ARGUMENT
 *
 * Returns: %FALSE if the option was given with something else
 */
gboolean
hr_args_get_number (const HrArgs *self, HrOption option, guint64 min, guint64 max, guint64 *value, GError **error)
{
  g_autofree char *what = NULL;

  g_return_val_if_fail (self != NULL && option < HR_OPTION_N, FALSE);

  if (self->values[option] == NULL)
    return TRUE;

  what = g_strdup_printf ("--%s", hr_options[option].name);
  return hr_args_parse_number (self, self->values[option], what, min, max, value, error);
}

/**
 * hr_args_get_timeout:
 * @self: the command line
 *
 * Returns: --timeout in microseconds, -1 if it was not given
 */
gint64
hr_args_get_timeout (const HrArgs *self)
{
  g_return_val_if_fail (self != NULL, -1);

  if (self->values[HR_OPTION_TIMEOUT] == NULL)
    return -1;

  return MAX (1, (gint64)(g_ascii_strtod (self->values[HR_OPTION_TIMEOUT], NULL) * G_USEC_PER_SEC));
}
