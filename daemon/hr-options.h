/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-options.h: the command line of hotreloadd, with every default filled in.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * HrOptions:
 * @bus: session or system
 * @config_dir: where service files are
 * @state_dir: what is kept
 * @runtime_dir: what goes with the machine
 * @profile: name of the profile
 * @config_dir_given: whether it was named
 * @keep: at an orderly end services run on, for the next daemon
 * @replace: take the place of the daemon that serves the bus
 * @check: only validate the configuration
 * @check_file: (nullable): only this file
 * @program: path of this program, as it was when it started; %NULL: unknown
 * @arguments: the command line as it was given
 * @check_state: only look whether this program could go on with what is there
 * @exit_idle: end with the last transient service
 * @verbose: debug messages
 * @version: only print the version
 */
typedef struct {
  GBusType bus;
  char *config_dir;
  gboolean config_dir_given;
  char *state_dir;
  char *runtime_dir;
  char *profile;
  gboolean keep;
  gboolean replace;
  gboolean check;
  char *check_file;
  char *program;
  char **arguments;
  gboolean check_state;
  gboolean exit_idle;
  gboolean verbose;
  gboolean version;
} HrOptions;

gboolean hr_options_parse (HrOptions *self, int *argc, char ***argv, GError **error);
void hr_options_clear (HrOptions *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HrOptions, hr_options_clear)

G_END_DECLS
