/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * check-fixture.h: a service with a candidate to be checked, in a temporary directory.
 */
#pragma once

#include <gio/gio.h>

#include "hr-checker.h"

/* Longer than any check here may take. */
#define CHECK_DEADLINE_SEC 60

/* A service with a source, the running release in slot a and the candidate in slot b. */
typedef struct {
  char *root, *source, *running, *candidate, *real_source, *marks;
  HrServiceSpec spec;
  char *exec[2], *words[4];
  GPtrArray *environment;
  GPtrArray *files;
  HrView *view, *baseline;
  HrChecker *checker;
  GMainLoop *loop;
  GAsyncResult *result;
  char *done; /* what the last check_run() did, also where it was rejected */
} CheckFixture;

extern char *check_no_words[];

char *check_make_dir (CheckFixture *f, const char *name);
void check_set_up (CheckFixture *f, gconstpointer data);
void check_tear_down (CheckFixture *f, gconstpointer data);
void check_put (const char *dir, const char *file, const char *content);
void check_put_program (const char *dir, const char *file, const char *content);
void check_change (CheckFixture *f, const char *file, const char *content);
void check_run_from (CheckFixture *f, const char *dir);
void check_set_variable (CheckFixture *f, const char *assignment);
void check_ended (GObject *source, GAsyncResult *result, gpointer data);
HrCheckRequest check_make_request (CheckFixture *f);
void check_wait (CheckFixture *f);
HrCheckReport *check_run (CheckFixture *f, GError **error);
void check_assert_report (CheckFixture *f, const char *done, const char *unavailable);
void check_assert_contains (const char *text, const char *words);
void check_assert_rejected (CheckFixture *f, const char *words);
gboolean check_is_missing (const char *program);
char *check_list_dir (const char *path);
void check_mount_view (CheckFixture *f, const char *share);
gboolean check_cannot_mount (void);
