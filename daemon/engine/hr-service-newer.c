/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A change that comes while an automatic reload is under way: it waits for what that comes to, but not for a candidate
 * that takes much longer than the last one did. Who has saved what never comes up, and mends it, is not to wait for
 * StartTimeout.
 */
#include "hr-ignore.h"
#include "hr-log.h"
#include "hr-reload-policy.h"
#include "hr-service-private.h"

typedef struct {
  HrService *service;
  HrReload *reload;
} Look;

static void
look_free (Look *look)
{
  g_object_unref (look->service);
  g_object_unref (look->reload);
  g_free (look);
}

/* Nobody asked for what runs, or for anything else that is done next. A first start is one by itself, as long as there is
 * nothing else to start. */
static gboolean
is_automatic (HrService *self)
{
  const HrRequest *running = self->running;

  if (self->reload == NULL || self->intake == NULL || self->held || self->closing || self->puts_back)
    return FALSE;
  /* Its file does not load any more: what is newer could not be tried either. */
  if (self->spec == NULL)
    return FALSE;
  if (self->waiting != NULL && self->waiting->kind != HR_JOB_RELOAD)
    return FALSE;
  if (running->kind == HR_JOB_START)
    return running->target == 0 && self->caller == NULL && hr_job_get_caller (running->job) == NULL;
  return running->kind == HR_JOB_RELOAD && !running->by_hand;
}

/* For how much longer the candidate is let alone; -1: it cannot give way now. */
static gint64
time_left (HrService *self)
{
  gboolean checking = FALSE;
  gint64 effort = is_automatic (self) ? hr_reload_get_effort (self->reload, &checking) : -1;

  if (effort < 0)
    return -1;
  return MAX (hr_reload_patience (self->usual_effort[checking], self->n_superseded) - effort, 0);
}

static void
supersede (HrService *self)
{
  self->superseded = hr_reload_get_release (self->reload)->number;
  self->gives_way = TRUE;
  self->n_superseded++;
  hr_reload_cancel (self->reload, "superseded by a newer change");
  hr_service_keep_verdict (self);
}

/* Whether something of that is a reason to reload: the rest is recorded with the next change. */
static gboolean
is_newer (HrService *self, const HrScan *scan)
{
  g_autoptr (HrIgnore) ignore = NULL;

  if (g_str_equal (scan->tree, hr_reload_get_release (self->reload)->tree))
    return FALSE;
  if (scan->n_changed == 0 || scan->n_changed > g_strv_length (scan->files))
    return TRUE;
  ignore = hr_ignore_new (self->spec);
  for (guint i = 0; scan->files[i] != NULL; i++)
    if (hr_ignore_triggers (ignore, scan->files[i]))
      return TRUE;
  return FALSE;
}

static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Look *look = user_data;
  HrService *self = look->service;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrScan) scan = hr_release_store_scan_finish (HR_RELEASE_STORE (source), result, &error);

  if (self->newer_look != NULL && self->reload == look->reload)
    {
      g_clear_object (&self->newer_look);
      /* What could not be read is looked at by the next reload, which says so. */
      if (scan != NULL && time_left (self) == 0 && is_newer (self, scan))
        supersede (self);
      else
        hr_service_look_for_newer (self);
    }
  look_free (look);
}

static void
time_is_up (gpointer user_data)
{
  HrService *self = user_data;

  self->newer_timer = 0;
  hr_service_look_for_newer (self);
}

/**
 * hr_service_look_for_newer:
 * @self: a service
 *
 * To be called when a change is due, or the reload has come to another phase: where the candidate has had its time it is
 * looked whether the source holds something else by now, for a hint is no change, and if so the reload is cancelled. The
 * change itself is left to the next one.
 */
void
hr_service_look_for_newer (HrService *self)
{
  HrClock *clock = hr_platform_get_clock (self->platform);
  g_auto (GStrv) hints = NULL;
  gint64 left = time_left (self);
  Look *look;

  hr_clock_cancel (clock, &self->newer_timer);
  if (left < 0 || self->newer_look != NULL || !hr_intake_is_due (self->intake))
    return;
  if (left > 0)
    {
      self->newer_timer = hr_clock_after (clock, left, time_is_up, self);
      return;
    }
  hints = hr_intake_peek (self->intake);
  look = g_new0 (Look, 1);
  look->service = g_object_ref (self);
  look->reload = g_object_ref (self->reload);
  self->newer_look = g_cancellable_new ();
  hr_release_store_scan_async (self->parts.store, self->scan_everything ? NULL : (const char *const *)hints,
                               hr_reload_get_release (self->reload)->tree, self->newer_look, looked, look);
}

/**
 * hr_service_note_effort:
 * @self: a service
 * @end: how its reload has ended
 *
 * What comes after it is measured by what it took.
 */
void
hr_service_note_effort (HrService *self, HrReloadEnd end)
{
  const HrPhaseTimes *phases = hr_job_get_outcome (self->running->job)->phases;

  if (end == HR_RELOAD_ENDED_WELL)
    {
      gint64 checked = hr_reload_sum_effort (phases, TRUE);

      /* What had been checked before was not checked again. */
      if (checked > 0)
        self->usual_effort[TRUE] = checked;
      self->usual_effort[FALSE] = hr_reload_sum_effort (phases, FALSE);
    }
  if (!self->gives_way && end != HR_RELOAD_ENDED_NOTHING)
    self->n_superseded = 0;
  self->gives_way = FALSE;
}

/**
 * hr_service_forget_newer:
 * @self: a service
 *
 * Nobody looks for a newer change any more.
 */
void
hr_service_forget_newer (HrService *self)
{
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->newer_timer);
  if (self->newer_look != NULL)
    g_cancellable_cancel (self->newer_look);
  g_clear_object (&self->newer_look);
}
