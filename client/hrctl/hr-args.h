/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-args.h: the words of the command line, taken apart and checked against the table of verbs.
 *
 * All options are in one table, so that they can stand before or after the verb; a verb names those that it takes
 * besides the ones every verb takes. Nothing here prints or does anything.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  /* of every verb */
  HR_OPTION_SESSION,
  HR_OPTION_SYSTEM,
  HR_OPTION_JSON,
  HR_OPTION_NO_WAIT,
  HR_OPTION_TIMEOUT,
  HR_OPTION_NO_COLOR,
  HR_OPTION_HELP,
  HR_OPTION_VERSION,
  /* of some */
  HR_OPTION_ALL,
  HR_OPTION_BATCH,
  HR_OPTION_CONFIG_DIR,
  HR_OPTION_COUNT,
  HR_OPTION_DELAY,
  HR_OPTION_FOLLOW,
  HR_OPTION_LINES,
  HR_OPTION_LISTEN,
  HR_OPTION_LONG,
  HR_OPTION_NAME,
  HR_OPTION_NAMES,
  HR_OPTION_NEWEST,
  HR_OPTION_NO_VALIDATE,
  HR_OPTION_PLAIN,
  HR_OPTION_PROFILE,
  HR_OPTION_RELEASE,
  HR_OPTION_SINCE,
  HR_OPTION_SORT,
  HR_OPTION_TO,
  HR_OPTION_WATCH,
  HR_OPTION_N
} HrOption;

#define HR_OPTION_BIT(option) (1u << (option))
#define HR_OPTIONS_OF_EVERY_VERB (HR_OPTION_BIT (HR_OPTION_ALL) - 1)

/**
 * HrOptionInfo:
 * @name: long name without the dashes
 * @letter: short name, 0: none
 * @value: what its value is called, %NULL: it takes none
 * @help: one line, to be translated
 */
typedef struct {
  const char *name;
  char letter;
  const char *value;
  const char *help;
} HrOptionInfo;

extern const HrOptionInfo hr_options[HR_OPTION_N];

typedef struct _HrVerb HrVerb;

/**
 * HrArgs:
 * @verb: what to do
 * @operands: words that are no options, without the verb
 * @values: value of each option given ("" for those without one), %NULL for others
 */
typedef struct {
  const HrVerb *verb;
  GStrv operands;
  char *values[HR_OPTION_N];
} HrArgs;

HrArgs *hr_args_parse (const char *const *words, GError **error);
void hr_args_free (HrArgs *self);
gboolean hr_args_has (const HrArgs *self, HrOption option);
gboolean hr_args_get_number (const HrArgs *self, HrOption option, guint64 min, guint64 max, guint64 *value,
                             GError **error);
gint64 hr_args_get_timeout (const HrArgs *self);
gboolean hr_args_parse_number (const HrArgs *self, const char *text, const char *what, guint64 min, guint64 max,
                               guint64 *value, GError **error);
void hr_usage_error (GError **error, const HrVerb *verb, const char *format, ...) G_GNUC_PRINTF (3, 4);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrArgs, hr_args_free)

G_END_DECLS
