/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hrctl-fixture.h: the real hrctl as a process of its own, on a private bus with a fake daemon.
 *
 * hrctl gets an environment of its own, in English and with UTC, without the developer's.
 */
#pragma once

#include <gio/gio.h>

#include "fake-manager.h"

G_BEGIN_DECLS

typedef struct {
  GTestDBus *dbus;
  GDBusConnection *bus;
  FakeManager *fake; /* NULL: no daemon */
  char *dir;
  GStrv environment;
} HrctlFixture;

typedef struct {
  char *out;
  char *err;
  int code;
} HrctlResult;

void hrctl_fixture_set_up (HrctlFixture *fixture, gconstpointer data);
void hrctl_fixture_tear_down (HrctlFixture *fixture, gconstpointer data);
void hrctl_fixture_write (HrctlFixture *fixture, const char *name, const char *text);
void hrctl_fixture_setenv (HrctlFixture *fixture, const char *name, const char *value);

GSubprocess *hrctl_spawn (HrctlFixture *fixture, const char *const *words);
GSubprocess *hrctl_spawn_program (HrctlFixture *fixture, const char *program, const char *const *words);
HrctlResult *hrctl_finish (GSubprocess *process);
HrctlResult *hrctl_run (HrctlFixture *fixture, ...) G_GNUC_NULL_TERMINATED;
HrctlResult *hrctl_run_on_terminal (HrctlFixture *fixture, const char *const *words);
void hrctl_result_free (HrctlResult *self);
char *hrctl_compact_json (const char *text);
void hrctl_wait (gboolean (*done) (gpointer), gpointer data);

#define hrctl_assert_json(result, expected)                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *compact = hrctl_compact_json ((result)->out);                                                     \
    g_assert_cmpstr (compact, ==, expected);                                                                           \
  }                                                                                                                    \
  G_STMT_END

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrctlResult, hrctl_result_free)

G_END_DECLS
