/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-kept-log.h: one log that HrLogKeeper keeps, and what is known of it since it was last looked at.
 *
 * It is used by the thread of the keeper only.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrKeptService:
 * @name: of the service
 * @max: LogMax in bytes, 0: none
 * @logs: (element-type HrKeptLog): oldest first
 * @complained: that its logs cannot be cut was said
 * @ended_due: when to look next whether others than the one that writes can go first
 */
typedef struct {
  char *name;
  guint64 max;
  GPtrArray *logs;
  gboolean complained;
  gint64 ended_due;
} HrKeptService;

/**
 * HrKeptLog:
 * @service: whose it is
 * @name: of the file
 * @watch: descriptor of its inotify watch, -1: none
 * @size: when it was last looked at, with what was freed
 * @head: where what was not freed begins
 * @grown: by how much it had grown then
 * @grown_at: when it was last seen to have grown, in microseconds since 1970
 * @marked: the size up to which times are noted
 * @marks: how many more can be noted at once
 * @marks_at: when @marks was counted
 * @due: when to look again, 0: when it is written to
 * @rests: whether its watch was asked for while nobody wrote to it
 * @rests_at: when it rests, if it is not written to before
 *
 * Moments are those of g_get_monotonic_time() where nothing else is said.
 */
typedef struct {
  HrKeptService *service;
  char *name;
  int watch;
  guint64 size;
  guint64 head;
  guint64 grown;
  gint64 grown_at;
  guint64 marked;
  guint marks;
  gint64 marks_at;
  gint64 due;
  gboolean rests;
  gint64 rests_at;
} HrKeptLog;

HrKeptService *hr_kept_service_new (const char *name);
void hr_kept_service_free (HrKeptService *self);
HrKeptLog *hr_kept_service_find (HrKeptService *self, const char *name);
HrKeptLog *hr_kept_service_most_dispensable (HrKeptService *self, int dir);
HrKeptLog *hr_kept_log_new (HrKeptService *service, int dir, const char *name);
void hr_kept_log_free (HrKeptLog *self);
gboolean hr_kept_log_is_spent (const HrKeptLog *self);
gboolean hr_kept_log_look (HrKeptLog *self, int dir);
void hr_kept_log_mark (HrKeptLog *self, int dir, gint64 now);
gboolean hr_kept_log_cut (HrKeptLog *self, int dir, gint64 now, GError **error);
gint64 hr_kept_log_next_look (const HrKeptLog *self, gint64 now);
gint64 hr_kept_log_next_at_rest (const HrKeptLog *self, gint64 now);

G_END_DECLS
